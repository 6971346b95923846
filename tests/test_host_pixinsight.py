"""The script for PixInsight, run by Node in stubs of PixInsight's objects, with the real fastbg.

The stubs in tests/pixinsight keep what is known of these objects from public sources. They are not
PixInsight, in which the script has not been tried.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from cases import slow, some

from fastbg import FastbgError, Settings, process_file
from fastbg.io import formats, xisf
from fastbg.simulate import simulate_sky

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "hosts" / "pixinsight"
RUN = ROOT / "tests" / "pixinsight" / "run.js"
SHAPE = (96, 128)
KEYWORDS = [
    {"name": "OBJECT", "value": "'M 31'", "comment": '<a> & "b"'},
    {"name": "HISTORY", "value": "", "comment": "stacked"},
]
PROPERTIES = {"Observation:Object:Name": "M 31", "PCL:AstrometricSolution": [1, 2, 3]}
SOLUTION = {"projection": "Gnomonic"}
STF = [[0, 1, 0.01, 0, 1]]
MASK = (slice(20, 60), slice(30, 90))
PREVIEWS = {"Preview01": [30, 20, 90, 60], "Preview02": [0, 80, 10, 96]}

Outcome = dict[str, Any]


def node() -> str | None:
    """Node of the system, or the one that Playwright brings."""
    if found := shutil.which("node"):
        return found
    playwright = find_spec("playwright")
    if playwright is None or playwright.origin is None:
        return None
    bundled = Path(playwright.origin).parent / "driver" / "node"
    return str(bundled) if bundled.exists() else None


pytestmark = [
    pytest.mark.skipif(node() is None, reason="Node is missing, which runs scripts for PixInsight"),
    pytest.mark.skipif(os.name == "nt", reason="the programs of these tests are shell scripts"),
]


def planes(path: Path) -> np.ndarray:
    """(K, H, W) of a file, in the order in which it is stored."""
    with formats.open_image(path) as image:
        image.load()
        return image.read_rows(slice(0, image.shape[1]))


def program(path: Path, text: str) -> Path:
    """A shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def fastbg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real program, in a folder with a blank and other letters; each dialog asks its doctor,
    and gets an answer that does not take its time."""
    folder = tmp_path_factory.mktemp("Programme für Bilder")
    return program(folder / "fast bg", f"{DOCTOR}\nexec '{sys.executable}' -P -m fastbg \"$@\"")


DOCTOR = """[ "$1" = doctor ] && echo '{"fastbg": "0.1.0"}' && exit"""

QUICK = f"""
{DOCTOR}
for given; do
  case $last in -o) out=$given;; --model-output) model=$given;; -m) mask=$given;; esac
  last=$given
