"""Problems to judge evaluators by, and the formulas of the loss once more as plain scalar loops."""

from __future__ import annotations

import math

import numpy as np

from fastbg.backends.numpy import NumpyBackend, spline_values
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline

EPS = 1e-10


def render(spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out``, (K, rows, columns), with the golden reference on a grid."""
    NumpyBackend().plan(spline, y, x).rows(slice(0, y.size), out)


def phi(q: float, order: int) -> float:
    bounded = max(q, EPS)
    if order == 1:
        return math.sqrt(bounded)
    if order == 2:
        return 0.5 * q * math.log(bounded)
    if order == 3:
        return bounded**1.5
    return 0.5 * q * q * math.log(bounded)


def phi_prime(q: float, order: int) -> float:
    bounded = max(q, EPS)
    if order == 1:
        return 0.5 / math.sqrt(bounded)
    if order == 2:
        return 0.5 * (math.log(bounded) + 1)
    if order == 3:
        return 1.5 * math.sqrt(bounded)
    return q * math.log(bounded) + 0.5 * q


def spline_at(spline: Spline, y: float, x: float) -> list[float]:
    """S_k(y, x), centre by centre."""
    values = []
    for k in range(spline.weights.shape[1]):
        total = y * spline.polynomial[0, k] + x * spline.polynomial[1, k] + spline.polynomial[2, k]
        for (cy, cx), w in zip(spline.centres, spline.weights, strict=True):
            total += w[k] * phi((y - cy) ** 2 + (x - cx) ** 2, spline.order)
        values.append(float(total))
    return values


def loss_and_gradient(problem: Problem, spline: Spline) -> tuple[float, Spline]:
    """The loss and its gradient, pixel by pixel, channel by channel, centre by centre."""
    alpha, order, channels = problem.alpha, problem.order, problem.channels
    pixels = []
    for row, y in enumerate(problem.y):
        for column, x in enumerate(problem.x):
            m = problem.weight[row, column]
            if any(value != 0 for value in m):
                pixels.append((y, x, m, problem.data[row, column], spline_at(spline, y, x)))

    samples = len(pixels) * channels
    negative = sum(abs(s) - s for *_, model in pixels for s in model) / samples
    arguments, residuals = [], []
    for _, _, m, data, model in pixels:
        r = [m[k] * (data[k] - model[k]) for k in range(channels)]
        mean = sum(r) / channels
        error = sum(abs(v) for v in r) / channels
        color = sum((v - mean) ** 2 for v in r) / channels
        overshoot = sum(abs(v) - v for v in r) / channels
        residuals.append(r)
        arguments.append(0.001 + error + color + alpha * (overshoot + negative))
    loss = sum(math.log(a) for a in arguments) / len(pixels)

    mean_inverse = sum(1 / a for a in arguments) / len(pixels)
    gradient = Spline(
        np.zeros_like(spline.centres),
        np.zeros_like(spline.weights),
        np.zeros_like(spline.polynomial),
        order,
    )
    for (y, x, m, _, model), r, a in zip(pixels, residuals, arguments, strict=True):
        mean = sum(r) / channels
        for k in range(channels):
            sign = int(r[k] > 0) - int(r[k] < 0)
            g = m[k] / channels * (-sign - 2 * (r[k] - mean) + 2 * alpha * (r[k] < 0))
            g /= len(pixels) * a
            g += alpha * mean_inverse * (-2 / samples) * (model[k] < 0)
            for axis, value in enumerate((y, x, 1)):
                gradient.polynomial[axis, k] += g * value
            for i, (cy, cx) in enumerate(spline.centres):
                q = (y - cy) ** 2 + (x - cx) ** 2
                gradient.weights[i, k] += g * phi(q, order)
                slope = -2 * g * spline.weights[i, k] * phi_prime(q, order)
                gradient.centres[i, 0] += slope * (y - cy)
                gradient.centres[i, 1] += slope * (x - cx)
    return loss, gradient


def as_float32(values: np.ndarray) -> np.ndarray:
    """Numbers that float32 holds exactly, so that every evaluator sees the same problem."""
    return np.asarray(values, np.float32).astype(np.float64)


def make_case(
    rng: np.random.Generator,
    shape: tuple[int, int] = (9, 11),
    *,
    centres: int = 7,
    channels: int = 3,
    order: int = 2,
    background: str = "positive",
    alpha: float = 5.0,
) -> tuple[Problem, Spline]:
    """A problem and a spline at which the loss is smooth, with partial weights.

    The loss has kinks where a residual or the model is 0, on whose sides float32 and float64 may
    differ. Residuals therefore lie 0.02 to 0.3 from 0, on both sides, and pixels where the model
    is closer than 0.001 to 0 have no weight.

    Parameters
    ----------
    background : {"positive", "mixed", "negative"}
        Where the model lies: above 0, on both sides, or below.
    """
    y, x = (as_float32((np.arange(size) + 0.5) / size) for size in shape)
    points = rng.random((centres, 2)) * 1.2 - 0.1
    points[0] = y[len(y) // 2], x[len(x) // 2]
    if centres > 3:
        points[2] = points[3]
    spline = Spline(
        as_float32(points),
        as_float32(rng.normal(0, 0.4 / centres**0.5, (centres, channels))),
        as_float32(rng.normal(0, 0.1, (3, channels))),
        order,
    )
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    model = spline_values(spline, grid)
    level = {
        "positive": 0.3 - model.min(axis=0),
        "mixed": -np.median(model, axis=0),
        "negative": -0.1 - model.max(axis=0),
    }[background]
    spline.polynomial[2] = as_float32(spline.polynomial[2] + level)
    model = spline_values(spline, grid).reshape(*shape, channels)

    residual = rng.uniform(0.02, 0.3, model.shape) * rng.choice([-1, 1], model.shape)
    weight = as_float32(rng.uniform(0.1, 1, model.shape))
    weight[(np.abs(model) < 1e-3).any(axis=2)] = 0
    if not weight.any():
        raise ValueError("no pixel is left: choose another seed")
    return Problem(as_float32(model + residual), weight, y, x, order, alpha), spline


def parts(gradient: Spline) -> dict[str, np.ndarray]:
    """A gradient by the parameters that it belongs to."""
    return {
        "centres": gradient.centres,
        "weights": gradient.weights,
        "polynomial": gradient.polynomial,
    }
