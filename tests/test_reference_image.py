"""A reference: an image of the same sky, by which objects are told from the background."""

import json
import re
from dataclasses import dataclass

import numpy as np
import pytest
from astropy.io import fits

import fastbg
from fastbg.errors import InputError, SettingsError
from fastbg.io import xisf
from fastbg.jobs.batch.tasks import run as done
from fastbg.report.gradient import Gradient
from fastbg.simulate import add_stars, fractal_noise
from fastbg.words import compared_with

SHAPE = (120, 180)
LEVEL, RISE = 0.05, 0.02
SCALE = np.array([0.6, 1.3, 0.9])
"""How much of the light of the target is in the reference."""


@dataclass(frozen=True)
class Field:
    """The light of objects, (H, W, K), and a gradient, without noise."""

    light: np.ndarray
    background: np.ndarray

    def target(self, seed=1):
        return noisy(self.light + self.background, seed)

    def reference(self, scale=SCALE, over=0.0, seed=2):
        return noisy(LEVEL + scale * (self.light + over), seed)

    def error(self, result):
        """std(model - truth) / std(truth), the mean over the channels."""
        off = (result.background - self.background).std(axis=(0, 1))
        return float((off / self.background.std(axis=(0, 1))).mean())


def noisy(image, seed):
    noise = 1e-3 * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(image + noise, 1e-5, 1).astype(np.float32)


def drawn(seed=5, clouds=0.02, stars=True):
    """A field that a nebula fills, in the colours of nothing else."""
    rng = np.random.default_rng(seed)
    colours = np.array([1.0, 0.7, 0.5])
    nebula = np.exp(fractal_noise(SHAPE, 1.8, rng))[..., np.newaxis] * clouds * colours
    planes = np.zeros((3, *SHAPE), np.float32)
    if stars:
        add_stars(planes, rng)
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    rise = np.exp(x + 0.4 * y - 0.3 * y**2)[..., np.newaxis] * np.array([1.0, 0.8, 0.5])
    return Field(nebula + np.moveaxis(planes, 0, 2), LEVEL + RISE * rise)


@pytest.fixture(scope="module")
def field():
    return drawn()


@pytest.fixture(scope="module")
def alone(field):
    return fastbg.remove_background(field.target())


@pytest.fixture(scope="module")
def compared(field):
    return fastbg.remove_background(field.target(), reference=field.reference())


def test_an_object_that_fills_the_frame_stays(field, alone, compared):
    assert field.error(alone) > 0.1
    assert field.error(compared) < 0.03
    light = (field.light - field.light.mean(axis=(0, 1))).ravel()
    taken = (compared.background - field.background).ravel() @ light / (light @ light)
    assert abs(taken) < 0.01


def test_the_report_tells_the_scale_with_its_error(compared):
    told = compared.report["reference"]
    assert told["how"] == "same grid"
    assert told["covers"] == 1
    assert set(told["told_by"]) <= {"stars", "structure"}
    factors = np.array(told["scale"])
    np.testing.assert_allclose(factors, np.diag(1 / SCALE), rtol=0.02)
    assert (np.abs(np.diag(factors) * SCALE - 1) < 4 * np.array(told["error"]) + 0.003).all()
    assert json.loads(json.dumps(told)) == told
    assert not compared.report["doubts"]


def test_the_level_is_that_of_the_sky_of_the_image(field, compared):
    level = np.median(compared.background - field.background, axis=(0, 1))
    assert (np.abs(level) < 0.3 * np.median(field.light, axis=(0, 1)) + 0.001).all()


def test_a_scale_by_hand_is_compared_with_what_the_images_tell(field):
    given = tuple((1 / SCALE).tolist())
    right = fastbg.remove_background(
        field.target(), reference=field.reference(), reference_scale=given
    )
    assert right.report["reference"]["told_by"] == ["given"] * 3
    assert right.report["reference"]["error"] == [0, 0, 0]
    assert field.error(right) < 0.03
    assert not right.report["doubts"]
    off = fastbg.remove_background(
        field.target(), reference=field.reference(), reference_scale=tuple(1.1 / SCALE)
    )
    assert sum("not what the images tell" in line for line in off.report["doubts"]) == 3
    assert field.error(right) < field.error(off) < 0.4