done
cp "$2" "$out"
[ -z "$model" ] || cp "${{mask:-$2}}" "$model"
echo '{{"event": "done", "report": {{"gradient": {{"taken_out": 0.5}}, "warnings": []}}}}'
"""
"""A program that takes what fastbg takes, and gives the image for the corrected one, and its last
mask for the background."""


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("quick") / "fastbg", QUICK)


class PixInsight:
    """A folder with images of the user, and PixInsight's stub for them."""

    def __init__(self, folder: Path, fastbg: Path) -> None:
        self.folder, self.fastbg = folder, fastbg
        self.temporary = folder / "tmp Ünï"
        self.temporary.mkdir()
        colour = simulate_sky(SHAPE, np.random.default_rng(3)).image.astype(np.float32)
        mask = np.ones((*SHAPE, 1), np.float32)
        mask[MASK] = 0
        xisf.write(folder / "rgb.xisf", colour)
        xisf.write(folder / "mono.xisf", colour[..., :1])
        xisf.write(folder / "mask.xisf", mask)
        xisf.write(folder / "inverted.xisf", 1 - mask)
        xisf.write(folder / "small.xisf", colour[:2, :2])

    def open(self, name: str = "rgb", **more: object) -> dict[str, Any]:
        """An image of the user, with metadata."""
        return {
            "file": str(self.folder / f"{name}.xisf"),
            "id": name,
            "keywords": KEYWORDS,
            "properties": PROPERTIES,
            "solution": SOLUTION,
            "stf": STF,
            **more,
        }

    def run(
        self, *turns: str, set_up: bool = True, by: Path | None = None, **scenario: Any
    ) -> Outcome:
        """What happens if the user does this, each time the dialog is shown; by another program."""
        known = {"fastbg/program": str(by or self.fastbg), "fastbg/checkedFor": "0.1.0"}
        (self.folder / "end").mkdir(exist_ok=True)
        path = self.folder / "scenario.json"
        scenario = {
            "images": [self.open()],
            "settings": known if set_up else {},
            "turns": turns,
            "folder": str(self.folder / "end"),
            "temporary": str(self.temporary),
            **scenario,
        }
        path.write_text(json.dumps(scenario), encoding="utf-8")
        done = subprocess.run(
            [node() or "", str(RUN), str(path)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        outcome: Outcome = json.loads(done.stdout)
        # However it ends: no files, no processes, no other windows, no image in a half-done step.
        assert not list(self.temporary.iterdir())
        assert outcome["orphans"] == 0
        assert not any(window["open"] for window in outcome["windows"])
        given = {image["id"] for image in scenario["images"]}
        assert {w["id"] for w in outcome["windows"] if not w["visible"]} <= given
        return outcome

    def result(self, name: str = "rgb") -> np.ndarray:
        """(K, H, W): the pixels of a window at the end."""
        return planes(self.folder / "end" / f"{name}.xisf")

    def expected(self, name: str = "rgb", **options: Any) -> tuple[np.ndarray, np.ndarray]:
        """The corrected image and the background that fastbg makes of the same pixels."""
        source, out = self.folder / f"{name}.xisf", self.folder / "expected"
        process_file(source, output_dir=out, overwrite=True, **options)
        kinds = ("bgSubtracted", "bgModel")
        corrected, background = (planes(out / f"{name}_{kind}.xisf") for kind in kinds)
        return corrected, background


@pytest.fixture
def pixinsight(tmp_path: Path, fastbg: Path) -> PixInsight:
    return PixInsight(tmp_path, fastbg)


def lines(outcome: Outcome, kind: str) -> list[str]:
    """What was written in the console in one way."""
    return [text.removeprefix("<end><cbr>") for way, text in outcome["console"] if way == kind]


def unchanged(pixinsight: PixInsight, outcome: Outcome, name: str = "rgb") -> bool:
    """Whether the image of the user is as it was, without a step in its history."""
    (window,) = (each for each in outcome["windows"] if each["id"] == name)
    before = planes(pixinsight.folder / f"{name}.xisf")
    return window["steps"] == 0 and np.array_equal(pixinsight.result(name), before)


@pytest.mark.parametrize("name", some(["rgb"], ["rgb", "mono"]))
def test_the_image_gets_what_fastbg_run_gives_in_one_step(
    pixinsight: PixInsight, name: str
) -> None:
    outcome = pixinsight.run("user.press('Execute')", images=[pixinsight.open(name)])
    assert outcome["thrown"] is None
    assert outcome["boxes"] == []
    assert np.array_equal(pixinsight.result(name), pixinsight.expected(name)[0])
    (window,) = outcome["windows"]
    assert window["steps"] == 1
    assert window["keywords"] == KEYWORDS
    assert window["properties"] == PROPERTIES
    assert (window["solution"], window["stf"]) == (SOLUTION, STF)
    assert window["filePath"] == str(pixinsight.folder / f"{name}.xisf")
    assert outcome["shown"]
    assert lines(outcome, "write")[0] == "fastbg: reading the image"
    (told,) = lines(outcome, "noteln")
    assert re.fullmatch(r"fastbg: \d+ % of the gradient was taken out", told)


@pytest.mark.parametrize(
    "name", some(["corrected", "mask"], ["corrected", "background", "mask", "fastbg_copy"])
)
def test_any_name_of_an_image_will_do(pixinsight: PixInsight, quick: Path, name: str) -> None:
    images = [pixinsight.open(id=name, mask="other"), pixinsight.open("mask", id="other")]
    outcome = pixinsight.run(
        "user.check('Show the background'); user.check('Use the mask'); user.press('Execute')",
        images=images,
        by=quick,
    )
    assert outcome["boxes"] == []
    assert outcome["windows"][0]["steps"] == 1
    for window, source in {name: "rgb", f"{name}_background": "mask"}.items():
        expected = planes(pixinsight.folder / f"{source}.xisf")
        assert np.array_equal(pixinsight.result(window), expected)


def test_integers_stay_integers(pixinsight: PixInsight) -> None:
    counts = np.round(65535 * planes(pixinsight.folder / "mono.xisf")).astype(np.uint16)
    header = (
        b'<?xml version="1.0" encoding="UTF-8"?><xisf version="1.0" '
        b'xmlns="http://www.pixinsight.com/xisf"><Image geometry="128:96:1" sampleFormat="UInt16" '
        b'colorSpace="Gray" location="attachment:4096:%d"/></xisf>' % counts.nbytes
    )
    start = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
    (pixinsight.folder / "counts.xisf").write_bytes(start.ljust(4096, b"\0") + counts.tobytes())
    outcome = pixinsight.run("user.press('Execute')", images=[pixinsight.open("counts")])
    assert outcome["boxes"] == []
    (window,) = outcome["windows"]
    assert (window["format"], window["steps"]) == ("UInt16", 1)
    expected = pixinsight.expected("counts")[0]
    assert np.array_equal(
        pixinsight.result("counts"), np.floor(65535 * expected.astype(float) + 0.5)
    )


@pytest.mark.parametrize(
    ("act", "name", "value"),
    [
        ("", "protect", "auto"),
        ("user.choose('Find objects', 'Always, beside a mask too')", "protect", "always"),
        ("user.choose('Find objects', 'Always, and more of them')", "protect", "strong"),
        ("user.choose('Find objects', 'Never')", "protect", "off"),
        ("user.choose('Correction', 'Division')", "mode", "divide"),
        ("user.choose('Level of', 'The same in all channels')", "pedestal", "neutral"),
        ("user.choose('Level of', 'Zero')", "pedestal", "none"),
        ("user.choose('Level of', 'As bgoptimizer does')", "pedestal", "bgoptimizer"),
        (
            "user.choose('Level of', 'A level of your choice'); user.slide('Level', 0.025)",
            "pedestal",
            "0.025",
        ),
        ("user.slide('Strength', 60)", "strength", "60%"),
    ],
    ids=lambda value: "" if "user" in value else value,
)
def test_what_is_chosen_is_an_option(
    pixinsight: PixInsight, quick: Path, act: str, name: str, value: str
) -> None:
    outcome = pixinsight.run(f"{act}; user.press('Execute')", by=quick)
    assert outcome["boxes"] == []
    (started,) = (each for each in outcome["started"] if each[1] == "run")
    assert started[started.index(f"--{name}") + 1] == value
    Settings(**{name: float(value) if value.startswith("0") else value})


def test_what_is_chosen_is_what_the_options_do(pixinsight: PixInsight) -> None:
    outcome = pixinsight.run(
        "user.choose('Find objects', 'Never'); user.slide('Strength', 60);"
        "user.choose('Level of', 'A level of your choice'); user.slide('Level', 0.025);"
        "user.press('Execute')"
    )
    assert outcome["boxes"] == []
    chosen = {"protect": "off", "pedestal": 0.025, "strength": 0.6}
    assert np.array_equal(pixinsight.result(), pixinsight.expected(**chosen)[0])


def test_a_level_is_chosen_where_it_counts(pixinsight: PixInsight, quick: Path) -> None:
    outcome = pixinsight.run("user.slide('Level', 0.5)", by=quick)
    assert outcome["thrown"]["message"] == "Level is disabled"


def test_the_background_comes_in_a_window_of_its_own(pixinsight: PixInsight) -> None:
    outcome = pixinsight.run("user.check('Show the background'); user.press('Execute')")
    image, background = outcome["windows"]
    assert (image["steps"], background["id"]) == (1, "rgb_background")
    assert background["visible"]
    assert background["keywords"] == KEYWORDS
    assert (background["solution"], background["stf"]) == (SOLUTION, STF)
    corrected, model = pixinsight.expected()
    assert np.array_equal(pixinsight.result(), corrected)
    assert np.array_equal(pixinsight.result("rgb_background"), model)


@pytest.mark.parametrize(("mask", "inverted"), [slow("mask", False), ("inverted", True)])
def test_white_of_the_mask_is_sky(pixinsight: PixInsight, mask: str, inverted: bool) -> None:
    images = [pixinsight.open(mask=mask, maskInverted=inverted), pixinsight.open(mask)]
    outcome = pixinsight.run("user.check('Use the mask'); user.press('Execute')", images=images)
    assert outcome["boxes"] == []
    expected = pixinsight.expected(mask=pixinsight.folder / "mask.xisf")[0]
    assert np.array_equal(pixinsight.result(), expected)
    assert not np.array_equal(expected, pixinsight.expected()[0])
    assert unchanged(pixinsight, outcome, mask)


def regions(path: Path) -> Path:
    """The previews as polygons."""
    rings = [
        [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]] for x0, y0, x1, y1 in PREVIEWS.values()
    ]
    path.write_text(json.dumps({"type": "MultiPolygon", "coordinates": [[r] for r in rings]}))
    return path


def test_previews_are_not_sky_and_the_rest_is_searched(pixinsight: PixInsight) -> None:
    images = [pixinsight.open(previews=PREVIEWS)]
    outcome = pixinsight.run(
        "user.check('What lies in previews'); user.press('Execute')", images=images
    )
    assert outcome["boxes"] == []
    mask = regions(pixinsight.folder / "previews.geojson")
    expected = pixinsight.expected(mask=mask, protect="always")[0]
    assert np.array_equal(pixinsight.result(), expected)
    assert not np.array_equal(expected, pixinsight.expected()[0])


def test_a_mask_and_previews_go_together(pixinsight: PixInsight) -> None:
    images = [pixinsight.open(mask="mask", previews=PREVIEWS), pixinsight.open("mask")]
    pixinsight.run(
        "user.check('Use the mask'); user.check('What lies in previews'); user.press('Execute')",
        images=images,
    )
    masks = [pixinsight.folder / "mask.xisf", regions(pixinsight.folder / "previews.geojson")]
    expected = pixinsight.expected(mask=masks)[0]
    assert np.array_equal(pixinsight.result(), expected)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (
            "Use the mask",
            "rgb has no mask: give it one with Mask \u203a Select Mask, or do not use it.",
        ),
        (
            "What lies in previews",
            "rgb has no previews: draw some around what is not sky, or do not use them.",
        ),
    ],
)
def test_what_is_not_there_is_not_passed_over(
    pixinsight: PixInsight, box: str, message: str
) -> None:
    outcome = pixinsight.run(f"user.check('{box}'); user.press('Execute')")
    assert outcome["boxes"] == [message]
    assert unchanged(pixinsight, outcome)


