"""Images, masks and settings at the ends of what numbers can be: finite results, or one line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbg
from fastbg import FastbgError, InputError
from fastbg.backends.registry import choose
from fastbg.fit import fit_spline
from fastbg.image.mtf import imtf, mtf
from fastbg.image.stretch import Stretch
from fastbg.spline.adam import descend
from fastbg.spline.loss import Problem
from fastbg.spline.spline import interpolate

FITS = {
    "found": {},
    "random": {"control_points": 36, "epochs": 20},
    "grid": {"control_points": 36, "epochs": 20, "initializer": "grid"},
}


def sky(height=32, width=40, channels=3):
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width]
    plane = 0.1 + 0.05 * x / width + 0.03 * y / height
    noise = rng.normal(0, 0.002, (height, width, channels))
    return (plane[..., np.newaxis] * np.linspace(1, 1.2, channels) + noise).astype(np.float32)


def sprinkled(value, image=None):
    image = sky() if image is None else image
    image[np.random.default_rng(8).random(image.shape[:2]) < 0.3] = value
    return image


def with_pixel(value):
    image = sky()
    image[5, 6] = value
    return image


USABLE = {
    "NaN": lambda: sprinkled(np.nan),
    "infinite": lambda: sprinkled(np.inf),
    "minus infinity": lambda: sprinkled(-np.inf),
    "negative": lambda: -sky(),
    "both signs": lambda: sky() - 0.12,
    "above 1": lambda: 10 * sky(),
    "counts of 16 bits": lambda: 65535 * sky(),
    "very large": lambda: np.float32(1e29) * sky(),
    "very small": lambda: np.float32(1e-6) * sky(),
    "one bright pixel": lambda: with_pixel(1e6),
    "one pixel of 1e29": lambda: with_pixel(1e29),
    "one row": lambda: sky(1, 400),
    "one column": lambda: sky(400, 1),
    "odd sizes": lambda: sky(31, 37),
    "a strip": lambda: sky(61, 7, 1),
    "a chessboard": lambda: 0.25 + np.float32(np.indices((32, 40)).sum(axis=0) % 3) / 4,
    "no noise": lambda: np.linspace(0.1, 0.9, 1280, dtype=np.float32).reshape(32, 40),
    "13 decades": lambda: np.exp(np.linspace(-20, 10, 1280, dtype=np.float32)).reshape(32, 40),
    "two neighbours in float32": lambda: np.float32(0.5) + np.float32(6e-8) * (sky() > 0.12),
}


def assert_finite(result, image):
    """A model everywhere, and whatever was finite has stayed so."""
    assert np.isfinite(result.background).all()
    assert np.array_equal(np.isfinite(result.corrected), np.isfinite(image))


OFTEN = ("NaN", "one pixel of 1e29", "one row", "a chessboard")
"""Of the searches for the sky, which take longest, those that run with all other tests."""


def jobs():
    for name in USABLE:
        for fit in FITS:
            for mode in ("subtract", "divide"):
                often = fit != "found" or (name in OFTEN and mode == "subtract")
                yield pytest.param(name, fit, mode, marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize(("name", "fit", "mode"), list(jobs()))
def test_results_are_finite_or_refused(name, fit, mode):
    image = USABLE[name]()
    options = {"downscaling_factor": 2, "mode": mode, "threads": 1, **FITS[fit]}
    if name == "two neighbours in float32":  # a stretch needs three values
        with pytest.raises(InputError, match=r"cannot be stretched|overexposed"):
            fastbg.remove_background(image, **options)
    else:
        assert_finite(fastbg.remove_background(image, **options), image)


UNUSABLE = {
    "no number": (lambda: np.full((16, 16), np.nan), "is empty: every sample is missing"),
    "infinite alone": (lambda: np.full((16, 16), np.inf), "is empty: every sample is missing"),
    "zero": (lambda: np.zeros((16, 16)), "is empty: every sample is missing"),
    "all equal": (lambda: np.full((16, 16), 0.5), "is constant"),
    "two values": (lambda: 0.25 + 0.25 * (sky(16, 16, 1) > 0.15), "must increase"),
    "flat but for a pixel": (lambda: np.where(np.eye(16, 20), 0.9, 0.5), "must increase"),
    "an empty channel": (lambda: sky() * [1, 0, 1], "channel 2 of 3 is empty"),
    "a constant channel": (lambda: np.where([0, 1, 0], 0.5, sky()), "channel 2 of 3 is constant"),
    "one pixel": (lambda: sky(1, 1), "leaves 1 x 1 pixels"),
    "beyond 1e30": (lambda: np.float32(1e38) * sky(), "rescale it to 0 .. 1"),
    "the largest float": (lambda: with_pixel(3.4e38), "set what is missing to zero"),
    "minus 1e29": (lambda: with_pixel(-1e29), "out of all proportion"),
    "complex": (lambda: sky() + 0j, "samples of type complex"),
    "no pixels": (lambda: sky(0, 4), "cannot be used"),
    "two channels": (lambda: sky(16, 16, 2), "2 channels cannot be used"),
    "objects": (lambda: sky().astype(object), "samples of type object"),
}


@pytest.mark.parametrize("fit", ["found", "grid"])
@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_images_are_refused_with_cause_and_cure(name, fit):
    make, cause = UNUSABLE[name]
    with pytest.raises(InputError, match=cause):
        fastbg.remove_background(make(), downscaling_factor=2, threads=1, **FITS[fit])


@pytest.mark.parametrize("fit", ["found", "random"])
def test_too_few_pixels_are_told_before_the_image_is_read(fit, monkeypatch):
    monkeypatch.setattr("fastbg.pipeline.quantiles", None)
    for factor in (1000, 65536):
        with pytest.raises(InputError, match=f"factor of {factor} leaves 1 x 1 pixels"):
            fastbg.remove_background(sky(), downscaling_factor=factor, **FITS[fit])


@pytest.mark.parametrize("fit", ["found", "random"])
@pytest.mark.parametrize("weight", [0.0, np.nan, -1.0, np.inf])
def test_masks_that_leave_nothing_or_are_none_are_refused(weight, fit):
    image = sky()
    for mask in (np.full((32, 40), weight), np.zeros((32, 40))):
        with pytest.raises(InputError, match="mask"):
            fastbg.remove_background(image, weight=mask, downscaling_factor=2, **FITS[fit])
    soft = np.linspace(0.5, 2, 32 * 40).reshape(32, 40)
    with pytest.raises(InputError, match=r"the mask has values from 0\.5 to 2: rescale it"):
        fastbg.remove_background(image, weight=soft, downscaling_factor=2, **FITS[fit])
    mask[5, 6] = 1
    options = FITS[fit] | {"downscaling_factor": 1}
    with pytest.raises(InputError, match=r"only 1 of|the down-scaled image has 1"):
        fastbg.remove_background(image, weight=mask, **options)


def test_more_control_points_than_pixels_are_refused():
    with pytest.raises(InputError, match="too few for 9999 control points"):
        fastbg.remove_background(sky(), control_points=9999, downscaling_factor=2)


@pytest.mark.parametrize("rate", [1e300, 1e30, 1e4])
def test_a_descent_that_diverges_is_told_and_its_best_step_kept(rate):
    options = {"control_points": 9, "epochs": 30, "downscaling_factor": 2, "optimizer": "adam"}
    start = fastbg.remove_background(sky(), **{**options, "epochs": 1})
    result = fastbg.remove_background(sky(), learning_rate=rate, **options)
    assert result.report["fit"]["ended"] == "diverged"
    assert any("diverged" in warning for warning in result.report["warnings"])
    assert result.report["fit"]["loss"] <= start.report["fit"]["loss"]
    assert_finite(result, sky())


@pytest.mark.parametrize("backend", ["c", "numpy"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "points",
    [np.full((5, 2), 0.5), np.full((1, 2), 0.5), np.stack([np.linspace(0, 1, 5)] * 2, axis=1)],
    ids=["in one place", "alone", "on a line"],
)
def test_control_points_that_leave_the_system_singular(points, order, backend):
    data = sky(16, 16, 1)
    y = x = (np.arange(16) + 0.5) / 16
    problem = Problem(data, np.ones_like(data), y, x, order, 5.0)
    values = np.linspace(0.1, 0.2, len(points))[:, np.newaxis]
    start = interpolate(points, values, order)
    found = descend(
        choose(backend).open_problem(problem, 1).loss_and_gradient,
        start.flatten(),
        iterations=20,
        learning_rate=1e-3,
    )
    assert np.isfinite(start.flatten()).all()
    assert np.isfinite(found.parameters).all()
    assert found.loss <= found.losses[0]


def test_many_starts_in_one_place_give_a_fit():
    data = sky(16, 16, 1)
    y = x = (np.arange(16) + 0.5) / 16
    options = fastbg.Settings(control_points=200, epochs=5, threads=1)
    fit = fit_spline(Problem(data, np.ones_like(data), y, x, 2, 5.0), options, choose("c"))
    assert np.isfinite(fit.spline.flatten()).all()


midtones = st.floats(-30, -1e-7).map(lambda exponent: 10.0**exponent)


@given(midtones, st.floats(0, 1), st.sampled_from([0.25, 0.5]))
def test_the_stretch_has_no_pole_within_its_range(m, value, target):
    for each in (m, 1 - m):
        if 0 < each < 1:
            assert 0 <= mtf(value, each, target) <= 1
            assert 0 <= imtf(value, each, target) <= 1
            assert mtf(1.0, each, target) == imtf(1.0, each, target) == 1


@given(midtones, st.sampled_from([np.float32, np.float64]))
def test_the_inverse_stretch_stays_between_its_ends(m, dtype):
    edges = [np.nextafter(0, 1), 1e-30, 1e-7, 0.25, 0.5, 1 - 1e-7, np.nextafter(1, 0)]
    values = np.array([[-np.inf, -1, 0, *edges, 1, 2, np.inf]], dtype)
    one = np.ones(1)
    linear, clamped = Stretch(0.25 * one, 0.5 * one, m * one).invert(values)
    assert (linear >= 0.25).all()
    assert (linear <= np.nextafter(dtype(0.75), dtype(1))).all()
    assert (np.diff(linear[0]) >= 0).all()
    assert clamped == 4


def test_points_that_are_none_are_refused():
    options = {"downscaling_factor": 2, "threads": 1, **FITS["grid"]}
    model = fastbg.remove_background(sky(), **options).model
    for points in ([[np.nan, 0.5]], [[np.inf, 0]], [[1e9, 0]], [0.5], [[1, 2, 3]], 0.5):
        with pytest.raises(InputError, match="cannot be evaluated"):
            model.evaluate(points)
    assert model.evaluate(np.empty((0, 2))).shape == (0, 3)


def test_a_frame_that_is_all_darker_than_its_model_has_no_extremes():
    samples = np.random.default_rng(34).random((2, 8, 2)).astype(np.float32)
    options = {"downscaling_factor": 1, "control_points": 1, "epochs": 1, "threshold_max": 0.5}
    found = fastbg.remove_background(samples[::-2, ::-2, ::-2], threads=1, **options)
    assert not found.diagnostics.whole_frame.seen.any()
    assert found.report["diagnostics"]["whole_frame"]["brightest"] is None


@settings(max_examples=100)
@given(st.data())
def test_any_array_is_worked_on_or_refused(data):
    kind = data.draw(
        st.sampled_from(["u1", "<u2", ">u2", "u4", "<f4", ">f4", ">f8", "f2", "i4", "?", "c8"])
    )
    shape = data.draw(st.lists(st.integers(0, 14), min_size=1, max_size=2))
    shape += data.draw(st.sampled_from([[], [1], [2], [3], [4], [3, 1]]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    with np.errstate(all="ignore"):
        image = (
            random.random([2 * size for size in shape])
            * data.draw(st.sampled_from([1, 200, 1e-9, 1e30]))
        ).astype(kind)
    steps = data.draw(st.sampled_from([1, 2, -1, -2]))
    image = image[tuple(slice(None, None, steps) for _ in shape)]
    if data.draw(st.booleans()):
        image = np.asfortranarray(image)
    if image.dtype.kind == "f" and image.size:
        odd = data.draw(st.sampled_from([np.nan, np.inf, 0, -0.0, -1, 1]))
        image[random.random(image.shape) < 0.2] = odd
    image.flags.writeable = False
    options = data.draw(
        st.fixed_dictionaries(
            {
                "downscaling_factor": st.integers(1, 3),
                "threads": st.just(1),
                # Searches for the sky take longer: they are tried above.
                "control_points": st.integers(1, 9),
            },
            optional={
                "epochs": st.integers(1, 3),
                "order": st.integers(1, 4),
                "mode": st.sampled_from(["subtract", "divide"]),
                "pedestal": st.sampled_from(["none", "neutral", 0.0, -1.0]),
                "protect": st.sampled_from(["off", "auto"]),
                "downscaling_func": st.sampled_from(["mean", "median"]),
                "feather": st.sampled_from([0.0, 3.0, 1e300]),
                "quantile": st.sampled_from([1e-300, 0.5, 1.0]),
                "threshold_max": st.sampled_from([0.5, 1e300]),
            },
        )
    )
    try:
        result = fastbg.remove_background(image, **options)
    except FastbgError:
        return
    assert result.corrected.shape == result.background.shape == image.shape
    assert_finite(result, image.astype(np.float32))
