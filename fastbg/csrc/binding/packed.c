/* The function of fastbg._c for compressed bytes: lz4_decode. */
#include "binding.h"

static PyObject *lz4_decode(PyObject *self, PyObject *args)
{
    enum { STATE = sizeof(fbg_lz4) / sizeof(uint64_t) };
    fbg_py_array_argument a[] = {FBG_OUT_UINT64("state"), FBG_UINT8("packed"),
                                 FBG_OUT_UINT8("out")};
    Py_ssize_t start;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&O&O&n", fbg_py_array, &a[0], fbg_py_array, &a[1], fbg_py_array,
                          &a[2], &start))
        return NULL;
    const size_t room = fbg_py_count(&a[2]);
    if (start < 0 || (size_t)start > room)
        PyErr_SetString(PyExc_ValueError, "filled must be at most the size of out");
    else if (fbg_py_holds(&a[0], STATE)) {
        size_t used, filled = start;
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_lz4_decode(a[0].view.buf, a[1].view.buf, fbg_py_count(&a[1]), &used,
                                a[2].view.buf, room, &filled);
        Py_END_ALLOW_THREADS
        if (status != FBG_OK)
            fbg_py_result(status);
        else
            result = Py_BuildValue("nn", (Py_ssize_t)used, (Py_ssize_t)filled);
    }
    fbg_py_release(a, 3);
    return result;
}

static PyMethodDef methods[] = {
    {"lz4_decode", lz4_decode, METH_VARARGS,
     "lz4_decode(state, packed, out, filled) -> (used, filled); fills out from `filled` on, behind "
     "what was decoded last"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_packed(PyObject *module) { return PyModule_AddFunctions(module, methods); }
