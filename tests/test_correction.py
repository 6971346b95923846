from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from images import filling, image_of, recorded
from tolerances import FLOAT32_SAMPLES

from fastbg.image import bands as bands_module
from fastbg.image.image import CLIPPED, ZERO, is_valid
from fastbg.image.kernels import NUMPY
from fastbg.image.order_statistics import quantiles
from fastbg.model.correction import Correction, with_pedestal

MODES = ["subtract", "divide"]


@pytest.fixture
def case(rng, kernels):
    """Planes with missing samples of every kind, their model, what is valid, and the kernels."""
    model = (0.1 + 0.05 * rng.random((3, 12, 15))).astype(np.float32)
    planes = model + rng.normal(0.02, 0.05, model.shape).astype(np.float32)
    planes[0, :2], planes[1, 3], planes[2, 5, 5], planes[2, 6, 6] = 0, np.nan, np.inf, -np.inf
    planes[0, 0, 3] = -5e-9  # nearly missing, but not
    # Zeros of either sign, and NaN with other bits than usual.
    planes[0, 0, 4], planes.view(np.uint32)[1, 3, :2] = -0.0, (0xFFC00123, 0x7FC0BEEF)
    return planes, model, is_valid(planes), kernels


def medians_of(planes, valid):
    return np.nanmedian(np.where(valid, planes, np.nan).astype(np.float64), axis=(1, 2))


def planned(planes, model, valid, kernels, mode, pedestal, threads=1):
    """The correction with the medians that a job would give it."""
    medians = medians_of(planes, valid), medians_of(model, valid)
    plain = Correction(image_of(planes), image_of(model), mode, np.zeros(3), kernels=kernels)
    return with_pedestal(plain, pedestal, *medians, threads)


def correct(planes, model, valid, kernels, mode, pedestal):
    """The corrected planes, and the levels."""
    correction = planned(planes, model, valid, kernels, mode, pedestal)
    return correction.corrected().planes(), correction.levels


def levels_by_policy(model, valid, pedestal, mode):
    medians = medians_of(model, valid)
    nothing = 0 if mode == "subtract" else 1
    return {
        "model-median": medians,
        "neutral": np.full(3, medians.mean()),
        "none": np.full(3, nothing),
    }.get(pedestal, np.full(3, pedestal))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pedestal", ["model-median", "neutral", "none", 0.125, 0, -0.5])
def test_policies(case, mode, pedestal):
    planes, model, valid, kernels = case
    corrected, levels = correct(planes, model, valid, kernels, mode, pedestal)
    expected_levels = levels_by_policy(model, valid, pedestal, mode)
    assert levels.dtype == np.float64
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
        ("subtract", "bgoptimizer"),
        ("divide", "neutral"),
        ("divide", 3.0),
    ],
)
@pytest.mark.parametrize("brightness", [0.2, 20.0])
def test_missing_samples_keep_every_bit_and_inputs_stay(case, mode, pedestal, brightness):
    planes, model, valid, kernels = case
    planes[0, 6, 6] = brightness
    before, model_before = planes.copy(), model.copy()
    corrected, _ = correct(planes, model, valid, kernels, mode, pedestal)
    assert corrected[~valid].tobytes() == before[~valid].tobytes()
    assert planes.tobytes() == before.tobytes()
    assert model.tobytes() == model_before.tobytes()
    assert np.isfinite(corrected[valid]).all()


@pytest.mark.parametrize("pedestal", ["none", 5.0, "model-median"])
def test_nothing_is_clipped(case, pedestal):
    planes, model, valid, kernels = case
    corrected, levels = correct(planes, model, valid, kernels, "subtract", pedestal)
    sky = (planes - model)[valid]
    rounding = 2 * np.spacing(np.float32(levels.max()))
    spread = sky.max() - sky.min() - np.ptp(levels)
    assert corrected[valid].max() - corrected[valid].min() >= spread - rounding
    if pedestal == "none":
        assert corrected[valid].min() < 0
    if pedestal == 5.0:
        assert corrected[valid].max() > 5


def test_the_median_of_the_sky_stays_where_it_was(kernels):
    model = np.linspace(0.1, 0.3, 400, dtype=np.float32).reshape(1, 20, 20)
    valid = np.ones(model.shape, bool)
    corrected, _ = correct(model.copy(), model, valid, kernels, "subtract", "model-median")
    assert corrected == pytest.approx(0.2, abs=FLOAT32_SAMPLES)


