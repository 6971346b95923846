from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits
from cases import diagonal
from xisf import XISF

import fastbg
from fastbg import (
    Cancelled,
    InputError,
    OutputError,
    Settings,
    SettingsError,
    levels,
    process_file,
    remove_background,
)
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.io import fits, formats, xisf
from fastbg.io.random_access import RandomAccessFile
from fastbg.model.render import Rendered
from fastbg.pipeline import Job
from fastbg.simulate import simulate_sky

QUICK = Settings(
    downscaling_factor=4, control_points=9, initializer="grid", epochs=60, threads=2, seed=1
)


def smooth_sky(rng, shape=(96, 128), channels=3):
    """Linear samples: a gradient of 40 % with noise and stars, and the sky alone."""
    y, x = np.meshgrid(*((np.arange(size) + 0.5) / size for size in shape), indexing="ij")
    sky = np.stack(
        [0.05 * (1 + 0.4 * x + (0.1 + 0.1 * k) * y**2) for k in range(channels)], axis=-1
    )
    image = sky + rng.normal(0, 0.0005, sky.shape)
    stars = rng.random(shape) < 0.01
    image[stars] += rng.exponential(0.2, (np.count_nonzero(stars), 1))
    return image.astype(np.float32), sky


def flatness(planes, sky):
    """Spread of what is left of a known sky, relative to its own spread."""
    left = planes - planes.mean(axis=(0, 1))
    return np.sqrt((left**2).mean() / ((sky - sky.mean(axis=(0, 1))) ** 2).mean())


def test_most_of_a_known_gradient_is_removed(rng):
    image, sky = smooth_sky(rng)
    result = remove_background(image, settings=replace(QUICK, epochs=500))
    assert flatness(sky - result.background, sky) < 0.15
    # What is not sky stays: stars keep their light to the accuracy of the sky.
    stars = image - sky > 0.05
    light = result.corrected - np.median(result.corrected, axis=(0, 1))
    assert light[stars] == pytest.approx((image - sky)[stars], abs=0.005)


def test_the_simulated_deep_sky():
    sky = simulate_sky((160, 240), np.random.default_rng(3), border=0.05)
    result = remove_background(sky.image, settings=replace(QUICK, epochs=400))
    assert flatness(sky.background - result.background, sky.background) < 0.5
    missing = sky.image == 0
    assert missing.any()
    assert not result.corrected[missing].any()
    assert result.report["counts"]["missing"] == np.count_nonzero(missing)


def test_corrected_is_image_minus_model_plus_pedestal(rng):
    image, _ = smooth_sky(rng)
    result = remove_background(image, settings=QUICK)
    assert np.array_equal(result.background, result.model.render(backend="auto"))
    levels = np.median(result.background, axis=(0, 1))
    expected = image - result.background.astype(np.float64) + levels
    assert result.corrected == pytest.approx(expected, abs=1e-7)
    assert result.report["pedestal"] == pytest.approx(levels, rel=1e-6)
    assert result.losses.min() == result.fit.descent.loss == result.report["fit"]["loss"]


@pytest.mark.parametrize("dtype", ["i2", ">i2", "i4", "i8"])
def test_arrays_of_signed_integers_keep_their_scale_as_floats_do(rng, dtype):
    counts = (smooth_sky(rng)[0] * 20000 - 300).clip(-32768, 32767).astype(dtype)
    found = remove_background(counts, settings=replace(QUICK, epochs=5))
    expected = remove_background(counts.astype("f4"), settings=replace(QUICK, epochs=5))
    assert np.array_equal(found.corrected, expected.corrected)
    assert np.array_equal(found.background, expected.background)


@pytest.mark.parametrize("settings", [replace(QUICK, epochs=5), Settings()])
def test_arrays_of_64_bit_integers_are_fitted_as_their_counts_are(rng, settings):
    counts = (smooth_sky(rng)[0] * 20000).clip(1, None).astype("u8")
    found = remove_background(counts, settings=settings)
    expected = remove_background(counts.astype("f4"), settings=settings)
    assert found.report["counts"]["missing"] == 0
    for name in ("corrected", "background"):
        np.testing.assert_allclose(
            getattr(found, name) * 2.0**64, getattr(expected, name), rtol=2e-3, atol=0.5
        )


