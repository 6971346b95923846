"""The small copy that is taken in passing."""

import numpy as np
import pytest

from fastbg.image.thumbnail import Thumbnail


def thumbnail_of(planes: np.ndarray) -> np.ndarray:
    found = Thumbnail(len(planes), planes.shape[1:])
    for top in range(0, planes.shape[1], 64):
        found.add(slice(top, top + 64), planes[:, top : top + 64])
    return found.planes


@pytest.mark.parametrize("missing", [0, np.nan, np.inf])
def test_a_missing_sample_changes_its_own_pixel_alone(missing):
    planes = np.random.default_rng(1).uniform(1, 2, (3, 700, 1000)).astype(np.float32)
    whole = thumbnail_of(planes)
    # Every row, since only the middle ones of blocks are looked at.
    planes[1, :, 500] = missing
    found = thumbnail_of(planes)
    changed = (found != whole).any(axis=1)
    assert np.isfinite(found).all()
    assert [*changed.sum(axis=1)] == [0, 1, 0]
    assert np.allclose(found, whole, rtol=0.3)


def test_a_block_without_samples_is_missing():
    planes = np.ones((1, 480, 640), np.float32)
    planes[0, 100:140, 100:140] = 0
    found = thumbnail_of(planes)[0]
    assert np.isnan(found[52:68, 52:68]).all()
    assert (found[:48] == 1).all()
