"""Frames of one field, corrected together: files, errors, resuming, the page, the command."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from numpy.typing import NDArray
from together_frames import NOISE, Frames, field, frames, write, write_one
from typer.testing import CliRunner

import fastbg
from fastbg.cli.app import app
from fastbg.coordinates.aligned import aligned
from fastbg.coordinates.mapping import IDENTITY
from fastbg.errors import FastbgError, InputError
from fastbg.image.image import Image
from fastbg.jobs import strictness
from fastbg.jobs.batch import pool, tasks
from fastbg.jobs.together import small, solving
from fastbg.jobs.together.placing import Canvas, grouped, look
from fastbg.jobs.together.small import FOLDER
from fastbg.pipeline import Job
from fastbg.settings.settings import Settings

IN_WORKERS = pool.run
SHAPE = (90, 120)
LIGHT = field(0, SHAPE)

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def known() -> Frames:
    return frames(4, shape=SHAPE)


def planes(path: Path) -> NDArray[np.float64]:
    return np.asarray(astropy_fits.getdata(path), np.float64)


def corrected(folder: Path, name: str) -> NDArray[np.float64]:
    return planes(folder / f"{name}_bgSubtracted.fits")


def test_all_frames_get_one_sky(
    tmp_path: Path, known: Frames, open_page: Callable[..., Any]
) -> None:
    write(tmp_path / "in", known.images)
    result = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out")
    assert [outcome.status for outcome in result.outcomes] == ["done"] * 4
    level = result.report["common"]["level"][0]
    after = np.array([corrected(tmp_path / "out", name) for name in "abcd"])
    # Frames are the same now, but for their flux.
    apart = (after - level) / known.scales[:, np.newaxis, np.newaxis]
    apart -= apart.mean(axis=0)
    quarters = apart.reshape(4, 3, SHAPE[0] // 3, 3, SHAPE[1] // 3).mean(axis=(2, 4))
    assert np.abs(quarters).max() < 0.1 * np.std(known.gradients[0])
    model = planes(tmp_path / "out" / "b_bgModel.fits")
    assert np.abs(after[1] - (known.images[1] - model + level)).max() < 1e-6
    history = str(astropy_fits.getheader(tmp_path / "out" / "b_bgModel.fits")["HISTORY"])
    assert "4 frames together" in history

    page = open_page((tmp_path / "out" / "together_report.html").as_uri())
    assert page.locator(".multiple img").count() == 4
    assert page.locator(".chart").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_flux_is_brought_to_one_scale(tmp_path: Path, known: Frames) -> None:
    write(tmp_path / "in", known.images)
    fastbg.together(
        tmp_path / "in", output_dir=tmp_path / "out", match_scale=True, write_model=False
    )
    after = np.array([corrected(tmp_path / "out", name) for name in "abcd"])
    light = LIGHT - np.median(LIGHT)
    flux = [float(np.sum((plane - np.median(plane)) * light)) for plane in after]
    assert np.ptp(flux) / np.mean(flux) < 0.03
    assert not (tmp_path / "out" / "a_bgModel.fits").exists()


def test_the_common_gradient_can_be_left_to_that_of_one_frame(
    tmp_path: Path, known: Frames
) -> None:
    paths = write(tmp_path / "in", known.images)
    how: dict[str, Any] = {"reference_frame": paths[2], "relative": True}
    report = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out", **how).report
    assert report["common"]["gradient"] is None
    assert np.ptp(planes(tmp_path / "out" / "c_bgModel.fits")) < 1e-6
    assert report["frames"][2]["scale"] == [1.0]
    own = known.gradients[0] - known.scales[0] / known.scales[2] * known.gradients[2]
    model = planes(tmp_path / "out" / "a_bgModel.fits")
    assert np.std(model - own) < 0.1 * np.std(own)


def test_finished_frames_are_skipped(tmp_path: Path, known: Frames) -> None:
    write(tmp_path / "in", known.images)
    again = lambda: fastbg.together(tmp_path / "in", output_dir=tmp_path / "out")  # noqa: E731
    again()
    small = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out" / FOLDER).glob("*.npz"))]
    assert {outcome.status for outcome in again().outcomes} == {"skipped"}
    (tmp_path / "out" / "c_bgModel.fits").unlink()
    assert [o.path.stem for o in again().with_status("done")] == ["c"]
    assert small == [
        path.stat().st_mtime_ns for path in sorted((tmp_path / "out" / FOLDER).glob("*.npz"))
    ]


def test_a_run_that_ended_goes_on(tmp_path: Path, known: Frames) -> None:
    write(tmp_path / "in", known.images)
    seen: list[str] = []

    def stop(progress: fastbg.jobs.batch.BatchProgress) -> bool:
        if progress.outcome:
            seen.append(progress.outcome.status)
        return len(seen) < 2

    with pytest.raises(fastbg.Cancelled):
        fastbg.together(tmp_path / "in", output_dir=tmp_path / "out", progress=stop)
    result = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out")
    assert sorted(outcome.status for outcome in result.outcomes) == ["done"] * 2 + ["skipped"] * 2


def test_each_frame_is_hashed_once_and_must_stay_as_it_was(
    tmp_path: Path, known: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, hashed = write(tmp_path / "in", known.images[:2]), []
    content_hash = tasks.content_hash
    monkeypatch.setattr(
        tasks, "content_hash", lambda path: content_hash(hashed.append(path) or path)
    )
    models_of = fastbg.jobs.together.models_of

    def changed(*given: Any, **how: Any) -> Any:
        os.utime(paths[1], ns=(1, 1))
        return models_of(*given, **how)

    monkeypatch.setattr(fastbg.jobs.together, "models_of", changed)
    result = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out")
    assert sorted(hashed) == paths
    (failed,) = result.with_status("failed")
    assert failed.path == paths[1]
    assert failed.error.endswith("has changed since its small copy was made: run again")


@pytest.mark.parametrize("function", ["median", "mean"])
def test_a_small_copy_in_one_pass_is_that_in_several(function: str) -> None:
    planes = np.random.default_rng(4).normal(0.1, 0.02, (3, 70, 95)).astype("f4")
    planes[0, 20:50, 30:60] = 0
    planes[1, 5, 5] = 3
    image = Image.from_samples(np.moveaxis(planes, 0, 2))
    canvas = Canvas(Path("a.fits"), image.shape, (0, 0), 8, alike=True)
    with Job(Settings(downscaling_func=function)) as job:
        ours = small.reduced(job, image, canvas, IDENTITY)
        level = small.bright(job.measure(image))
        means = aligned(small.marked(image, level), IDENTITY, image.shape, 8, function="mean")
    medians = aligned(image, IDENTITY, image.shape, 8, function=function)
    np.testing.assert_array_equal(ours["medians"], medians)
    stars = np.nan_to_num(means) > 1
    assert stars[..., 1].sum() == 1
    np.testing.assert_array_equal(np.where(stars, small.MARK, means), ours["means"])


def test_workers_do_the_same(
    tmp_path: Path, known: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "run", IN_WORKERS)
    write(tmp_path / "in", known.images[:2])
    report = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out", workers=1).report
    assert [row["outcome"] for row in report["frames"]] == ["done"] * 2


@pytest.mark.slow
def test_a_cluster_may_lose_a_worker_and_the_run_that_uses_it(
    tmp_path: Path, known: Frames
) -> None:
    distributed = pytest.importorskip("distributed")
    write(tmp_path / "in", known.images)
    alone = fastbg.together(tmp_path / "in", output_dir=tmp_path / "alone")
    assert len(alone.with_status("done")) == 4
    where: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    with distributed.LocalCluster(**where, dashboard_address=":0") as cluster:
        victims = [next(iter(cluster.workers.values())).pid]
        ended: list[str] = []

        def disturb(progress: fastbg.jobs.batch.BatchProgress) -> bool:
            if victims and list((tmp_path / "out" / FOLDER).glob("*.npz")):
                os.kill(victims.pop(), signal.SIGKILL)
            if progress.outcome:
                ended.append(progress.outcome.status)
            return len(ended) < 2

        how: dict[str, Any] = {"output_dir": tmp_path / "out", "dask": cluster.scheduler_address}
        with pytest.raises(fastbg.Cancelled):
            fastbg.together(tmp_path / "in", **how, progress=disturb)
        assert not victims
        outcomes = fastbg.together(tmp_path / "in", **how).outcomes
    assert {outcome.status for outcome in outcomes} == {"done", "skipped"}
    for name in "abcd":
        ours, theirs = (tmp_path / way / f"{name}_bgSubtracted.fits" for way in ("out", "alone"))
        assert ours.read_bytes() == theirs.read_bytes()


def turned(angle: float, scale: float, at: tuple[float, float]) -> NDArray[np.float64]:
    """(2, H, W): where the pixels of a frame lie in the first one."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] - np.reshape(SHAPE, (2, 1, 1)) / 2
    sine, cosine = scale * np.sin(angle), scale * np.cos(angle)
    middle = np.array(SHAPE) / 2 + at
    return np.stack([middle[0] + cosine * y + sine * x, middle[1] - sine * y + cosine * x])