def as_bgoptimizer_does(planes, model, valid):
    """Minimum to zero, plus the median of the input, over the maximum where that exceeds 1."""
    result = []
    for plane, background, used in zip(planes, model, valid, strict=True):
        difference = (plane - background).astype(np.float64)
        result.append(difference - difference[used].min() + np.median(plane[used]))
    corrected = np.array(result)
    return corrected / max(corrected[valid].max(), 1)


@pytest.mark.parametrize("brightness", [1.0, 20.0])
def test_bgoptimizer(case, brightness):
    planes, model, valid, kernels = case
    planes[0, 6, 6] = brightness
    correction = planned(planes, model, valid, kernels, "subtract", "bgoptimizer")
    corrected = correction.corrected().planes()
    expected = as_bgoptimizer_does(planes, model, valid)
    assert corrected[valid] == pytest.approx(expected[valid], rel=4 * FLOAT32_SAMPLES)
    assert corrected[valid].max() <= 1
    # The smallest difference of each channel becomes the median of the input.
    medians = medians_of(planes, valid)
    for plane, used, median in zip(corrected, valid, medians, strict=True):
        assert plane[used].min() * correction.divisor == pytest.approx(median, abs=1e-6)
    # Divided is what exceeds 1, and nothing else: then the brightest becomes 1.
    if correction.divisor == 1:
        assert brightness == 1
    else:
        assert corrected[valid].max() == pytest.approx(1, abs=2**-23)


def test_bgoptimizer_does_not_divide_what_stays_below_1(case):
    planes, model, valid, kernels = case
    correction = planned(planes, model, valid, kernels, "subtract", "bgoptimizer")
    assert correction.divisor == 1
    assert correction.corrected().planes()[valid].max() < 1


def test_differences_of_zero_count_for_bgoptimizer(case):
    _, model, _, kernels = case
    # Nothing of the image is missing, but much of what is left of it is exactly zero.
    planes = model.copy()
    planes[:, 5:] += np.float32(0.01)
    valid = np.ones(model.shape, bool)
    correction = planned(planes, model, valid, kernels, "subtract", "bgoptimizer")
    medians = np.median(planes.astype(np.float64), axis=(1, 2))
    assert np.array_equal(correction.levels, medians)


def test_bgoptimizer_is_the_same_for_any_bands_and_threads(case, monkeypatch):
    planes, model, valid, kernels = case
    planes[0, 6, 6] = 20
    whole = planned(planes, model, valid, kernels, "subtract", "bgoptimizer")
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 30)
    # Large images are sampled first.
    for sampled in (1 << 21, 100):
        monkeypatch.setattr(bands_module, "SAMPLED_PIXELS", sampled)
        for threads in (1, 2, 5):
            other = planned(planes, model, valid, kernels, "subtract", "bgoptimizer", threads)
            assert np.array_equal(other.levels, whole.levels)
            assert other.divisor == whole.divisor


def test_dividing_by_nothing_gives_no_infinity(case):
    planes, model, valid, kernels = case
    model[1, 8, 8] = 0
    corrected, _ = correct(planes, model, valid, kernels, "divide", "model-median")
    assert np.isfinite(corrected[valid]).all()
    assert corrected[1, 8, 8] == planes[1, 8, 8], "there is nothing to divide by"


@pytest.mark.parametrize("divisor", [1.0, 2.5])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wrap", [lambda image: image, filling], ids=["lends", "fills"])
def test_read_gives_image_background_and_corrected(case, mode, divisor, wrap):
    planes, model, valid, kernels = case
    levels = np.array([0.1, 0.2, 0.3])
    images = wrap(image_of(planes)), wrap(image_of(model))
    correction = Correction(*images, mode, levels, divisor, kernels)
    whole = correction.corrected()
    assert whole.shape == (12, 15)
    assert whole.channels == 3
    taken_out = planes - model if mode == "subtract" else planes / model
    level = levels[:, None, None].astype(np.float32)
    expected = (taken_out + level if mode == "subtract" else taken_out * level) / divisor
    assert whole.planes()[valid] == pytest.approx(expected[valid], rel=FLOAT32_SAMPLES, abs=1e-7)
    for rows in (slice(0, 12), slice(0, 1), slice(3, 8), slice(11, 12)):
        for spare in (0, 4):
            buffers = np.full((3, 3, rows.stop - rows.start + spare, 15), np.nan, np.float32)
            samples, background, corrected = correction.read(rows, buffers)
            assert samples.tobytes() == planes[:, rows].tobytes()
            assert background.tobytes() == model[:, rows].tobytes()
            assert corrected.dtype == np.float32
            assert corrected.tobytes() == whole.planes()[:, rows].tobytes()
            assert corrected.tobytes() == whole.rows(rows).tobytes()


