/* What the files of the Python binding share. */
#ifndef FBG_BINDING_H
#define FBG_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "fastbg.h"

/* Sets the exception of a status, and returns NULL. */
PyObject *fbg_py_fail(fbg_status status);

/* Whether a buffer holds exactly `count` items of `size` bytes; else a ValueError is set. */
int fbg_py_holds(const Py_buffer *buffer, size_t count, size_t size, const char *name);

/* Adds the functions of binding_samples.c. */
int fbg_py_add_samples(PyObject *module);

#endif
