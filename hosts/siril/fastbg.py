# SPDX-License-Identifier: GPL-3.0-or-later
# fastbg for Siril 1.4 and newer, version 0.1.0. (c) the fastbg developers
# One file, since Siril shows each file of Python in a folder of scripts in its menu.
"""Removes the sky background of the image, or of the sequence, that is open in Siril.

From the menu Scripts it asks in a dialog. In the command line of Siril and in its scripts:

    pyscript fastbg.py [-NAME=VALUE ...]

    -draw              lets you draw a polygon around what is no sky: do it as often as you like,
                       and then run the script. Siril forgets polygons with the image.
    -mask=FILE         an image that is white where the sky is, or regions that are no sky, from the
                       working directory; may be repeated
    -sky=FILE          an image, white where the sky is whatever it looks like, or regions of sky
    -samples           the background goes through the samples that are set in Siril
    -samples=FILE      or through those of a file
    -preset=NAME       a preset of fastbg, or a file with one
    -prefix=fbg_       what the names of the corrected frames of a sequence begin with
    -executable=FILE   remembers where the program fastbg is, for a Siril that cannot install it
    -help              prints this
    any other          a setting of fastbg run: -protect=strong, -mode=divide, -second-opinion

A word with blanks in it needs quotes around the whole of it: "-mask=my regions.reg".
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import sirilpy as s

# Python looks for fastbg in the folder of this script first, and would find the script.
sys.path[:] = [each for each in sys.path if Path(each).resolve() != Path(__file__).resolve().parent]

OLDEST_PYTHON = (3, 11)
"""For fastbg as a library. An executable serves a Siril with an older Python, too."""

OLDEST_MODULE = ">=1.0.3"
REMEMBERED = "fastbg.json"
"""The file, in Siril's folder for configurations, that tells where the executable is."""

SHARES = {
    **{"read": 10, "prepare": 15, "protect": 25, "fit": 10},
    **{"render": 10, "correct": 25, "write": 5},
}
"""The share of each stage in a whole job, in percent, in their order."""

FOLDERS = (str(Path.home() / ".local" / "bin"), "/usr/local/bin", "/opt/homebrew/bin")
"""Where pipx, uv and others put programs; what has a window seldom has these in its search path."""

HIDDEN = {"creationflags": subprocess.CREATE_NO_WINDOW} if os.name == "nt" else {}
BLUE_TINT = 0x4080FF60
RECORD, CARD = 2880, 80
FORMATS = {"uint8": (8, 0), "uint16": (16, 32768), "float32": (-32, 0)}
"""BITPIX and BZERO of the samples that Siril has."""

PREFIX = "fbg_"
"""Of the names of corrected frames."""

CHOICES = {
    "protect": (
        "Find objects:",
        {
            "auto": "Automatically",
            "always": "Always, beside a mask too",
            "strong": "Always, and more of them",
            "off": "Never",
        },
    ),
    "mode": ("Correction:", {"subtract": "Subtraction", "divide": "Division"}),
    "pedestal": (
        "Level of the sky:",
        {"model-median": "As before", "neutral": "The same in all channels", "none": "Zero"},
    ),
}
"""What the dialog offers, by the names of settings; the first of each is the default."""

DRAWN = "drawn.geojson"
REGIONS = (".reg", ".geojson", ".json")
WHITES = {"uint16": "65535", "float32": "1"}


class Refused(Exception):
    """One line with cause and cure."""


def main(words):
    """Do what the words after the name of the script ask for, and return the exit code."""
    try:
        siril = s.SirilInterface()
        siril.connect()
    except s.SirilConnectionError as error:
        print(f"fastbg.py is a script for Siril, and runs there: {error}", file=sys.stderr)
        return 1
    try:
        if words or siril.is_cli() or not something_is_open(siril):
            return 0 if done(siril, words) else 1
        return from_menu(siril)
    finally:
        siril.disconnect()  # which resets the progress bar