def header(angle: float, scale: float, at: tuple[float, float]) -> Any:
    """The coordinates of such a frame: a gnomonic projection around the middle of the first."""
    from fastbg.io.keywords import Keyword

    sine, cosine = np.sin(angle) / scale, np.cos(angle) / scale
    # The middle of the first frame, in pixels of this one.
    y, x = -at[0], -at[1]
    own = cosine * y - sine * x + SHAPE[0] / 2, sine * y + cosine * x + SHAPE[1] / 2
    step = 2 / 3600 * scale
    values = {
        "CTYPE1": "'RA---TAN'",
        "CTYPE2": "'DEC--TAN'",
        "CRVAL1": 80.0,
        "CRVAL2": 20.0,
        "CRPIX1": own[1] + 1,
        "CRPIX2": own[0] + 1,
        "CD1_1": -step * np.cos(angle),
        "CD1_2": step * np.sin(angle),
        "CD2_1": step * np.sin(angle),
        "CD2_2": step * np.cos(angle),
    }

    class Header:
        keywords = tuple(Keyword(name, str(value), "") for name, value in values.items())

    return Header()


CAMERAS = (
    *((0.0, 1.0, (0.0, 0.0)), (0.12, 1.0, (2.0, -3.0)), (-0.2, 1.15, (-4.0, 1.0))),
    (0.05, 0.9, (3.0, 3.0)),
)


