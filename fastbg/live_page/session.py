"""A session: what pages ask for is done to the document, and what comes of it is told to all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Cancelled, FastbgError, SettingsError
from ..progress import Progress
from ..settings.settings import Settings
from . import told
from .document import MOST_SNAPSHOTS, Document, History
from .engine import Engine, Outcome
from .fitter import Fitter
from .layers import Painted
from .pages import Page, Pages, text_of
from .pictures import Scale, encoded, measured_and_binned
from .tiles import Tiles

Message = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be fitted."""

    document: Document
    painted: Painted
    revision: int


@dataclass
class Stroke:
    """A stroke while the pen is down."""

    layer: str
    radius: float
    last: list[list[float]]


class Session:
    """The session of one image; all methods but `fit` run on one thread at a time.

    Parameters
    ----------
    engine : Engine
    settings : Settings
    pages : Pages
    helps : mapping of str to str
        A line about each setting.
    """

    def __init__(
        self, engine: Engine, settings: Settings, pages: Pages, helps: Mapping[str, str]
    ) -> None:
        self.engine, self.pages, self._helps = engine, pages, helps
        self.painted = Painted.nothing(engine.grid(settings))
        self.history = History([Document(settings, self.painted.packed())])
        self.revision = 0
        self.outcome: Outcome | None = None
        self.tiles: Tiles | None = None
        self._tried: Settings | None = None
        self._strokes: dict[tuple[Page, Any], Stroke] = {}
        self._scale: Scale | None = None
        self._shown_grid: object = None
        self._fitter: Fitter[Request] = Fitter(self._fit)

    def begin(self) -> None:
        """Make the picture of the image, and let the automatic result be found."""
        engine = self.engine
        planes, statistics = measured_and_binned(engine.image, self.settings.worker_threads)
        scale = self._scale = Scale.of(statistics)
        self.tiles = Tiles(engine.image, scale, engine.unit)
        about = told.hello(engine, self.history.present, self.tiles, self._helps, **self._more())
        self.pages.publish("hello", text_of(about))
        self._tell_state()
        binning = -(-engine.image.shape[1] // planes.shape[2]) * engine.unit
        numbers = {name: each.tolist() for name, each in statistics.items()}
        original = encoded(
            "original",
            scale.halves(planes),
            "half",
            scale=scale,
            binning=binning,
            statistics=numbers,
        )
        self.pages.publish("original", original)
        self._refit()

    def close(self) -> None:
        """End the fits."""
        self._fitter.close()

    @property
    def settings(self) -> Settings:
        """The present settings, or those that are being tried."""
        return self._tried or self.history.present.settings

    def handle(self, message: Message, page: Page) -> dict[str, Any] | None:
        """Do what a page asks for, a checked message.

        Returns
        -------
        dict or None
            The answer but for its id; None if it comes later.

        Raises
        ------
        FastbgError
            One line that says why it cannot be done; nothing was changed.
        """
        action: Callable[[Message, Page], dict[str, Any] | None] = getattr(
            self, f"_do_{message['do']}"
        )
        return action(message, page) or {"tell": "done"}

    def forget(self, page: Page) -> None:
        """End the strokes of a page that was closed."""
        for key in [key for key in self._strokes if key[0] is page]:
            self._drop(key)

    def _do_stroke(self, message: Message, page: Page) -> None:
        key = page, message["stroke"]
        if message.get("cancel"):
            self._drop(key)
            return
        stroke = self._strokes.get(key)
        if stroke is None:
            layer, radius = message.get("layer"), message.get("radius")
            if layer is None or radius is None:
                raise SettingsError("a stroke begins with its layer and its radius")
            stroke = self._strokes[key] = Stroke(layer, radius, [])
        points = [*stroke.last, *message.get("points", ())]
        if points:
            cells = self.painted.grid.brush(points, stroke.radius)
            self.painted = self.painted.with_cells(stroke.layer, cells)
            stroke.last = points[-1:]
        if message.get("more"):
            self._changed(final=False)
        else:
            del self._strokes[key]
            self._add(replace(self.history.present, layers=self.painted.packed()))

    def _drop(self, key: tuple[Page, Any]) -> None:
        if self._strokes.pop(key, None):
            self.painted = self.history.present.layers.unpacked()
            self._changed()

    def _do_shape(self, message: Message, page: Page) -> None:
        if not message["points"]:
            raise SettingsError("a shape needs points")
        if message["shape"] == "polygon" and len(message["points"]) < 3:
            raise SettingsError("a polygon needs three points or more")
        cells = self.painted.grid.shape_of(message["shape"], message["points"])
        self._paint(message["layer"], cells)

    def _paint(self, layer: str, cells: Any) -> None:
        self.painted = self.painted.with_cells(layer, cells)
        self._add(replace(self.history.present, layers=self.painted.packed()))

    def _do_set(self, message: Message, page: Page) -> None:
        values = dict(message["settings"])
        for name in values:
            self._check_name(name)
        settings = replace(self.settings, **values)
        self._use(settings, tried=bool(message.get("more")))

    def _do_reset(self, message: Message, page: Page) -> None:
        defaults = Settings().to_dict()
        for name in message["names"]:
            self._check_name(name)
        self._use(replace(self.settings, **{name: defaults[name] for name in message["names"]}))

    def _use(self, settings: Settings, *, tried: bool = False) -> None:
        self.painted = self.painted.on(self.engine.grid(settings))
        if tried:
            self._tried = settings
            self._changed(final=False)
        else:
            self._tried = None
            present = self.history.present
            self._add(replace(present, settings=settings, layers=self.painted.packed()))

    def _check_name(self, name: str) -> None:
        if name not in told.settings_that_change():
            raise SettingsError(f"the page cannot change a setting named {name[:64]}")

    def _do_undo(self, message: Message, page: Page) -> None:
        self._go(-1)

    def _do_redo(self, message: Message, page: Page) -> None:
        self._go(1)

    def _go(self, steps: int) -> None:
        if self.history.go(steps):
            self._show_present()

    def _do_snapshot(self, message: Message, page: Page) -> None:
        if len(self.history.snapshots) >= MOST_SNAPSHOTS:
            raise SettingsError(f"there are {MOST_SNAPSHOTS} snapshots already")
        self.history.snapshots[message["name"]] = self.history.present
        self._tell_state()

    def _do_restore(self, message: Message, page: Page) -> None:
        kept = self.history.snapshots.get(message["name"])
        if kept is None:
            raise SettingsError(f"there is no snapshot {message['name']}")
        if self.history.add(kept):
            self._show_present()

    def _do_leave(self, message: Message, page: Page) -> None:
        return

    def _add(self, document: Document) -> None:
        """Make a document the present one, and fit it."""
        self.history.add(document)
        self._changed()

    def _show_present(self) -> None:
        self._tried = None
        self._strokes.clear()
        self.painted = self.history.present.layers.unpacked()
        self._changed()

    def _changed(self, *, final: bool = True) -> None:
        """Tell what was changed, and fit it; what is not final lets an older fit be finished."""
        self.revision += 1
        for name, picture in told.layers(self.painted, self.revision):
            self.pages.publish(name, picture)
        self._tell_state()
        self._refit(final=final)

    def _more(self) -> dict[str, Any]:
        return {"host": False, "folder": "", "recovered": None}

    def _tell_state(self) -> None:
        state = told.state(self.history, self.painted, self.settings, self.revision)
        self.pages.publish("state", text_of(state))

    def _refit(self, *, final: bool = True) -> None:
        document = replace(self.history.present, settings=self.settings)
        self._fitter.ask(Request(document, self.painted, self.revision), cancel=final)

    def _fit(self, request: Request, watch: Callable[[Progress], bool]) -> None:
        """Fit on the thread of the fitter, and tell what was found."""
        revision = request.revision
        publish = self.pages.publish
        publish("fitting", text_of({"tell": "fitting", "revision": revision}), keep=False)
        began = time.perf_counter()
        try:
            outcome = self.engine.fit(request.document, request.painted, revision, watch)
            assert self._scale is not None
            shown = [*told.pictures(self.engine, outcome, request.painted, self._scale)]
            if self._shown_grid is not outcome.reduced:
                self._shown_grid = outcome.reduced
                side = request.painted.grid.side
                shown.append(("small", told.small(outcome, side, self._scale)))
        except Cancelled:
            return
        except FastbgError as error:
            self._tell_problem(str(error), revision)
            return
        self.outcome = replace(outcome, seconds=time.perf_counter() - began)
        for name, picture in shown:
            publish(name, picture)
        publish("fitted", text_of(told.fitted(self.engine, self.outcome)))

    def _tell_problem(self, message: str, revision: int) -> None:
        problem = {"tell": "problem", "id": None, "revision": revision, "message": message}
        self.pages.publish("problem", text_of(problem), keep=False)