def test_mono_from_rgb_and_rgb_from_mono(field):
    parts = np.array([0.5, 0.3, 0.2])
    mono = Field(field.light @ parts[:, np.newaxis], field.background[..., :1])
    result = fastbg.remove_background(mono.target(), reference=field.reference())
    assert mono.error(result) < 0.03
    scale = np.array(result.report["reference"]["scale"])
    assert scale.shape == (1, 3)
    assert (scale >= 0).all()
    grey = Field(np.repeat(field.light[..., :1], 3, axis=2) * [1, 0.8, 0.5], field.background)
    result = fastbg.remove_background(grey.target(), reference=noisy(grey.light[..., 0] + LEVEL, 3))
    assert grey.error(result) < 0.03
    np.testing.assert_allclose(
        np.array(result.report["reference"]["scale"])[:, 0], [1, 0.8, 0.5], rtol=0.03
    )


def test_a_satellite_in_the_reference_is_left_out_and_told(field, compared):
    trail = np.zeros((*SHAPE, 1))
    rows = (0.35 * np.arange(SHAPE[1]) + 20).astype(int)
    for width in (-1, 0, 1):
        trail[rows + width, np.arange(SHAPE[1])] = 0.05
    result = fastbg.remove_background(field.target(), reference=field.reference(over=trail))
    assert field.error(result) < field.error(compared) + 0.02
    told = result.report["reference"]
    np.testing.assert_allclose(np.diag(told["scale"]) * SCALE, 1, rtol=0.03)
    assert told["differs"] > 0.01
    assert any("differs from the reference" in line for line in result.report["warnings"])


def test_an_image_that_is_not_registered_is_placed_by_its_stars_and_told(field, compared):
    shifted = np.roll(field.reference(), (2, -1), axis=(0, 1))
    result = fastbg.remove_background(field.target(), reference=shifted)
    told = result.report["reference"]
    if told["how"] == "same grid":
        np.testing.assert_allclose(told["displaced"], (2, -1), atol=0.3)
    assert any("register" in line for line in result.report["warnings"])
    assert field.error(result) < 0.1


def test_the_uncertainty_has_that_of_the_scale(field):
    """With more noise in the reference, its scale is told less exactly."""
    deviations, errors = [], []
    for noise in (1, 5):
        off = noise * 1e-3 * np.random.default_rng(9).standard_normal((*SHAPE, 3))
        reference = (field.reference() + off).astype(np.float32)
        result = fastbg.remove_background(field.target(), reference=reference)
        errors.append(np.mean(result.report["reference"]["error"]))
        deviations.append(np.mean(result.diagnostics.uncertain))
    assert errors[1] > 2 * errors[0]
    assert deviations[1] > deviations[0]


def test_what_the_scale_leaves_uncertain_is_a_doubt_where_objects_are_bright():
    """An error of the scale is more of a gradient that is a tenth."""
    plain = drawn(clouds=0.002, stars=False)
    told = "the reference leaves the model uncertain by"
    for part, tells in ((1, False), (0.1, True)):
        field = Field(plain.light + bump(0.1), LEVEL + part * (plain.background - LEVEL))
        off = 1e-3 * np.random.default_rng(9).standard_normal((*SHAPE, 3))
        reference = (field.reference() + off).astype(np.float32)
        doubts = fastbg.remove_background(field.target(), reference=reference).report["doubts"]
        assert any(line.startswith(told) for line in doubts) == tells


def test_a_gradient_of_the_references_own_is_taken_out_where_sky_is_seen():
    """A nebula in the middle; the plane of the reference is seen around it."""
    plain = drawn(clouds=0)
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    nebula = 0.05 * np.exp(-20 * (x**2 + y**2))[..., np.newaxis]
    field = Field(plain.light + nebula, plain.background)
    plane = (0.15 * RISE * (x - y))[..., np.newaxis]
    told, errors = [], []
    for degree in (0, 1, 2):
        result = fastbg.remove_background(
            field.target(), reference=field.reference(over=plane), reference_degree=degree
        )
        told.append(result.report["reference"])
        errors.append(field.error(result))
    assert [each["taken"] for each in told] == [0, 1, 2]
    assert errors[0] > 0.1
    assert max(errors[1:]) < errors[0] / 3
    assert told[0]["left"] > 0
    assert told[1]["left"] == 0