def done(siril, words):
    """Do what the words ask for, and tell whether it was done; errors are told in Siril."""
    try:
        if not s.check_module_version(OLDEST_MODULE):
            raise Refused(f"this Siril has a module sirilpy older than {OLDEST_MODULE[2:]}: update")
        asked = Asked(siril, words)
        if "help" in asked.own:
            for line in __doc__.splitlines():
                siril.log(line or " ")
        elif "executable" in asked.own:
            remember(siril, asked.own["executable"])
        elif "draw" in asked.own:
            siril.overlay_draw_polygon(color=BLUE_TINT, fill=True)
            siril.log("Draw around what is no sky, and then run fastbg.py.")
        elif siril.is_sequence_loaded():
            sequence(siril, engine(siril), asked)
        elif siril.is_image_loaded():
            image(siril, engine(siril), asked)
        else:
            raise Refused("no image is open in Siril: open one")
    except (Refused, s.SirilError, OSError) as error:
        siril.log(f"fastbg: {error}", s.LogColor.RED)
        if not siril.is_cli():
            siril.error_messagebox(f"fastbg: {error}")
        return False
    return True


def something_is_open(siril):
    return siril.is_sequence_loaded() or siril.is_image_loaded()


def from_menu(siril):
    """Ask in a dialog, do it, and ask again, until it is closed; Undo is in Siril."""
    try:
        try:
            import PyQt6.QtWidgets as qt
        except ImportError:
            s.ensure_installed("PyQt6")
            import PyQt6.QtWidgets as qt
    except (s.SirilError, TimeoutError, ImportError):
        siril.log("Without PyQt6 there is no dialog: fastbg.py runs with its defaults.")
        return 0 if done(siril, []) else 1
    application = qt.QApplication.instance() or qt.QApplication(["fastbg"])
    application.setStyle("Fusion")
    window = Window(siril, qt)
    while window.dialog.exec():
        words = window.words()
        siril.log(" ".join(["pyscript fastbg.py", *(f'"{word}"' for word in words)]))
        done(siril, words)
        siril.reset_progress()
    return 0


class Window:
    """The dialog, of the widgets `qt`: what is chosen there becomes words of a command line."""

    def __init__(self, siril, qt):
        self.dialog, self.several = qt.QDialog(), siril.is_sequence_loaded()
        self.dialog.setWindowTitle("fastbg")
        form = qt.QFormLayout(self.dialog)
        what = "the selected frames of the sequence" if self.several else "the image"
        form.addRow(qt.QLabel(f"Removes the background of {what}, not stretched yet."))
        self.boxes = {}
        for name, (label, choices) in CHOICES.items():
            self.boxes[name] = box = qt.QComboBox()
            for value, text in choices.items():
                box.addItem(text, value)
            form.addRow(label, box)
        self.strength = qt.QSpinBox(minimum=0, maximum=100, value=100, suffix=" %")
        form.addRow("Strength:", self.strength)
        form.addRow("Mask:", self._file(siril, qt))
        self.samples = qt.QCheckBox("Through the samples that are set in Siril")
        self.prefix = qt.QLineEdit(PREFIX)
        if self.several:
            form.addRow("Prefix:", self.prefix)
        else:
            draw = qt.QPushButton("Draw around what is no sky")
            draw.clicked.connect(lambda: done(siril, ["-draw"]))
            form.addRow("", self.samples)
            form.addRow("", draw)
        buttons = qt.QDialogButtonBox()
        buttons.addButton("Remove background", buttons.ButtonRole.AcceptRole)
        buttons.addButton(buttons.StandardButton.Close)
        buttons.accepted.connect(self.dialog.accept)
        buttons.rejected.connect(self.dialog.reject)
        form.addRow(buttons)

    def _file(self, siril, qt):
        """A row for the name of a mask."""
        self.mask, choose, row = qt.QLineEdit(), qt.QPushButton("Choose..."), qt.QHBoxLayout()
        self.mask.setPlaceholderText("white where the sky is, or regions that are none")
        self.mask.setMinimumWidth(320)
        choose.setAutoDefault(False)

        def ask():
            found = qt.QFileDialog.getOpenFileName(self.dialog, "Mask", siril.get_siril_wd())[0]
            self.mask.setText(found or self.mask.text())

        choose.clicked.connect(ask)
        row.addWidget(self.mask)
        row.addWidget(choose)
        return row

    def words(self):
        """What is chosen, as far as it is not the default."""
        told = {name: box.currentData() for name, box in self.boxes.items() if box.currentIndex()}
        if self.strength.value() < 100:
            told["strength"] = f"{self.strength.value()}%"
        if self.mask.text():
            told["mask"] = self.mask.text()
        if self.several:
            told["prefix"] = self.prefix.text()
        words = [f"-{name}={value}" for name, value in told.items()]
        return [*words, "-samples"] if self.samples.isChecked() else words


