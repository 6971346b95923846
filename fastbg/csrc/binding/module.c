/* The Python module fastbg._c. */
#include "binding.h"

#ifdef __linux__
#include <malloc.h>
#endif

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

static PyObject *trim(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"instruction_set", instruction_set, METH_NOARGS, "The instruction set in use."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Those that this build holds and this processor can run, best first."},
    {"trim", trim, METH_NOARGS, "Give freed memory back to the system, where it does not go at once."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module)
{
    return fbg_py_add_problems(module) < 0 || fbg_py_add_plans(module) < 0 ||
                   fbg_py_add_bands(module) < 0 || fbg_py_add_surfaces(module) < 0 ||
                   fbg_py_add_packed(module) < 0 ||
                   PyModule_AddStringConstant(module, "VERSION", FASTBG_VERSION) < 0
               ? -1
               : 0;
}

/* There is no state but the table of dispatch.c, which is filled before any call, and the functions
 * work without the interpreter lock wherever there is one. */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_c", "The C evaluator; see fastbg/csrc/fastbg.h.", 0, methods,
    slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__c(void) { return PyModuleDef_Init(&definition); }
