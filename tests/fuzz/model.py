"""Models that were saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fastbg import BackgroundModel
from fastbg.image.stretch import Stretch
from fastbg.spline.spline import Spline

from .ds9 import content as content

SUFFIX = ".json"

TOKENS = (
    b"NaN",
    b"Infinity",
    b"1e308",
    b"-1e308",
    b"1e-320",
    b"1e999",
    b"null",
    b"true",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b'"centres":',
    b'"weights":',
    b'"scale":',
    b'"midtones":',
    b'"shape":',
    b'"order":',
    b'"version":',
    b"0.0",
    b"-1",
    b"99999999999999999999",
    b"[" * 999,
)


def seeds() -> Iterator[bytes]:
    for channels in (1, 3):
        ones = np.ones(channels)
        spline = Spline(
            np.array([[0.2, 0.3], [0.7, 0.6]]),
            np.ones((2, channels)) / 4,
            np.ones((3, channels)) / 8,
            2,
        )
        model = BackgroundModel(spline, Stretch(0.01 * ones, 0.1 * ones, 0.25 * ones), (8, 9))
        yield json.dumps(model.to_dict()).encode()


def read(path: Path) -> None:
    model = BackgroundModel.load(path)
    for backend in ("c", "numpy"):
        assert np.isfinite(model.render((4, 5), backend=backend, threads=1)).all()
    assert np.isfinite(model.evaluate([[0.5, 0.5], [0.0, 1.0]])).all()