def test_an_instance_works_on_a_view_without_a_dialog(pixinsight: PixInsight) -> None:
    made = pixinsight.run(
        "user.choose('Correction', 'Division'); user.choose('Find objects', 'Never');"
        "user.check('Show the background'); user.dragNewInstance(); user.press('Cancel')"
    )
    assert unchanged(pixinsight, made)
    (parameters,) = made["instances"]
    outcome = pixinsight.run(parameters=parameters, target="rgb")
    assert (outcome["thrown"], outcome["dialogs"]) == (None, 0)
    corrected, _ = pixinsight.expected(mode="divide", protect="off")
    assert np.array_equal(pixinsight.result(), corrected)
    assert [window["id"] for window in outcome["windows"]] == ["rgb", "rgb_background"]
    again = pixinsight.run("user.dragNewInstance()", parameters=parameters, target="global")
    assert again["instances"] == [parameters]


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"target": "Preview01"}, "use it on the image, not on a preview"),
        ({"target": "rgb", "parameters": {"mode": "multiply"}}, 'has "multiply" for mode'),
        ({"target": "rgb", "parameters": {"strength": 120}}, "not between 0 and 100 %"),
        ({"target": "rgb", "parameters": {"level": -1}}, "not between 0 and 1:"),
        ({"target": "rgb", "set_up": False}, "It is not known yet where the program fastbg is"),
        ({"target": "rgb", "version": [1, 9, 3]}, "this script needs PixInsight 1.9.4"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_an_instance_fails_with_an_error_and_asks_nobody(
    pixinsight: PixInsight, scenario: dict[str, Any], message: str
) -> None:
    outcome = pixinsight.run(images=[pixinsight.open(previews=PREVIEWS)], **scenario)
    assert message in outcome["thrown"]["message"]
    assert (outcome["boxes"], outcome["dialogs"]) == ([], 0)
    assert unchanged(pixinsight, outcome)


def test_the_first_run_asks_for_the_program_and_keeps_it(pixinsight: PixInsight) -> None:
    """Here its doctor is the real one."""
    path = program(pixinsight.folder / "fastbg", f"exec '{sys.executable}' -P -m fastbg \"$@\"")
    outcome = pixinsight.run(
        "if ( !user.texts().includes( 'fastbg was not found on this computer: choose where it is.'"
        " ) || user.find( 'PushButton', 'Execute' ).enabled ) throw new Error( user.texts() );"
        "user.browse(); user.press( 'Execute' )",
        set_up=False,
        chosenFile=str(path),
    )
    assert outcome["thrown"] is None
    assert outcome["settings"]["fastbg/program"] == str(path)
    assert np.array_equal(pixinsight.result(), pixinsight.expected()[0])


def test_a_program_in_its_usual_place_is_found(pixinsight: PixInsight) -> None:
    home = pixinsight.folder / "home"
    place = program(home / ".local" / "bin" / "fastbg", QUICK)
    outcome = pixinsight.run("user.press('Execute')", set_up=False, home=str(home))
    assert outcome["settings"]["fastbg/program"] == str(place)
    assert outcome["windows"][0]["steps"] == 1
    gone = {"fastbg/program": str(home / "gone"), "fastbg/checkedFor": "0.1.0"}
    for settings in ({}, gone):
        instance = pixinsight.run(settings=settings, home=str(home), target="rgb")
        assert instance["settings"]["fastbg/program"] == str(place)
        assert instance["windows"][0]["steps"] == 1


OLD = 'echo \'{"fastbg": "0.0.9"}\''


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone", None, "There is no file {path}: choose where the program fastbg is."),
        ("other", "echo hello", "{path} does not answer as fastbg does: choose the program fastbg"),
        ("nothing", "exit 3", "{path} does not answer as fastbg does: choose the program fastbg"),
        ("old", OLD, "{path} is fastbg 0.0.9, and this script needs 0.1.0 or newer: update fastbg"),
    ],
)
def test_a_program_that_cannot_be_used_is_told_and_not_kept(
    pixinsight: PixInsight, name: str, text: str | None, message: str
) -> None:
    path = pixinsight.folder / "bin dir" / name
    if text:
        program(path, text)
    outcome = pixinsight.run(
        f"user.type( {json.dumps(str(path))} );"
        "const { enabled } = user.find( 'PushButton', 'Execute' );"
        "throw new Error( enabled + user.texts().join( '|' ) )",
        set_up=False,
    )
    assert outcome["thrown"]["message"].startswith("false")
    assert message.format(path=path) in outcome["thrown"]["message"]
    assert outcome["settings"] == {}
    stored = {"fastbg/program": str(path), "fastbg/checkedFor": "0.0.1"}
    on_view = pixinsight.run(settings=stored, target="rgb")
    assert on_view["thrown"]["message"].startswith(message.format(path=path))


