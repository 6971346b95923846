from __future__ import annotations

import golden
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from tolerances import FLOAT64, SOLVED_SYSTEM, relative_max

from fastbg.backends.numpy import adjoint, spline_values
from fastbg.spline.spline import Spline, interpolate, phi, phi_prime

ORDERS = [1, 2, 3, 4]

# scipy's kernels carry the sign that makes them conditionally positive definite, ours do not;
# r^4 log r (order 4) is not among them, r^5 is not among ours.
SCIPY_KERNEL = {1: ("linear", -1), 2: ("thin_plate_spline", 1), 3: ("cubic", 1)}


def residual_of_system(spline, values):
    """What the bordered system leaves: at the points, and of the moments of the weights."""
    fitted = spline_values(spline, spline.centres)
    affine = np.column_stack([spline.centres, np.ones(len(spline.centres))])
    at_points = fitted + 0.1 * spline.weights - values
    return at_points, affine.T @ spline.weights


@pytest.mark.parametrize("order", ORDERS)
def test_kernel_equals_scalar_formula(order):
    q = np.concatenate([[0.0, 1e-12, 1e-10, 1.0], np.logspace(-11, 1, 60)])
    assert phi(q, order) == pytest.approx([golden.phi(v, order) for v in q], rel=FLOAT64)
    assert phi_prime(q, order) == pytest.approx(
        [golden.phi_prime(v, order) for v in q], rel=FLOAT64
    )


@pytest.mark.parametrize(
    ("order", "kernel"),
    [
        (1, lambda r: r),
        (2, lambda r: r**2 * np.log(r)),
        (3, lambda r: r**3),
        (4, lambda r: r**4 * np.log(r)),
    ],
)
def test_kernel_is_polyharmonic_in_the_distance(order, kernel):
    r = np.logspace(-4, 0.5, 30)
    assert phi(r**2, order) == pytest.approx(kernel(r), rel=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_kernel_slope_equals_differences(order):
    q = np.logspace(-6, 0.5, 40)
    step = 1e-5 * q
    slope = (phi(q + step, order) - phi(q - step, order)) / (2 * step)
    assert phi_prime(q, order) == pytest.approx(slope, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("order", SCIPY_KERNEL)
@pytest.mark.parametrize("channels", [1, 3])
def test_interpolant_equals_scipy(rng, order, channels):
    centres, values = rng.random((20, 2)), rng.random((20, channels))
    points = rng.random((200, 2)) * 1.4 - 0.2
    kernel, sign = SCIPY_KERNEL[order]
    # scipy solves (sign Phi + s I) a + B v = f; ours is (Phi + 0.1 I) w + B v = f, so a = sign w
    # and s = sign 0.1. Our Phi has phi(0) > 0 on its diagonal: 1e-5 for order 1.
    smoothing = sign * (0.1 + golden.phi(0, order))
    scipy = RBFInterpolator(centres, values, kernel=kernel, degree=1, smoothing=smoothing)
    found = spline_values(interpolate(centres, values, order), points)
    assert relative_max(found, scipy(points)) < SOLVED_SYSTEM


@pytest.mark.parametrize("order", ORDERS)
def test_interpolant_solves_the_bordered_system(rng, order):
    centres, values = rng.random((25, 2)), rng.random((25, 3))
    spline = interpolate(centres, values, order)
    assert spline.order == order
    assert np.array_equal(spline.centres, centres)
    at_points, moments = residual_of_system(spline, values)
    assert np.abs(at_points).max() < SOLVED_SYSTEM
    assert np.abs(moments).max() < SOLVED_SYSTEM


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [3, 4, 30])
def test_affine_values_are_reproduced_everywhere(rng, order, n):
    polynomial = np.array([[0.3, -0.1], [0.2, 0.4], [0.5, 0.1]])

    def plane(points):
        return np.column_stack([points, np.ones(len(points))]) @ polynomial

    centres, points = rng.random((n, 2)), rng.random((50, 2)) * 3 - 1
    spline = interpolate(centres, plane(centres), order)
    assert np.abs(spline.weights).max() < SOLVED_SYSTEM
    assert relative_max(spline_values(spline, points), plane(points)) < SOLVED_SYSTEM


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "centres",
    [
        [[0.3, 0.7]],
        [[0.3, 0.7], [0.6, 0.1]],
        [[0.3, 0.7], [0.3, 0.7]],
        [[0.5, 0.1], [0.5, 0.4], [0.5, 0.9], [0.5, 0.95]],
        [[0.1, 0.1], [0.2, 0.2], [0.4, 0.4], [0.8, 0.8]],
        [[0.2, 0.2], [0.2, 0.2], [0.8, 0.3], [0.4, 0.9], [0.4, 0.9]],
        [[0.5, 0.5]] * 6,
    ],
    ids=["one", "two", "same-two", "row", "diagonal", "pairs", "same-six"],
)
def test_degenerate_points_give_a_tame_spline(order, centres):
    centres = np.array(centres)
    values = np.column_stack([0.2 + 0.1 * centres[:, 0], 0.3 - 0.2 * centres[:, 1]])
    spline = interpolate(centres, values, order)
    # These values are affine where they are given, so the spline must take them there, and it
    # must not swing up elsewhere.
    assert spline_values(spline, centres) == pytest.approx(values, abs=1e-6)
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert np.abs(spline_values(spline, corners)).max() < 1


def test_parameters_are_laid_out_row_by_row_and_come_back():
    spline = Spline(
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]]),
        np.arange(11.0, 20.0).reshape(3, 3),
        3,
    )
    parameters = spline.flatten()
    assert parameters.tolist() == list(range(1, 20))
    again = Spline.unflatten(parameters, 3, 3)
    for name, part in golden.parts(spline).items():
        assert np.array_equal(golden.parts(again)[name], part)
    assert again.order == 3


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_adjoint_is_the_transpose(rng, order, channels):
    """<A theta, g> = <theta, A' g> for the linear map from weights and polynomial to values."""
    n, pixels = 8, 60
    points, g = rng.random((pixels, 2)), rng.normal(size=(pixels, channels))
    spline = Spline(
        rng.random((n, 2)), rng.normal(size=(n, channels)), rng.normal(size=(3, channels)), order
    )
    back = adjoint(spline, points, g)
    forward = (spline_values(spline, points) * g).sum()
    backward = (spline.weights * back.weights).sum() + (spline.polynomial * back.polynomial).sum()
    assert backward == pytest.approx(forward, rel=FLOAT64)


@pytest.mark.parametrize("order", ORDERS)
def test_values_equal_scalar_loops(rng, order):
    _, spline = golden.make_case(rng, order=order)
    points = rng.random((40, 2)) * 2 - 0.5
    expected = [golden.spline_at(spline, *point) for point in points]
    assert relative_max(spline_values(spline, points), expected) < FLOAT64
