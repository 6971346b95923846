/* The function of fastbg._c for the search for the sky: fit_surface. */
#include "binding.h"

static PyObject *fit_surface(PyObject *self, PyObject *args)
{
    enum { VALUES, USABLE, KNOWN, NOISE, MODES, FACTORS, TAPS, WEIGHT, COORDINATES, SURFACE, ARRAYS };
    fbg_py_array_argument a[ARRAYS] = {
        FBG_FLOAT32("values"),          FBG_FLOAT32("usable"),
        FBG_FLOAT32("known"),           FBG_FLOAT64("noise"),
        FBG_FLOAT32("modes"),           FBG_FLOAT64("factors"),
        FBG_FLOAT32("taps"),            FBG_OUT_FLOAT32("weight"),
        FBG_OUT_FLOAT64("coordinates"), FBG_OUT_FLOAT32("surface")};
    Py_ssize_t columns, used, free;
    fbg_modes modes;
    fbg_protection p;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&O&O&nO&nndO&O&(ddddddd)O&O&O&", fbg_py_array, &a[VALUES],
                          fbg_py_array, &a[USABLE], fbg_py_array, &a[KNOWN],
                          fbg_py_array, &a[NOISE], &columns,
                          fbg_py_array, &a[MODES], &used, &free, &modes.stiffness, fbg_py_array,
                          &a[FACTORS], fbg_py_array, &a[TAPS], &p.above, &p.below, &p.around,
                          &p.alone, &p.tolerance, &p.softness, &p.least, fbg_py_array, &a[WEIGHT],
                          fbg_py_array, &a[COORDINATES], fbg_py_array, &a[SURFACE]))
        return NULL;
    const size_t n = fbg_py_count(&a[USABLE]), channels = fbg_py_count(&a[NOISE]);
    const size_t taps = fbg_py_count(&a[TAPS]), rounds = fbg_py_count(&a[FACTORS]);
    const size_t stride = n ? fbg_py_count(&a[MODES]) / n : 0;
    if (columns < 1 || !n || n % columns || !channels || free < 0 || used < free || used < 1 ||
        (size_t)used > stride || stride % 16)
        PyErr_SetString(PyExc_ValueError, "columns, modes, used or free is impossible");
    else if (!taps || !rounds)
        PyErr_SetString(PyExc_ValueError, "there must be a factor and a tap");
    else if (fbg_py_holds(&a[VALUES], channels * n) && fbg_py_holds(&a[KNOWN], n) &&
             fbg_py_holds(&a[MODES], stride * n) && fbg_py_holds(&a[WEIGHT], n) && fbg_py_holds(&a[COORDINATES], channels * used) &&
             fbg_py_holds(&a[SURFACE], channels * n)) {
        const fbg_mesh mesh = {n / columns, columns, (int)channels, a[VALUES].view.buf,
                               a[USABLE].view.buf, a[KNOWN].view.buf, a[NOISE].view.buf};
        modes.used = used;
        modes.free = free;
        modes.matrix = a[MODES].view.buf;
        modes.stride = stride;
        p.factors = a[FACTORS].view.buf;
        p.rounds = rounds;
        p.taps = a[TAPS].view.buf;
        p.radius = taps - 1;
        fbg_surface surface = {a[WEIGHT].view.buf, a[COORDINATES].view.buf, a[SURFACE].view.buf};
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_fit_surface(&mesh, &modes, &p, &surface);
        Py_END_ALLOW_THREADS
        result = fbg_py_result(status);
    }
    fbg_py_release(a, ARRAYS);
    return result;
}

static PyMethodDef methods[] = {
    {"fit_surface", fit_surface, METH_VARARGS,
     "fit_surface(values, usable, known, noise, columns, modes, used, free, stiffness, factors, taps, "
     "(above, below, around, alone, tolerance, softness, least), weight, coordinates, surface); fills "
     "the last two and overwrites weight"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_surfaces(PyObject *module) { return PyModule_AddFunctions(module, methods); }
