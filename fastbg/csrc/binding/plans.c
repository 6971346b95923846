/* The functions of fastbg._c for rendering: make_plan, render_rows. */
#include "binding.h"

static const char CAPSULE[] = "fastbg._c.Plan";

static void plan_destructor(PyObject *capsule)
{
    fbg_plan_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

static PyObject *make_plan(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT64("parameters"), FBG_FLOAT64("y"), FBG_FLOAT64("x")};
    int channels, order;
    const char *method;
    PyObject *capsule = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&iiO&O&s", fbg_py_array, &a[0], &channels, &order, fbg_py_array,
                          &a[1], fbg_py_array, &a[2], &method))
        return NULL;
    const size_t n = fbg_py_valid_kind(channels, order) ? fbg_py_centres(&a[0], channels) : 0;
    if (n) {
        fbg_plan *plan;
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_plan_make(&plan, a[0].view.buf, n, channels, order, a[1].view.buf,
                               fbg_py_count(&a[1]), a[2].view.buf, fbg_py_count(&a[2]), method);
        Py_END_ALLOW_THREADS
        if (status != FBG_OK)
            fbg_py_result(status);
        else if (!(capsule = PyCapsule_New(plan, CAPSULE, plan_destructor)))
            fbg_plan_free(plan);
    }
    fbg_py_release(a, 3);
    return capsule;
}

/* Whether an array is (channels, any number of rows, columns) of a plan; else a ValueError is set. */
static int fits(const Py_buffer *view, const fbg_plan *plan)
{
    const Py_ssize_t channels = fbg_plan_channels(plan);
    const Py_ssize_t columns = (Py_ssize_t)fbg_plan_columns(plan);
    if (view->ndim == 3 && view->shape[0] == channels && view->shape[2] == columns)
        return 1;
    PyErr_Format(PyExc_ValueError, "out must have the shape (%zd, rows, %zd)", channels, columns);
    return 0;
}

static PyObject *render_rows(PyObject *self, PyObject *args)
{
    fbg_py_array_argument out = FBG_OUT_FLOAT32("out");
    PyObject *capsule, *result = NULL;
    Py_ssize_t first_row;
    int threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "OnO&i", &capsule, &first_row, fbg_py_array, &out, &threads))
        return NULL;
    fbg_plan *plan = PyCapsule_GetPointer(capsule, CAPSULE);
    if (plan && fits(&out.view, plan)) {
        const size_t count = (size_t)out.view.shape[1];
        fbg_status status = FBG_NO_SUCH_ROWS;
        Py_BEGIN_ALLOW_THREADS
        if (first_row >= 0)
            status = fbg_render_rows(plan, (size_t)first_row, count, out.view.buf, threads);
        Py_END_ALLOW_THREADS
        result = fbg_py_result(status);
    }
    fbg_py_release(&out, 1);
    return result;
}

static PyMethodDef methods[] = {
    {"make_plan", make_plan, METH_VARARGS,
     "make_plan(parameters, channels, order, y, x, method) -> plan; method is auto, direct or tiled"},
    {"render_rows", render_rows, METH_VARARGS,
     "render_rows(plan, first_row, out, threads); fills out, (K, rows, columns) float32"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_plans(PyObject *module) { return PyModule_AddFunctions(module, methods); }
