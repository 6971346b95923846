"""A session: what pages ask for is done to the document, and what comes of it is told to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..compiled import trim
from ..errors import Cancelled, FastbgError, InputError, SettingsError
from ..progress import Progress
from ..settings.settings import Settings
from . import told
from .document import MOST_SNAPSHOTS, Document, History, sampled
from .engine import Engine, Outcome
from .fitter import Fitter
from .layers import Painted
from .pages import Page, Pages, text_of
from .painting import Painting
from .pictures import Scale, encoded, measured_and_binned
from .sampling import Sampling, described
from .session_file import SessionFile
from .tiles import Tiles

Message = Mapping[str, Any]
Action = Callable[[Message, Page], dict[str, Any] | None]


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be fitted."""

    document: Document
    painted: Painted
    revision: int


class Session:
    """The session of one image. Its methods run on one thread; fits run on another one.

    Parameters
    ----------
    engine : Engine
    settings : Settings
    pages : Pages
    folder : Path
        That of the outputs, in which what is done is kept until it is saved.

    Attributes
    ----------
    actions : dict of str to callable
        What a page may ask for, by the name of the message: ``action(message, page)`` returns the
        answer, or None for "done". An error that it raises is one line, and nothing was changed.
    painted : Painted
        The layers, with strokes in progress.
    outcome : Outcome or None
        The last fit.
    """

    def __init__(self, engine: Engine, settings: Settings, pages: Pages, folder: Path) -> None:
        self.engine, self.pages = engine, pages
        self.history = History([engine.first(settings)])
        self.saved = self.history.present
        self.painted = self._as_painted = self.saved.layers.unpacked()
        self._file = SessionFile(engine.path, folder, self.saved, self.tell_problem)
        self.revision = 0
        self.outcome: Outcome | None = None
        self.tiles: Tiles | None = None
        self._tried: Settings | None = None
        self._scale: Scale | None = None
        self._shown: object = None
        self._layers: dict[str, np.ndarray] = {}
        self._hello: dict[str, Any] = {}
        self._painting = Painting(self)
        self._fitter: Fitter[Request] = Fitter(self._fit)
        self.actions: dict[str, Action] = {
            **self._painting.actions,
            **Sampling(self).actions,
            "set": self._set,
            "reset": self._reset,
            "undo": lambda message, page: self._go(-1),
            "redo": lambda message, page: self._go(1),
            "snapshot": self._snapshot,
            "restore": self._restore,
            "recover": self._recover,
            "probe": self._probe,
        }

    def begin(self, about: Mapping[str, Any], helps: Mapping[str, str]) -> None:
        """Make the picture of the image, and let the automatic result be found.

        Parameters
        ----------
        about : mapping
            More of what a page is told first.
        helps : mapping of str to str
            A line about each setting.
        """
        engine = self.engine
        planes, statistics = measured_and_binned(engine.image, self.settings.worker_threads)
        scale = self._scale = Scale.of(statistics)
        self.tiles = Tiles(engine.image, scale, engine.unit)
        recovered = self._file.recovered
        hello = told.hello(engine, self.history.present, self.tiles.levels, helps)
        self._hello = hello | {**about, "recovered": recovered and recovered.summary()}
        self.pages.publish("hello", text_of(self._hello))
        self._tell_layers()
        self._tell_state()
        self._refit()
        binning = -(-engine.image.shape[1] // planes.shape[2]) * engine.unit
        halves = scale.halves(planes)
        original = encoded(
            "original",
            halves,
            "half",
            scale=scale,
            binning=binning,
            statistics={n: each.tolist() for n, each in statistics.items()},
        )
        self.pages.publish("original", original)
        del planes, halves, original
        trim()

    def close(self) -> None:
        """End the fits, and remove the file of the session where nothing would be lost."""
        self._fitter.close()
        self._file.close(keep=self.unsaved)

    def is_saved(self, document: Document) -> None:
        """Remember that there are files of a document. May be called on any thread."""
        self.saved = document
        self._tell_state()

    @property
    def unsaved(self) -> bool:
        """Whether there are edits that no file has."""
        return self.history.present != self.saved

    @property
    def document(self) -> Document:
        """The present document, with settings that are being tried."""
        return replace(self.history.present, settings=self.settings)

    @property
    def settings(self) -> Settings:
        """The present settings, or those that are being tried."""
        return self._tried or self.history.present.settings

    def forget(self, page: Page) -> None:
        """End the strokes of a page that was closed."""
        self._painting.forget(page)

    def paint(self, painted: Painted, *, final: bool) -> None:
        """Show new layers and fit them; what is final is an edit of the history."""
        self.painted = self._as_painted = painted
        if final:
            self.edit(self._with_layers())
        else:
            self._changed(final=False)

    def _with_layers(self) -> Document:
        """The present document with the layers as they are now."""
        present = self.history.present
        return replace(present, layers=self.painted.packed(present.layers))

    def unpaint(self) -> None:
        """Go back to the layers of the last edit."""
        self.painted = self._as_painted = self.history.present.layers.unpacked()
        self._changed()

    def _set(self, message: Message, page: Page) -> None:
        values = dict(message["settings"])
        _check_names(values)
        settings = replace(self.settings, **values)
        grid = self.engine.grid(settings)
        self._tried = settings if message.get("more") else None
        if grid != self.painted.grid:
            # A coarse grid that was only tried coarsens nothing.
            self.painted = self._as_painted.on(grid)
        if self._tried:
            self._changed(final=False)
        else:
            self.edit(replace(self._with_layers(), settings=settings))

    def _reset(self, message: Message, page: Page) -> None:
        _check_names(message["names"])
        defaults = Settings().to_dict()
        values = {name: defaults[name] for name in message["names"]}
        self._set({"settings": values}, page)

    def _go(self, steps: int) -> None:
        if self.history.go(steps):
            self._file.add_step(steps)
            self._show_present()

    def _snapshot(self, message: Message, page: Page) -> None:
        name, snapshots = message["name"], self.history.snapshots
        if name not in snapshots and len(snapshots) >= MOST_SNAPSHOTS:
            raise SettingsError(f"there are {MOST_SNAPSHOTS} snapshots already: replace one")
        snapshots[name] = self.history.present
        self._file.add_snapshot(name)
        self._tell_state()

    def _restore(self, message: Message, page: Page) -> None:
        kept = self.history.snapshots.get(message["name"])
        if kept is None:
            raise SettingsError(f"there is no snapshot {message['name']}")
        if self.history.add(kept):
            self._file.add(kept)
            self._show_present()

    def _recover(self, message: Message, page: Page) -> None:
        found = self._file.recovered
        if found is None:
            raise InputError("there is no earlier session to be recovered")
        if message["accept"]:
            for document in found.history.documents:
                self.engine.grid(document.settings)
            self.history = found.history.after(self.history)
            self._show_present()
        self._file.take(self.history)
        # Neither other pages nor those that are loaded again offer it any more.
        self._hello["recovered"] = None
        self.pages.publish("hello", text_of(self._hello))

    def _probe(self, message: Message, page: Page) -> dict[str, Any]:
        if self.outcome is None:
            raise InputError("the sky is still being searched for: try again in a moment")
        x, y = message["x"], message["y"]
        return {"tell": "probed", "x": x, "y": y, **self.engine.probe(self.outcome, x, y)}

    def edit(self, document: Document) -> None:
        """Make a document the present one, and fit it."""
        if self.history.add(document):
            self._file.add(document)
        self._changed()

    def _show_present(self) -> None:
        self._tried = None
        self._painting.forget()
        self.unpaint()

    def _changed(self, *, final: bool = True) -> None:
        """Tell what was changed, and fit it; what is not final lets an older fit be finished."""
        self.revision += 1
        self._tell_layers()
        self._tell_state()
        self._refit(final=final)

    def _tell_layers(self) -> None:
        """Tell the layers that are not as they were told before."""
        for name, cells in (("not_sky", self.painted.not_sky), ("sky", self.painted.sky)):
            before = self._layers.get(name)
            if before is None or not np.array_equal(cells, before):
                self._layers[name] = cells
                picture = told.layer(name, cells, self.painted.grid, self.revision)
                self.pages.publish(name, picture)

    def _tell_state(self) -> None:
        state = told.state(self.history, self.painted, self.settings, self.revision)
        samples = described(self.history.present, self.outcome)
        state |= {"samples": samples, "unsaved": self.unsaved}
        self.pages.publish("state", text_of(state))

    def _refit(self, *, final: bool = True) -> None:
        self._fitter.ask(Request(self.document, self.painted, self.revision), cancel=final)

    def _fit(self, request: Request, watch: Callable[[Progress], bool]) -> None:
        """Fit on the thread of the fitter, and tell what was found."""
        revision, publish = request.revision, self.pages.publish
        publish("fitting", text_of({"tell": "fitting", "revision": revision}), keep=False)
        assert self._scale is not None
        try:
            outcome = self.engine.fit(request.document, request.painted, revision, watch)
            shown = [*told.pictures(outcome, request.painted, self._scale)]
            if self._shown is not outcome.reduced:
                small = told.small(outcome, request.painted.grid.side, self._scale)
                shown.append(("small", small))
            fitted = text_of(told.fitted(self.engine, outcome))
        except Cancelled:
            return
        except FastbgError as error:
            self.tell_problem(str(error), revision)
            return
        except Exception as error:
            self.tell_problem(unexpected(error), revision)
            return
        self._shown, self.outcome = outcome.reduced, outcome
        publish("problem", None)
        # A page shows the pictures when it hears that they are fitted.
        for name, picture in shown:
            publish(name, picture)
        publish("fitted", fitted)
        if sampled(request.document):
            self._tell_state()

    def tell_problem(self, message: str, revision: int | None = None) -> None:
        """Tell all pages what went wrong, in one line.

        That a state cannot be fitted, pages that are opened later are told as well.
        """
        problem = {"tell": "problem", "id": None, "revision": revision, "message": message}
        self.pages.publish("problem", text_of(problem), keep=revision is not None)


def unexpected(error: Exception) -> str:
    """One line about an error that nobody raised on purpose."""
    return f"unexpected {type(error).__name__} ({error}): please report it"


def _check_names(names: Any) -> None:
    known = told.settings_that_change()
    for name in names:
        if name not in known:
            raise SettingsError(f"a page cannot change a setting named {name[:64]}")
