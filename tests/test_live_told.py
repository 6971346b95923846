"""What pages are told of a fit."""

from __future__ import annotations

import numpy as np
import pytest
from live import opened, served, write_sky


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    with served(write_sky(folder / "sky.fits", (480, 640)), output_dir=folder) as server:
        yield server


def test_the_uncertainty_is_that_of_the_diagnostics(server):
    with opened(server) as page:
        page.fitted()
        shown = page.get("uncertainty")
    cells = server.outcome().fitted.diagnostics.uncertainty
    np.testing.assert_allclose(np.moveaxis(shown.linear(), 0, 2), cells, rtol=1e-3)
    assert shown.header["extent"] == [640, 480]


def test_the_small_picture_is_the_median_of_blocks(server):
    with opened(server) as page:
        page.fitted()
        small, side = page.get("small").linear(), page.get("hello")["grid"]["binning"]
        original = page.get("original").linear()
    blocks = original.reshape(3, 480 // side, side, 640 // side, side).transpose(0, 1, 3, 2, 4)
    medians = np.median(blocks.reshape(*small.shape, -1), axis=3)
    noise = np.median(np.abs(small - np.median(small)))
    assert np.percentile(np.abs(small - medians), 90) < 0.01 * noise


def test_objects_are_where_the_weight_is_low(server):
    with opened(server) as page:
        page.fitted()
        objects, weight = page.get("objects").planes[0], page.get("weight").planes[0]
    assert (weight[objects > 0] < 128).all()
    assert (objects[weight >= 128] == 0).all()
    assert objects.max() == len(np.unique(objects)) - 1