def test_frames_with_coordinates_need_not_be_registered(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    stars = rng.uniform(-30, 150, (200, 2)), 0.01 * (rng.pareto(1.5, 200) + 1)
    (tmp_path / "in").mkdir()
    gradients = []
    for number, camera in enumerate(CAMERAS):
        y, x = turned(*camera)
        light = 0.02 * np.exp(-((y - 45) ** 2 + (x - 70) ** 2) / 2000)
        for place, peak in zip(*stars, strict=True):
            light += min(peak, 0.3) * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / 8)
        v, u = (np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5) / np.reshape(SHAPE, (2, 1, 1))
        gradients.append(0.05 + 0.02 * (np.cos(number) * v + np.sin(number) * u))
        image = light + gradients[-1] + NOISE * rng.standard_normal(SHAPE)
        name = f"{chr(ord('a') + number)}.fits"
        write_one(tmp_path / "in" / name, image.astype(np.float32), header(*camera))
    how: dict[str, Any] = {"reference_frame": tmp_path / "in" / "a.fits", "relative": True}
    report = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out", **how).report
    assert not report["grid"]["registered"]
    for number, name in enumerate("abcd"):
        assert abs(report["frames"][number]["scale"][0] - 1) < 0.03
        y, x = turned(*CAMERAS[number])
        shared = 0.02 * y / SHAPE[0]  # the gradient of the first frame, seen by this one
        own = gradients[number] - shared
        model = planes(tmp_path / "out" / f"{name}_bgModel.fits")
        inside = (y > 0) & (y < SHAPE[0]) & (x > 0) & (x < SHAPE[1])
        assert np.std((model - own)[inside]) < 0.06 * np.std(gradients[number])


