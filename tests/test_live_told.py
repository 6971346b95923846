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
        shown = page.get("uncertainty").linear()
    cells = server.outcome().fitted.diagnostics.uncertainty
    rows, columns, _ = cells.shape
    for row, column in ((0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)):
        y = int((row + 0.5) * shown.shape[1] / rows)
        x = int((column + 0.5) * shown.shape[2] / columns)
        near = np.ptp(cells[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2], (0, 1))
        assert (np.abs(shown[:, y, x] - cells[row, column]) <= near + 1e-9).all()
    assert shown.max() <= cells.max() * 1.01
    assert shown.min() >= 0


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
