/* The Python binding: fastbg._c. Arrays come in as C-contiguous buffers (float64 parameters and
 * coordinates, float32 images); fastbg/backends/c.py prepares them. The interpreter
 * lock is released while the evaluator works. */
#include "binding.h"

static const char CAPSULE[] = "fastbg._c.Problem";

PyObject *fbg_py_fail(fbg_status status)
{
    if (status == FBG_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "no pixel has weight");
    return NULL;
}

int fbg_py_holds(const Py_buffer *buffer, size_t count, size_t size, const char *name)
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
    if (n == 0 || !fbg_py_holds(parameters, fbg_parameter_count(n, channels), sizeof(double), "parameters")) {
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

/* A problem and the buffers that it borrows, held as long as it lives. */
typedef struct {
    fbg_problem *problem;
    Py_buffer data, weight;
} held_problem;

static void release(held_problem *held)
{
    PyBuffer_Release(&held->data);
    PyBuffer_Release(&held->weight);
    PyMem_Free(held);
}

static void problem_destructor(PyObject *capsule)
{
    held_problem *held = PyCapsule_GetPointer(capsule, CAPSULE);
    fbg_close(held->problem);
    release(held);
}

/* The problem in a capsule, or NULL with an error set. */
static const fbg_problem *problem_in(PyObject *capsule)
{
    const held_problem *held = PyCapsule_GetPointer(capsule, CAPSULE);
    return held ? held->problem : NULL;
}

static PyObject *open_problem(PyObject *self, PyObject *args)
{
    Py_buffer y, x;
    int channels, order;
    double alpha;
    const char *method;
    PyObject *capsule = NULL;
    (void)self;
    held_problem *held = PyMem_Malloc(sizeof *held);
    if (!held)
        return PyErr_NoMemory();
    if (!PyArg_ParseTuple(args, "y*y*y*y*iids", &held->data, &held->weight, &y, &x, &channels,
                          &order, &alpha, &method)) {
        PyMem_Free(held);
        return NULL;
    }
    const size_t rows = (size_t)y.len / sizeof(double), columns = (size_t)x.len / sizeof(double);
    if (valid_kind(channels, order) &&
        fbg_py_holds(&held->data, rows * columns * channels, sizeof(float), "data") &&
        fbg_py_holds(&held->weight, rows * columns * channels, sizeof(float), "weight")) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_open(&held->problem, held->data.buf, held->weight.buf, y.buf, rows, x.buf,
                          columns, channels, order, alpha, method);
        Py_END_ALLOW_THREADS
        if (status != FBG_OK)
            fbg_py_fail(status);
        else if (!(capsule = PyCapsule_New(held, CAPSULE, problem_destructor)))
            fbg_close(held->problem);
    }
    if (!capsule)
        release(held);
    PyBuffer_Release(&y);
    PyBuffer_Release(&x);
    return capsule;
}

static PyObject *method_name(PyObject *self, PyObject *capsule)
{
    const fbg_problem *problem = problem_in(capsule);
    (void)self;
    return problem ? PyUnicode_FromString(fbg_method_name(problem)) : NULL;
}

static PyObject *loss_and_gradient(PyObject *self, PyObject *args)
{
    PyObject *capsule, *result = NULL;
    Py_buffer parameters, gradient;
    int below_zero, threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oy*w*pi", &capsule, &parameters, &gradient, &below_zero, &threads))
        return NULL;
    const fbg_problem *problem = problem_in(capsule);
    if (problem) {
        const size_t n = centres_in(&parameters, fbg_channels(problem));
        if (n && fbg_py_holds(&gradient, (size_t)parameters.len / sizeof(double), sizeof(double),
                       "gradient")) {
            double loss = 0;
            fbg_status status;
            Py_BEGIN_ALLOW_THREADS
            status = fbg_loss_and_gradient(problem, parameters.buf, n, &loss, gradient.buf,
                                           &below_zero, threads);
            Py_END_ALLOW_THREADS
            result = status == FBG_OK ? Py_BuildValue("dO", loss, below_zero ? Py_True : Py_False)
                                      : fbg_py_fail(status);
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
        fbg_py_holds(&out, rows * columns * channels, sizeof(float), "out")) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_evaluate(parameters.buf, n, channels, order, y.buf, rows, x.buf, columns,
                              out.buf, threads, method);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? Py_NewRef(Py_None) : fbg_py_fail(status);
    }
    PyBuffer_Release(&parameters);
    PyBuffer_Release(&y);
    PyBuffer_Release(&x);
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
     "open_problem(data, weight, y, x, channels, order, alpha, method) -> problem, which holds data "
     "and weight, (K, rows, columns) float32; method is auto, direct or tiled"},
    {"method_name", method_name, METH_O, "The method of a problem: direct or tiled."},
    {"loss_and_gradient", loss_and_gradient, METH_VARARGS,
     "loss_and_gradient(problem, parameters, gradient, below_zero, threads) -> (loss, below_zero); "
     "fills gradient"},
    {"evaluate", evaluate, METH_VARARGS,
     "evaluate(parameters, channels, order, y, x, out, threads, method); fills out"},
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
    PyObject *module = PyModule_Create(&definition);
    if (module && fbg_py_add_samples(module) < 0)
        Py_CLEAR(module);
    return module;
}