def test_a_file_that_cannot_be_run_is_told(pixinsight: PixInsight) -> None:
    path = pixinsight.folder / "data.txt"
    path.write_text("no program", encoding="utf-8")
    settings = {"fastbg/program": str(path), "fastbg/checkedFor": "0.1.0"}
    outcome = pixinsight.run(settings=settings, target="rgb")
    assert "fastbg could not be started" in outcome["thrown"]["message"]


def test_newer_versions_are_new_enough(pixinsight: PixInsight) -> None:
    paths = [
        str(program(pixinsight.folder / version, f'echo \'{{"fastbg": "{version}"}}\''))
        for version in ("0.1.0", "0.1", "0.10.2", "1.0.0rc1")
    ]
    outcome = pixinsight.run(
        f"for ( let path of {json.dumps(paths)} ) {{ user.type( path );"
        "if ( stub.record.settings[ 'fastbg/program' ] != path ) throw new Error( path ); }",
        set_up=False,
    )
    assert outcome["thrown"] is None


def test_the_error_of_fastbg_is_shown_and_the_dialog_comes_again(pixinsight: PixInsight) -> None:
    images = [pixinsight.open("small"), pixinsight.open("rgb")]
    outcome = pixinsight.run(
        "user.check('Show the background'); user.press('Execute')",
        "user.select( stub.windowOf( 'rgb' ).mainView ); user.press('Execute')",
        images=images,
    )
    (box,) = outcome["boxes"]
    with pytest.raises(FastbgError) as refused:
        pixinsight.expected("small")
    assert box == str(refused.value).replace(f"{pixinsight.folder}/", "")
    assert lines(outcome, "criticalln") == [f"fastbg: {box}"]
    assert unchanged(pixinsight, outcome, "small")
    corrected, model = pixinsight.expected()
    assert np.array_equal(pixinsight.result(), corrected)
    assert np.array_equal(pixinsight.result("rgb_background"), model)  # as chosen before