class Asked:
    """What the words ask for: options of this script, files, and settings of fastbg."""

    def __init__(self, siril, words):
        self.own, self.settings = {}, {}
        self.files = {"mask": [], "sky": [], "samples": []}
        folder = Path(siril.get_siril_wd())
        for word in words:
            name, _, value = word.lstrip("-").partition("=")
            if not word.startswith("-") or not name:
                raise Refused(f"{word!r} is no option: write -NAME=VALUE; see fastbg.py -help")
            if name in self.files and value:
                self.files[name].append(folder / value)
                if not (folder / value).is_file():
                    raise Refused(f"{folder / value} is not a file: check the name")
            elif name in ("draw", "executable", "help", "prefix", "preset", "samples"):
                self.own[name] = value
            else:
                self.settings[name.replace("_", "-")] = value
        if self.own.get("prefix") == "":
            raise Refused("without a prefix the frames of the sequence would be lost: give one")
        preset = self.own.get("preset", "")
        self.preset = str(folder / preset) if (folder / preset).is_file() else preset


def engine(siril):
    """What runs a job: fastbg as a library where there is one or can be, or else its executable."""
    library = sys.version_info >= OLDEST_PYTHON
    if library and find_spec("fastbg"):
        return with_library
    if path := executable(siril):
        return with_executable(path)
    if library:
        siril.log("fastbg is not here yet: pip tries to install it.")
        try:
            s.ensure_installed("fastbg")
            return with_library
        except (s.SirilError, TimeoutError):
            cause = "cannot be installed in the Python of Siril"
    else:
        cause = "needs Python 3.11, and that of Siril is {}.{}".format(*sys.version_info)
    raise Refused(
        f"the package {cause}: install the program fastbg, and tell its place in the command line "
        'of Siril, by pyscript fastbg.py "-executable=/path/to/fastbg"'
    )


def executable(siril):
    """The program that was told, or that is where programs are, or None."""
    path = Path(siril.get_siril_configdir(), REMEMBERED)
    try:
        return json.loads(path.read_text(encoding="utf-8"))["executable"]
    except FileNotFoundError:
        return shutil.which("fastbg", path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    except (ValueError, TypeError, KeyError):
        raise Refused(f"{path} is damaged: delete it, and tell -executable again") from None


def remember(siril, path):
    """Remember where the program is, if it is one."""
    try:
        command = [path, "doctor", "--json"]
        done = s.utility.safe_subprocess_run(command, capture_output=True, timeout=60, **HIDDEN)
        version = json.loads(done.stdout)["fastbg"]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError):
        raise Refused(f"{path} does not answer as fastbg does: give its full path") from None
    target = Path(siril.get_siril_configdir(), REMEMBERED)
    target.write_text(json.dumps({"executable": path}), encoding="utf-8")
    siril.log(f"fastbg {version} is {path}", s.LogColor.GREEN)


def with_library(source, output, files, preset, settings, tell):
    """Run a job in this process; the value is its report."""
    import fastbg

    def value(text):
        """A number, True for a flag, or the text itself."""
        try:
            return json.loads(text or "true")
        except ValueError:
            return text

    try:
        values = fastbg.load_preset(preset).to_dict() if preset else {}
        values.update({name.replace("-", "_"): value(text) for name, text in settings.items()})
        result = fastbg.process_file(
            source,
            output=output,
            write_model=False,
            mask=files["mask"],
            sky=files["sky"],
            samples=files["samples"][0] if files["samples"] else None,
            settings=fastbg.Settings(**values),
            progress=lambda at: tell(at.stage, at.done / max(at.total, 1)),
        )
    except fastbg.FastbgError as error:
        raise Refused(str(error)) from None
    return result.report


def with_executable(path):
    """What runs a job by the program of that path."""

    def run(source, output, files, preset, settings, tell):
        command = [path, "run", str(source), "-o", str(output), "--no-model", "--events"]
        command += [f"--{name}={each}" for name, several in files.items() for each in several]
        command += ["--preset", preset] if preset else []
        for name, value in settings.items():
            command += [f"--{name}", value] if value else [f"--{name}"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "encoding": "utf-8"}
        last = {}
        try:
            process = s.utility.safe_subprocess_Popen(command, **pipes, **HIDDEN)
        except OSError as error:
            raise Refused(f"{path} cannot be started ({error}): tell -executable again") from None
        with process:
            for line in process.stdout:
                last = json.loads(line)
                if last["event"] in ("stage", "progress"):
                    tell(last["stage"], last.get("done", 0) / max(last["total"], 1))
        if process.returncode or last.get("event") != "done":
            raise Refused(last.get("message") or f"{path} ended with code {process.returncode}")
        return last["report"]

    return run


