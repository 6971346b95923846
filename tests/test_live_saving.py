"""What a page saves is, bit for bit, what the command line writes that it prints."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from cases import some
from live import opened, served, write_sky
from PIL import Image as pil

from fastbg import BackgroundModel, Settings, fit_file, load_preset
from fastbg.io import formats
from fastbg.io.random_access import RandomAccessFile
from fastbg.io.regions import open_regions


@pytest.fixture(scope="module")
def sky(tmp_path_factory) -> Path:
    return write_sky(tmp_path_factory.mktemp("live") / "sky.fits")


@pytest.fixture
def image(sky, tmp_path) -> Path:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    return Path(shutil.copy(sky, folder))


def run(command: str) -> None:
    """Run a command line as a shell would."""
    name, *words = shlex.split(command)
    assert name == "fastbg"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fastbg", *words], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def untimed(content: bytes) -> bytes:
    """A file without the time at which it was made, which XISF has."""
    return re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z?", b"", content)


def paint(page) -> None:
    """Use every tool that changes the result."""
    page.fitted()
    page.edit("stroke", stroke=1, layer="not_sky", radius=15, points=[[40, 60], [180, 170]])
    page.edit("shape", layer="not_sky", shape="polygon", points=[[200, 20], [300, 40], [230, 90]])
    page.edit("shape", layer="sky", shape="ellipse", points=[[10, 180], [60, 230]])
    page.edit("set", settings={"pedestal": "neutral", "feather": 12, "strength": 0.8})
    page.edit("set", settings={"border": [3, 20, 0, 5], "flexibility": 3})


@pytest.mark.parametrize(
    ("suffix", "how"),
    some(
        [(None, "painted")],
        [(None, "nothing"), (None, "painted"), (".xisf", "painted"), (".tif", "painted")],
    ),
)
def test_what_is_saved_is_what_the_command_writes(image, tmp_path, suffix, how):
    out = tmp_path / "out $HOME"
    with served(image, output_dir=out) as server, opened(server) as page:
        if how == "painted":
            paint(page)
        fitted = page.fitted()
        answer = page.ask("save", suffix=suffix, report=True)
        assert answer["tell"] == "saved", answer
        assert page.get("state")["unsaved"] is False
        text = page.ask("command")["text"]
    saved = contents(out)
    assert all(Path(file).exists() for file in answer["outputs"].values())
    assert f"sky_bgSubtracted{suffix or '.fits'}" in saved
    assert f"sky_bgModel{suffix or '.fits'}" in saved
    assert ("sky_not_sky.png" in saved) == (how == "painted")
    images = [name for name in saved if "_bg" in name]
    for command in [answer["command"]] if suffix else [answer["command"], text]:
        for name in images:
            (out / name).write_bytes(b"")
        run(command)
        written = contents(out)
        for name in images:
            assert untimed(written[name]) == untimed(saved[name])
    with formats.open_image(out / f"sky_bgModel{suffix or '.fits'}") as model:
        medians = np.median(model.to_array(), axis=(0, 1))
    level = np.array(fitted["level"])
    expected = level if how == "nothing" else np.full(3, level.mean())
    assert medians.mean() == pytest.approx(expected.mean(), rel=1e-3)


def test_the_live_result_is_that_of_the_command(image, tmp_path):
    with served(image, output_dir=tmp_path / "out") as server, opened(server) as page:
        paint(page)
        page.fitted()
        live = server.outcome().fitted.model
        text = page.ask("command")["text"]
    words = shlex.split(text.replace("fastbg run", "fastbg fit", 1))
    position = words.index(str(tmp_path / "out"))
    words[position : position + 1] = ["-o", str(tmp_path / "sky.json")]
    options = {"--pedestal", "--strength"}  # a fit has none
    kept = [w for i, w in enumerate(words) if w not in options and words[i - 1] not in options]
    run(shlex.join(kept))
    assert BackgroundModel.load(tmp_path / "sky.json") == live


@pytest.mark.parametrize("rows", some(["BOTTOM-UP"], ["TOP-DOWN", "BOTTOM-UP", None]))
def test_exported_layers_are_what_was_painted(image, tmp_path, rows):
    if rows:
        with fits.open(image, mode="update") as file:
            file[0].header["ROWORDER"] = rows
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        paint(page)
        kinds = {"png": {}, "geojson": {}}
        for kind, files in kinds.items():
            for name in ("not_sky", "sky"):
                answer = page.ask("export", what=f"{name}.{kind}")
                assert answer["tell"] == "saved", answer
                files[name] = Path(answer["outputs"][f"{name}.{kind}"])
        grid, layers = server.session.painted.grid, server.session.painted
        model = server.outcome().fitted.model
        settings = page.get("state")["settings"]
    for kind, files in kinds.items():
        for name, file in files.items():
            cells = np.kron(getattr(layers, name), np.ones((grid.side,) * 2))[:240, :320]
            if kind == "png":
                with pil.open(file) as picture:
                    white = np.asarray(picture) == 255
                found = white if name == "sky" else ~white
            else:
                found = open_regions(file, (240, 320)).planes()[0] == 0
                if server.engine.turn.rows:
                    found = found[::-1]
            assert np.array_equal(found, cells)
        again = fit_file(
            image,
            tmp_path / f"{kind}.json",
            mask=files["not_sky"],
            sky=files["sky"],
            protect="always",
            feather=settings["feather"]["value"],
            border=settings["border"]["value"],
            flexibility=settings["flexibility"]["value"],
        )
        assert again.model == model


def test_masks_that_are_given_are_painted(image, tmp_path):
    mask = np.full((240, 320), 255, np.uint8)
    mask[80:160, 100:200] = 0
    pil.fromarray(mask).save(tmp_path / "mask.png")
    with served(image, mask=tmp_path / "mask.png", output_dir=tmp_path) as server:
        cells = server.session.painted.not_sky
        side = server.session.painted.grid.side
        full = np.kron(cells, np.ones((side, side), bool))[:240, :320]
        assert (full == (mask == 0)).mean() > 0.95
        with opened(server) as page:
            assert page.get("not_sky").planes.any()
            assert page.get("state")["unsaved"] is False


def test_what_exists_is_not_replaced_unasked(image, tmp_path):
    existing = tmp_path / "sky_bgModel.fits"
    existing.write_bytes(b"mine")
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.fitted()
        answer = page.ask("save")
        assert "exists" in answer["message"]
        assert contents(tmp_path) == {"sky_bgModel.fits": b"mine"}
        assert page.get("state")["unsaved"] is False
        assert page.ask("save", overwrite=True)["tell"] == "saved"
    assert len(existing.read_bytes()) > 1000


@pytest.mark.parametrize("name", ["sky_preset.toml", "sky_not_sky.geojson", "sky_not_sky.png"])
def test_a_small_file_that_exists_stops_the_large_ones(image, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes(b"mine")
    with served(image, output_dir=out) as server, opened(server) as page:
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        answer = page.ask("save", preset=True, mask=True)
        assert f"{name} already exists" in answer["message"]
        del (kept := contents(out))[".sky.fits.fastbg-live.jsonl"]
        assert kept == {name: b"mine"}
        assert page.ask("save", preset=True, mask=True, overwrite=True)["tell"] == "saved"


@pytest.mark.parametrize(("grey", "is_told"), [(255, False), (200, True)])
def test_a_soft_mask_is_told_to_be_all_or_nothing(image, tmp_path, grey, is_told):
    mask = np.full((240, 320), 255, np.uint8)
    mask[:80], mask[80:120] = 0, grey
    pil.fromarray(mask).save(tmp_path / "mask.png")
    with served(image, mask=tmp_path / "mask.png") as server, opened(server) as page:
        told = " ".join(page.get("hello")["warnings"])
    assert ("each cell of the fit whole" in told) == is_told


@pytest.mark.parametrize("why", ["exists", "cancelled", "full", "changed"])
def test_a_job_that_fails_leaves_no_masks(image, tmp_path, monkeypatch, why):
    out = tmp_path / "out"
    with served(image, output_dir=out) as server, opened(server) as page:
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        page.edit("shape", layer="sky", shape="ellipse", points=[[10, 180], [60, 230]])
        page.fitted()
        session = [*out.iterdir()]
        kept = []
        if why == "exists":
            kept = [out / "sky_bgModel.fits"]
            kept[0].write_bytes(b"mine")
        elif why == "cancelled":
            server._saving._watch = lambda work: lambda progress: False
        elif why == "full":

            def full(self, *given):
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(RandomAccessFile, "allocate", full)
        else:
            os.utime(image, (1, 1))
        assert page.ask("save", preset=True, mask=True)["tell"] == "problem"
        assert sorted(out.iterdir()) == sorted([*session, *kept])


def test_its_own_masks_are_replaced(image, tmp_path):
    (tmp_path / "sky_not_sky.png").write_bytes(b"of somebody else")
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        assert "exists" in page.ask("export", what="not_sky.png")["message"]
        assert "exists" in page.ask("command")["message"]
        assert page.ask("export", what="not_sky.png", overwrite=True)["tell"] == "saved"
        first = (tmp_path / "sky_not_sky.png").read_bytes()
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[150, 150], [250, 220]])
        assert page.ask("export", what="not_sky.png")["tell"] == "saved"
        assert (tmp_path / "sky_not_sky.png").read_bytes() != first
        assert "nothing is painted" in page.ask("export", what="sky.png")["message"]


def test_a_preset_repeats_the_settings(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.edit("set", settings={"mode": "divide", "protect": "strong", "feather": 0.1})
        path = page.ask("export", what="preset.toml")["outputs"]["preset.toml"]
        assert load_preset(Path(path)) == server.settings


def test_saving_is_cancelled(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.fitted()
        stages = []

        def stop(progress):
            stages.append(progress.stage)
            if progress.stage == "correct":
                next(iter(server._saving._works.values())).stopped.set()

        watch = server._saving._watch
        server._saving._watch = lambda work: lambda p: (stop(p), watch(work)(p))[1]
        page.socket.send(json.dumps({"do": "save", "id": 77}))
        answer = page.until(lambda name, own: isinstance(own, dict) and own.get("id") == 77)
        assert "cancelled" in answer["message"]
        assert "correct" in stages
        assert "no such job" in page.ask("cancel", job=77)["message"]
    assert contents(tmp_path) == {}


def test_progress_is_told(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.fitted()
        answer = page.ask("save", report=True, preview=True, mask=True, preset=True)
        assert answer["tell"] == "saved", answer
        progress = page.get("progress")
        assert progress["done"] <= progress["total"]
    names = set(contents(tmp_path))
    assert {"sky_report.html", "sky_report.json", "sky_preview.png", "sky_preset.toml"} <= names


def test_a_full_disk_loses_nothing(image, tmp_path, monkeypatch):
    def full(self, *given):
        raise OSError(errno.ENOSPC, "No space left on device")

    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.edit("set", settings={"mode": "divide"})
        page.fitted()
        with monkeypatch.context() as patch:
            patch.setattr(RandomAccessFile, "allocate", full)
            answer = page.ask("save")
        assert "No space left" in answer["message"]
        assert "\n" not in answer["message"]
        kept = [name for name in contents(tmp_path) if not name.startswith(".sky.fits")]
        assert kept == []
        assert page.get("state")["unsaved"] is True
        assert page.ask("save")["tell"] == "saved"


@pytest.mark.parametrize("what", ["changed", "removed", "replaced"])
def test_an_image_that_is_no_longer_the_same_is_told_and_not_saved(image, tmp_path, what):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.fitted()
        if what == "removed":
            image.unlink()
        elif what == "replaced":
            other = write_sky(image.with_name("other.fits"), (120, 160))
            os.replace(other, image)
        else:
            with open(image, "r+b") as file:
                file.seek(-4, os.SEEK_END)
                file.write(b"abcd")
        words = "cannot be found" if what == "removed" else "was changed since it was opened"
        assert words in page.get("changed_file")["message"]
        answer = page.ask("save")
        assert words in answer["message"]
        page.ask("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        assert page.get("state")["undo"] == 1
    assert [name for name in contents(tmp_path) if "_bg" in name] == []


def test_an_image_that_is_put_back_is_used_again(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.fitted()
        away = image.rename(tmp_path / "away.fits")
        assert "put it back" in page.get("changed_file")["message"]
        away.rename(image)
        page.until(lambda name, own: name == "changed_file" and own["message"] == "")
        assert page.ask("save")["tell"] == "saved"


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_a_name_that_is_no_text_can_be_exported_and_pasted(image, tmp_path):
    path = image.rename(os.fsdecode(b"%s/it's \xff.fits" % os.fsencode(tmp_path)))
    out = tmp_path / "out"
    with served(path, output_dir=out) as server, opened(server) as page:
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        answer = page.ask("export", what="preset.toml")
        assert answer["tell"] == "saved", answer
        command = page.ask("command")["text"]
    assert command.isprintable()
    command.encode()
    python = f"{shlex.quote(sys.executable)} -P -m fastbg "
    shell = ["bash", "-c", python + command.removeprefix("fastbg ")]
    assert subprocess.run(shell, capture_output=True).returncode == 0
    assert os.fsencode(path.stem) + b"_bgSubtracted.fits" in os.listdir(os.fsencode(out))


def test_a_result_is_sent_back_and_the_server_ends(image, tmp_path):
    result = tmp_path / "back.xisf"
    with served(image, output_dir=tmp_path, result=result) as server, opened(server) as page:
        page.fitted()
        assert page.get("hello")["host"] is True
        assert page.ask("send_back")["tell"] == "saved"
        assert result.stat().st_size > 240 * 320 * 12
        assert server.sent_back
        page.until(lambda name, _: name == "ended")


def test_nothing_is_sent_back_where_nobody_waits(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        assert page.get("hello")["host"] is False
        assert "no program waits" in page.ask("send_back")["message"]


@pytest.mark.parametrize("folder", ["..", "/", "../other", "lights/../..", "nowhere", "~"])
def test_a_batch_stays_in_its_folder(image, tmp_path, folder):
    (tmp_path / "other").mkdir()
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        answer = page.ask("batch", folder=folder)
        assert answer["tell"] == "problem"
        assert "outside" in answer["message"] or "no folder" in answer["message"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_leads_out_of_no_folder(image, tmp_path):
    (image.parent / "link").symlink_to(tmp_path)
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        assert "outside" in page.ask("batch", folder="link")["message"]


def test_a_batch_applies_the_settings_to_a_folder(image, tmp_path):
    lights = image.parent / "lights"
    lights.mkdir()
    for name in ("one.fits", "two.fits"):
        shutil.copy(image, lights / name)
    (lights / "three.fits").write_bytes(b"no image")
    out = tmp_path / "out"
    with served(image, output_dir=out) as server, opened(server) as page:
        page.edit("set", settings={"mode": "divide"})
        answer = page.ask("batch", folder="lights")
        assert answer["outputs"] == {"one.fits": "done", "two.fits": "done"}
        assert list(answer["failed"]) == ["three.fits"]
        assert page.ask("save")["tell"] == "saved"
    with (
        fits.open(out / "one_bgSubtracted.fits") as one,
        fits.open(out / "sky_bgSubtracted.fits") as own,
    ):
        assert np.array_equal(one[0].data, own[0].data)


def test_a_mosaic_and_an_image_with_rows_upside_down(tmp_path, rng):
    samples = rng.normal(1000, 10, (241, 323)) + np.arange(323) / 3
    path = tmp_path / "mosaic.tif"
    tifffile.imwrite(path, samples.astype(np.uint16), extratags=[(274, 3, 1, 4, True)])
    with (
        served(path, settings=Settings(cfa="RGGB"), output_dir=tmp_path) as server,
        opened(server) as page,
    ):
        page.fitted()
        hello = page.get("hello")
        assert hello["image"]["pattern"] == "RGGB"
        assert (hello["image"]["width"], hello["image"]["height"]) == (323, 241)
        assert hello["tiles"]["pixel"] == 2
        assert hello["grid"]["binning"] % 2 == 0
        assert page.get("original").header["binning"] == 2
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        page.fitted()
        live = server.outcome().fitted.model
        file = page.ask("export", what="not_sky.png")["outputs"]["not_sky.png"]
        polygons = page.ask("export", what="not_sky.geojson")["outputs"]["not_sky.geojson"]
    for mask in (file, polygons):
        again = fit_file(
            path, tmp_path / "a.json", overwrite=True, mask=mask, cfa="RGGB", protect="always"
        )
        assert again.model == live
