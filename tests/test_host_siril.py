"""hosts/siril/fastbg.py against a stand-in for sirilpy that keeps its conventions."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from cases import slow, some
from PIL import Image

import fastbg
from fastbg.io.regions import open_regions
from fastbg.simulate import simulate_sky

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "hosts" / "siril" / "fastbg.py"
STAND_IN = ROOT / "tests" / "siril"
SHAPE = (96, 128)

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    """(3, H, W) float32 in [0, 1], rows from the bottom, as Siril has it."""
    image = simulate_sky(SHAPE, np.random.default_rng(3)).image
    return np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float32)


class Siril:
    """What is open in the stand-in, and what was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("wd", "config"):
            (folder / name).mkdir(parents=True)
        self.state = {
            "module": "1.1.14",
            "headless": False,
            "busy": False,
            "image": None,
            "keywords": {},
            "mask_active": None,
            "polygons": [],
            "seqname": "light_",
            "type": "SEQ_REGULAR",
            "frames": None,
        }
        self.set()

    def set(self, **state: Any) -> None:
        self.state |= state
        (self.folder / "siril.json").write_text(json.dumps(self.state))

    def open(self, pixels: np.ndarray, **state: Any) -> None:
        np.save(self.folder / "image.npy", pixels)
        self.set(image="image.npy", **state)

    def open_sequence(self, frames: list[np.ndarray], excluded: tuple[int, ...] = ()) -> None:
        for index, frame in enumerate(frames):
            np.save(self.folder / f"{index}.npy", frame)
        self.set(frames=[(f"{i}.npy", i not in excluded) for i in range(len(frames))])

    @property
    def pixels(self) -> np.ndarray:
        return np.load(self.folder / "image.npy")

    def calls(self, name: str = "") -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        made = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call for call in made if name in ("", call["call"])]

    def logged(self, color: str = "") -> str:
        lines = self.calls("log")
        return "\n".join(call["text"] for call in lines if color in ("", call["color"]))


