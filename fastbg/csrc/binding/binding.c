#include "binding.h"

#include <string.h>

/* The formats of each fbg_type, and the bytes of an item. */
static const struct {
    const char *formats;
    Py_ssize_t size;
} TYPES[] = {
    [FBG_UINT8] = {"B", 1},   [FBG_INT16] = {"h", 2},   [FBG_UINT16] = {"H", 2},
    [FBG_INT32] = {"il", 4},  [FBG_UINT32] = {"IL", 4}, [FBG_FLOAT32] = {"f", 4},
    [FBG_FLOAT64] = {"d", 8},
};

/* The mark of this machine's byte order, which numpy puts before a format that was told it. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static const char NATIVE = '>';
#else
static const char NATIVE = '<';
#endif

/* Without a format, items are bytes. */
static int is_of(const Py_buffer *view, const char *formats, size_t size)
{
    const char *format = view->format ? view->format : "";
    format += *format == NATIVE;
    return strlen(format) == 1 && strchr(formats, *format) && (size_t)view->itemsize == size;
}

/* Fills the type and the size of an argument that may be of any. */
static int has_format(fbg_py_array_argument *a)
{
    if (a->formats)
        return is_of(&a->view, a->formats, a->size);
    for (size_t type = 0; type < sizeof TYPES / sizeof *TYPES; type++)
        if (is_of(&a->view, TYPES[type].formats, TYPES[type].size)) {
            a->type = (fbg_type)type;
            a->size = TYPES[type].size;
            return 1;
        }
    return 0;
}

int fbg_py_array(PyObject *object, void *argument)
{
    fbg_py_array_argument *a = argument;
    if (!object) { /* a later argument was refused */
        PyBuffer_Release(&a->view);
        return 1;
    }
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (a->writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, &a->view, flags) < 0)
        return 0;
    if (has_format(a))
        return Py_CLEANUP_SUPPORTED;
    PyErr_Format(PyExc_TypeError, "%s must be an array of %s, not of the buffer format '%s'", a->name,
                 a->dtype, a->view.format ? a->view.format : "B");
    PyBuffer_Release(&a->view);
    return 0;
}

void fbg_py_release(fbg_py_array_argument *arguments, size_t number)
{
    for (size_t i = 0; i < number; i++)
        PyBuffer_Release(&arguments[i].view);
}

size_t fbg_py_count(const fbg_py_array_argument *argument)
{
    return (size_t)argument->view.len / argument->size;
}

int fbg_py_holds(const fbg_py_array_argument *argument, size_t count)
{
    if (fbg_py_count(argument) == count)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s must have %zu items, not %zu", argument->name, count,
                 fbg_py_count(argument));
    return 0;
}

size_t fbg_py_centres(const fbg_py_array_argument *parameters, int channels)
{
    const size_t length = fbg_py_count(parameters), affine = fbg_parameter_count(0, channels);
    const size_t n = length > affine ? (length - affine) / (2 + channels) : 0;
    if (n == 0)
        PyErr_SetString(PyExc_ValueError, "parameters are too short for one centre");
    return n && fbg_py_holds(parameters, fbg_parameter_count(n, channels)) ? n : 0;
}

int fbg_py_valid_kind(int channels, int order)
{
    if ((channels == 1 || channels == 3) && order >= 1 && order <= 4)
        return 1;
    PyErr_SetString(PyExc_ValueError, "channels must be 1 or 3, and order 1 to 4");
    return 0;
}

PyObject *fbg_py_result(fbg_status status)
{
    switch (status) {
    case FBG_OK:
        return Py_NewRef(Py_None);
    case FBG_NO_MEMORY:
        return PyErr_NoMemory();
    case FBG_NO_PIXELS:
        PyErr_SetString(PyExc_ValueError, "no pixel has weight, or there is none");
        break;
    case FBG_NO_SUCH_ROWS:
        PyErr_SetString(PyExc_ValueError, "the rows must lie in the image");
        break;
    case FBG_UNKNOWN_METHOD:
        PyErr_SetString(PyExc_ValueError, "the method must be auto, direct or tiled");
        break;
    case FBG_DAMAGED:
        PyErr_SetString(PyExc_ValueError, "a distance leads before the beginning");
        break;
    }
    return NULL;
}
