/* The function of fastbg._c for the search for the sky: fit_surface. */
#include "binding.h"

/* Whether what is told of the functions fits together, or a ValueError is set. */
static int possible(const fbg_modes *modes, size_t n, size_t matrix, size_t means, size_t places)
{
    const char *wrong = NULL;
    if (modes->used < 1 || modes->used > modes->number || modes->free > modes->used)
        wrong = "used or free is impossible";
    else if (modes->quarters > modes->groups || matrix % (modes->number * FBG_GROUP) ||
             means % (modes->number * FBG_GROUP) || places != fbg_places(modes))
        wrong = "matrix, means or quarters is impossible";
    for (size_t i = 0; !wrong && i < modes->number; i++)
        if (modes->parity[i] >= FBG_PARITIES)
            wrong = "there is no such parity";
    for (size_t t = 0; !wrong && t < places; t++)
        if (modes->place[t] >= n || modes->block[t] >= modes->blocks)
            wrong = "there is no such cell or block";
    if (wrong)
        PyErr_SetString(PyExc_ValueError, wrong);
    return !wrong;
}

static PyObject *fit_surface(PyObject *self, PyObject *args)
{
    enum { VALUES, USABLE, KNOWN, NOISE, PARITY, MATRIX, MEANS, PLACE, BLOCK, PART, FACTORS, TAPS, WEIGHT,
           COORDINATES, SURFACE, ARRAYS };
    fbg_py_array_argument a[ARRAYS] = {
        FBG_FLOAT32("values"),          FBG_FLOAT32("usable"),
        FBG_FLOAT32("known"),           FBG_FLOAT64("noise"),
        FBG_UINT8("parity"),            FBG_FLOAT32("matrix"),
        FBG_FLOAT32("means"),           FBG_UINT32("place"),
        FBG_UINT32("block"),             FBG_FLOAT32("part"),
        FBG_FLOAT64("factors"),
        FBG_FLOAT32("taps"),            FBG_OUT_FLOAT32("weight"),
        FBG_OUT_FLOAT64("coordinates"), FBG_OUT_FLOAT32("surface")};
    Py_ssize_t columns, quarters, used, free;
    fbg_modes modes;
    fbg_protection p;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&O&O&nO&O&O&nO&O&O&(nnd)O&O&(ddddddd)O&O&O&", fbg_py_array, &a[VALUES],
                          fbg_py_array, &a[USABLE], fbg_py_array, &a[KNOWN],
                          fbg_py_array, &a[NOISE], &columns,
                          fbg_py_array, &a[PARITY], fbg_py_array, &a[MATRIX], fbg_py_array, &a[MEANS], &quarters,
                          fbg_py_array, &a[PLACE], fbg_py_array, &a[BLOCK], fbg_py_array, &a[PART],
                          &used, &free, &modes.stiffness, fbg_py_array,
                          &a[FACTORS], fbg_py_array, &a[TAPS], &p.above, &p.below, &p.around,
                          &p.alone, &p.tolerance, &p.softness, &p.least, fbg_py_array, &a[WEIGHT],
                          fbg_py_array, &a[COORDINATES], fbg_py_array, &a[SURFACE]))
        return NULL;
    const size_t n = fbg_py_count(&a[USABLE]), channels = fbg_py_count(&a[NOISE]);
    const size_t taps = fbg_py_count(&a[TAPS]), rounds = fbg_py_count(&a[FACTORS]);
    const size_t places = fbg_py_count(&a[PLACE]), number = fbg_py_count(&a[PARITY]);
    modes.number = number;
    modes.used = used;
    modes.free = free;
    modes.parity = a[PARITY].view.buf;
    modes.matrix = a[MATRIX].view.buf;
    modes.means = a[MEANS].view.buf;
    modes.place = a[PLACE].view.buf;
    modes.block = a[BLOCK].view.buf;
    modes.part = a[PART].view.buf;
    modes.groups = number ? fbg_py_count(&a[MATRIX]) / number / FBG_GROUP : 0;
    modes.blocks = number ? fbg_py_count(&a[MEANS]) / number : 0;
    modes.quarters = quarters;
    if (columns < 1 || !n || n % columns || !channels || free < 0 || quarters < 0)
        PyErr_SetString(PyExc_ValueError, "columns, quarters or free is impossible");
    else if (!taps || !rounds)
        PyErr_SetString(PyExc_ValueError, "there must be a factor and a tap");
    else if (fbg_py_holds(&a[VALUES], channels * n) && fbg_py_holds(&a[KNOWN], n) &&
             fbg_py_holds(&a[BLOCK], places) && fbg_py_holds(&a[PART], places) &&
             fbg_py_holds(&a[WEIGHT], n) && fbg_py_holds(&a[COORDINATES], channels * used) &&
             fbg_py_holds(&a[SURFACE], channels * n) &&
             possible(&modes, n, fbg_py_count(&a[MATRIX]), fbg_py_count(&a[MEANS]), places)) {
        const fbg_mesh mesh = {n / columns, columns, (int)channels, a[VALUES].view.buf,
                               a[USABLE].view.buf, a[KNOWN].view.buf, a[NOISE].view.buf};
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
     "fit_surface(values, usable, known, noise, columns, parity, matrix, means, quarters, place, block, "
     "part, (used, free, stiffness), factors, taps, (above, below, around, alone, tolerance, softness, "
     "least), weight, coordinates, surface); fills the last two and overwrites weight"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_surfaces(PyObject *module) { return PyModule_AddFunctions(module, methods); }
