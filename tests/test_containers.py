"""Masked arrays and the containers of astropy: masks count, and results are of the same kind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy import units
from astropy.nddata import CCDData, NDData, NDDataRef, StdDevUncertainty
from astropy.utils.masked import Masked
from astropy.wcs import WCS

from fastbg import remove_background
from fastbg.errors import InputError
from fastbg.simulate import simulate_sky

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
SHAPE = (64, 80)


@pytest.fixture
def image():
    return simulate_sky(SHAPE, np.random.default_rng(1), border=0).image[..., 0]


@pytest.fixture
def mask():
    mask = np.zeros(SHAPE, bool)
    mask[10:30, 20:50] = True
    return mask


@pytest.fixture
def spoilt(image, mask):
    """What the mask hides is far from the sky."""
    return np.where(mask, np.float32(0.9), image)


@pytest.fixture
def expected(image, mask):
    return remove_background(np.where(mask, np.nan, image), **OPTIONS)


def wcs():
    found = WCS(naxis=2)
    found.wcs.ctype = "RA---TAN", "DEC--TAN"
    found.wcs.crval = 10, 41
    return found


def check(found, expected, spoilt, mask, values=np.asarray):
    np.testing.assert_array_equal(found.losses, expected.losses)
    corrected, background = values(found.corrected), values(found.background)
    np.testing.assert_array_equal(corrected[~mask], expected.corrected[~mask])
    np.testing.assert_array_equal(corrected[mask], spoilt[mask], "missing samples stay")
    np.testing.assert_array_equal(background, expected.background)
    assert found.report["counts"]["missing"] == mask.sum()


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_masked_array_gives_masked_arrays(spoilt, mask, expected, ndim):
    given = np.ma.MaskedArray(spoilt, mask, fill_value=-5)
    given = given if ndim == 2 else given[..., np.newaxis]
    before = given.copy()
    found = remove_background(given, **OPTIONS)
    for result in (found.corrected, found.background):
        assert type(result) is np.ma.MaskedArray
        assert result.shape == given.shape
        assert result.dtype == np.float32
        assert result.fill_value == -5
        np.testing.assert_array_equal(result.mask, given.mask)
        assert not np.shares_memory(result.mask, given.mask)
    check(found, expected, spoilt, mask, lambda masked: masked.data.reshape(SHAPE))
    np.testing.assert_array_equal(given.data, before.data)
    np.testing.assert_array_equal(given.mask, before.mask)


def test_a_mask_may_differ_between_channels(image):
    rgb = np.stack([image, image * 2, image * 3], axis=2)
    mask = np.zeros(rgb.shape, bool)
    mask[:30, :40, 1] = True
    found = remove_background(np.ma.MaskedArray(rgb, mask), **OPTIONS)
    expected = remove_background(np.where(mask, np.nan, rgb), **OPTIONS)
    np.testing.assert_array_equal(found.losses, expected.losses)
    np.testing.assert_array_equal(found.corrected.mask, mask)


@pytest.mark.parametrize("dtype", ["u2", ">u2", "f8", ">f4"])
def test_masked_arrays_of_other_types_are_scaled_as_plain_ones(image, mask, dtype):
    samples = (image * 60000).astype(dtype)
    found = remove_background(np.ma.MaskedArray(samples, mask), **OPTIONS)
    expected = remove_background(np.where(mask, 0, samples).astype(dtype), **OPTIONS)
    np.testing.assert_array_equal(found.losses, expected.losses)
    np.testing.assert_array_equal(found.corrected.data[~mask], expected.corrected[~mask])


def test_a_masked_array_that_masks_nothing(image):
    found = remove_background(np.ma.MaskedArray(image), **OPTIONS)
    expected = remove_background(image, **OPTIONS)
    assert isinstance(found.corrected, np.ma.MaskedArray)
    np.testing.assert_array_equal(found.corrected.data, expected.corrected)


def test_a_mask_over_everything_is_refused(image):
    with pytest.raises(InputError, match="every sample is missing"):
        remove_background(np.ma.MaskedArray(image, True), **OPTIONS)


def test_ccddata_gives_ccddata_with_all_that_it_had(spoilt, mask, expected):
    error = np.full(SHAPE, 0.01, np.float32)
    given = CCDData(
        spoilt,
        unit="electron",
        mask=mask,
        uncertainty=StdDevUncertainty(error),
        wcs=wcs(),
        meta={"OBJECT": "M 31"},
    )
    found = remove_background(given, **OPTIONS)
    check(found, expected, spoilt, mask, lambda ccd: ccd.data)
    for result in (found.corrected, found.background):
        assert type(result) is CCDData
        assert result.unit == units.electron
        assert result.meta["OBJECT"] == "M 31"
        assert result.wcs.wcs.crval.tolist() == [10, 41]
        np.testing.assert_array_equal(result.mask, mask)
        assert not np.shares_memory(result.mask, given.mask)
    assert type(found.corrected.uncertainty) is StdDevUncertainty
    np.testing.assert_array_equal(found.corrected.uncertainty.array, error)
    assert found.corrected.uncertainty.parent_nddata is found.corrected
    assert found.background.uncertainty is None
    assert given.uncertainty.parent_nddata is given


@pytest.mark.parametrize("kind", [NDData, NDDataRef])
def test_nddata_without_a_unit(spoilt, mask, expected, kind):
    found = remove_background(kind(spoilt, mask=mask), **OPTIONS)
    check(found, expected, spoilt, mask, lambda data: data.data)
    assert type(found.corrected) is kind
    assert found.corrected.unit is None


def test_a_mask_of_pixels_holds_for_all_channels_of_nddata(spoilt, mask):
    rgb = np.stack([spoilt, spoilt * 2, spoilt * 3], axis=2)
    found = remove_background(NDData(rgb, mask=mask), **OPTIONS)
    expected = remove_background(np.where(mask[..., None], np.nan, rgb), **OPTIONS)
    np.testing.assert_array_equal(found.losses, expected.losses)


def test_a_mask_that_does_not_fit_is_refused(spoilt):
    with pytest.raises(InputError, match=r"shape \(64, 80\) and its mask \(3, 4\)") as e:
        remove_background(NDData(spoilt, mask=np.zeros((3, 4), bool)), **OPTIONS)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("dtype", ["u2", "u4", "f4"])
def test_with_a_unit_integers_keep_their_scale_as_the_unit_says(image, dtype):
    counts = (image * 60000).astype(dtype)
    expected = remove_background(counts.astype("f4"), **OPTIONS)
    for given in (CCDData(counts, unit="adu"), units.Quantity(counts, "adu", dtype=dtype)):
        found = remove_background(given, **OPTIONS).corrected
        numbers = found.data if isinstance(found, CCDData) else found.value
        np.testing.assert_array_equal(numbers, expected.corrected)


def test_a_quantity_gives_quantities(image):
    found = remove_background(image * units.Jy, **OPTIONS)
    expected = remove_background(image, **OPTIONS)
    for name in ("corrected", "background"):
        result = getattr(found, name)
        assert type(result) is units.Quantity
        assert result.unit == units.Jy
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result.value, getattr(expected, name))


@pytest.mark.parametrize("unit", [None, units.Jy])
def test_masked_of_astropy_gives_masked(spoilt, mask, expected, unit):
    given = Masked(spoilt if unit is None else spoilt * unit, mask=mask)
    found = remove_background(given, **OPTIONS)
    check(found, expected, spoilt, mask, lambda masked: np.asarray(masked.unmasked))
    assert type(found.corrected) is type(given)
    np.testing.assert_array_equal(found.corrected.mask, mask)


def test_what_the_mask_of_a_weight_hides_is_ignored(image, mask):
    expected = remove_background(image, weight=(~mask).astype("f4"), **OPTIONS)
    ones = np.ones(SHAPE, np.float32)
    for weight in (
        np.ma.MaskedArray(ones, mask),
        np.ma.MaskedArray(ones > 0, mask),
        NDData(ones, mask=mask),
        Masked(ones, mask=mask),
        ~mask * units.dimensionless_unscaled,
    ):
        found = remove_background(image, weight=weight, **OPTIONS)
        np.testing.assert_array_equal(found.losses, expected.losses)


def test_plain_and_masked_arrays_do_not_import_astropy():
    program = (
        "import sys, numpy as np, fastbg\n"
        "image = np.random.default_rng(1).random((64, 64), np.float32)\n"
        "for given in image, np.ma.MaskedArray(image, image < 0.1):\n"
        f"    fastbg.remove_background(given, **{OPTIONS!r})\n"
        "assert 'astropy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True)