def _sizes(folder: Path) -> dict[str, Any]:
    known = frames(2, shape=SHAPE)
    write_one(folder / "a.fits", known.images[0])
    write_one(folder / "b.fits", known.images[1][:80])
    return {}


def _single(folder: Path) -> dict[str, Any]:
    write_one(folder / "a.fits", frames(2, shape=SHAPE).images[0])
    return {}


def _channels(folder: Path) -> dict[str, Any]:
    known = frames(2, shape=SHAPE)
    write_one(folder / "a.fits", known.images[0])
    write_one(folder / "b.fits", np.repeat(known.images[1][np.newaxis], 3, axis=0))
    return {}


def _apart(folder: Path) -> dict[str, Any]:
    known = frames(2, shape=SHAPE)
    write_one(folder / "a.fits", known.images[0], header(0.0, 1.0, (0.0, 0.0)))
    write_one(folder / "b.fits", known.images[1], header(0.0, 1.0, (0.0, 400.0)))
    return {}


def _alien(folder: Path) -> dict[str, Any]:
    known = frames(2, shape=SHAPE)
    write_one(folder / "a.fits", known.images[0])
    write_one(
        folder / "b.fits", (field(9, SHAPE) + 0.05 + known.images[0] - LIGHT).astype(np.float32)
    )
    return {}


def _all_cloud(folder: Path) -> dict[str, Any]:
    write_one(folder / "a.fits", frames(2, shape=SHAPE).images[0])
    noise = NOISE * np.random.default_rng(5).standard_normal(SHAPE)
    write_one(folder / "b.fits", (0.1 + noise).astype(np.float32))
    return {}


def _no_measure(folder: Path) -> dict[str, Any]:
    write(folder, frames(3, shape=SHAPE).images * np.reshape([0, 1, 1], (3, 1, 1)))
    return {"reference_frame": folder / "a.fits"}


def _constant_reference(folder: Path) -> dict[str, Any]:
    reference = write_one(folder.parent / "r.fits", np.full((1, *SHAPE), 0.5, np.float32))
    return _two(folder, reference=reference)


def _tiny(folder: Path) -> dict[str, Any]:
    write(folder, frames(3, shape=SHAPE).images[:, :1, :2])
    return {}


def _constant(folder: Path) -> dict[str, Any]:
    write(folder, np.full((3, *SHAPE), 0.5, np.float32))
    return {}


def _two(folder: Path, **how: Any) -> dict[str, Any]:
    write(folder, frames(2, shape=SHAPE).images)
    return how


ERRORS: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "one frame": (_single, "the only frame: a set needs at least two"),
    "several sizes": (_sizes, "nothing tells how they lie: register them"),
    "channels": (_channels, "b.fits has 3 channels and"),
    "no overlap": (_apart, "do not overlap"),
    "other field": (_alien, "fewer than two frames show the same field"),
    "all cloud": (_all_cloud, "fewer than two frames show the same field"),
    "division": (lambda folder: _two(folder, mode="divide"), "are subtracted, not divided"),
    "pedestal": (lambda folder: _two(folder, pedestal="bgoptimizer"), "one sky: choose another"),
    "descent": (lambda folder: _two(folder, control_points=25), "leave out control points"),
    "seams": (lambda folder: _two(folder, seams="x=60"), "has no panels: leave the seams out"),
    "no such reference": (
        lambda folder: _two(folder, reference_frame=folder / "z.fits"),
        "is none of the frames",
    ),
    "constant reference": (
        _constant_reference,
        "the mean of the frames: the reference has nothing of the image",
    ),
    "tiny frames": (_tiny, "leaves 2 x 1 pixels of the image, too few for a fit"),
    "constant frames": (_constant, "channel 1 of 1 is constant (0.5)"),
    "empty reference frame": (_no_measure, "a.fits: is empty: every sample is missing"),
    "dask and workers": (
        lambda folder: _two(folder, dask="tcp://x:1", workers=2),
        "a cluster has its own workers",
    ),
}