QUOTES = str.maketrans("<>", "\u2039\u203a")
"""What PixInsight would take for markup is told in these."""


def test_warnings_are_told(pixinsight: PixInsight) -> None:
    dark = np.zeros((*SHAPE, 1), np.float32)
    dark[:, :64] = 0.8 * np.random.default_rng(1).random((96, 64, 1), np.float32)
    xisf.write(pixinsight.folder / "dark.xisf", dark)
    outcome = pixinsight.run("user.press('Execute')", images=[pixinsight.open("dark")])
    done = process_file(pixinsight.folder / "dark.xisf", output_dir=pixinsight.folder / "out")
    warnings = done.report["warnings"]
    assert warnings
    assert lines(outcome, "warningln") == [
        f"fastbg: warning: {each.translate(QUOTES)}" for each in warnings
    ]


def test_an_error_that_pixinsight_reports_of_a_running_program_is_ignored(
    pixinsight: PixInsight, quick: Path
) -> None:
    outcome = pixinsight.run("user.press('Execute')", spuriousErrors=True, by=quick)
    assert outcome["boxes"] == []
    assert outcome["windows"][0]["steps"] == 1


def test_the_older_name_of_the_event_loop_will_do(pixinsight: PixInsight, quick: Path) -> None:
    outcome = pixinsight.run(target="rgb", olderEvents=True, by=quick)
    assert (outcome["thrown"], outcome["windows"][0]["steps"]) == (None, 1)