def image(siril, run, asked):
    """Take the background out of the image that is open, as one step that can be undone."""
    pixels = siril.get_image_pixeldata()
    mask = None
    # Masks came with version 1.1.0 of the module.
    if hasattr(siril, "get_image_mask") and siril.get_image_mask_state():
        mask = siril.get_image_mask()
        siril.log("The mask of the image is used: white is sky.")
    # Siril can be used meanwhile: what takes long is not in the lock.
    keywords, tell = siril.get_image_keywords(), progress(siril)
    out = corrected(siril, run, asked, pixels, keywords, mask, tell)
    now = siril.get_image_pixeldata()
    if now.shape != pixels.shape or now.tobytes() != pixels.tobytes():
        raise Refused("the image was changed meanwhile, and is left as it is now: run it again")
    try:
        siril.undo_save_state("fastbg: background removed")
    except s.SirilError:
        if not siril.is_cli():
            raise  # without a window, Siril 1.4.0 refuses what later versions pass over
    with siril.image_lock():
        siril.set_image_pixeldata(out)


def sequence(siril, run, asked):
    """Write the selected frames of the sequence without their background, as a new sequence."""
    frames = siril.get_seq()
    if frames.type != s.SequenceType.SEQ_REGULAR:
        raise Refused("the sequence is a single file, as SER is: convert it into FITS files first")
    prefix = asked.own.get("prefix", PREFIX)
    chosen = [index for index in range(frames.number) if frames.imgparam[index].incl]
    failed = 0
    for count, index in enumerate(chosen):
        name = Path(siril.get_seq_frame_filename(index)).name
        siril.log(name)
        frame = siril.get_seq_frame(index)
        tell = progress(siril, f"{name}: ", count, len(chosen))
        try:
            out = corrected(siril, run, asked, frame.data, frame.keywords, None, tell)
        except Refused as error:
            siril.log(f"{name}: {error}", s.LogColor.RED)
            failed += 1
        else:
            siril.set_seq_frame_pixeldata(index, out, prefix)
    if failed == len(chosen):
        raise Refused(f"none of {failed} frames could be corrected: see above")
    new = prefix + Path(frames.seqname).name
    if not siril.create_new_seq(new):
        raise Refused(f"Siril made no sequence of the frames that are called {new}...")
    try:
        siril.cmd("load_seq", f'"{new}"')
    except s.CommandError:
        siril.log(f"The new sequence is {new}")  # scripts of Siril cannot open it
    if failed:
        raise Refused(f"{failed} of {len(chosen)} frames could not be corrected: see above")


def corrected(siril, run, asked, pixels, keywords, mask, tell):
    """Pixels without their background, of the same shape and type.

    They travel in a FITS file, which has the planes and the rows in the order of Siril, so that the
    library and the executable do one job. Siril's own functions for files would compress and
    debayer them where its preferences say so.
    """
    settings = asked.settings | {"sample-format": "same", "white": WHITES[pixels.dtype.name]}
    # In a flatpak, an executable outside sees the working directory, and not the temporary one.
    with tempfile.TemporaryDirectory(prefix=".fastbg-", dir=siril.get_siril_wd()) as folder:
        source, output = Path(folder, "image.fits"), Path(folder, "corrected.fits")
        write_fits(source, pixels, keywords)
        files = files_of(siril, asked, mask, pixels.shape[-2], Path(folder))
        if [path.name for path in files["mask"]] == [DRAWN] and not asked.preset:
            settings.setdefault("protect", "always")  # polygons do not tell what is sky
        report = run(source, output, files, asked.preset, settings, tell)
        out = read_fits(output, pixels)
    share = report["gradient"]["taken_out"]
    if share is not None and share == share:  # unknown is null in JSON, and NaN in Python
        siril.log(f"fastbg took {100 * share:.3g} % of the gradient out.", s.LogColor.GREEN)
    for warning in report["warnings"]:
        siril.log(warning, s.LogColor.SALMON)
    return out


