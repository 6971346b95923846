/* The Python binding: fastbg._c. Arrays come in as C-contiguous buffers (float64 parameters,
 * coordinates and images, float32 output); fastbg/backends/c.py prepares them. The interpreter
 * lock is released while the evaluator works. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "fastbg.h"

static const char CAPSULE[] = "fastbg._c.Problem";

static PyObject *fail(fbg_status status)
{
    if (status == FBG_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "no pixel has weight");
    return NULL;
}

/* Whether a buffer holds exactly `count` items of `size` bytes; else a ValueError is set. */
static int holds(const Py_buffer *buffer, size_t count, size_t size, const char *name)
{
    if ((size_t)buffer->len == count * size)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zu x %zu", name, buffer->len, count,
                 size);
    return 0;
}

/* Number of centres in a parameter vector, or 0 with a ValueError set. */
static size_t centres_in(const Py_buffer *parameters, int channels)
{
    const size_t length = (size_t)parameters->len / sizeof(double);
    const size_t affine = fbg_parameter_count(0, channels);
    const size_t n = length > affine ? (length - affine) / (2 + channels) : 0;
    if (n == 0 || !holds(parameters, fbg_parameter_count(n, channels), sizeof(double), "parameters")) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "parameters are too short for one centre");
        return 0;
    }
    return n;
}

static int valid_kind(int channels, int order)
{
    if ((channels == 1 || channels == 3) && order >= 1 && order <= 4)
        return 1;
    PyErr_SetString(PyExc_ValueError, "channels must be 1 or 3, and order 1 to 4");
    return 0;
}

static void problem_destructor(PyObject *capsule)
{
    fbg_close(PyCapsule_GetPointer(capsule, CAPSULE));
}

static PyObject *open_problem(PyObject *self, PyObject *args)
{
    Py_buffer data, weight, y, x;
    int channels, order;
    double alpha;
    const char *method;
    PyObject *capsule = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*iids", &data, &weight, &y, &x, &channels, &order, &alpha,
                          &method))
        return NULL;
    const size_t rows = (size_t)y.len / sizeof(double), columns = (size_t)x.len / sizeof(double);
    if (valid_kind(channels, order) &&
        holds(&data, rows * columns * channels, sizeof(double), "data") &&
        holds(&weight, rows * columns * channels, sizeof(double), "weight")) {
        fbg_problem *problem = NULL;
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_open(&problem, data.buf, weight.buf, y.buf, rows, x.buf, columns, channels,
                          order, alpha, method);
        Py_END_ALLOW_THREADS
        if (status != FBG_OK)
            fail(status);
        else if (!(capsule = PyCapsule_New(problem, CAPSULE, problem_destructor)))
            fbg_close(problem);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&weight);
    PyBuffer_Release(&y);
    PyBuffer_Release(&x);
    return capsule;
}

static PyObject *method_name(PyObject *self, PyObject *capsule)
{
    const fbg_problem *problem = PyCapsule_GetPointer(capsule, CAPSULE);
    (void)self;
    return problem ? PyUnicode_FromString(fbg_method_name(problem)) : NULL;
}

static PyObject *loss_and_gradient(PyObject *self, PyObject *args)
{
    PyObject *capsule, *result = NULL;
    Py_buffer parameters, gradient;
    int threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oy*w*i", &capsule, &parameters, &gradient, &threads))
        return NULL;
    const fbg_problem *problem = PyCapsule_GetPointer(capsule, CAPSULE);
    if (problem) {
        const size_t n = centres_in(&parameters, fbg_channels(problem));
        if (n && holds(&gradient, (size_t)parameters.len / sizeof(double), sizeof(double),
                       "gradient")) {
            double loss = 0;
            fbg_status status;
            Py_BEGIN_ALLOW_THREADS
            status = fbg_loss_and_gradient(problem, parameters.buf, n, &loss, gradient.buf, threads);
            Py_END_ALLOW_THREADS
            result = status == FBG_OK ? PyFloat_FromDouble(loss) : fail(status);
        }
    }
    PyBuffer_Release(&parameters);
    PyBuffer_Release(&gradient);
    return result;
}

