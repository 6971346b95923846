/* The functions of fastbg._c for bands of samples: counts, block medians and means, and the
 * passes of samples.c. */
#include "binding.h"

static int valid_windows(const fbg_window *windows, size_t number)
{
    for (size_t w = 0; w < number; w++) {
        const unsigned shift = windows[w].shift, bins = windows[w].bins;
        if (shift > 31 || bins < 1 || bins > FBG_BINS) {
            PyErr_Format(PyExc_ValueError,
                         "a window must have a shift of 0 to 31 and 1 to %d bins, not %u and %u",
                         FBG_BINS, shift, bins);
            return 0;
        }
    }
    return 1;
}

static PyObject *count(PyObject *self, PyObject *args)
{
    enum { WINDOW = sizeof(fbg_window) / sizeof(uint32_t), TALLY = sizeof(fbg_tally) / sizeof(uint64_t) };
    fbg_py_array_argument a[] = {FBG_FLOAT32("values"), FBG_FLOAT32("samples"),
                                 FBG_UINT32("windows"), FBG_OUT_UINT64("tally"),
                                 FBG_OUT_UINT64("below"), FBG_OUT_UINT32("counts")};
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&O&O&O&O&", fbg_py_array, &a[0], fbg_py_array, &a[1],
                          fbg_py_array, &a[2], fbg_py_array, &a[3], fbg_py_array, &a[4],
                          fbg_py_array, &a[5]))
        return NULL;
    const size_t n = fbg_py_count(&a[0]), windows = fbg_py_count(&a[2]) / WINDOW;
    if (fbg_py_holds(&a[1], n) && fbg_py_holds(&a[2], windows * WINDOW) &&
        fbg_py_holds(&a[3], TALLY) && fbg_py_holds(&a[4], windows) &&
        fbg_py_holds(&a[5], windows * FBG_BINS) && valid_windows(a[2].view.buf, windows)) {
        Py_BEGIN_ALLOW_THREADS
        fbg_count(a[0].view.buf, a[1].view.buf, n, a[2].view.buf, windows, a[3].view.buf,
                  a[4].view.buf, a[5].view.buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 6);
    return result;
}

/* The rows of a band and its number of blocks; 0 rows, with a ValueError set, for impossible sizes. */
static size_t rows_of(const fbg_py_array_argument *samples, Py_ssize_t columns, Py_ssize_t side,
                      size_t *blocks)
{
    const size_t rows = columns > 0 ? fbg_py_count(samples) / columns : 0;
    if (rows < 1 || side < 1) {
        PyErr_SetString(PyExc_ValueError, "rows, columns and side must be positive");
        return 0;
    }
    *blocks = ((rows - 1) / side + 1) * ((size_t)(columns - 1) / side + 1);
    return fbg_py_holds(samples, rows * columns) ? rows : 0;
}

static PyObject *block_medians(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT32("samples"), FBG_OUT_FLOAT32("low"),
                                 FBG_OUT_FLOAT32("high")};
    Py_ssize_t columns, side;
    float least;
    int grouped;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&nnfpO&O&", fbg_py_array, &a[0], &columns, &side, &least, &grouped,
                          fbg_py_array, &a[1], fbg_py_array, &a[2]))
        return NULL;
    size_t blocks;
    const size_t rows = rows_of(&a[0], columns, side, &blocks);
    if (rows && fbg_py_holds(&a[1], blocks) && fbg_py_holds(&a[2], blocks)) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_block_medians(a[0].view.buf, rows, columns, side, least, grouped,
                                   a[1].view.buf, a[2].view.buf);
        Py_END_ALLOW_THREADS
        result = fbg_py_result(status);
    }
    fbg_py_release(a, 3);
    return result;
}

static PyObject *block_means(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT32("samples"), FBG_OUT_FLOAT64("means")};
    Py_ssize_t columns, side;
    double pedestal, scale, midtones, target;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&nnddddO&", fbg_py_array, &a[0], &columns, &side, &pedestal,
                          &scale, &midtones, &target, fbg_py_array, &a[1]))
        return NULL;
    size_t blocks;
    const size_t rows = rows_of(&a[0], columns, side, &blocks);
    if (rows && fbg_py_holds(&a[1], blocks)) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_block_means(a[0].view.buf, rows, columns, side, pedestal, scale, midtones,
                                 target, a[1].view.buf);
        Py_END_ALLOW_THREADS
        result = fbg_py_result(status);
    }
    fbg_py_release(a, 2);
    return result;
}

static PyObject *unstretch(PyObject *self, PyObject *args)
{
    fbg_py_array_argument values = FBG_OUT_FLOAT32("values");
    double pedestal, scale, midtones, target;
    size_t clamped;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&dddd", fbg_py_array, &values, &pedestal, &scale, &midtones,
                          &target))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    clamped =
        fbg_unstretch(values.view.buf, fbg_py_count(&values), pedestal, scale, midtones, target);
    Py_END_ALLOW_THREADS
    fbg_py_release(&values, 1);
    return PyLong_FromSize_t(clamped);
}

