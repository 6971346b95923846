/* The interface between the files of the Python binding.
 *
 * fastbg._c takes numbers and arrays (whatever has the buffer protocol, C-contiguous), checks them,
 * and calls the functions of fastbg.h without the interpreter lock. Status codes become exceptions
 * here; fastbg/backends/c.py is the interface for the rest of fastbg.
 */
#ifndef FBG_BINDING_H
#define FBG_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../fastbg.h"

/* An argument that is an array. Made by one of the macros, filled by fbg_py_array, and to be released. */
typedef struct {
    const char *name, *dtype;
    const char *formats; /* of the buffer protocol: one of these characters, native byte order; NULL
                            for those of any fbg_type, which fills `size` and `type` */
    size_t size;         /* bytes of an item */
    int writable;
    Py_buffer view;
    fbg_type type;
} fbg_py_array_argument;

#define FBG_UINT8(NAME) {NAME, "uint8", "B", sizeof(uint8_t), 0, {0}, 0}
#define FBG_FLOAT32(NAME) {NAME, "float32", "f", sizeof(float), 0, {0}, 0}
#define FBG_FLOAT64(NAME) {NAME, "float64", "d", sizeof(double), 0, {0}, 0}
#define FBG_UINT32(NAME) {NAME, "uint32", "IL", sizeof(uint32_t), 0, {0}, 0}
#define FBG_NUMBERS(NAME) {NAME, "numbers", NULL, 0, 0, {0}, 0}
#define FBG_OUT_NUMBERS(NAME) {NAME, "numbers", NULL, 0, 1, {0}, 0}
#define FBG_OUT_UINT8(NAME) {NAME, "uint8", "B", sizeof(uint8_t), 1, {0}, 0}
#define FBG_OUT_FLOAT32(NAME) {NAME, "float32", "f", sizeof(float), 1, {0}, 0}
#define FBG_OUT_FLOAT64(NAME) {NAME, "float64", "d", sizeof(double), 1, {0}, 0}
#define FBG_OUT_UINT32(NAME) {NAME, "uint32", "IL", sizeof(uint32_t), 1, {0}, 0}
#define FBG_OUT_UINT64(NAME) {NAME, "uint64", "LQ", sizeof(uint64_t), 1, {0}, 0}

/* Converter of PyArg_ParseTuple ("O&"): takes the buffer of an object if it is an array as the
 * argument says; else sets a TypeError or ValueError. */
int fbg_py_array(PyObject *object, void *argument);

void fbg_py_release(fbg_py_array_argument *arguments, size_t number);

/* The number of items of an array. */
size_t fbg_py_count(const fbg_py_array_argument *argument);

/* Whether an array has `count` items; else a ValueError is set. */
int fbg_py_holds(const fbg_py_array_argument *argument, size_t count);

/* The number of centres in a parameter vector, or 0 with a ValueError set. */
size_t fbg_py_centres(const fbg_py_array_argument *parameters, int channels);

/* Whether there are splines of this kind; else a ValueError is set. */
int fbg_py_valid_kind(int channels, int order);

/* None, or NULL with the exception of a status set. */
PyObject *fbg_py_result(fbg_status status);

/* Add the functions of problems.c, plans.c, bands.c, surfaces.c and packed.c. */
int fbg_py_add_problems(PyObject *module);
int fbg_py_add_plans(PyObject *module);
int fbg_py_add_bands(PyObject *module);
int fbg_py_add_surfaces(PyObject *module);
int fbg_py_add_packed(PyObject *module);

#endif
