/* The functions of fastbg._c for bands of samples: counts, block medians, unstretch, subtract. */
#include "binding.h"

static void release(Py_buffer *buffers, size_t number)
{
    for (size_t i = 0; i < number; i++)
        PyBuffer_Release(&buffers[i]);
}

enum { FIELDS_OF_TALLY = sizeof(fbg_tally) / sizeof(uint64_t) };

static PyObject *count(PyObject *self, PyObject *args)
{
    Py_buffer b[6];
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*w*w*w*", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]))
        return NULL;
    const size_t n = (size_t)b[0].len / sizeof(float);
    const size_t windows = (size_t)b[2].len / sizeof(fbg_window);
    if (fbg_py_holds(&b[1], n, sizeof(float), "samples") &&
        fbg_py_holds(&b[3], FIELDS_OF_TALLY, sizeof(uint64_t), "tally") &&
        fbg_py_holds(&b[4], windows, sizeof(uint64_t), "below") &&
        fbg_py_holds(&b[5], windows * FBG_BINS, sizeof(uint32_t), "counts")) {
        Py_BEGIN_ALLOW_THREADS
        fbg_count(b[0].buf, b[1].buf, n, b[2].buf, windows, b[3].buf, b[4].buf, b[5].buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    release(b, 6);
    return result;
}

/* Rows of a band and how many blocks it has; 0 rows, with a ValueError set, for impossible sizes. */
static size_t rows_of(const Py_buffer *samples, Py_ssize_t columns, Py_ssize_t side, size_t *blocks)
{
    const size_t rows = columns > 0 ? (size_t)samples->len / sizeof(float) / columns : 0;
    if (rows < 1 || side < 1 || !fbg_py_holds(samples, rows * columns, sizeof(float), "samples")) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "rows, columns and side must be positive");
        return 0;
    }
    *blocks = ((rows - 1) / side + 1) * ((size_t)(columns - 1) / side + 1);
    return rows;
}

static PyObject *block_medians(PyObject *self, PyObject *args)
{
    Py_buffer b[3];
    Py_ssize_t columns, side;
    float least;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*nnfw*w*", &b[0], &columns, &side, &least, &b[1], &b[2]))
        return NULL;
    size_t blocks;
    const size_t rows = rows_of(&b[0], columns, side, &blocks);
    if (rows && fbg_py_holds(&b[1], blocks, sizeof(float), "low") &&
        fbg_py_holds(&b[2], blocks, sizeof(float), "high")) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_block_medians(b[0].buf, rows, columns, side, least, b[1].buf, b[2].buf);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? Py_NewRef(Py_None) : fbg_py_fail(status);
    }
    release(b, 3);
    return result;
}

static PyObject *block_means(PyObject *self, PyObject *args)
{
    Py_buffer b[2];
    Py_ssize_t columns, side;
    double pedestal, scale, midtones, target;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*nnddddw*", &b[0], &columns, &side, &pedestal, &scale, &midtones,
                          &target, &b[1]))
        return NULL;
    size_t blocks;
    const size_t rows = rows_of(&b[0], columns, side, &blocks);
    if (rows && fbg_py_holds(&b[1], blocks, sizeof(double), "means")) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_block_means(b[0].buf, rows, columns, side, pedestal, scale, midtones, target,
                                 b[1].buf);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? Py_NewRef(Py_None) : fbg_py_fail(status);
    }
    release(b, 2);
    return result;
}

static PyObject *unstretch(PyObject *self, PyObject *args)
{
    Py_buffer values;
    double pedestal, scale, midtones, target;
    size_t held;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*dddd", &values, &pedestal, &scale, &midtones, &target))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    held = fbg_unstretch(values.buf, (size_t)values.len / sizeof(float), pedestal, scale, midtones,
                         target);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&values);
    return PyLong_FromSize_t(held);
}

static PyObject *subtract(PyObject *self, PyObject *args)
{
    Py_buffer b[3];
    double level;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*dw*", &b[0], &b[1], &level, &b[2]))
        return NULL;
    const size_t n = (size_t)b[0].len / sizeof(float);
    if (fbg_py_holds(&b[1], n, sizeof(float), "background") &&
        fbg_py_holds(&b[2], n, sizeof(float), "out")) {
        Py_BEGIN_ALLOW_THREADS
        fbg_subtract(b[0].buf, b[1].buf, n, level, b[2].buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    release(b, 3);
    return result;
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS,
     "count(values, samples, windows, tally, below, counts); adds to the last three"},
    {"block_medians", block_medians, METH_VARARGS,
     "block_medians(samples, columns, side, least, low, high); fills low and high"},
    {"block_means", block_means, METH_VARARGS,
     "block_means(samples, columns, side, pedestal, scale, midtones, target, means); fills means"},
    {"unstretch", unstretch, METH_VARARGS,
     "unstretch(values, pedestal, scale, midtones, target) -> held; in place"},
    {"subtract", subtract, METH_VARARGS,
     "subtract(samples, background, level, out); fills out"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_samples(PyObject *module) { return PyModule_AddFunctions(module, methods); }
