"""The whole job on 12 Mpx x 3: for an array, and from file to files."""

from __future__ import annotations

import pytest

from fastbg import process_file, remove_background
from fastbg.io import xisf

OPTIONS = {"initializer": "grid", "control_points": 36, "downscaling_factor": 8}


@pytest.fixture
def options(smoke):
    return {**OPTIONS, "control_points": 4} if smoke else OPTIONS


@pytest.mark.benchmark(group="whole job")
def bench_array(measure, sky_array, options):
    def job():
        remove_background(sky_array, **options)

    measure(job, rounds=3, moved=3 * sky_array.nbytes)


@pytest.mark.benchmark(group="whole job")
def bench_file(measure, tmp_path, sky_array, options):
    path = tmp_path / "sky.xisf"
    xisf.write(path, sky_array)

    def job():
        process_file(path, output_dir=tmp_path, overwrite=True, **options)

    measure(job, rounds=3, moved=5 * sky_array.nbytes)