@pytest.mark.parametrize("suffix", [".fits", ".xisf"])
def test_faint_sky_in_32_bit_integers_is_no_missing_data(rng, tmp_path, suffix):
    ramp = np.linspace(30, 50, 128)[np.newaxis]
    counts = rng.poisson(np.broadcast_to(ramp, (96, 128))).clip(1, None).astype("u4")
    path = tmp_path / f"a{suffix}"
    if suffix == ".fits":
        astropy_fits.PrimaryHDU(counts).writeto(path)
    else:
        XISF.write(str(path), counts[..., np.newaxis])
    report = process_file(path, output_dir=tmp_path, downscaling_factor=4).report
    assert report["counts"]["missing"] == 0
    out = formats.open_image(tmp_path / f"a_bgSubtracted{suffix}")
    with out:
        left = out.read_rows(slice(None))[0]
    steps = [left[:, part].mean() for part in (slice(0, 16), slice(-16, None))]
    whole = (ramp[0, -16:].mean() - ramp[0, :16].mean()) / (1 if suffix == ".fits" else 2**32 - 1)
    assert abs(steps[1] - steps[0]) < 0.1 * whole


def test_drizzled_rates_around_0_with_one_bright_star_are_no_missing_data(rng, tmp_path):
    rates = np.linspace(-0.002, 0.002, 128) + 0.0005 * rng.standard_normal((96, 128))
    rates[40, 50] = 300
    astropy_fits.PrimaryHDU(rates.astype("f4")).writeto(tmp_path / "a.fits")
    report = process_file(tmp_path / "a.fits", output_dir=tmp_path).report
    assert report["counts"]["missing"] == 0


@pytest.mark.parametrize("dtype", ["i2", "i4"])
def test_tiffs_of_signed_integers_are_counts(rng, tmp_path, dtype):
    counts = (smooth_sky(rng)[0] * 20000).clip(0, 32767).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", counts, photometric="rgb")
    settings = replace(QUICK, epochs=5)
    outputs = {"output": tmp_path / "out.xisf", "output_dir": tmp_path}
    process_file(tmp_path / "a.tif", **outputs, settings=settings)
    expected = remove_background(counts / np.float32(65535), settings=settings)
    found = XISF(str(tmp_path / "out.xisf")).read_image(0)
    np.testing.assert_allclose(found, expected.corrected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["f4", ">f8", "u2"])
def test_results_have_the_shape_of_the_input_and_leave_it_alone(rng, shape, dtype):
    image, _ = smooth_sky(rng, shape[:2], shape[2] if len(shape) == 3 else 1)
    scale = 65535 if dtype == "u2" else 1
    image = (image.clip(0, 1) * scale).astype(dtype).reshape(shape)
    before = image.tobytes()
    image.setflags(write=False)
    result = remove_background(image, settings=replace(QUICK, epochs=5))
    for planes in (result.corrected, result.background):
        assert planes.shape == shape
        assert planes.dtype == np.float32
    assert image.tobytes() == before


def test_missing_samples_stay_missing(rng):
    image, _ = smooth_sky(rng)
    image[:9, :, :] = 0
    image[20:30, 40:50, 1] = np.nan
    image[60, 60, 2] = np.inf
    result = remove_background(image, settings=QUICK)
    missing = (image == 0) | ~np.isfinite(image)
    assert result.corrected[missing].tobytes() == image[missing].tobytes()
    assert np.isfinite(result.corrected[~missing]).all()
    assert np.isfinite(result.background).all()
    assert result.report["counts"]["missing"] == np.count_nonzero(missing)


def test_a_power_of_two_scales_the_result(rng):
    image, _ = smooth_sky(rng)
    one, two = (remove_background(a, settings=QUICK) for a in (image, 2 * image))
    assert np.array_equal(two.background, 2 * one.background)
    assert np.array_equal(two.corrected, 2 * one.corrected)
    assert np.array_equal(two.losses, one.losses)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flipped_image_gives_the_flipped_result(rng, axis):
    image, sky = smooth_sky(rng)
    settings = replace(QUICK, epochs=300)
    plain = remove_background(image, settings=settings)
    flipped = remove_background(np.flip(image, axis), settings=settings)
    difference = np.flip(flipped.background, axis) - plain.background
    # Sums in another order, and points between two pixels that take the value of the other one.
    assert np.abs(difference).max() < 0.05 * np.ptp(sky)


