/* The functions of fastbg._c for the loss: open_problem, method_name, loss_and_gradient. */
#include "binding.h"

static const char CAPSULE[] = "fastbg._c.Problem";

/* A problem, and the data and weights that it borrows, held as long as it lives. */
typedef struct {
    fbg_problem *problem;
    fbg_py_array_argument data, weight;
} held_problem;

static void release(held_problem *held)
{
    fbg_py_release(&held->data, 1);
    fbg_py_release(&held->weight, 1);
    PyMem_Free(held);
}

static void problem_destructor(PyObject *capsule)
{
    held_problem *held = PyCapsule_GetPointer(capsule, CAPSULE);
    fbg_close(held->problem);
    release(held);
}

/* The problem in a capsule, or NULL with an error set. */
static const fbg_problem *problem_in(PyObject *capsule)
{
    const held_problem *held = PyCapsule_GetPointer(capsule, CAPSULE);
    return held ? held->problem : NULL;
}

static PyObject *open_problem(PyObject *self, PyObject *args)
{
    fbg_py_array_argument axes[] = {FBG_FLOAT64("y"), FBG_FLOAT64("x")};
    int channels, order;
    double alpha;
    const char *method;
    PyObject *capsule = NULL;
    (void)self;
    held_problem *held = PyMem_Malloc(sizeof *held);
    if (!held)
        return PyErr_NoMemory();
    *held = (held_problem){NULL, FBG_FLOAT32("data"), FBG_FLOAT32("weight")};
    if (!PyArg_ParseTuple(args, "O&O&O&O&iids", fbg_py_array, &held->data, fbg_py_array,
                          &held->weight, fbg_py_array, &axes[0], fbg_py_array, &axes[1], &channels,
                          &order, &alpha, &method)) {
        PyMem_Free(held);
        return NULL;
    }
    const size_t rows = fbg_py_count(&axes[0]), columns = fbg_py_count(&axes[1]);
    if (fbg_py_valid_kind(channels, order) &&
        fbg_py_holds(&held->data, rows * columns * channels) &&
        fbg_py_holds(&held->weight, rows * columns * channels)) {
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_open(&held->problem, held->data.view.buf, held->weight.view.buf,
                          axes[0].view.buf, rows, axes[1].view.buf, columns, channels, order, alpha,
                          method);
        Py_END_ALLOW_THREADS
        if (status != FBG_OK)
            fbg_py_result(status);
        else if (!(capsule = PyCapsule_New(held, CAPSULE, problem_destructor)))
            fbg_close(held->problem);
    }
    if (!capsule)
        release(held);
    fbg_py_release(axes, 2);
    return capsule;
}

static PyObject *method_name(PyObject *self, PyObject *capsule)
{
    const fbg_problem *problem = problem_in(capsule);
    (void)self;
    return problem ? PyUnicode_FromString(fbg_method_name(problem)) : NULL;
}

static PyObject *loss_and_gradient(PyObject *self, PyObject *args)
{
    fbg_py_array_argument a[] = {FBG_FLOAT64("parameters"), FBG_OUT_FLOAT64("gradient")};
    PyObject *capsule, *result = NULL;
    int below_zero, threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "OO&O&pi", &capsule, fbg_py_array, &a[0], fbg_py_array, &a[1],
                          &below_zero, &threads))
        return NULL;
    const fbg_problem *problem = problem_in(capsule);
    const size_t n = problem ? fbg_py_centres(&a[0], fbg_channels(problem)) : 0;
    if (n && fbg_py_holds(&a[1], fbg_py_count(&a[0]))) {
        double loss = 0;
        fbg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = fbg_loss_and_gradient(problem, a[0].view.buf, n, &loss, a[1].view.buf, &below_zero,
                                       threads);
        Py_END_ALLOW_THREADS
        result = status == FBG_OK ? Py_BuildValue("dO", loss, below_zero ? Py_True : Py_False)
                                  : fbg_py_result(status);
    }
    fbg_py_release(a, 2);
    return result;
}

static PyMethodDef methods[] = {
    {"open_problem", open_problem, METH_VARARGS,
     "open_problem(data, weight, y, x, channels, order, alpha, method) -> problem, which holds data "
     "and weight, (K, rows, columns) float32; method is auto, direct or tiled"},
    {"method_name", method_name, METH_O, "The method of a problem: direct or tiled."},
    {"loss_and_gradient", loss_and_gradient, METH_VARARGS,
     "loss_and_gradient(problem, parameters, gradient, below_zero, threads) -> (loss, below_zero); "
     "fills gradient"},
    {NULL, NULL, 0, NULL},
};

int fbg_py_add_problems(PyObject *module) { return PyModule_AddFunctions(module, methods); }