@pytest.mark.parametrize(
    ("stretched", "named"), [((False, True), "the reference is"), ((True, False), "the image is")]
)
def test_an_image_that_was_stretched_is_a_doubt(field, stretched, named):
    pair = field.target(), field.reference()
    image, reference = (
        np.arcsinh(100 * each) / np.arcsinh(100) if bent else each
        for each, bent in zip(pair, stretched, strict=True)
    )
    doubts = fastbg.remove_background(image, reference=reference).report["doubts"]
    assert any(f"{named} probably stretched" in line for line in doubts)


@pytest.mark.parametrize(("channels", "seen"), [(1, "nothing"), (3, "colours")])
def test_where_nothing_is_seen_the_reference_is_believed_and_that_is_told(field, channels, seen):
    mono = Field(field.light[..., :channels], field.background[..., :channels])
    result = fastbg.remove_background(
        mono.target(), reference=mono.reference(SCALE[:channels]), reference_degree=1
    )
    told = result.report["reference"]
    assert (told["taken"], told["seen"]) == (0, seen)
    # Of a nebula of one colour, colours tell that there is no plane.
    warned = any("too little sky of its own" in line for line in result.report["warnings"])
    assert warned == (seen == "nothing")
    assert ("nothing tells whether" in compared_with(told)) == warned
    assert mono.error(result) < 0.03


def test_a_gradient_that_the_reference_has_under_a_nebula_is_told_by_its_colour(field):
    over = 0.15 * (field.background - field.background.mean(axis=(0, 1)))
    pair = field.target(), field.reference(over=over)
    left, taken = (
        fastbg.remove_background(pair[0], reference=pair[1], reference_degree=degree)
        for degree in (0, 1)
    )
    assert field.error(left) > 0.14
    (doubt,) = [line for line in left.report["doubts"] if "gradient of its own" in line]
    # The command line has other names of options.
    assert "the reference degree 1 takes a plane out of it" in doubt
    gradient = left.report["gradient"]
    by_sky = np.mean(left.report["diagnostics"]["gradient_after"])
    after = np.hypot(by_sky, left.report["reference"]["left"])
    assert gradient["after"] == pytest.approx(after)
    assert gradient["taken_out"] < 0.9
    assert str(Gradient.of(left.report)).startswith(
        f"{100 * gradient['taken_out']:.3g} % was taken"
    )
    assert taken.report["reference"]["taken"] == 1
    assert not [line for line in taken.report["doubts"] if "gradient of its own" in line]
    assert field.error(taken) < 0.1