def test_a_mono_image_as_three_equal_channels(rng):
    image, _ = smooth_sky(rng, channels=1)
    settings = replace(QUICK, backend="numpy", epochs=5)
    mono = remove_background(image, settings=settings)
    rgb = remove_background(np.repeat(image, 3, axis=2), settings=settings)
    for k in range(3):
        assert rgb.background[..., k] == pytest.approx(mono.background[..., 0], rel=1e-5)
    assert rgb.losses == pytest.approx(mono.losses, rel=1e-6)


def test_a_weight_image_replaces_the_thresholds(rng):
    image, sky = smooth_sky(rng)
    image[20:70, 30:90] += 0.1
    weight = np.ones(image.shape[:2])
    weight[16:76, 24:96] = 0
    settings = replace(QUICK, epochs=300)
    masked = remove_background(image, weight=weight, settings=settings)
    assert flatness(sky - masked.background, sky) < 0.15
    inverted = remove_background(image, weight=1 - weight, settings=settings, invert_mask=True)
    assert np.array_equal(inverted.background, masked.background)
    usable = masked.report["fitted"]["usable_pixels"]
    assert usable == (96 * 128 - 60 * 72) / 16


@pytest.mark.parametrize("invert_mask", [False, True])
def test_a_weight_may_be_any_array_like(rng, invert_mask):
    image, _ = smooth_sky(rng, (40, 48))
    weight = np.zeros((40, 48))
    weight[:, 24:] = 1
    settings = replace(QUICK, epochs=5, invert_mask=invert_mask)
    expected = remove_background(image, weight=weight, settings=settings)
    for given_weight in (weight.tolist(), weight.astype(bool), weight.astype(np.uint8)):
        found = remove_background(image, weight=given_weight, settings=settings)
        assert np.array_equal(found.background, expected.background)


def test_clamped_values_are_counted_over_all_bands(rng, monkeypatch):
    # A low quantile clips much of the sky at 1, and noise takes the spline there and beyond.
    image, _ = smooth_sky(rng)
    settings = replace(QUICK, quantile=0.6, epochs=20, alpha=0)
    whole = remove_background(image, settings=settings).report["counts"]["clamped"]
    assert whole > 0
    monkeypatch.setattr(fastbg.image.bands, "BAND_PIXELS", 7 * image.shape[1])
    result = remove_background(image, settings=settings)
    assert result.report["counts"]["clamped"] == whole
    assert any("clamped to its ends" in line for line in result.report["warnings"])
    top = result.model.stretch.pedestal + result.model.stretch.scale
    assert (result.background <= top * (1 + 1e-6)).all()


def test_masked_pixels_have_no_say(rng):
    # In the fit: the stretch is measured on the whole image, so only its order may change.
    image, _ = smooth_sky(rng)
    weight = np.ones(image.shape[:2])
    weight[40:56, 40:60] = 0
    shuffled = image.copy()
    block = shuffled[40:56, 40:60].reshape(-1, 3)
    shuffled[40:56, 40:60] = rng.permutation(block).reshape(16, 20, 3)
    # Random points: an initial value is the median of all down-scaled pixels where masked.
    one, two = (
        remove_background(a, weight=weight, settings=replace(QUICK, epochs=200))
        for a in (image, shuffled)
    )
    assert two.background == pytest.approx(one.background, abs=2e-4)


def test_modes_and_pedestals(rng):
    image, _ = smooth_sky(rng)
    divided = remove_background(image, settings=QUICK, mode="divide", pedestal="none")
    assert divided.corrected == pytest.approx(image / divided.background, rel=1e-6)
    assert np.median(divided.corrected) == pytest.approx(1, abs=0.1)
    dark = remove_background(image, settings=QUICK, pedestal="none")
    counts = dark.report["counts"]
    assert counts["below_0"] == np.count_nonzero(dark.corrected < 0) > 0
    assert any("below 0; nothing was clipped" in line for line in dark.report["warnings"])
    bright = remove_background(image, settings=QUICK, pedestal=0.9)
    assert bright.report["counts"]["above_1"] == np.count_nonzero(bright.corrected > 1) > 0


