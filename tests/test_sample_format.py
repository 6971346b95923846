"""Outputs in the sample format of the input: what is not changed keeps its bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import diagonal
from test_io_xisf import save
from xisf_structure import difference

from fastbg import process_file
from fastbg.image.image import Image
from fastbg.io import xisf
from fastbg.io.sample_format import SampleFormat
from fastbg.pipeline import Job

FORMATS = {
    "UInt8": np.uint8,
    "UInt16": np.uint16,
    "UInt32": np.uint32,
    "Float32": np.float32,
    "Float64": np.float64,
}


KINDS = [
    *((name, None) for name in FORMATS),
    *((name, bounds) for name in ("Float32", "Float64") for bounds in ((0, 65535), (-1, 1))),
]


def stored_samples(dtype, bounds, shape, seed=0):
    """Samples over the whole range of a format, some of them missing."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        samples = rng.integers(1, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    else:
        low, high = bounds or (0, 1)
        samples = (low + (high - low) * rng.random(shape)).astype(dtype)
        samples.ravel()[:3] = np.nan, np.inf, -np.inf
    samples.ravel()[3:9] = 0
    return samples


def save_sky(path, name, bounds, storage="Planar", order="little"):
    dtype = np.dtype(FORMATS[name])
    planes = stored_samples(dtype, bounds, (3, 40, 50))
    stored = planes if storage == "Planar" else planes.transpose(1, 2, 0)
    raw = stored.astype(dtype.newbyteorder(order[0])).tobytes()
    attributes = {"geometry": "50:40:3", "sampleFormat": name, "colorSpace": "RGB"}
    attributes |= {"pixelStorage": storage, "byteOrder": order}
    attributes["bounds"] = f"{bounds[0]}:{bounds[1]}" if bounds else None
    return save(path, attributes, raw), planes


def without_a_model(monkeypatch):
    """Jobs whose model is the level that is put back."""

    def read(rows, out):
        out = out[:, : rows.stop - rows.start]
        out[:] = 0.3
        return out

    def plan(job, frame, *arguments):
        planned = real_plan(job, frame, *arguments)
        level = Image(frame.image.channels, frame.image.shape, read)
        levels = np.full(3, np.float32(0.3))
        flat = replace(planned.correction, background=level, levels=levels)
        return replace(planned, correction=flat, stored=flat)

    real_plan = Job.plan
    monkeypatch.setattr(Job, "plan", plan)


@pytest.mark.parametrize(
    ("mode", "compress", "storage", "order"),
    diagonal(["subtract", "divide"], [False, True], ["Planar", "Normal"], ["little", "big"]),
)
@pytest.mark.parametrize(("name", "bounds"), KINDS)
def test_without_a_model_every_bit_stays(
    tmp_path, monkeypatch, name, bounds, storage, order, compress, mode
):
    path, planes = save_sky(tmp_path / "sky.xisf", name, bounds, storage, order)
    without_a_model(monkeypatch)
    options = {"control_points": 4, "epochs": 2, "mode": mode, "compress": compress}
    process_file(path, output_dir=tmp_path, sample_format="same", **options)
    target = tmp_path / "sky_bgSubtracted.xisf"
    with xisf.open_image(target) as image:
        assert image.dtype == planes.dtype
        assert image.bounds == (bounds if name.startswith("Float") else None)
        np.testing.assert_array_equal(image.read_rows(slice(None)), planes)
    lost, added = difference(path, target)
    assert lost == []
    assert {dict(item[1]).get("name", "HISTORY") for item in added} == {"HISTORY"}


@pytest.mark.parametrize(("name", "bounds"), KINDS)
def test_the_change_is_the_same_in_every_format(tmp_path, name, bounds):
    path, planes = save_sky(tmp_path / "sky.xisf", name, bounds)
    options = {"control_points": 4, "epochs": 2, "pedestal": 0.4}
    changes = []
    for sample_format in ("float32", "same"):
        output = tmp_path / f"{sample_format}.xisf"
        report = process_file(
            path,
            output=output,
            model_output=tmp_path / f"{sample_format}_model.xisf",
            sample_format=sample_format,
            **options,
        ).report
        with xisf.open_image(output) as image:
            changes.append(Image.of(image, image.bounds).planes().astype(np.float64))
    step = 0.5 / np.iinfo(FORMATS[name]).max if name.startswith("UInt") else 0
    expected = np.clip(changes[0], 0, 1) if step else changes[0]
    valid = np.isfinite(planes) & (planes != 0)
    assert changes[1][valid] == pytest.approx(expected[valid], abs=step + 2e-7)
    outside = report["counts"]["below_0"] + report["counts"]["above_1"]
    assert outside > 0
    told = [line for line in report["warnings"] if "corrected image" in line]
    assert all(("clipped: write float32" in line) == bool(step) for line in told)


def test_integers_are_rounded_and_clipped():
    stored = np.array([[[100, 200, 0, 65535]]], np.uint16)
    samples = (stored / 65535).astype(np.float32)
    corrected = samples + np.float32([0.6 / 65535, -1, 0.5, 0.5])
    found = SampleFormat(np.dtype(np.uint16), None).restore(stored, samples, corrected)
    assert found.tolist() == [[[101, 0, 0, 65535]]]


def test_the_model_stays_float32(tmp_path):
    path, _ = save_sky(tmp_path / "sky.xisf", "UInt16", None)
    options = {"control_points": 4, "epochs": 2, "sample_format": "same"}
    process_file(path, output_dir=tmp_path, **options)
    with xisf.open_image(tmp_path / "sky_bgModel.xisf") as model:
        assert (model.dtype, model.bounds) == (np.float32, (0, 1))