def test_an_empty_first_frame_is_left_out_of_the_set(tmp_path: Path) -> None:
    images = frames(3, shape=SHAPE).images
    images[0] = 0
    paths = write(tmp_path / "in", images)
    found = fastbg.together(paths, output_dir=tmp_path / "out", relative=True)
    assert not any(each.report["warnings"] for each in found.outcomes if each.report)
    assert [each.status for each in found.outcomes] == ["failed", "done", "done"]
    assert found.report["grid"]["target"] == str(paths[1])


def test_frames_that_cannot_be_laid_on_the_grid_of_most_are_left_out(tmp_path: Path) -> None:
    shape = 60, 80
    images = frames(8, shape=shape).images
    places: list[Any] = [(0.0, 400.0), None, *[(0.0, float(x)) for x in range(4)], (0.0, 0.0)]
    paths = [
        write_one(tmp_path / f"{n}.fits", image, at and header(0.0, 1.0, at))
        for n, (at, image) in enumerate(zip(places, images, strict=False))
    ]
    paths[-1] = write_one(paths[-1], np.repeat(images[6:7], 3, axis=0), header(0.0, 1.0, (0, 0)))
    broken = header(0.0, 1.0, (0.0, 0.0))
    broken.keywords = tuple(
        each._replace(value="0") if each.name.startswith("CD") else each for each in broken.keywords
    )
    paths.append(write_one(tmp_path / "broken.fits", images[7], broken))
    looked = [look(path, Settings()) for path in paths[:-1]]
    group = grouped(looked, None, Settings())
    assert [int(frame.path.stem) for frame in group.frames] == [2, 3, 4, 5]
    assert group.target.path == paths[2]
    words = "shows another field than", "has no coordinates, and others", "has 3 channels and"
    for word, why in zip(words, sorted(map(str, group.left_out.values())), strict=True):
        assert word in why
    with pytest.raises(InputError, match="broken coordinate system"):
        look(paths[-1], Settings())
    assert grouped(looked, looked[0], Settings()).frames == looked[:2]


def test_a_frame_whose_coordinates_lie_elsewhere_is_named_and_the_others_go_on(
    tmp_path: Path, known: Frames, open_page: Callable[..., Any]
) -> None:
    for name, image, x in zip("zab", known.images, (400.0, 0.0, 0.0), strict=False):
        write_one(tmp_path / f"{name}.fits", image, header(0.0, 1.0, (0.0, x)))
    given = [tmp_path / f"{name}.fits" for name in "zab"]
    result = fastbg.together(given, output_dir=tmp_path / "out", relative=True, write_model=False)
    assert [each.status for each in result.outcomes] == ["failed", "done", "done"]
    (row,) = [row for row in result.report["frames"] if row["status"] == "another field"]
    assert row["input"] == str(given[0])
    assert any("shows another field" in line for line in result.report["warnings"])
    page = open_page((tmp_path / "out" / "together_report.html").as_uri())
    assert page.locator(".scroll").evaluate("table => table.scrollWidth <= table.clientWidth")