static PyObject *evaluate(PyObject *self, PyObject *args)
{
    Py_buffer parameters, y, x, out;
    int channels, order, threads;
    const char *method;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*iiy*y*w*is", &parameters, &channels, &order, &y, &x, &out,
                          &threads, &method))
        return NULL;
    const size_t rows = (size_t)y.len / sizeof(double), columns = (size_t)x.len / sizeof(double);
    size_t n;
    if (valid_kind(channels, order) && (n = centres_in(&parameters, channels)) &&
        holds(&out, rows * columns * channels, sizeof(float), "out")) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_evaluate(parameters.buf, n, channels, order, y.buf, rows, x.buf, columns,
                              out.buf, threads, method);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? Py_NewRef(Py_None) : fail(status);
    }
    PyBuffer_Release(&parameters);
    PyBuffer_Release(&y);
    PyBuffer_Release(&x);
    PyBuffer_Release(&out);
    return result;
}

static PyObject *order_statistics(PyObject *self, PyObject *args)
{
    Py_buffer values, valid, probabilities, out;
    int threads;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*w*i", &values, &valid, &probabilities, &out, &threads))
        return NULL;
    const size_t n = (size_t)values.len / sizeof(float);
    const size_t count = (size_t)probabilities.len / sizeof(double);
    size_t ranks[FBG_MAX_RANKS];
    if (2 * count > FBG_MAX_RANKS)
        PyErr_SetString(PyExc_ValueError, "too many probabilities");
    else if (holds(&valid, n, 1, "valid") && holds(&out, 2 * count, sizeof(float), "out")) {
        fbg_status status = FBG_OK;
        size_t samples;
        Py_BEGIN_ALLOW_THREADS
        samples = fbg_count_valid(valid.buf, n);
        for (size_t i = 0; samples && i < count; i++) {
            const double position = ((const double *)probabilities.buf)[i] * (double)(samples - 1);
            ranks[2 * i] = (size_t)position;
            ranks[2 * i + 1] = ranks[2 * i] + 1 < samples ? ranks[2 * i] + 1 : samples - 1;
        }
        if (samples)
            status = fbg_order_statistics(values.buf, valid.buf, n, ranks, 2 * count, out.buf,
                                          threads);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? PyLong_FromSize_t(samples) : fail(status);
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&valid);
    PyBuffer_Release(&probabilities);
    PyBuffer_Release(&out);
    return result;
}

static PyObject *block_medians(PyObject *self, PyObject *args)
{
    Py_buffer plane, valid, low, high;
    Py_ssize_t columns, side;
    int threads;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*nnw*w*i", &plane, &valid, &columns, &side, &low, &high,
                          &threads))
        return NULL;
    if (columns < 1 || side < 1)
        PyErr_SetString(PyExc_ValueError, "columns and side must be positive");
    else {
        const size_t rows = (size_t)plane.len / sizeof(float) / columns;
        const size_t blocks = (rows + side - 1) / side * ((columns + side - 1) / side);
        if (holds(&plane, rows * columns, sizeof(float), "plane") &&
            holds(&valid, rows * columns, 1, "valid") && holds(&low, blocks, sizeof(float), "low") &&
            holds(&high, blocks, sizeof(float), "high")) {
            fbg_status status;
            Py_BEGIN_ALLOW_THREADS
            status = fbg_block_medians(plane.buf, valid.buf, rows, columns, side, low.buf,
                                       high.buf, threads);
            Py_END_ALLOW_THREADS
            result = status == FBG_OK ? Py_NewRef(Py_None) : fail(status);
        }
    }
    PyBuffer_Release(&plane);
    PyBuffer_Release(&valid);
    PyBuffer_Release(&low);
    PyBuffer_Release(&high);
    return result;
}