static PyObject *subtract(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT32("samples"), FBG_FLOAT32("background"),
                                 FBG_OUT_FLOAT32("out")};
    double level;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&dO&", fbg_py_array, &a[0], fbg_py_array, &a[1], &level,
                          fbg_py_array, &a[2]))
        return NULL;
    const size_t n = fbg_py_count(&a[0]);
    if (fbg_py_holds(&a[1], n) && fbg_py_holds(&a[2], n)) {
        Py_BEGIN_ALLOW_THREADS
        fbg_subtract(a[0].view.buf, a[1].view.buf, n, level, a[2].view.buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 3);
    return result;
}

static PyObject *scale(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_NUMBERS("values"), FBG_OUT_FLOAT32("out")};
    double low, span;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&ddO&", fbg_py_array, &a[0], &low, &span, fbg_py_array, &a[1]))
        return NULL;
    const size_t n = fbg_py_count(&a[0]);
    if (fbg_py_holds(&a[1], n)) {
        Py_BEGIN_ALLOW_THREADS
        fbg_scale(a[0].view.buf, a[0].type, n, low, span, a[1].view.buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 2);
    return result;
}

static PyObject *unscale(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT32("values"), FBG_OUT_FLOAT32("out")};
    double low, span;
    int swapped;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&ddpO&", fbg_py_array, &a[0], &low, &span, &swapped, fbg_py_array,
                          &a[1]))
        return NULL;
    const size_t n = fbg_py_count(&a[0]);
    if (fbg_py_holds(&a[1], n)) {
        Py_BEGIN_ALLOW_THREADS
        fbg_unscale(a[0].view.buf, n, low, span, swapped, a[1].view.buf);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 2);
    return result;
}

/* Whether an array holds floats; else a TypeError is set. */
static int holds_floats(const fbg_py_array_argument *argument)
{
    if (argument->type == FBG_FLOAT32 || argument->type == FBG_FLOAT64)
        return 1;
    PyErr_Format(PyExc_TypeError, "%s must be an array of float32 or float64", argument->name);
    return 0;
}

static PyObject *restore(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_NUMBERS("stored"), FBG_FLOAT32("samples"),
                                 FBG_FLOAT32("corrected"), FBG_OUT_NUMBERS("out")};
    double span;
    int swapped;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&O&dpO&", fbg_py_array, &a[0], fbg_py_array, &a[1],
                          fbg_py_array, &a[2], &span, &swapped, fbg_py_array, &a[3]))
        return NULL;
    const size_t n = fbg_py_count(&a[0]);
    if (holds_floats(&a[3]) && fbg_py_holds(&a[1], n) && fbg_py_holds(&a[2], n) &&
        fbg_py_holds(&a[3], n)) {
        Py_BEGIN_ALLOW_THREADS
        fbg_restore(a[0].view.buf, a[0].type, a[1].view.buf, a[2].view.buf, n, span,
                    swapped, a[3].view.buf, a[3].type);
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 4);
    return result;
}

static PyObject *superpixels(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT32("mosaic"), FBG_OUT_FLOAT32("out")};
    Py_ssize_t columns;
    int colours[4], one_green;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&n(iiii)pO&", fbg_py_array, &a[0], &columns, &colours[0],
                          &colours[1], &colours[2], &colours[3], &one_green, fbg_py_array, &a[1]))
        return NULL;
    const size_t rows = columns > 0 ? fbg_py_count(&a[0]) / columns / 2 : 0;
    int known = rows > 0;
    for (int place = 0; place < 4; place++)
        known = known && colours[place] >= 0 && colours[place] <= 2;
    if (!known)
        PyErr_SetString(PyExc_ValueError, "there must be two rows or more, and colours of 0 to 2");
    else if (fbg_py_holds(&a[0], 2 * rows * columns) &&
             fbg_py_holds(&a[1], 3 * rows * (columns / 2))) {
        Py_BEGIN_ALLOW_THREADS
        fbg_superpixels(a[0].view.buf, rows, columns, colours, one_green, a[1].view.buf,
                        rows * (columns / 2));
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    fbg_py_release(a, 2);
    return result;
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS,
     "count(values, samples, windows, tally, below, counts); adds to the last three"},
    {"block_medians", block_medians, METH_VARARGS,
     "block_medians(samples, columns, side, least, grouped, low, high); fills low and high"},
    {"block_means", block_means, METH_VARARGS,
     "block_means(samples, columns, side, pedestal, scale, midtones, target, means); fills means"},
    {"unstretch", unstretch, METH_VARARGS,
     "unstretch(values, pedestal, scale, midtones, target) -> clamped; in place"},
    {"subtract", subtract, METH_VARARGS,
     "subtract(samples, background, level, out); fills out"},
    {"superpixels", superpixels, METH_VARARGS,
     "superpixels(mosaic, columns, colours, one_green, out); fills out"},
    {"scale", scale, METH_VARARGS, "scale(values, low, span, out); fills out"},
    {"unscale", unscale, METH_VARARGS, "unscale(values, low, span, swapped, out); fills out"},
    {"restore", restore, METH_VARARGS,
     "restore(stored, samples, corrected, span, swapped, out); fills out"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_bands(PyObject *module) { return PyModule_AddFunctions(module, methods); }