LONG = "trap 'exit 143' TERM; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"
DEAF = "trap '' TERM; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"
ABORT = "if ( count == 8 ) stub.console.abortRequested = true;"


@pytest.mark.parametrize(("text", "last"), [(LONG, "SIGTERM"), (DEAF, "SIGKILL")])
def test_abort_ends_the_program_and_the_image_is_as_it_was(
    pixinsight: PixInsight, text: str, last: str
) -> None:
    path = program(pixinsight.folder / "slow", text)
    settings = {"fastbg/program": str(path), "fastbg/checkedFor": "0.1.0"}
    outcome = pixinsight.run(settings=settings, target="rgb", events=ABORT)
    assert outcome["thrown"]["message"] == "Stopped. The image is as it was."
    assert outcome["signals"][0] == "SIGTERM"
    assert outcome["signals"][-1] == last
    assert unchanged(pixinsight, outcome)


def test_fastbg_itself_is_stopped_and_can_be_started_again(pixinsight: PixInsight) -> None:
    """The second dialog finds the request of the first one forgotten."""
    events = (
        "if ( stub.record.started.length == 2 && stub.record.boxes.length == 0"
        " && stub.record.console.length ) stub.console.abortRequested = true;"
    )
    outcome = pixinsight.run("user.press('Execute')", "user.press('Execute')", events=events)
    assert outcome["boxes"] == ["Stopped. The image is as it was."]
    assert outcome["windows"][0]["steps"] == 1
    assert np.array_equal(pixinsight.result(), pixinsight.expected()[0])


CROP = """
const { console, record, windowOf } = stub;
const view = windowOf( 'rgb' )?.mainView;
if ( record.console.length && view && view.historyIndex == 0 ) {
   view.beginProcess();
   view.image.invert();
   view.endProcess();
}
"""
CLOSE = "if ( stub.record.console.length ) stub.windowOf( 'rgb' )?.forceClose();"


@pytest.mark.parametrize("events", [CROP, CLOSE], ids=["changed", "closed"])
def test_an_image_that_was_changed_meanwhile_is_left_alone(
    pixinsight: PixInsight, events: str
) -> None:
    outcome = pixinsight.run(target="rgb", events=events)
    assert outcome["thrown"]["message"] == (
        "The image was changed or closed while fastbg worked on it: nothing was done to it."
    )
    assert all(window["steps"] == 1 for window in outcome["windows"])


def test_no_image_is_told(pixinsight: PixInsight) -> None:
    outcome = pixinsight.run("user.press('Execute')", images=[])
    assert outcome["boxes"] == ["No image is chosen: open one, and choose it."]