def refusal(*args, **options):
    with pytest.raises((InputError, SettingsError)) as caught:
        fastbg.remove_background(*args, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def bump(scale=0.05):
    """A smooth comet without stars: nothing tells the scale."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    return scale * np.exp(-(x**2 + y**2))[..., np.newaxis] * np.ones(3)


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        (lambda field: 1 - field.reference(), "or the opposite|not determined"),
        (lambda field: drawn(seed=6).reference(), "not determined|or the opposite|register"),
        (lambda field: field.target(), "same pixels"),
        (lambda field: field.reference()[..., :2], "2 channels|shape"),
        (lambda field: np.zeros((*SHAPE, 3), np.float32), "reference"),
        (lambda field: np.full((*SHAPE, 3), "a"), "reference"),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused_in_one_line(field, reference, cause):
    assert re.search(cause, refusal(field.target(), reference=reference(field)))


def test_a_smooth_object_without_stars_is_refused_unless_the_scale_is_given():
    smooth = Field(bump(), drawn(clouds=0, stars=False).background)
    line = refusal(smooth.target(), reference=smooth.reference())
    assert "not determined" in line or "or the opposite" in line
    result = fastbg.remove_background(
        smooth.target(), reference=smooth.reference(), reference_scale=tuple(1 / SCALE)
    )
    assert smooth.error(result) < 0.1


def test_a_reference_that_is_far_off_and_has_few_stars_is_refused(field):
    shifted = np.roll(field.reference(), (9, 9), axis=(0, 1))
    assert "register it to the image" in refusal(field.target(), reference=shifted)


def test_a_reference_of_a_part_is_told_and_of_less_refused(field):
    reference = field.reference()
    reference[:, 140:] = 0
    result = fastbg.remove_background(field.target(), reference=reference)
    assert any("covers 77" in line or "covers 78" in line for line in result.report["doubts"])
    assert field.error(result) < 0.3
    reference[:, 74:] = 0
    assert "covers only 41 %" in refusal(field.target(), reference=reference)


@pytest.mark.parametrize(
    "options",
    [
        {"control_points": 8},
        {"second_opinion": True},
        {"samples": [(20, 20, 5), (100, 50, 5), (60, 120, 5)]},
    ],
)
def test_what_has_no_use_for_a_reference_is_refused(field, options):
    assert "reference" in refusal(field.target(), reference=field.reference(), **options)


def test_settings_of_a_reference_have_no_effect_without_one(field):
    report = fastbg.remove_background(field.target(), reference_degree=1, reference_scale=2).report
    assert any("there is no reference" in line for line in report["warnings"])


@pytest.mark.parametrize("scale", [0, -1, (1, 2), "1 2", (1, -2, 3), "much", None, True])
def test_impossible_scales_are_refused(scale):
    with pytest.raises(SettingsError, match="scale of a reference"):
        fastbg.Settings(reference_scale=scale)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("auto", "auto"),
        (2, 2.0),
        ("1.5", 1.5),
        ("1,2,3", (1, 2, 3)),
        ([1, 2.5, 3], (1, 2.5, 3)),
        (np.array([1, 2, 3]), (1, 2, 3)),
    ],
)
def test_scales_in_all_their_spellings(given, kept):
    assert fastbg.Settings(reference_scale=given).reference_scale == kept


def write_fits(path, image):
    fits.writeto(path, np.moveaxis(image, 2, 0), overwrite=True)


@pytest.fixture
def files(field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    xisf.write("target.xisf", field.target())
    xisf.write("again.xisf", field.target(seed=7))
    write_fits("wide.fits", field.reference())
    return tmp_path


def test_the_jobs_on_files_do_as_those_on_arrays(files, compared):
    result = fastbg.process_file("target.xisf", reference="wide.fits", report_dir=".")
    np.testing.assert_array_equal(result.model.spline.weights, compared.model.spline.weights)
    told = json.loads((files / "target_report.json").read_text())
    assert told["reference"]["file"] == "wide.fits"
    assert "on the same grid, its light times" in (files / "target_report.html").read_text()
    fitted = fastbg.fit_file("target.xisf", "model.json", reference="wide.fits")
    np.testing.assert_array_equal(fitted.model.spline.weights, compared.model.spline.weights)
    report = fastbg.preview_file("target.xisf", "a.png", reference="wide.fits")
    assert report["reference"]["how"] == "same grid"


def test_a_batch_has_one_reference_and_notices_another_one(files, field, monkeypatch):
    told = []

    def run(tasks, workers):
        for task in tasks:
            told.append(task.absolute().reference)
            yield task.path, done(task, lambda progress: None)

    monkeypatch.setattr("fastbg.jobs.batch.pool.run", run)

    def batch():
        done = fastbg.process_files("target.xisf", output_dir="out", reference="wide.fits")
        return [each.status for each in done.outcomes]

    assert batch() == ["done"]
    assert batch() == ["skipped"]
    write_fits("wide.fits", field.reference(seed=8))
    assert batch() == ["done"]
    assert told == [files / "wide.fits"] * 2


def test_an_image_is_not_its_own_reference(files, field):
    target = field.target()
    assert "its own reference" in refusal(target, reference=target)
    with pytest.raises(InputError, match=r"^target\.xisf cannot be its own reference"):
        fastbg.process_file("target.xisf", reference="target.xisf")


def test_a_reference_is_not_overwritten(files):
    with pytest.raises(fastbg.errors.OutputError, match=r"wide\.fits"):
        fastbg.process_file(
            "target.xisf", output="wide.fits", reference="wide.fits", overwrite=True
        )
