from __future__ import annotations

import numpy as np
import pytest
from images import image_of, set_band_pixels
from tolerances import FLOAT32_SAMPLES

from fastbg.correction import plan_correction
from fastbg.image import is_valid


@pytest.fixture
def case(rng):
    """An image with missing samples of every kind, its model, and what is valid."""
    model = (0.1 + 0.05 * rng.random((3, 12, 15))).astype(np.float32)
    planes = model + rng.normal(0.02, 0.05, model.shape).astype(np.float32)
    planes[0, :2], planes[1, 3], planes[2, 5, 5], planes[2, 6, 6] = 0, np.nan, np.inf, -np.inf
    planes[0, 0, 3] = -5e-9
    return planes, model, is_valid(planes)


def medians_of(planes, valid):
    return np.nanmedian(np.where(valid, planes, np.nan).astype(np.float64), axis=(1, 2))


def correct(planes, model, mode, pedestal, threads=1):
    """The corrected planes, and the levels that were put back."""
    valid = is_valid(planes)
    correction = plan_correction(
        image_of(planes),
        image_of(model),
        medians_of(planes, valid),
        medians_of(model, valid),
        mode,
        pedestal,
        threads,
    )
    return correction.corrected().planes(), correction.levels


def levels_by_policy(model, valid, pedestal, mode):
    medians = medians_of(model, valid)
    nothing = 0 if mode == "subtract" else 1
    return {
        "model-median": medians,
        "neutral": np.full(3, medians.mean()),
        "none": np.full(3, nothing),
    }.get(pedestal, np.full(3, pedestal))


@pytest.mark.parametrize("mode", ["subtract", "divide"])
@pytest.mark.parametrize("pedestal", ["model-median", "neutral", "none", 0.125, 0, -0.5])
def test_policies(case, mode, pedestal):
    planes, model, valid = case
    corrected, levels = correct(planes, model, mode, pedestal)
    expected_levels = levels_by_policy(model, valid, pedestal, mode)
    assert levels == pytest.approx(expected_levels, rel=1e-12)

    level = expected_levels[:, None, None]
    exact = np.where(valid, planes, 0).astype(np.float64)
    expected = exact - model + level if mode == "subtract" else exact / model * level
    assert corrected.dtype == np.float32
    assert corrected[valid] == pytest.approx(expected[valid], rel=FLOAT32_SAMPLES, abs=1e-7)


@pytest.mark.parametrize(
    ("mode", "pedestal"),
    [
        ("subtract", "model-median"),
        ("subtract", "none"),
        ("subtract", "ancestor"),
        ("divide", "neutral"),
        ("divide", 3.0),
    ],
)
def test_missing_samples_keep_every_bit_and_inputs_stay(case, mode, pedestal):
    planes, model, valid = case
    before, model_before = planes.copy(), model.copy()
    corrected, _ = correct(planes, model, mode, pedestal)
    assert corrected[~valid].tobytes() == before[~valid].tobytes()
    assert planes.tobytes() == before.tobytes()
    assert model.tobytes() == model_before.tobytes()
    assert np.isfinite(corrected[valid]).all()


@pytest.mark.parametrize("pedestal", ["none", 5.0, "model-median"])
def test_nothing_is_clipped(case, pedestal):
    planes, model, valid = case
    corrected, levels = correct(planes, model, "subtract", pedestal)
    sky = (planes - model)[valid]
    assert corrected[valid].max() - corrected[valid].min() >= sky.max() - sky.min() - np.ptp(levels)
    if pedestal == "none":
        assert corrected[valid].min() < 0
    if pedestal == 5.0:
        assert corrected[valid].max() > 5


def test_the_median_of_the_sky_stays_where_it_was(rng):
    model = np.linspace(0.1, 0.3, 400, dtype=np.float32).reshape(1, 20, 20)
    corrected, _ = correct(model.copy(), model, "subtract", "model-median")
    assert corrected == pytest.approx(0.2, abs=FLOAT32_SAMPLES)


def ancestors_way(image, model, valid):
    """As the ancestor does it: minimum to zero, plus the median of the input, over the maximum."""
    planes = []
    for plane, background, used in zip(image, model, valid, strict=True):
        difference = (plane - background).astype(np.float64)
        planes.append(difference - difference[used].min() + np.median(plane[used]))
    corrected = np.array(planes)
    return corrected / max(corrected[valid].max(), 1)


@pytest.mark.parametrize("brightness", [1.0, 20.0])
def test_ancestor(case, brightness):
    planes, model, valid = case
    planes[0, 6, 6] = brightness
    corrected, _ = correct(planes, model, "subtract", "ancestor")
    expected = ancestors_way(planes, model, valid)
    assert corrected[valid] == pytest.approx(expected[valid], rel=4 * FLOAT32_SAMPLES)
    assert corrected[valid].max() <= 1


def test_dividing_by_nothing_gives_no_infinity(case):
    planes, model, valid = case
    model[1, 8, 8] = 0
    corrected, _ = correct(planes, model, "divide", "model-median")
    assert np.isfinite(corrected[valid]).all()


@pytest.mark.parametrize("pedestal", ["model-median", "ancestor"])
def test_bands_and_threads_do_not_show(case, monkeypatch, pedestal):
    planes, model, _ = case
    whole, levels = correct(planes, model, "subtract", pedestal)
    set_band_pixels(monkeypatch, 40)
    for threads in (1, 3):
        found, of_bands = correct(planes, model, "subtract", pedestal, threads)
        assert found.tobytes() == whole.tobytes()
        assert np.array_equal(of_bands, levels)


def test_some_rows_with_what_they_are_made_of(case):
    planes, model, _ = case
    valid, levels = is_valid(planes), np.zeros(3)
    correction = plan_correction(
        image_of(planes), image_of(model), levels, levels, "subtract", "none"
    )
    buffers, rows = np.zeros((3, 3, 9, 15), np.float32), slice(4, 9)
    samples, background, corrected = correction.read(rows, buffers)
    assert samples.tobytes() == planes[:, rows].tobytes()
    assert np.array_equal(background, model[:, rows])
    whole = correction.corrected().planes()[:, rows]
    assert np.array_equal(corrected, whole, equal_nan=True)
    assert corrected[valid[:, rows]].tobytes() == whole[valid[:, rows]].tobytes()