def files_of(siril, asked, mask, height, folder):
    """The files of a job by the names of their options; what Siril has is written into a folder.

    Images are read by Siril, so that they lie on its own, whatever the order of their rows.
    """
    files = {name: list(several) for name, several in asked.files.items()}
    for name in ("mask", "sky"):
        for number, path in enumerate(asked.files[name]):
            if path.suffix.lower() not in REGIONS:
                files[name][number] = folder / f"{name}{number}.fits"
                write_fits(files[name][number], siril.load_image_from_file(str(path)).data)
    if mask is not None:
        files["mask"].append(folder / "mask.fits")
        write_fits(files["mask"][-1], mask)
    drawn = [each for each in siril.overlay_get_polygons_list() or () if len(each.points) > 2]
    if drawn:
        files["mask"].append(folder / DRAWN)
        files["mask"][-1].write_text(geojson(drawn, height), encoding="utf-8")
        siril.log(f"Polygons around what is no sky: {len(drawn)}")
    if "samples" in asked.own:
        files["samples"].append(folder / "samples.json")
        samples = [vars(each) for each in siril.get_image_bgsamples() or ()]
        files["samples"][-1].write_text(json.dumps(samples), encoding="utf-8")
        siril.log(f"Samples of the background in Siril: {len(samples)}")
    return files


def progress(siril, before="", job=0, jobs=1):
    """What shows how far a job has come, of several in a row; it never goes back."""
    stages = list(SHARES)
    shown = -1

    def tell(stage, part):
        nonlocal shown
        if stage in SHARES:
            ended = sum(SHARES[each] for each in stages[: stages.index(stage)])
            percent = int(ended + SHARES[stage] * min(part, 1))
            if percent > shown:
                shown = percent
                siril.update_progress(f"fastbg: {before}{stage}", (job + percent / 100) / jobs)

    return tell


def geojson(polygons, height):
    """Polygons of the display, whose rows count from the top, for rows from the bottom.

    (0, 0) is the centre of the top left pixel in the display, and the outer corner of the first
    pixel in GeoJSON.
    """
    rings = [[[p.x + 0.5, height - 0.5 - p.y] for p in each.points] for each in polygons]
    coordinates = [[[*ring, ring[0]]] for ring in rings]
    return json.dumps({"type": "MultiPolygon", "coordinates": coordinates})


def write_fits(path, samples, keywords=None):
    """Write an array, (K, H, W) or (H, W), with the keywords that fastbg asks for."""
    bitpix, zero = FORMATS[samples.dtype.name]
    cards = {"SIMPLE": "T", "BITPIX": bitpix, "NAXIS": samples.ndim}
    cards.update({f"NAXIS{n}": length for n, length in enumerate(reversed(samples.shape), 1)})
    cards.update(BZERO=zero, BSCALE=1)
    if keywords:
        # What is not known is empty, None, or a very negative number.
        cards.update(
            ROWORDER=keywords.row_order and f"'{keywords.row_order}'",
            BAYERPAT=keywords.bayer_pattern and f"'{keywords.bayer_pattern}'",
            XBAYROFF=max(keywords.bayer_xoffset or 0, 0),
            YBAYROFF=max(keywords.bayer_yoffset or 0, 0),
        )
    known = ((name, value) for name, value in cards.items() if value not in ("", None))
    text = "".join(f"{name:8}= {value:>20}".ljust(CARD) for name, value in known) + "END"
    stored = (samples ^ 0x8000).view(np.int16) if zero else samples
    with path.open("wb") as file:
        file.write(text.ljust(-(-len(text) // RECORD) * RECORD).encode("ascii"))
        file.write(stored.astype(stored.dtype.newbyteorder(">")).data)
        file.write(bytes(-file.tell() % RECORD))


def read_fits(path, like):
    """The samples of a FITS file that has the shape and the type of an array."""
    _, zero = FORMATS[like.dtype.name]
    with path.open("rb") as file:
        while file.read(CARD)[:8].strip() not in (b"END", b""):
            pass
        start = -(-file.tell() // RECORD) * RECORD
    stored = np.fromfile(path, like.dtype.newbyteorder(">"), like.size, offset=start)
    out = stored.astype(like.dtype).reshape(like.shape)
    return out ^ 0x8000 if zero else out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