static PyObject *find_valid(PyObject *self, PyObject *args)
{
    Py_buffer plane, valid;
    int threads;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*w*i", &plane, &valid, &threads))
        return NULL;
    const size_t n = (size_t)plane.len / sizeof(float);
    if (holds(&valid, n, 1, "valid")) {
        Py_BEGIN_ALLOW_THREADS
        fbg_find_valid(plane.buf, n, valid.buf, threads);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&plane);
    PyBuffer_Release(&valid);
    return result;
}

static PyObject *unstretch(PyObject *self, PyObject *args)
{
    Py_buffer plane;
    double pedestal, scale, midtones, target;
    int threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*ddddi", &plane, &pedestal, &scale, &midtones, &target, &threads))
        return NULL;
    size_t held = 0;
    fbg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fbg_unstretch(plane.buf, (size_t)plane.len / sizeof(float), pedestal, scale, midtones,
                           target, &held, threads);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&plane);
    return status == FBG_OK ? PyLong_FromSize_t(held) : fail(status);
}

static PyObject *subtract(PyObject *self, PyObject *args)
{
    Py_buffer plane, background, valid, out;
    double level;
    int threads;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*dw*i", &plane, &background, &valid, &level, &out, &threads))
        return NULL;
    const size_t n = (size_t)plane.len / sizeof(float);
    if (holds(&background, n, sizeof(float), "background") && holds(&valid, n, 1, "valid") &&
        holds(&out, n, sizeof(float), "out")) {
        Py_BEGIN_ALLOW_THREADS
        fbg_subtract(plane.buf, background.buf, valid.buf, n, level, out.buf, threads);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&plane);
    PyBuffer_Release(&background);
    PyBuffer_Release(&valid);
    PyBuffer_Release(&out);
    return result;
}

static PyObject *instruction_set(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return PyUnicode_FromString(fbg_instruction_set());
}

static PyObject *instruction_sets(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    PyObject *list = PyList_New(0);
    for (const char *const *name = fbg_instruction_sets(); list && *name; name++) {
        PyObject *item = PyUnicode_FromString(*name);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyMethodDef methods[] = {
    {"open_problem", open_problem, METH_VARARGS,
     "open_problem(data, weight, y, x, channels, order, alpha, method) -> problem; method is "
     "auto, direct or tiled"},
    {"method_name", method_name, METH_O, "The method of a problem: direct or tiled."},
    {"loss_and_gradient", loss_and_gradient, METH_VARARGS,
     "loss_and_gradient(problem, parameters, gradient, threads) -> loss; fills gradient"},
    {"evaluate", evaluate, METH_VARARGS,
     "evaluate(parameters, channels, order, y, x, out, threads, method); fills out"},
    {"order_statistics", order_statistics, METH_VARARGS,
     "order_statistics(values, valid, probabilities, out, threads) -> number of valid samples; "
     "fills out with the two samples around each quantile"},
    {"block_medians", block_medians, METH_VARARGS,
     "block_medians(plane, valid, columns, side, low, high, threads); fills low and high"},
    {"find_valid", find_valid, METH_VARARGS, "find_valid(plane, valid, threads); fills valid"},
    {"unstretch", unstretch, METH_VARARGS,
     "unstretch(plane, pedestal, scale, midtones, target, threads) -> held; in place"},
    {"subtract", subtract, METH_VARARGS,
     "subtract(plane, background, valid, level, out, threads); fills out"},
    {"instruction_set", instruction_set, METH_NOARGS, "The instruction set in use."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Those that this build holds and this processor can run, best first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_c", "The C evaluator; see fastbg/csrc/fastbg.h.", 0, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__c(void)
{
    fbg_instruction_set(); /* fills the dispatch table while no other thread can */
    return PyModule_Create(&definition);
}
