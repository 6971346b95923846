"""The live page in a notebook: its server on a thread of this process, and what was done in it."""

from __future__ import annotations

import atexit
import math
import os
import threading
import webbrowser
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..errors import InputError, SettingsError
from ..image.image import Image
from ..io import xisf
from ..jobs.arguments import GivenSamples, Masks, merged, public
from ..jobs.array import finished
from ..jobs.containers import Container
from ..jobs.given import Given, image_of, opened, weights_of
from ..jobs.results import ArrayResult
from ..jobs.source import Source
from ..pipeline import Job
from ..samples.points import SamplePoints
from ..settings.options import Options
from ..settings.settings import Settings
from .document import sampled
from .layers import Painted

if TYPE_CHECKING:
    from .server import Server

ANCESTORS = [
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1")
]
"""The notebooks that may show the page: those of this computer."""

HEIGHT = 800
"""The height of the page in a notebook, in pixels."""

LONGEST_END = 5.0
"""Seconds that the server has to end."""


class Live:
    """A live page, and what was done in it: see `live`.

    Attributes
    ----------
    address : str
        The address of the page, for a browser on the computer on which this process runs.
    """

    def __init__(self, server: Server, given: Given | None, files: ExitStack) -> None:
        self._server, self._given, self._files = server, given, files
        self.address = server.address
        answers = threading.Event()
        # The thread keeps the page open, whether anybody keeps this object or not.
        self._thread = threading.Thread(
            target=self._serve, args=(answers,), name="fastbg-live", daemon=True
        )
        self._thread.start()
        answers.wait()
        atexit.register(self.close)

    def __repr__(self) -> str:
        return f"Live({self.address!r}{'' if self._thread.is_alive() else ', closed'})"

    def _repr_html_(self) -> str:
        """The page in a frame."""
        if not self._thread.is_alive():
            return "<p>The live page was closed.</p>"
        return (
            f'<iframe src="{self.address}" title="fastbg" style="width: 100%; height: {HEIGHT}px; '
            'border: 0" allow="fullscreen; clipboard-write"></iframe>'
            f'<p>If the page stays empty, open <a href="{self.address}" target="_blank" '
            'rel="noopener">its address</a> in a browser on the computer of the kernel.</p>'
        )

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._server.settings

    @property
    def command(self) -> str:
        """The command line that repeats what the page shows.

        What was painted is saved for it, beside a file. Of an array, it names a temporary file that
        `close` removes; `remove_background` does the same with all that is in `ArrayResult.given`.
        """
        return self._server.command

    def open(self) -> bool:
        """Open the page in a browser of this computer; whether there is one."""
        return webbrowser.open(self.address)

    def result(self) -> ArrayResult:
        """What the page shows now, at full resolution.

        Returns
        -------
        ArrayResult
            The arrays of a file are upright, (H, W) or (H, W, 3), and its white is 1: see
            `fastbg.io.white`.

        Raises
        ------
        InputError
            If the page was closed, or the file has been changed since it was opened.
        """
        if not self._thread.is_alive():
            raise InputError("the live page was closed: ask for its result before")
        engine, document = self._server.engine, self._server.session.document
        painted = document.layers.unpacked()
        outcome = engine.fit(document, painted)
        given = self._given or Given(_array_of(engine.source), None, None, outcome.settings)
        weight, sky = _arrays_of(painted, engine.size)
        points = SamplePoints.of(document.samples) if sampled(document) else None
        given = replace(given, weight=weight, sky=sky, samples=points, settings=outcome.settings)
        array = Container.of(given.image, given.channel_axis)
        with Job(outcome.settings) as job:
            job.warnings += engine.warnings
            frame, about = engine.source.frame, (outcome.preparation, outcome.fitted)
            result = finished(job, array, frame, given, *about)
        engine.check_unchanged()
        return result

    def close(self) -> None:
        """End the server.

        What was not saved is offered again when the page of the same file is opened; of an array,
        it is lost.
        """
        atexit.unregister(self.close)
        if self._given:  # its file ends with this process, and nobody can go on
            self._server.session.saved = self._server.session.history.present
        self._server.stop()
        self._thread.join(LONGEST_END)
        self._files.close()

    def _serve(self, answers: threading.Event) -> None:
        try:
            self._server.run(lambda address: answers.set())
        finally:
            answers.set()