def test_image_and_background_are_read_once_for_each_band(case):
    planes, model, _, kernels = case
    image, image_reads = recorded(image_of(planes))
    background, background_reads = recorded(image_of(model))
    correction = Correction(image, background, "subtract", np.zeros(3), kernels=kernels)
    correction.corrected().rows(slice(2, 5))
    assert image_reads == background_reads == [slice(2, 5)]


@pytest.mark.parametrize("pedestal", ["model-median", "neutral", "none", 0.25])
def test_only_bgoptimizer_has_to_look_at_the_image(case, pedestal):
    planes, model, valid, kernels = case
    image, reads = recorded(image_of(planes))
    medians = medians_of(planes, valid), medians_of(model, valid)
    plain = Correction(image, image, "subtract", np.zeros(3), kernels=kernels)
    with_pedestal(plain, pedestal, *medians)
    assert reads == []


@pytest.mark.parametrize("mode", MODES)
def test_statistics_of_the_corrected_image_are_those_of_its_planes(case, mode, monkeypatch):
    planes, model, valid, kernels = case
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 30)
    correction = planned(planes, model, valid, kernels, mode, "neutral")
    found = quantiles(
        correction.corrected(), [0, 0.5, 1], 2, samples=correction.image, kernels=kernels
    ).values()
    corrected = correction.corrected().planes()
    for plane, used, statistics in zip(corrected, valid, found, strict=True):
        own = plane[used].astype(np.float64)
        assert statistics.tolist() == pytest.approx([own.min(), np.median(own), own.max()])


def test_c_subtracts_as_numpy_does_bit_for_bit(case):
    planes, model, valid, kernels = case
    corrected, _ = correct(planes, model, valid, kernels, "subtract", "model-median")
    by_numpy, _ = correct(planes, model, valid, NUMPY, "subtract", "model-median")
    assert corrected.tobytes() == by_numpy.tobytes()


STRENGTHS = [
    ("subtract", "model-median"),
    ("subtract", "none"),
    ("subtract", "bgoptimizer"),
    ("divide", "neutral"),
    ("divide", 3.0),
]


@pytest.mark.parametrize(("mode", "pedestal"), STRENGTHS)
def test_strength_takes_out_its_part_of_what_the_whole_correction_does(case, mode, pedestal):
    planes, model, valid, kernels = case
    planes[0, 6, 6] = 20  # so that bgoptimizer divides
    whole = planned(planes, model, valid, kernels, mode, pedestal)
    full = whole.corrected().planes()

    def with_strength(strength):
        plain = replace(whole, strength=strength, levels=np.zeros(3), divisor=1.0)
        medians = medians_of(planes, valid), medians_of(model, valid)
        return with_pedestal(plain, pedestal, *medians).corrected().planes()

    assert with_strength(1.0).tobytes() == full.tobytes()
    assert with_strength(0.0).tobytes() == planes.tobytes()
    half = with_strength(0.3)
    expected = 0.7 * planes.astype(np.float64) + 0.3 * full.astype(np.float64)
    assert half[valid] == pytest.approx(expected[valid], rel=4 * FLOAT32_SAMPLES, abs=1e-7)
    assert half[~valid].tobytes() == planes[~valid].tobytes()
    # More strength never brings a sample back.
    change = [np.abs(with_strength(s)[valid] - planes[valid]) for s in (0.2, 0.5, 0.8)]
    rounding = 4 * FLOAT32_SAMPLES * np.abs(planes[valid]) + 1e-7
    assert (change[0] <= change[1] + rounding).all()
    assert (change[1] <= change[2] + rounding).all()


def test_strength_counts_zeros_of_the_sky_as_zeros(case):
    planes, model, _, kernels = case
    planes[0, 4, 4], planes[0, 4, 5] = CLIPPED, ZERO
    for mode, at_zero in (("subtract", 0.5 * (0.25 - model[0, 4, 4:6])), ("divide", [0, 0])):
        correction = Correction(
            image_of(planes), image_of(model), mode, np.full(3, 0.25), kernels=kernels, strength=0.5
        )
        corrected = correction.corrected().planes()[0, 4, 4:6]
        assert corrected == pytest.approx(np.asarray(at_zero), abs=1e-7)
        nothing = replace(correction, strength=0.0).corrected().planes()
        assert nothing[0, 4, 4:6].tolist() == [0, 0]
