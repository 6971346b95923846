"""The functions of the compiled module with arguments that no caller of fastbg gives them."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbg import _c
from fastbg.backends import c
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline

REFUSED = (TypeError, ValueError, OverflowError, MemoryError)

sizes = st.integers(-2, 9) | st.sampled_from([sys.maxsize, -sys.maxsize - 1, 1 << 32, 1 << 62])
number = st.floats() | st.sampled_from([0.0, 1e-320, 1e300])
kinds = st.integers(-1, 5) | st.just(1 << 30)
methods = st.sampled_from(["direct", "tiled", "auto", ""])


def buffers(dtype, most=40):
    return st.integers(0, most).map(lambda size: np.full(size, 0.5, dtype))


floats, doubles = buffers(np.float32), buffers(np.float64)


def called(function, *arguments):
    """None, or what was returned, where the arguments were refused or taken."""
    try:
        return function(*arguments)
    except REFUSED:
        return None


def called_with_all(arguments):
    """Call each function with the arguments that `arguments_of_all` gives it."""
    return {name: getattr(_c, name)(*values) for name, values in arguments.items()}


def arguments_of_all():
    """Arguments for every function: 2 x 3 pixels, one channel, two centres."""
    parameters, y, x = np.ones(9), np.ones(2), np.ones(3)
    image = [*np.ones((2, 6), np.float32), y, x, 1, 2, 5.0, "auto"]
    six = np.ones(6, np.float32)
    windows = np.array([[0, 16, 1 << 16], [5, 31, 2]], np.uint32)
    counts = [np.zeros(5, np.uint64), np.zeros(2, np.uint64), np.zeros((2, 1 << 16), np.uint32)]
    plan = [parameters, 1, 2, y, x, "auto"]
    return {
        "open_problem": image,
        "method_name": [_c.open_problem(*image)],
        "loss_and_gradient": [_c.open_problem(*image), parameters, np.ones(9), False, 1],
        "make_plan": plan,
        "render_rows": [_c.make_plan(*plan), 1, np.ones((1, 1, 3), np.float32), 1],
        "count": [six, six, windows, *counts],
        "block_medians": [six, 3, 2, 0.0, True, *np.ones((2, 2), np.float32)],
        "block_means": [six, 3, 2, 0.0, 1.0, 0.5, 0.25, np.ones(2)],
        "superpixels": [six, 3, (0, 1, 1, 2), False, np.ones(3, np.float32)],
        "unstretch": [six.copy(), 0.0, 1.0, 0.5, 0.25],
        "subtract": [six, six, 0.0, six.copy()],
        "scale": [six, 0.0, 1.0, six.copy()],
        "unscale": [six, 0.0, 1.0, True, six.copy()],
        "restore": [six, six, six, 1.0, True, six.copy()],
        "lz4_decode": [
            *(np.zeros(7, np.uint64), np.frombuffer(b"\x10a", np.uint8)),
            *(np.zeros(9, np.uint8), 2),
        ],
        "fit_surface": [
            *(six, six, six, np.ones(1), 3),
            *(np.zeros(2, np.uint8), *np.ones((2, 2, 16), np.float32), 0),
            *(np.arange(16, dtype=np.uint32) % 6, np.zeros(16, np.uint32)),
            *((np.arange(16) < 6).astype(np.float32), (2, 1, 1e-3)),
            *(np.ones(2), np.ones(2, np.float32), (2.5, 4.0, 1.5, 1.5, 0.02, 0.5, 1e-4)),
            *(six.copy(), np.ones((1, 2)), six.copy()),
        ],
    }


ARRAYS = {
    name: [i for i, value in enumerate(values) if isinstance(value, np.ndarray)]
    for name, values in arguments_of_all().items()
}
EVERY_ARRAY = [(name, position) for name, places in ARRAYS.items() for position in places]

WRITTEN = [
    ("loss_and_gradient", 2),
    ("render_rows", 2),
    *(("count", position) for position in (3, 4, 5)),
    *(("block_medians", position) for position in (5, 6)),
    ("block_means", 7),
    ("unstretch", 0),
    ("subtract", 3),
    ("superpixels", 4),
    ("scale", 3),
    ("unscale", 4),
    ("restore", 5),
    *(("lz4_decode", position) for position in (0, 2)),
    *(("fit_surface", position) for position in (16, 17, 18)),
]

SEVERAL_TYPES = {
    ("scale", 0): ("f4", "f8", "i4", "u4", "u1"),
    ("restore", 0): ("f4", "f8", "i4", "u4", "u1"),
    ("restore", 5): ("f4", "f8"),
}
"""Arrays that may be of several types."""

every_array = pytest.mark.parametrize(("function", "position"), EVERY_ARRAY)


def refuses(function, position, value, expected=(TypeError, ValueError, BufferError), match=None):
    arguments = arguments_of_all()[function]
    getattr(_c, function)(*arguments)
    arguments[position] = value(arguments[position]) if callable(value) else value
    with pytest.raises(expected, match=match) as error:
        getattr(_c, function)(*arguments)
    assert "\n" not in str(error.value)


def test_every_function_is_called_here():
    functions = {name for name in dir(_c) if callable(getattr(_c, name)) and name[0] != "_"}
    assert functions - {"instruction_set", "instruction_sets", "trim"} == {*arguments_of_all()}


@every_array
def test_an_array_must_have_the_type_of_its_numbers(function, position):
    array = arguments_of_all()[function][position]
    allowed = SEVERAL_TYPES.get((function, position), [array.dtype.str])
    for other in ("f4", "f8", "i4", "u4", "i8", "u8", "u1", "S4", "?"):
        if np.dtype(other) not in map(np.dtype, allowed):
            refuses(function, position, np.zeros(array.shape, other), TypeError)
            # As many bytes of another type.
            if array.nbytes % np.dtype(other).itemsize == 0:
                refuses(function, position, np.zeros(array.nbytes, "u1").view(other), TypeError)
    swapped = "must be an array of (numbers|(float|uint)(32|64)), not of the buffer format '>"
    if sys.byteorder == "little" and array.itemsize > 1:
        refuses(function, position, lambda a: a.astype(a.dtype.newbyteorder(">")), match=swapped)


@every_array
def test_an_array_must_fit(function, position):
    bounds = [("open_problem", 2), ("open_problem", 3), ("make_plan", 3), ("make_plan", 4)]
    # A plan takes any size of image; of the values of a band, any number; a fit any factors, taps.
    any_number = [("unstretch", 0), ("fit_surface", 13), ("fit_surface", 14)]
    any_number += [("lz4_decode", 1), ("lz4_decode", 2)]
    if (function, position) not in [*bounds[2:], *any_number]:
        refuses(function, position, lambda a: np.zeros(a.size + 1, a.dtype))
    if (function, position) not in [("unstretch", 0), ("lz4_decode", 1)]:
        refuses(function, position, lambda a: np.zeros(0, a.dtype))


@every_array
def test_an_array_must_lie_in_one_piece_of_memory(function, position):
    def spread(array):
        return np.repeat(array, 2, axis=-1)[..., ::2]

    def unaligned(array):
        memory = np.zeros(array.nbytes + 1, "u1")[1:]
        return memory.view(array.dtype).reshape(array.shape)

    array = arguments_of_all()[function][position]
    if array.shape[-1] > 1:
        refuses(function, position, spread)
    if array.itemsize > 1:
        refuses(function, position, unaligned, TypeError)


@every_array
@pytest.mark.parametrize(
    "value",
    [None, "pixels", b"123456781234", 5, object()],
    # Workers that run side by side must collect the same names, so that none holds an address.
    ids=["None", "text", "bytes", "number", "object"],
)
def test_an_array_must_be_one(function, position, value):
    refuses(function, position, value)


@pytest.mark.parametrize(("function", "position"), WRITTEN)
def test_what_is_written_must_be_writable(function, position):
    def frozen(array):
        array.setflags(write=False)
        return array

    refuses(function, position, frozen)


def test_what_is_only_read_may_be_read_only():
    arguments = arguments_of_all()
    for function, position in {*EVERY_ARRAY} - {*WRITTEN}:
        arguments[function][position] = arguments[function][position].copy()
        arguments[function][position].setflags(write=False)
    called_with_all(arguments)


@pytest.mark.parametrize(
    ("function", "position", "value"),
    [
        *(("open_problem", 4, channels) for channels in (2, -1)),
        *(("open_problem", 5, order) for order in (0, 5)),
        ("open_problem", 6, "five"),
        *(("loss_and_gradient", 0, capsule) for capsule in (object(), None)),
        *(("loss_and_gradient", 1, np.ones(size)) for size in (3, 10)),
        ("loss_and_gradient", 4, "two"),
        *(("make_plan", 0, np.ones(size)) for size in (3, 7, 10)),
        *(("make_plan", 1, channels) for channels in (4, 2, 0)),
        *(("make_plan", 2, order) for order in (0, 7)),
        *(("render_rows", 0, capsule) for capsule in (object(), None)),
        ("render_rows", 1, 1.5),
        ("render_rows", 3, 1.5),
    ],
)
def test_numbers_must_be_possible(function, position, value):
    refuses(function, position, value)


def test_a_plan_is_no_problem():
    problem, plan = arguments_of_all()["loss_and_gradient"][0], arguments_of_all()["render_rows"][0]
    refuses("loss_and_gradient", 0, plan, ValueError)
    refuses("method_name", 0, plan, ValueError)
    refuses("render_rows", 0, problem, ValueError)


@pytest.mark.parametrize("first_row", [-1, 2, 3, sys.maxsize, -sys.maxsize - 1])
def test_rows_must_lie_in_the_image(first_row):
    refuses("render_rows", 1, first_row, ValueError, "the rows must lie in the image")


@pytest.mark.parametrize(
    "shape", [(3,), (1, 3), (1, 1, 3, 1), (3, 1, 3), (1, 1, 4), (1, 3, 1), (1, 0, 4), (1, 2, 3)]
)
def test_rows_must_have_the_shape_of_the_image(shape):
    refuses("render_rows", 2, np.zeros(shape, np.float32), ValueError)


@pytest.mark.parametrize("method", ["quadtree", "", "Tiled", "auto ", "DIRECT"])
def test_an_unknown_method_is_refused_with_the_choices(method):
    choices = "must be auto, direct or tiled"
    refuses("open_problem", 7, method, ValueError, choices)
    refuses("make_plan", 5, method, ValueError, choices)
    spline = Spline(np.ones((1, 2)), np.ones((1, 1)), np.ones((3, 1)), 2)
    y, x = np.ones(2), np.ones(3)
    image = np.ones((2, 3, 1))
    for call in (
        lambda: c.plan(spline, y, x, method),
        lambda: c.open_problem(Problem(image, image, y, x, 2, 5.0), 1, method),
    ):
        with pytest.raises(ValueError, match=choices):
            call()


@pytest.mark.parametrize(
    ("shift", "bins"),
    [*((shift, 9) for shift in (32, 33, 40, 64, (1 << 32) - 1)), (0, 0), (0, 65537), (31, 1 << 31)],
)
def test_windows_must_be_narrower_than_keys_and_than_counts(shift, bins):
    wide = np.array([[0, 16, 9], [0, shift, bins]], np.uint32)
    rule = "a window must have a shift of 0 to 31 and 1 to 65536 bins"
    refuses("count", 2, wide, ValueError, f"{rule}, not {shift} and {bins}")


@pytest.mark.parametrize(
    ("position", "value", "told"),
    [
        (4, 4, "columns"),
        (5, np.array([0, 4], np.uint8), "no such parity"),
        (8, 1, "quarters"),
        (8, -1, "quarters"),
        (8, 2**62, "quarters"),
        (9, np.full(16, 6, np.uint32), "no such cell"),
        (10, np.full(16, 16, np.uint32), "no such cell or block"),
        (12, (3, 1, 1e-3), "coordinates"),
        (12, (2, 3, 1e-3), "used or free"),
        (12, (0, 0, 1e-3), "coordinates"),
        (12, (2, -1, 1e-3), "free"),
    ],
)
def test_a_fit_is_told_of_cells_and_functions_that_there_are(position, value, told):
    refuses("fit_surface", position, value, ValueError, match=told)


def test_no_window_no_counts():
    none = np.zeros((0, 3), np.uint32), np.zeros(5, np.uint64), np.zeros(0, np.uint64)
    values = np.ones(6, np.float32)
    _c.count(values, values, *none, np.zeros((0, 1 << 16), np.uint32))
    assert none[1][0] == 6


def test_problems_and_plans_hold_what_they_need_and_no_more():
    arguments = arguments_of_all()
    data, weight, *axes = arguments["open_problem"][:4]
    parameters = arguments["make_plan"][0]
    before = [sys.getrefcount(a) for a in (data, weight, *axes, parameters)]
    problem = _c.open_problem(*arguments["open_problem"])
    plan = _c.make_plan(*arguments["make_plan"])
    during = [sys.getrefcount(a) for a in (data, weight, *axes, parameters)]
    assert during == [before[0] + 1, before[1] + 1, *before[2:]]
    del problem, plan
    assert [sys.getrefcount(a) for a in (data, weight, *axes, parameters)] == before


@every_array
def test_refused_arguments_are_let_go(function, position):
    arguments = arguments_of_all()[function]
    arrays = [value for value in arguments if isinstance(value, np.ndarray)]
    before = [sys.getrefcount(array) for array in arrays]
    refused = [*arguments]
    refused[position] = np.zeros(3, np.int16)
    assert called(getattr(_c, function), *refused) is None
    del refused
    assert called(getattr(_c, function), *arguments[:-1], object()) is None
    assert [sys.getrefcount(array) for array in arrays] == before


@given(floats, sizes, sizes, number, floats, floats, doubles)
def test_blocks_of_any_size(samples, columns, side, value, low, high, means):
    least = value if abs(value) < 1e30 else 0.0
    called(_c.block_medians, samples, columns, side, least, value > 0, low, high)
    called(_c.block_means, samples, columns, side, value, value, value, value, means)


def test_a_block_may_be_wider_than_anything():
    low, high = np.zeros((2, 1), np.float32)
    _c.block_medians(np.arange(6, dtype=np.float32), 6, sys.maxsize, -1.0, False, low, high)
    assert (low[0], high[0]) == (2, 3)


@given(floats, number, number)
def test_bands_of_any_numbers(values, one, other):
    called(_c.unstretch, values.copy(), one, other, one, other)
    called(_c.subtract, values, values, one, np.empty_like(values))
    called(_c.scale, values, one, other, np.empty_like(values))
    called(_c.unscale, values, one, other, one > 0, np.empty_like(values))
    called(_c.restore, values, values, values, one, one > 0, np.empty_like(values))


@settings(max_examples=150)
@given(doubles, kinds, kinds, doubles, doubles, sizes, st.integers(-3, 9), methods, number)
def test_splines_of_any_kind(parameters, channels, order, y, x, rows, threads, method, value):
    parameters[::3] = value
    plan = called(_c.make_plan, parameters, channels, order, y, x, method)
    if plan is not None:
        out = np.empty((channels, min(y.size, max(0, min(rows, 9))), x.size), np.float32)
        called(_c.render_rows, plan, rows, out, threads)
    image = np.full(max(0, min(channels, 9)) * y.size * x.size, 0.5, np.float32)
    problem = called(_c.open_problem, image, image, y, x, channels, order, value, method)
    if problem is not None:
        gradient = np.empty_like(parameters)
        called(_c.loss_and_gradient, problem, parameters, gradient, True, threads)


@pytest.mark.parametrize(("columns", "side"), [(0, 1), (1, 0), (-1, 1), (1, -1), (5, 1)])
def test_impossible_blocks_are_told(columns, side):
    nothing = np.empty(0, np.float32)
    with pytest.raises(ValueError, match="must be positive"):
        _c.block_medians(nothing, columns, side, 0.0, True, nothing, nothing)


@pytest.mark.parametrize("method", ["direct", "tiled", "auto"])
@pytest.mark.parametrize(("rows", "weight"), [(0, 1.0), (3, 0.0)])
def test_an_image_without_pixels_is_refused(method, rows, weight):
    y, x = np.ones(rows), np.ones(4)
    data, weights = np.full((2, rows * 4), [[1.0], [weight]], np.float32)
    with pytest.raises(ValueError, match="no pixel has weight, or there is none"):
        _c.open_problem(data, weights, y, x, 1, 2, 5.0, method)
    if not rows:
        with pytest.raises(ValueError, match="no pixel has weight, or there is none"):
            _c.make_plan(np.zeros(6), 1, 2, y, x, method)


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has an interpreter lock"
)
def test_a_python_without_the_interpreter_lock_keeps_it_off():
    code = "import sys, fastbg._c; print(sys._is_gil_enabled())"
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