@public
def live(
    image: np.ndarray | Any,
    *,
    weight: np.ndarray | Any | None = None,
    mask: Masks = None,
    sky: Any = None,
    samples: GivenSamples = None,
    channel_axis: int | None = None,
    settings: Settings | None = None,
    **options: Unpack[Options],
) -> Live:
    """Open the live page of an image: look at the result, and correct the sky with a brush.

    In a notebook, the page is shown where this is the last value of a cell; elsewhere, `Live.open`
    opens it in a browser. The server belongs to this process, ends with it, and answers only to
    browsers on the same computer. Where the kernel of a notebook runs on another computer, as on
    Colab or JupyterHub, the browser does not reach it: forward the port of the address to the same
    port of yours (``ssh -L``), or use ``fastbg live`` where the browser is.

    Parameters
    ----------
    image : array_like or path
        An array as for `remove_background`, or a file as for `process_file`. An array is written to
        a temporary file.
    weight, sky, channel_axis
        Of an array, as for `remove_background`. What has a weight below 0.5 is painted as no sky.
    mask, sky
        Of a file, as for `process_file`, painted likewise.
    samples
        As for these functions.
    settings, **options
        As for `remove_background`: those that the page begins with.

    Returns
    -------
    Live
        Its ``result()`` is what the page shows, at full resolution, and its ``settings`` are those
        of the page. ``close()`` ends it; it is also a context manager.

    Raises
    ------
    InputError, SettingsError, BackendError
        One line with cause and cure.
    """
    settings = merged(settings, options)
    if not isinstance(image, str | os.PathLike):
        if mask is not None:
            raise InputError("an array has no mask: give a weight")
        return _of_array(Given(image, weight, channel_axis, settings, sky), samples)
    if weight is not None or channel_axis is not None:
        raise InputError("a file has neither a weight nor a channel_axis: give a mask")
    return _of_file(Path(image), settings, samples, mask=mask, sky=sky)


@public
def _of_file(
    path: Path, settings: Settings, samples: GivenSamples, *, mask: Masks, sky: Masks
) -> Live:
    server = _server(path, settings, mask=mask, sky=sky, samples=samples)
    return Live(server, None, ExitStack())


def _of_array(given: Given, samples: GivenSamples) -> Live:
    array, frame = opened(given)
    mask, sky = weights_of(given, frame, [])
    with ExitStack() as files:
        folder = TemporaryDirectory(prefix="fastbg-live-", ignore_cleanup_errors=True)
        stored = Path(files.enter_context(folder))
        layers = {
            name: _written(each, stored / f"{name}.xisf")
            for name, each in (("mask", mask), ("sky", sky))
            if each
        }
        path = _written(image_of(array), stored / "image.xisf")
        server = _server(path, given.settings, output_dir=Path(), samples=samples, **layers)
        return Live(server, given, files.pop_all())


def _written(image: Image, path: Path) -> Path:
    xisf.write(path, _channels_last(image))
    return path


def _server(path: Path, settings: Settings, **how: Any) -> Server:
    try:
        from .server import Server
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"fastbg.live needs {error.name}: install it with pip install 'fastbg[live]'"
        ) from error
    return Server(path, settings, stay=math.inf, ancestors=ANCESTORS, **how)


def _channels_last(image: Image) -> np.ndarray:
    return np.moveaxis(image.planes(), 0, 2)


def _array_of(source: Source) -> np.ndarray:
    """A file as an array, (H, W) or (H, W, 3)."""
    array = _channels_last(Image.of(source.stored, source.file.bounds, source.kernels))
    return array if array.shape[2] > 1 else array[..., 0]


def _arrays_of(
    painted: Painted, shape: tuple[int, int]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What is painted, as the weight and the sky that `remove_background` takes."""

    def pixels(cells: np.ndarray) -> np.ndarray:
        return painted.grid.enlarged(cells, slice(0, shape[0]), shape[1])

    return (
        pixels(~painted.not_sky) if painted.not_sky.any() else None,
        pixels(painted.sky) if painted.sky.any() else None,
    )