def test_stages_come_in_order_and_count_up(rng):
    image, _ = smooth_sky(rng)
    seen = []
    settings = replace(QUICK, epochs=4, starts=2)
    result = remove_background(image, settings=settings, progress=seen.append)
    stages = list(dict.fromkeys(p.stage for p in seen))
    assert stages == ["prepare", "fit", "render", "correct"]
    assert [p.stage for p in seen] == sorted((p.stage for p in seen), key=stages.index)
    fit = [p for p in seen if p.stage == "fit"]
    assert [p.done for p in fit] == list(range(9))
    assert {p.total for p in fit} == {8}
    losses = [p.loss for p in fit[1:]]
    assert result.losses.tolist() in (losses[:4], losses[4:])
    render = [p for p in seen if p.stage == "render"]
    assert render[-1].done == render[-1].total == image.shape[0]
    assert list(result.report["seconds"]) == [*stages, "total"]


@pytest.mark.parametrize("stage", ["prepare", "fit", "render", "correct"])
def test_returning_false_cancels(rng, stage):
    image, _ = smooth_sky(rng, (40, 48))
    seen = []

    def progress(p):
        seen.append(p.stage)
        return p.stage != stage

    with pytest.raises(Cancelled, match=f"cancelled during the stage {stage}") as e:
        remove_background(image, settings=QUICK, progress=progress)
    assert "\n" not in str(e.value)
    assert seen.count(stage) == 1
    # Anything but False goes on.
    assert remove_background(image, settings=QUICK, progress=lambda p: 0 if p.done else None)