def test_a_full_disk_is_told(pixinsight: PixInsight) -> None:
    outcome = pixinsight.run("user.press('Execute')", diskFull=True)
    (box,) = outcome["boxes"]
    assert box.startswith("A copy of the image cannot be written to ")
    assert unchanged(pixinsight, outcome)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo 'fastbg: no memory: close programs' >&2; exit 1", "no memory: close programs"),
        ("echo 'first' >&2; echo 'fastbg: last ä' >&2; exit 2", "last ä"),
        ("kill -9 $$", "ended without a result"),
        ("exit 0", "ended without a result"),
        ('for a; do o=$p; p=$a; done; touch "$(dirname "$2")/.left.part"; exit 5', "(exit code 5)"),
    ],
)
def test_a_program_without_a_result_is_told(
    pixinsight: PixInsight, text: str, message: str
) -> None:
    path = program(pixinsight.folder / "bad", text)
    settings = {"fastbg/program": str(path), "fastbg/checkedFor": "0.1.0"}
    outcome = pixinsight.run(settings=settings, target="rgb")
    assert message in outcome["thrown"]["message"]
    assert unchanged(pixinsight, outcome)


SERVE = r"""
[ "$1" = doctor ] && echo '{{"fastbg": "0.1.0"}}' && exit
for a; do [ "$last" = --result ] && out=$a; last=$a; done
echo "Serving http://127.0.0.1:7/token/ until it is closed"
while [ ! -e "{folder}/{answer}" ]; do sleep 0.05; done
{then}
"""
SEND = 'cp "$2" "$out.part"; mv "$out.part" "$out"; exec sleep 60'


def served(pixinsight: PixInsight, answer: str, then: str) -> dict[str, str]:
    """Settings for a program that serves a page, and what it does after its answer."""
    text = SERVE.format(folder=pixinsight.folder, answer=answer, then=then)
    path = program(pixinsight.folder / "serve", text)
    return {"fastbg/program": str(path), "fastbg/checkedFor": "0.1.0"}


@pytest.fixture
def browser(pixinsight: PixInsight) -> list[str]:
    """A browser that writes the address into a file, which is what `served` waits for."""
    path = program(pixinsight.folder / "browser", f"echo $1 > '{pixinsight.folder}/address'")
    return [str(path)]


def test_the_live_page_sends_its_result_back(pixinsight: PixInsight, browser: list[str]) -> None:
    settings = served(pixinsight, "address", SEND)
    outcome = pixinsight.run("user.press('Live...')", settings=settings, browser=browser)
    assert (outcome["thrown"], outcome["boxes"]) == (None, [])
    assert outcome["addresses"] == ["http://127.0.0.1:7/token/"]
    assert outcome["windows"][0]["steps"] == 1
    assert np.array_equal(pixinsight.result(), planes(pixinsight.folder / "rgb.xisf"))
    assert lines(outcome, "noteln")[-1] == "fastbg: the image is the one that the page sent back"
    _, job, image, saved, *options = outcome["started"][-1]
    assert (job, Path(image).name, saved) == ("live", "rgb.xisf", str(pixinsight.folder))
    assert (options[-3], options[-1]) == ("--result", "--no-browser")


def test_a_page_that_sends_nothing_back_changes_nothing(
    pixinsight: PixInsight, browser: list[str]
) -> None:
    settings = served(pixinsight, "address", "echo 'fastbg: the page was closed' >&2; exit 130")
    outcome = pixinsight.run("user.press('Live...')", settings=settings, browser=browser)
    assert outcome["boxes"] == ["the page was closed"]
    assert unchanged(pixinsight, outcome)


def test_abort_ends_the_page(pixinsight: PixInsight, browser: list[str]) -> None:
    events = "if ( stub.record.addresses.length ) stub.console.abortRequested = true;"
    settings = served(pixinsight, "never", "exit 0")
    outcome = pixinsight.run(
        "user.press('Live...')", settings=settings, browser=browser, events=events
    )
    assert outcome["boxes"] == ["Stopped. The image is as it was."]
    assert outcome["signals"] == ["SIGTERM"]
    assert unchanged(pixinsight, outcome)


PAGE = """
import json, sys
from urllib.parse import urlsplit
from websockets.sync.client import connect

address = sys.argv[1]
page = connect(
    address.replace("http:", "ws:") + "socket",
    origin=f"http://{urlsplit(address).netloc}",
    max_size=None,
)
for message in page:
    told = json.loads(message) if isinstance(message, str) else {}
    if told.get("tell") in ("problem", "ended"):
        sys.exit(message)
    if told.get("tell") == "fitted":
        page.send(json.dumps({"id": 1, "do": "send_back"}))
"""
"""As little of a page as sends the result back: when it has been fitted."""