@pytest.fixture
def siril(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Siril:
    siril = Siril(tmp_path / "siril")
    monkeypatch.setenv("MY_SOCKET", str(siril.folder))
    monkeypatch.delenv("SIRIL_PYTHON_CLI", raising=False)
    return siril


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script in a Python without PyQt6: from the menu, too, it asks nobody."""
    monkeypatch.setitem(sys.modules, "PyQt6", None)
    monkeypatch.syspath_prepend(str(STAND_IN))
    spec = spec_from_file_location("fastbg_for_siril", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "sirilpy"]:
        del sys.modules[name]


REAL = f'exec "{sys.executable}" -P -m fastbg.cli "$@"\n'
DOCTOR = """[ "$1" = doctor ] && echo '{"fastbg": "0.1.0"}' && exit\n"""
"""An answer that does not take its time."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An executable, as somebody may have installed it outside of Siril, in a path with blanks."""
    path = tmp_path / "some programs" / "fastbg"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{DOCTOR}{REAL}")
    path.chmod(0o755)
    return path


Corrected = Callable[..., np.ndarray]


@pytest.fixture
def by_file(tmp_path: Path) -> Corrected:
    """The same job on a FITS file that astropy writes, and as astropy reads the output."""

    def run(pixels: np.ndarray, header: dict[str, Any] | None = None, **options: Any) -> np.ndarray:
        source, output = tmp_path / "expected.fits", tmp_path / "expected_out.fits"
        fits.writeto(source, pixels, fits.Header(header or {}), overwrite=True)
        options = {"sample_format": "same", **options}
        fastbg.process_file(source, output=output, write_model=False, overwrite=True, **options)
        return np.asarray(fits.getdata(output))

    return run


def samples(sky: np.ndarray, kind: str) -> np.ndarray:
    planes = sky[0] if kind.startswith("mono") else sky
    return np.rint(planes * 65535).astype(np.uint16) if kind.endswith("uint16") else planes


def test_as_siril_starts_it(siril: Siril, sky: np.ndarray) -> None:
    """In a process of its own, where the script has the name of the package that it imports."""
    siril.open(sky)
    environment = {**os.environ, "PYTHONPATH": str(STAND_IN), "SIRIL_PYTHON_CLI": "1"}
    command = [sys.executable, str(SCRIPT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "% of the gradient out" in siril.logged("GREEN")
    assert not np.array_equal(siril.pixels, sky)


@pytest.fixture
def window(
    siril: Siril, script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """What is in the log, if the user does this each time the dialog is shown, and closes it."""
    monkeypatch.delitem(sys.modules, "PyQt6")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    widgets = pytest.importorskip("PyQt6.QtWidgets", reason="no PyQt6", exc_type=ImportError)
    application = widgets.QApplication.instance() or widgets.QApplication(["tests"])

    def use(*turns: Callable[[Any], None]) -> list[str]:
        left = list(turns)

        def shown(dialog: Any) -> int:
            if not left:
                return 0
            left.pop(0)(dialog)
            application.processEvents()
            (run,) = (
                each
                for each in dialog.findChildren(widgets.QPushButton)
                if each.text() == "Remove background"
            )
            run.click()
            return dialog.result()

        monkeypatch.setattr(widgets.QDialog, "exec", shown)
        assert script.main([]) == 0
        assert not left
        return siril.logged().splitlines()

    use.widgets = widgets  # type: ignore[attr-defined]
    return use


def test_the_dialog_of_the_menu(
    siril: Siril, sky: np.ndarray, by_file: Corrected, window: Any, tmp_path: Path
) -> None:
    """Its choices are those of a command line, which is told; it comes again, as it was."""
    siril.open(sky)
    regions = siril.folder / "wd" / "my regions.reg"
    regions.write_text("image\ncircle(30, 40, 9)\n")

    def choose(dialog: Any) -> None:
        protect, mode, pedestal = dialog.findChildren(window.widgets.QComboBox)
        protect.setCurrentText("Always, and more of them")
        mode.setCurrentText("Division")
        pedestal.setCurrentText("The same in all channels")
        dialog.findChild(window.widgets.QSpinBox).setValue(60)
        _, mask = dialog.findChildren(window.widgets.QLineEdit)  # the first is in the spin box
        mask.setText(str(regions))

    def again(dialog: Any) -> None:
        assert dialog.findChildren(window.widgets.QComboBox)[1].currentText() == "Division"
        siril.open(sky)
        siril.set(image=None)

    logged = window(choose, again)
    assert logged[0] == (
        'pyscript fastbg.py "-protect=strong" "-mode=divide" "-pedestal=neutral" "-strength=60%" '
        f'"-mask={regions}"'
    )
    assert logged[-1] == "fastbg: no image is open in Siril: open one"
    assert len(siril.calls("set_image_pixeldata")) == 1
    assert len(siril.calls("error_messagebox")) == 1


def test_what_the_dialog_does_is_what_the_words_do(
    siril: Siril, sky: np.ndarray, by_file: Corrected, window: Any
) -> None:
    siril.open(sky)
    assert window(lambda dialog: None)[0] == "pyscript fastbg.py"
    np.testing.assert_array_equal(siril.pixels, by_file(sky))
    assert [call["call"] for call in siril.calls()][-2:] == ["reset_progress", "disconnect"]

    def draw(dialog: Any) -> None:
        buttons = {each.text(): each for each in dialog.findChildren(window.widgets.QPushButton)}
        buttons["Draw around what is no sky"].click()
        dialog.findChild(window.widgets.QCheckBox).setChecked(True)
        siril.open(sky, samples=PLACES)

    logged = window(draw)
    assert 'pyscript fastbg.py "-samples"' in logged
    assert "Samples of the background in Siril: 12" in logged
    assert len(siril.calls("overlay_draw_polygon")) == 1


def test_the_dialog_for_a_sequence(siril: Siril, sky: np.ndarray, window: Any) -> None:
    siril.open_sequence([sky, sky])

    def choose(dialog: Any) -> None:
        dialog.findChildren(window.widgets.QLineEdit)[-1].setText("without ")

    assert window(choose)[0] == 'pyscript fastbg.py "-prefix=without "'
    assert len(list((siril.folder / "wd").glob("without light_*.fit"))) == 2


def test_without_pyqt6_the_menu_runs_with_the_defaults(
    siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected
) -> None:
    siril.open(sky)
    assert script.main([]) == 0
    assert siril.logged().startswith("Without PyQt6 there is no dialog")
    np.testing.assert_array_equal(siril.pixels, by_file(sky))


def test_outside_of_siril(monkeypatch: pytest.MonkeyPatch, script: ModuleType, capsys: Any) -> None:
    monkeypatch.delenv("MY_SOCKET", raising=False)
    assert script.main([]) == 1
    assert "is a script for Siril, and runs there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kind",
    some(["uint16", "mono float32"], ["float32", "uint16", "mono float32", "mono uint16"]),
)
def test_pixels_of_every_kind(
    kind: str, siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected
) -> None:
    pixels = samples(sky, kind)
    siril.open(pixels)
    assert script.main([]) == 0, siril.logged()
    assert siril.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(siril.pixels, by_file(pixels))


def test_the_lock_is_held_to_set_pixels_and_for_nothing_else(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open(sky)
    assert script.main([]) == 0
    calls = siril.calls()
    assert [call["call"] for call in calls if call["locked"]] == ["set_image_pixeldata"]
    order = [call["call"] for call in calls]
    assert order.count("undo_save_state") == order.count("set_image_pixeldata") == 1
    end = ["get_image_pixeldata", "undo_save_state", "set_image_pixeldata", "disconnect"]
    assert order[-4:] == end


@pytest.mark.parametrize("by_program", [False, pytest.param(True, marks=posix)])
def test_progress_grows(
    by_program: bool, siril: Siril, script: ModuleType, sky: np.ndarray, program: Path
) -> None:
    siril.open(sky)
    if by_program:
        script.find_spec = lambda name: None
        assert script.main([f"-executable={program}"]) == 0
    assert script.main([]) == 0
    told = [call["progress"] for call in siril.calls("update_progress")]
    assert told == sorted({*told})
    assert len(told) > 4
    assert told[-1] <= 1


@posix
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("float32", ["-mode=divide", "-pedestal=neutral", "-feather=3"]),
        slow("mono uint16", []),
    ],
)
def test_the_executable_does_the_same(
    kind: str, words: list[str], siril: Siril, script: ModuleType, sky: np.ndarray, program: Path
) -> None:
    pixels = samples(sky, kind)
    siril.open(pixels, polygons=[[(20, 10), (50, 10), (50, 40), (20, 40)]])
    assert script.main(words) == 0, siril.logged()
    by_library, logged = siril.pixels, siril.logged()
    siril.open(pixels)
    script.find_spec = lambda name: None
    assert script.main([f"-executable={program}"]) == 0
    (siril.folder / "calls.jsonl").unlink()
    assert script.main(words) == 0
    np.testing.assert_array_equal(siril.pixels, by_library)
    assert siril.logged() == logged


def test_an_older_python_takes_the_executable(
    siril: Siril, script: ModuleType, sky: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    siril.open(sky)
    monkeypatch.setenv("PATH", str(siril.folder))
    script.FOLDERS = ()
    script.OLDEST_PYTHON = (99, 0)
    assert script.main([]) == 1
    assert "needs Python 3.11, and that of Siril is 3." in siril.logged("RED")
    assert "-executable=" in siril.logged("RED")
    np.testing.assert_array_equal(siril.pixels, sky)
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert isinstance(tree.body[1], ast.ImportFrom)
    assert tree.body[1].module == "__future__"


@posix
@pytest.mark.parametrize("place", some([".local/bin"], ["the search path", ".local/bin"]))
def test_the_executable_is_found(
    place: str,
    siril: Siril,
    script: ModuleType,
    sky: np.ndarray,
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    siril.open(sky)
    script.find_spec = lambda name: None
    if place == "the search path":
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    else:
        monkeypatch.setenv("PATH", "/bin")
        script.FOLDERS = (str(program.parent),)
    assert script.main([]) == 0, siril.logged()
    assert not list((siril.folder / "config").iterdir())


def test_what_cannot_be_installed_is_told_with_the_cure(
    siril: Siril, script: ModuleType, sky: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    siril.open(sky)
    monkeypatch.setenv("PATH", "")
    script.FOLDERS = ()
    script.find_spec = lambda name: None
    assert script.main([]) == 1
    assert "cannot be installed" in siril.calls("error_messagebox")[0]["text"]


@posix
def test_an_executable_that_is_none(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    for path in ("/nix/fastbg", "/bin/true"):
        assert script.main([f"-executable={path}"]) == 1
        assert f"{path} does not answer as fastbg does" in siril.logged("RED")
    assert not list((siril.folder / "config").iterdir())
    siril.open(sky)
    script.find_spec = lambda name: None
    remembered = siril.folder / "config" / "fastbg.json"
    for content, message in [
        ('{"executable": "/nix/fastbg"}', "cannot be started"),
        ('{"executable": "/bin/false"}', "ended with code 1"),
        ("{", "is damaged: delete it"),
        ("[]", "is damaged: delete it"),
    ]:
        remembered.write_text(content)
        assert script.main([]) == 1
        assert message in siril.logged("RED").splitlines()[-1]
    np.testing.assert_array_equal(siril.pixels, sky)


@posix
def test_a_flatpak_starts_programs_outside(
    siril: Siril,
    script: ModuleType,
    sky: np.ndarray,
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They see the working directory, and not the folder for temporary files."""
    spawn = program.parent / "flatpak-spawn"
    spawn.write_text('#!/bin/sh\necho "$@" >> "$0.log"\nshift\nexec "$@"\n')
    spawn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("container", "flatpak")
    program.write_text(f"#!/bin/sh\n{REAL}")
    siril.open(sky)
    script.find_spec = lambda name: None
    assert script.main([f"-executable={program}"]) == 0
    assert script.main([]) == 0, siril.logged()
    asked, ran = (program.parent / "flatpak-spawn.log").read_text().splitlines()
    assert asked == f"--host {program} doctor --json"
    assert f"run {siril.folder}/wd/.fastbg-" in ran


POLYGON = [(29.5, 4.5), (59.5, 4.5), (59.5, 24.5), (29.5, 24.5)]
"""Around pixels near the top of the display."""


def covered() -> np.ndarray:
    """(H, W): 1 where the polygon is not, with rows from the bottom."""
    weight = np.ones(SHAPE, np.uint8)
    for row in range(5, 25):
        weight[SHAPE[0] - 1 - row, 30:60] = 0
    return weight


@pytest.mark.parametrize("kind", some(["uint16"], ["float32", "uint16", "mono float32"]))
def test_polygons_of_the_display_are_no_sky(
    kind: str, siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    """A broad glow near the top of the display would be followed if it were sky."""
    pixels = sky.copy()
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    row = SHAPE[0] - 1 - 15
    pixels += 0.02 * np.exp(-((y - row) ** 2 + (x - 45) ** 2) / 2 / 6**2).astype(np.float32)
    pixels = samples(pixels, kind)
    siril.open(pixels, polygons=[POLYGON, [(1, 1)]])
    assert script.main(["-protect=off"]) == 0, siril.logged()
    assert "Polygons around what is no sky: 1" in siril.logged()
    options = {"channel_axis": 0, "protect": "off"}
    expected = fastbg.remove_background(pixels, weight=covered(), **options).corrected
    scale = 65535 if pixels.dtype == np.uint16 else 1
    np.testing.assert_allclose(siril.pixels / scale, expected, atol=0.6 / 65535)
    mirrored = fastbg.remove_background(pixels, weight=covered()[::-1], **options).corrected
    assert np.abs(mirrored - expected).max() > 1e-3


def test_the_pixels_of_a_polygon(script: ModuleType, tmp_path: Path) -> None:
    from sirilpy import FPoint, Polygon

    path = tmp_path / "drawn.geojson"
    path.write_text(script.geojson([Polygon([FPoint(*each) for each in POLYGON])], SHAPE[0]))
    found = open_regions(path, SHAPE).planes()[0]
    np.testing.assert_array_equal(found, covered())


def test_objects_beside_polygons_are_found(
    siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected, tmp_path: Path
) -> None:
    """A polygon does not say that all the rest is sky, as a mask does."""
    siril.open(sky, polygons=[POLYGON])
    assert script.main([]) == 0, siril.logged()
    path = tmp_path / "drawn.geojson"
    ring = [[x + 0.5, SHAPE[0] - 0.5 - y] for x, y in [*POLYGON, POLYGON[0]]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    np.testing.assert_array_equal(siril.pixels, by_file(sky, mask=path, protect="always"))


def test_drawing(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    siril.open(sky)
    assert script.main(["-draw"]) == 0
    assert len(siril.calls("overlay_draw_polygon")) == 1
    np.testing.assert_array_equal(siril.pixels, sky)


@pytest.mark.parametrize("kind", some([np.uint8], [np.uint8, np.uint16, np.float32]))
def test_the_mask_of_siril_is_obeyed(
    kind: type,
    siril: Siril,
    script: ModuleType,
    sky: np.ndarray,
    by_file: Corrected,
    tmp_path: Path,
) -> None:
    """White is sky. An inactive one does not count, and older modules have none."""
    white = 1 if kind is np.float32 else np.iinfo(kind).max
    mask = covered().astype(kind) * kind(white)
    np.save(siril.folder / "mask.npy", mask)
    path = tmp_path / "mask.fits"
    fits.writeto(path, mask)
    siril.open(sky, mask_active=True)
    assert script.main([]) == 0, siril.logged()
    masked = siril.pixels
    np.testing.assert_array_equal(masked, by_file(sky, mask=path))
    if kind is not np.uint8:
        return
    plain = by_file(sky)
    assert not np.array_equal(plain, masked)
    inactive = [{"mask_active": False}, {"mask_active": None}]
    for state in (*inactive, {"mask_active": True, "module": "1.0.25"}):
        siril.open(sky, **state)
        assert script.main([]) == 0, siril.logged()
        np.testing.assert_array_equal(siril.pixels, plain)


def test_masks_of_files_from_the_working_directory(
    siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected
) -> None:
    regions = [siril.folder / "wd" / name for name in ("the galaxy.reg", "b.reg")]
    for path, x in zip(regions, (30, 90), strict=True):
        path.write_text(f"image\ncircle({x}, 40, 9)\n")
    siril.open(sky)
    assert script.main(["-mask=the galaxy.reg", f"-mask={regions[1]}"]) == 0, siril.logged()
    np.testing.assert_array_equal(siril.pixels, by_file(sky, mask=regions))


PLACES = [(x, y) for x in (16, 48, 80, 112) for y in (14, 40, 66)]
"""Of samples in the display: the last ones are 29 pixels above its lower edge."""


@posix
@pytest.mark.parametrize(("by_program", "order"), [(False, "BOTTOM-UP"), (True, "")])
def test_samples_that_are_set_in_siril(
    by_program: bool,
    order: str,
    siril: Siril,
    script: ModuleType,
    sky: np.ndarray,
    by_file: Corrected,
    tmp_path: Path,
    program: Path,
) -> None:
    """They count rows from the top of the display, and files from the first row that is stored."""
    path = tmp_path / "samples.csv"
    rows = [f"{x + 0.5},{SHAPE[0] - y - 0.5},12.5" for x, y in PLACES]
    path.write_text("\n".join(["x,y,radius", *rows]) + "\n")
    siril.open(sky, samples=PLACES, keywords={"row_order": order})
    if by_program:
        script.find_spec = lambda name: None
        assert script.main([f"-executable={program}"]) == 0
    assert script.main(["-samples"]) == 0, siril.logged()
    assert "Samples of the background in Siril: 12" in siril.logged()
    expected = by_file(sky, samples=path)
    np.testing.assert_allclose(siril.pixels, expected, atol=1e-6)
    shutil.copy(path, siril.folder / "wd")
    siril.open(sky, samples=[], keywords={})
    assert script.main(["-samples=samples.csv"]) == 0, siril.logged()
    np.testing.assert_array_equal(siril.pixels, expected)


def test_no_samples_are_set_in_siril(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    siril.open(sky)
    refused(siril, script, ["-samples"], "holds no samples")


ALWAYS = [
    ("mask", "mask.png", ""),
    ("mask", "mask.fit", "TOP-DOWN"),
    ("sky", "mask.png", "BOTTOM-UP"),
]


@pytest.mark.parametrize(
    ("option", "name", "order"),
    some(ALWAYS, product(("mask", "sky"), ("mask.png", "mask.fit"), ("", "TOP-DOWN", "BOTTOM-UP"))),
)
def test_images_lie_on_the_image_as_siril_shows_both(
    option: str,
    name: str,
    order: str,
    siril: Siril,
    script: ModuleType,
    sky: np.ndarray,
    by_file: Corrected,
    tmp_path: Path,
) -> None:
    """A PNG begins at the top of the display, where the last row of a FITS file is."""
    mask = covered() * np.uint8(255)
    Image.fromarray(mask[::-1]).save(siril.folder / "wd" / "mask.png")
    top_down = fits.Header({"ROWORDER": "TOP-DOWN"})
    fits.writeto(siril.folder / "wd" / "mask.fit", mask.astype(np.uint16), top_down)
    fits.writeto(tmp_path / "mask.fits", mask)
    siril.open(sky, keywords={"row_order": order})
    assert script.main([f"-{option}={name}"]) == 0, siril.logged()
    expected = by_file(sky, **{option: tmp_path / "mask.fits"})
    np.testing.assert_allclose(siril.pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    "header",
    [
        slow({"BAYERPAT": "RGGB"}),
        slow({"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN"}),
        {"BAYERPAT": "GBRG", "ROWORDER": "BOTTOM-UP"},
        {"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN", "XBAYROFF": 1, "YBAYROFF": 0},
        {"BAYERPAT": "BGGR", "XBAYROFF": 1, "YBAYROFF": 1},
    ],
)
def test_frames_that_are_not_debayered(
    header: dict[str, Any], siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected
) -> None:
    """They are fitted per colour, by the keywords that Siril tells."""
    mosaic = sky[0].copy()
    mosaic[::2, ::2] *= 0.5
    mosaic[1::2, 1::2] *= 1.5
    names = {
        "ROWORDER": "row_order",
        "BAYERPAT": "bayer_pattern",
        "XBAYROFF": "bayer_xoffset",
        "YBAYROFF": "bayer_yoffset",
    }
    unknown = {"bayer_xoffset": -(2**31) + 1, "bayer_yoffset": None}
    siril.open(mosaic, keywords=unknown | {names[name]: header[name] for name in header})
    assert script.main([]) == 0, siril.logged()
    np.testing.assert_array_equal(siril.pixels, by_file(mosaic, header))


@pytest.mark.parametrize("module", ["1.0.8", "1.0.25"])
def test_without_a_window(
    module: str, siril: Siril, script: ModuleType, sky: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no undo, which Siril 1.4.0 takes for an error, and there are no boxes."""
    monkeypatch.setenv("SIRIL_PYTHON_CLI", "1")
    siril.open(sky, headless=True, module=module)
    assert script.main([]) == 0, siril.logged()
    assert not np.array_equal(siril.pixels, sky)
    siril.set(image=None)
    assert script.main([]) == 1
    assert "no image is open" in siril.logged("RED")


def test_without_undo_in_a_window_nothing_is_lost(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open(sky, headless=True, module="1.0.8")
    assert script.main([]) == 1
    np.testing.assert_array_equal(siril.pixels, sky)


def refused(siril: Siril, script: ModuleType, words: list[str], message: str) -> None:
    """One line in the log and in a box, and nothing is changed."""
    before = siril.pixels if siril.state["image"] else None
    assert script.main(words) == 1
    (box,) = siril.calls("error_messagebox")
    assert box["text"] in siril.logged("RED").splitlines()
    assert message in box["text"]
    assert not siril.calls("set_image_pixeldata")
    assert siril.calls()[-1]["call"] == "disconnect"
    assert not [path for path in (siril.folder / "wd").iterdir() if path.name[0] == "."]
    if before is not None:
        np.testing.assert_array_equal(siril.pixels, before)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strong"], "'strong' is no option: write -NAME=VALUE"),
        (["-protect=maybe"], "protection"),
        (["-protekt=strong"], "protect"),
        (["-feather=much"], "feathering"),
        (["-mask=nix.reg"], "nix.reg is not a file"),
        (["-preset=nix"], "nix"),
        (["-prefix="], "give one"),
    ],
)
def test_what_it_cannot_do_is_refused(
    words: list[str], message: str, siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open(sky)
    refused(siril, script, words, message)


def test_an_image_that_is_changed_meanwhile_stays(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    for changed in (sky[:, :50], sky[0], sky[:, ::-1], samples(sky, "uint16")):
        siril.open(sky)
        run = script.with_library

        def meanwhile(*job: Any, run: Any = run, changed: np.ndarray = changed) -> Any:
            siril.open(changed)
            return run(*job)

        script.engine = lambda siril, run=meanwhile: run
        assert script.main([]) == 1
        assert "was changed meanwhile" in siril.logged("RED").splitlines()[-1]
        np.testing.assert_array_equal(siril.pixels, changed)
    assert not siril.calls("undo_save_state")


def test_an_image_that_is_closed_meanwhile(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open(sky)

    def meanwhile(*job: Any, run: Any = script.with_library) -> Any:
        siril.set(image=None)
        return run(*job)

    script.engine = lambda siril: meanwhile
    assert script.main([]) == 1
    assert "no image is currently loaded" in siril.logged("RED")
    assert not siril.calls("undo_save_state")


def test_a_pixel_that_is_no_number_is_no_change(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    pixels = sky.copy()
    pixels[:, 3, 4] = np.nan
    siril.open(pixels)
    assert script.main([]) == 0, siril.logged()


def test_a_busy_siril(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    siril.open(sky, busy=True)
    refused(siril, script, [], "processing thread is busy")


def test_an_old_module(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    siril.open(sky, module="1.0.2")
    refused(siril, script, [], "sirilpy older than 1.0.3")


def test_nothing_is_open(siril: Siril, script: ModuleType) -> None:
    refused(siril, script, [], "no image is open in Siril")


def test_a_strict_job_with_doubts(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    pixels = sky.copy()
    pixels[:, :, 80:] -= 0.03
    siril.open(pixels)
    poor = ["-control-points=4", "-epochs=1", "-downscaling-factor=2"]
    assert script.main(poor) == 0
    warnings = siril.logged("SALMON").splitlines()
    assert warnings[0].startswith("the frame got worse")
    assert len(warnings) == len({*warnings})
    siril.open(pixels)
    (siril.folder / "calls.jsonl").unlink()
    refused(siril, script, ["-strict", *poor], "is doubtful: the frame got worse")


def test_warnings_are_logged(siril: Siril, script: ModuleType, sky: np.ndarray) -> None:
    pixels = sky.copy()
    pixels[:, 10, 10] = 1.2
    siril.open(pixels)
    assert script.main([]) == 0
    assert "of the corrected image are above 1" in siril.logged("SALMON")


def test_presets(siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected) -> None:
    """By name, and from the working directory; single settings win over them."""
    (siril.folder / "wd" / "mine.toml").write_text('protect = "strong"\nfeather = 5.0\n')
    for words, settings in [
        (["-preset=mine.toml"], {"protect": "strong", "feather": 5.0}),
        (["-preset=mine.toml", "-feather=0"], {"protect": "strong"}),
    ]:
        siril.open(sky)
        assert script.main(words) == 0, siril.logged()
        np.testing.assert_array_equal(siril.pixels, by_file(sky, **settings))


def test_help(siril: Siril, script: ModuleType) -> None:
    assert script.main(["-help"]) == 0
    assert "pyscript fastbg.py [-NAME=VALUE ...]" in siril.logged()
    assert siril.logged().rstrip().endswith('"-mask=my regions.reg".')


@pytest.mark.parametrize("kind", some(["mono uint16"], ["float32", "mono uint16"]))
def test_sequences(
    kind: str, siril: Siril, script: ModuleType, sky: np.ndarray, by_file: Corrected
) -> None:
    """The selected frames become a new sequence, which is loaded."""
    frames = [samples(sky * factor, kind) for factor in (1, 0.8, 0.7)]
    siril.open_sequence(frames, excluded=(1,))
    assert script.main(["-prefix=without background "]) == 0, siril.logged()
    folder = siril.folder / "wd"
    written = sorted(folder.glob("without*"))
    name = "without background light_"
    assert [path.name for path in written] == [f"{name}0000{n}.fit" for n in (1, 3)]
    for path, frame in zip(written, [frames[0], frames[2]], strict=True):
        found = np.load(path)
        assert found.dtype == frame.dtype
        np.testing.assert_array_equal(found, by_file(frame))
    (made,) = siril.calls("create_new_seq")
    assert made["root"] == name
    (loaded,) = siril.calls("cmd")
    assert loaded["text"] == f'load_seq "{name}"'
    told = [call["progress"] for call in siril.calls("update_progress")]
    assert told == sorted(told)
    assert not siril.calls("undo_save_state")


def test_a_script_of_siril_cannot_open_the_new_sequence(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open_sequence([sky, sky])
    siril.set(headless=True)
    assert script.main([]) == 0, siril.logged()
    assert "The new sequence is fbg_light_" in siril.logged()


def test_frames_of_which_siril_makes_no_sequence(
    siril: Siril, script: ModuleType, sky: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sirilpy import SirilInterface

    siril.open_sequence([sky, sky])
    monkeypatch.setattr(SirilInterface, "create_new_seq", lambda *arguments: False)
    assert script.main([]) == 1
    assert "made no sequence of the frames that are called fbg_light_" in siril.logged("RED")


def test_a_frame_that_fails_is_named_and_the_rest_is_done(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    siril.open_sequence([sky, np.zeros_like(sky), sky])
    assert script.main([]) == 1
    red = siril.logged("RED")
    assert red.startswith("light_00002.fit: ")
    assert "1 of 3 frames could not be corrected" in red
    assert siril.calls("create_new_seq")[0]["frames"] == 2
    assert len(siril.calls("cmd")) == 1


def test_sequences_in_one_file_are_refused(
    siril: Siril, script: ModuleType, sky: np.ndarray
) -> None:
    for kind in ("SEQ_SER", "SEQ_FITSEQ"):
        siril.open_sequence([sky, sky])
        siril.set(type=kind)
        assert script.main([]) == 1
        assert "convert it into FITS files first" in siril.logged("RED").splitlines()[-1]
    assert not siril.calls("set_seq_frame_pixeldata")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(7, 11), (3, 5, 13), (40, 36)])
def test_the_files_are_fits(
    kind: type, shape: tuple[int, ...], script: ModuleType, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    samples = (rng.random(shape) * (1 if kind is np.float32 else np.iinfo(kind).max)).astype(kind)
    path = tmp_path / "x.fits"
    script.write_fits(path, samples)
    with fits.open(path) as opened:
        opened.verify("exception")
        np.testing.assert_array_equal(opened[0].data, samples)
    assert path.stat().st_size % 2880 == 0
    header = fits.Header([("HISTORY", "x" * 70)] * 60)
    fits.writeto(path, samples, header, overwrite=True)
    found = script.read_fits(path, samples)
    np.testing.assert_array_equal(found, samples)
    assert found.dtype == samples.dtype