def test_jobs_in_threads_equal_the_same_jobs_alone(rng):
    images = [smooth_sky(rng, (60 + 4 * i, 80))[0] for i in range(4)]

    def job(image):
        result = remove_background(image, settings=QUICK)
        return result.corrected.tobytes(), result.losses.tolist(), result.spline.flatten().tolist()

    alone = [job(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(job, images)) == alone


def test_progress_is_told_on_the_thread_that_runs_the_job(rng):
    tellers = set()
    image = rng.normal(0.1, 0.01, (96, 128, 3)).astype(np.float32)
    remove_background(image, progress=lambda told: tellers.add(threading.get_ident()))
    assert tellers == {threading.get_ident()}


def test_threads_do_not_change_a_bit(rng):
    image, _ = smooth_sky(rng)
    first, *others = (
        remove_background(image, settings=QUICK, threads=threads) for threads in (1, 2, 5)
    )
    for other in others:
        assert np.array_equal(other.background, first.background)
        assert np.array_equal(other.losses, first.losses)


KEYS = {
    "gradient": {"taken_out", "before", "after", "uncertainty"},
    "fastbg": None,
    "settings": set(Settings().to_dict()),
    "image": {"height", "width", "channels"},
    "stretch": {"pedestal", "scale", "midtones"},
    "fitted": {"height", "width", "usable_pixels"},
    "fit": {
        *("backend", "detail", "threads", "control_points", "loss", "first_loss"),
        *("iterations", "ended", "history", "losses_of_starts", "passed_over"),
    },
    "diagnostics": {
        *("gradient_before", "gradient_after", "noise", "below", "follows", "uncertainty"),
        *("contrast", "whole_frame"),
    },
    "statistics": {"input", "background", "corrected"},
    "pedestal": None,
    "counts": {"missing", "clamped", "below_0", "above_1"},
    "seconds": {"prepare", "fit", "render", "correct", "total"},
    "peak_memory_bytes": None,
    "worse": None,
    "doubts": None,
    "warnings": None,
}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_report_is_strict_json_with_its_documented_keys(rng, channels):
    image, _ = smooth_sky(rng, channels=channels)
    image[0, 0] = 0
    result = remove_background(image, settings=QUICK, starts=2, epochs=120)
    report = json.loads(json.dumps(result.report, allow_nan=False))
    assert report == result.report
    assert set(report) == set(KEYS)
    for key, parts in KEYS.items():
        if parts:
            assert set(report[key]) == parts, key
        assert f"``{key}``" in fastbg.report.report.__doc__

    assert report["image"] == {"height": 96, "width": 128, "channels": channels}
    assert report["fitted"]["height"] == 24
    assert report["fitted"]["width"] == 32
    assert 0 < report["fitted"]["usable_pixels"] <= 24 * 32
    assert report["fit"]["control_points"] == 9
    assert report["fit"]["first_loss"] == report["fit"]["history"][0] == result.losses[0]
    assert report["fit"]["history"][-1] == result.losses[-1]
    assert len(report["fit"]["history"]) == 100
    assert min(report["fit"]["losses_of_starts"]) == report["fit"]["loss"]
    valid = image[..., 0][image[..., 0] != 0]
    statistics = report["statistics"]["input"]
    assert statistics["min"][0] == valid.min()
    assert statistics["max"][0] == valid.max()
    assert statistics["median"][0] == pytest.approx(np.median(valid.astype(np.float64)))
    assert report["seconds"]["total"] == pytest.approx(
        sum(t for name, t in report["seconds"].items() if name != "total")
    )


@pytest.mark.parametrize("options", [{"learning_rate": 1e300}, {"learning_rate": 1e30}], ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_strange_jobs_still_report_strict_json(rng, options):
    image, _ = smooth_sky(rng, (40, 48))
    result = remove_background(image, settings=QUICK, optimizer="adam", **options)
    json.dumps(result.report, allow_nan=False)
    assert np.isfinite(result.background).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_a_descent_that_diverges_keeps_its_best_step_and_says_so(rng, backend):
    image, _ = smooth_sky(rng, (40, 48))
    adam = replace(QUICK, optimizer="adam", learning_rate=1e300, backend=backend)
    result = remove_background(image, settings=adam)
    assert result.report["fit"]["ended"] == "diverged"
    assert any("lower the learning rate" in line for line in result.report["warnings"])
    assert np.array_equal(result.spline.flatten(), result.fit.start.flatten())


def test_a_fit_alone_warns_and_has_only_the_counts_that_it_counted(rng, tmp_path):
    image, _ = smooth_sky(rng, (40, 48))
    image[:2] = 0
    xisf.write(tmp_path / "sky.xisf", image)
    adam = replace(QUICK, optimizer="adam", learning_rate=1e300)
    report = fastbg.fit_file(tmp_path / "sky.xisf", tmp_path / "sky.json", settings=adam).report
    assert report["fit"]["ended"] == "diverged"
    assert any("lower the learning rate" in line for line in report["warnings"])
    assert report["counts"] == {"missing": 2 * 48 * 3}
    assert report["statistics"].keys() == {"input"}


@pytest.mark.parametrize(
    ("change", "options", "error", "cause"),
    [
        (lambda a: a[..., :2], {}, InputError, "2 channels"),
        (lambda a: a[0, 0], {}, InputError, "shape"),
        (lambda a: a * 0, {}, InputError, "empty"),
        (lambda a: a * 0 + 0.5, {}, InputError, "constant"),
        (lambda a: a, {"control_points": 10_000}, InputError, "use fewer points"),
        (
            lambda a: a,
            {"threshold_max": 0.0005, "threshold_min": 0},
            InputError,
            "control points|masked",
        ),
        (lambda a: a, {"weight": np.zeros((96, 128))}, InputError, "every pixel is masked"),
        (lambda a: a, {"weight": np.ones((96, 127))}, InputError, "127 x 96 pixels"),
        (lambda a: a, {"weight": np.ones((96, 128, 4))}, InputError, "the mask: .*4 channels"),
        (lambda a: a, {"weight": "galaxy.reg"}, InputError, "the mask: galaxy.reg is no array"),
        (lambda a: a, {"order": 9}, SettingsError, "order"),
        (lambda a: a, {"backend": "fortran"}, SettingsError, "backend"),
        (lambda a: a, {"colour": "red"}, SettingsError, "unknown setting 'colour'"),
    ],
)
def test_bad_input_is_refused_in_one_line(rng, change, options, error, cause):
    image, _ = smooth_sky(rng)
    with pytest.raises(error, match=cause) as e:
        remove_background(change(image), settings=QUICK, **options)
    assert "\n" not in str(e.value)


@pytest.fixture
def image_file(tmp_path, rng):
    path = tmp_path / "input.xisf"
    XISF.write(str(path), smooth_sky(rng)[0])
    return path


def pixels(path):
    return XISF(str(path)).read_image(0)


def test_a_file_gives_what_its_array_gives(image_file, tmp_path):
    before = image_file.read_bytes()
    seen = []
    result = fastbg.process_file(
        image_file, output_dir=tmp_path, settings=QUICK, progress=seen.append
    )
    expected = remove_background(pixels(image_file), settings=QUICK)
    for suffix, planes in (
        ("bgSubtracted", expected.corrected),
        ("bgModel", expected.background),
    ):
        assert np.array_equal(pixels(tmp_path / f"input_{suffix}.xisf"), planes)
    assert np.array_equal(result.losses, expected.losses)
    assert result.report["statistics"] == expected.report["statistics"]
    assert image_file.read_bytes() == before
    stages = list(dict.fromkeys(p.stage for p in seen))
    assert stages == ["read", "prepare", "fit", "render", "correct", "write"]
    assert set(result.report) == set(KEYS) | {"input", "outputs"}
    assert result.report["input"] == str(image_file)
    assert set(result.report["outputs"]) == {"corrected", "background"}
    json.dumps(result.report, allow_nan=False)


@pytest.mark.parametrize("stage", ["read", "prepare", "fit", "render", "correct", "write"])
def test_a_cancelled_file_job_leaves_nothing(image_file, tmp_path, stage):
    outputs = tmp_path / "new" / "folder"
    with pytest.raises(Cancelled):
        fastbg.process_file(
            image_file,
            output_dir=outputs,
            preview=outputs / "preview.png",
            settings=QUICK,
            progress=lambda p: p.stage != stage,
        )
    assert list(tmp_path.iterdir()) == [image_file]


def test_existing_outputs_are_refused_before_any_work(image_file, tmp_path):
    existing = tmp_path / "input_bgModel.xisf"
    existing.write_bytes(b"precious")
    seen = []
    with pytest.raises(OutputError, match=r"input_bgModel\.xisf") as e:
        fastbg.process_file(image_file, output_dir=tmp_path, settings=QUICK, progress=seen.append)
    assert "\n" not in str(e.value)
    assert not seen
    assert existing.read_bytes() == b"precious"
    fastbg.process_file(image_file, output_dir=tmp_path, settings=QUICK, overwrite=True)
    assert pixels(existing).shape == (96, 128, 3)


def test_a_mask_file_is_the_weight(image_file, tmp_path):
    weight = np.ones((96, 128, 1), np.float32)
    weight[30:60, 30:60] = 0
    mask = tmp_path / "mask.xisf"
    XISF.write(str(mask), weight)
    fastbg.process_file(
        image_file, mask=mask, output_dir=tmp_path / "out", settings=QUICK, compress=True
    )
    expected = remove_background(pixels(image_file), weight=weight, settings=QUICK)
    assert np.array_equal(pixels(tmp_path / "out" / "input_bgModel.xisf"), expected.background)


def test_a_preview_is_written_beside(image_file, tmp_path):
    png = tmp_path / "after.png"
    result = fastbg.process_file(
        image_file, output_dir=tmp_path, preview=png, settings=replace(QUICK, epochs=3)
    )
    assert png.read_bytes().startswith(b"\x89PNG")
    assert result.report["outputs"]["preview"] == str(png)

    before = tmp_path / "before.png"
    report = fastbg.preview_file(image_file, before, settings=QUICK)
    assert before.read_bytes().startswith(b"\x89PNG")
    assert report["outputs"] == {"preview": str(before)}
    assert report["fitted"]["usable_pixels"] == result.report["fitted"]["usable_pixels"]


def test_errors_of_files_name_the_file(tmp_path):
    path = tmp_path / "flat.xisf"
    XISF.write(str(path), np.full((40, 40, 1), 0.5, np.float32))
    with pytest.raises(InputError, match=r"flat\.xisf: channel 1 of 1 is constant") as e:
        fastbg.process_file(path, output_dir=tmp_path / "out")
    assert "\n" not in str(e.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def large():
    """Large enough for samples of rows to be taken."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:4000, :3000].astype(np.float32) / 4000
    return 0.1 + 0.03 * x + 0.01 * y**2 + 0.002 * rng.standard_normal(x.shape, np.float32)


def counting(image: Image, counts: list[int]) -> Image:
    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        counts.append(rows.stop - rows.start)
        return image.read(rows, out)

    return replace(image, read=read)


def test_an_image_is_read_and_its_model_rendered_hardly_more_than_it_must(large, monkeypatch):
    read, rendered = [], []
    render = Rendered._read_stretched

    def count(self, rows, out):
        rendered.append((rows.stop - rows.start) * out.shape[2])
        return render(self, rows, out)

    monkeypatch.setattr(Rendered, "_read_stretched", count)
    frame = Frame(counting(Image.from_samples(large), read))
    with Job(Settings()) as job:
        prepared = job.prepare(frame)
        fitted = job.fit(prepared)
        plan = job.plan(frame, fitted.model, prepared.measured, fitted.fit.levels)
        job.correct(plan, lambda *rows: None)
    assert sum(read) <= 2.5 * large.shape[0]
    assert sum(rendered) <= 1.2 * large.size


@pytest.mark.parametrize(
    ("sample_format", "pattern", "code"),
    diagonal(["float32", "same"], ["off", "RGGB"], ["u1", "u2", "i2", "u4", "i4", "f4"]),
)
def test_a_file_is_hardly_read_more_often(
    large, code, pattern, sample_format, tmp_path, monkeypatch
):
    """What is written is what is stored, plus the change: integers are not read again for that.

    Some rows tell the white of what declares none."""
    bits = {"u1": 10, "u2": 16, "i2": 16, "u4": 32, "i4": 16, "f4": 0}[code]
    path, read = tmp_path / "counts.fits", []
    samples = (large * max(2.0**bits - 1, 1)).astype(code)
    if pattern == "RGGB":
        samples[::2, ::2] = 0.7 * samples[::2, ::2]
    with fits.create(path, (1, *samples.shape), dtype=samples.dtype) as target:
        target.write_rows(slice(None), samples[np.newaxis])
    read_into = RandomAccessFile.read_into

    def count(self, start, out):
        read.append(out.size)
        return read_into(self, start, out)

    monkeypatch.setattr(RandomAccessFile, "read_into", count)
    process_file(path, output_dir=tmp_path / "out", cfa=pattern, sample_format=sample_format)
    again = code == "f4" and sample_format == "same"
    assert sum(read) <= (2.5 + again) * samples.nbytes


def test_levels_of_the_model_of_a_large_image_are_measured_in_some_rows(large, monkeypatch):
    few = remove_background(large)
    monkeypatch.setattr(levels, "levels_in_few_rows", lambda *arguments, **more: None)
    whole = remove_background(large)
    one, other = (each.report["statistics"]["background"] for each in (few, whole))
    span = other["max"][0] - other["min"][0]
    assert one["median"] == pytest.approx(other["median"], abs=1e-3 * span)
    assert one["min"] == pytest.approx(other["min"], abs=1e-2 * span)
    assert one["max"] == pytest.approx(other["max"], abs=1e-2 * span)
    np.testing.assert_allclose(few.corrected, whole.corrected, atol=1e-3 * span)


def test_a_model_beyond_its_stretch_is_measured_everywhere(large, monkeypatch):
    """What is clamped is counted over all pixels."""
    bright = large.copy()
    bright[:400, :400] += 0.2
    settings = Settings(control_points=9, epochs=50, quantile=0.6, optimizer="adam")
    few = remove_background(bright, settings=settings).report
    monkeypatch.setattr(levels, "levels_in_few_rows", lambda *arguments, **more: None)
    whole = remove_background(bright, settings=settings).report
    assert few["counts"] == whole["counts"]
    assert few["counts"]["clamped"] > 0