def test_known_objects_are_protected_in_the_mean(tmp_path: Path, known: Frames) -> None:
    (path,) = write(tmp_path, known.images[:1])
    canvas = Canvas(path, (SHAPE[0] + 20, SHAPE[1] + 40), (-10, -30), 2, False)
    mean = 0.1 + NOISE * np.random.default_rng(2).standard_normal((55, 80, 1))
    with Job(Settings(protect_at=f"40.5 {SHAPE[0] / 2 + 0.5} 20")) as job:
        found = solving.with_objects(job, solving.reduced_of(job, mean, canvas), canvas)
        assert not job.weigh(found)[27, 35].any()
        assert job.weigh(found)[27, 60].all()
        assert not job.warnings


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_one_line(name: str, tmp_path: Path) -> None:
    prepare, words = ERRORS[name]
    (tmp_path / "in").mkdir()
    how = prepare(tmp_path / "in")
    with pytest.raises(FastbgError) as caught:
        fastbg.together(tmp_path / "in", output_dir=tmp_path / "out", **how)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_name_of_a_frame_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FastbgError, match=r"no\.fits does not exist: check the name"):
        fastbg.together(tmp_path / "no.fits", output_dir=tmp_path / "out")


def test_pages_of_others_are_not_replaced(tmp_path: Path, known: Frames) -> None:
    write(tmp_path / "in", known.images)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "together_report.html").write_text("mine", encoding="utf-8")
    with pytest.raises(fastbg.OutputError, match="exists: choose another folder"):
        fastbg.together(tmp_path / "in", output_dir=tmp_path / "out")


def test_the_command_names_outliers(tmp_path: Path, known: Frames) -> None:
    images = np.concatenate([known.images, known.images[:1]])
    images[1] = field(9, SHAPE) + 0.05 + NOISE * np.random.default_rng(8).standard_normal(SHAPE)
    images[4] -= (0.6 * LIGHT).astype(np.float32)
    write(tmp_path / "in", images)
    whole = (tmp_path / "in" / "a.fits").read_bytes()
    (tmp_path / "in" / "cut.fits").write_bytes(whole[:-20000])
    given = ["together", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--relative"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2, result.output
    assert "4 corrected, 2 failed; 3 of 6 frames in the mean" in result.output
    assert "cut.fits is truncated: copy or download it again" in result.output
    assert "e.fits: clouds or fog dim it in parts: it was corrected, and kept" in result.output
    assert "b.fits shows another field than the others" in result.output
    assert not (tmp_path / "out" / "b_bgSubtracted.fits").exists()
    page = (tmp_path / "out" / "together_report.html").read_text(encoding="utf-8")
    assert "another field" in page
    assert "http:" not in page

    report = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert [row["status"] for row in report["frames"]] == [
        *("used", "another field", "used", "used", "clouds", "failed")
    ]
    assert [row["outcome"] for row in report["frames"]].count("skipped") == 4
    stored = json.loads((tmp_path / "out" / "together_report.json").read_text(encoding="utf-8"))
    assert stored["choices"]["relative"]

    strict = [*given[:3], str(tmp_path / "strict"), *given[4:], "--strict"]
    (tmp_path / "in" / "b.fits").unlink()
    (tmp_path / "in" / "cut.fits").unlink()
    result = CliRunner().invoke(app, strict)
    assert result.exit_code == 3, result.output
    assert "3 corrected, 1 doubtful and not written" in result.output
    assert "e.fits: clouds or fog dim it in parts: it was not corrected" in result.output
    assert not (tmp_path / "strict" / "e_bgSubtracted.fits").exists()


def test_a_doubtful_mean_is_told_and_ends_a_strict_set(
    tmp_path: Path, known: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", known.images[:2])
    monkeypatch.setattr(strictness, "doubts_of", lambda *given: ["all is wrong: do otherwise"])
    monkeypatch.setattr(solving, "doubts_of", strictness.doubts_of)
    report = fastbg.together(tmp_path / "in", output_dir=tmp_path / "out").report
    doubt, cure = report["doubts"]
    assert doubt == "all is wrong: do otherwise"
    assert "give a reference" in cure
    assert "(relative)" in cure
    assert {doubt, cure} <= {*report["warnings"]}
    given = ["together", str(tmp_path / "in"), "-o", str(tmp_path / "strict"), "--strict"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 3, result.output
    assert "the mean of the frames is doubtful: all is wrong" in result.output
    assert not list((tmp_path / "strict").glob("*_*"))