def test_the_real_live_page_sends_back_what_fastbg_run_gives(pixinsight: PixInsight) -> None:
    pytest.importorskip("websockets", reason="pip install 'fastbg[live]'")
    pytest.importorskip("fastbg.live_page.server")
    page = [sys.executable, "-c", PAGE]
    images = [pixinsight.open(previews=PREVIEWS)]
    outcome = pixinsight.run(
        "user.check('What lies in previews'); user.choose('Level of', 'The same in all channels');"
        "user.press('Live...')",
        images=images,
        browser=page,
    )
    assert (outcome["thrown"], outcome["boxes"]) == (None, [])
    assert outcome["windows"][0]["steps"] == 1
    mask = regions(pixinsight.folder / "previews.geojson")
    options = {"mask": mask, "protect": "always", "pedestal": "neutral"}
    assert np.array_equal(pixinsight.result(), pixinsight.expected(**options)[0])


def test_a_page_that_cannot_be_served_is_told(pixinsight: PixInsight) -> None:
    answer = "[ $1 = live ] && echo 'fastbg: no port is free: close programs' >&2 && exit 2"
    path = program(pixinsight.folder / "bad", f"{answer}\nexec '{pixinsight.fastbg}' \"$@\"")
    settings = {"fastbg/program": str(path), "fastbg/checkedFor": "0.1.0"}
    outcome = pixinsight.run("user.press('Live...')", settings=settings)
    assert outcome["boxes"] == ["no port is free: close programs"]
    assert outcome["addresses"] == []


def built(folder: Path, *options: str) -> tuple[Path, ElementTree.Element]:
    command = [sys.executable, str(SCRIPT / "build.py"), str(folder), *options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(printed.strip()), ElementTree.parse(folder / "updates.xri").getroot()


def test_the_package_is_what_updates_of_pixinsight_want(tmp_path: Path) -> None:
    archive, index = built(tmp_path / "one", "--date", "20261128")
    package = index.find("platform/package")
    platform = index.find("platform")
    assert platform is not None
    assert package is not None
    assert platform.attrib == {"os": "all", "arch": "noarch", "version": "1.9.4:1.9.99"}
    assert package.attrib == {
        "fileName": archive.name,
        "sha1": hashlib.sha1(archive.read_bytes()).hexdigest(),
        "type": "script",
        "releaseDate": "20261128",
    }
    again, _ = built(tmp_path / "two", "--date", "20261128")
    assert again.read_bytes() == archive.read_bytes()
    with zipfile.ZipFile(archive) as packed:
        names = packed.namelist()
        script = packed.read("src/scripts/fastbg/fastbg.js").decode("ascii")
        assert not packed.testzip()
    for part in re.findall(r'^#include "(.*)"$', script, re.MULTILINE):
        assert f"src/scripts/fastbg/{part}" in names
    assert f"rsc/icons/script/fastbg/{icon_of(script)}" in names
    scripts = [name for name in names if name.endswith(".js")]
    assert len(scripts) == len(list(SCRIPT.glob("*.js")))


def icon_of(script: str) -> str:
    found = re.search(r"^#feature-icon\s+@script_icons_dir/(\S+)$", script, re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_page_says_how_it_is_packed(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "pixinsight.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^```sh\npython (.*)\n```$", page, re.MULTILINE)
    script, folder = command.split()
    run = [sys.executable, str(ROOT / script), folder]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}  # also where there is no clone
    subprocess.run(run, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert len(list((tmp_path / folder).iterdir())) == 2


def test_the_date_of_a_release_is_that_of_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    archive, _ = built(tmp_path)
    assert archive.name.endswith("-20231114.zip")


def test_pixinsight_finds_what_it_looks_for_in_the_first_lines() -> None:
    text = (SCRIPT / "fastbg.js").read_text(encoding="ascii")
    assert text.startswith("#engine v8\n")
    assert re.search(r"^#feature-id +fastbg : fastbg > fastbg$", text, re.MULTILINE)
    assert "CoreApplication.ensureMinimumVersion( 1, 9, 4 );" in text


@pytest.mark.parametrize("path", sorted(SCRIPT.glob("*.js")), ids=lambda path: path.name)
def test_the_parts_keep_to_what_the_preprocessor_and_a_second_run_allow(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert not re.search(r"^(?:let|const|class) ", text, re.MULTILINE)
    assert "`" not in text
    directives = re.findall(r"^\s*#(\w+)", text, re.MULTILINE)
    assert {*directives} <= {"engine", "feature", "include"}
    assert bool(directives) == (path.name == "fastbg.js")
