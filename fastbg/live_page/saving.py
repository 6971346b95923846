"""What is saved: the jobs of ``fastbg run`` and ``fastbg batch``, beside the page."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compiled import trim
from ..errors import FastbgError, InputError, SettingsError
from ..io.names import default_name
from ..jobs.batch import BatchProgress, process_files
from ..jobs.run import process_file
from ..progress import Progress
from ..settings.settings import Settings
from .command import command_line
from .document import Document, job_settings, sampled
from .exports import Exports
from .layers import Painted
from .pages import Page
from .session import Session, unexpected

Message = Mapping[str, Any]

MOST_JOBS = 4
"""Jobs that may wait or run."""


@dataclass(frozen=True, eq=False)
class Work:
    """A job that a page has asked for.

    Attributes
    ----------
    id : int or str
    page : Page
    message : mapping
    document : Document
        As it was then.
    stopped : Event
        Set to cancel it.
    """

    id: Any
    page: Page
    message: Message
    document: Document
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> Settings:
        """The settings of the job."""
        return job_settings(self.document, self.document.layers.unpacked())


class Saving:
    """The jobs of a session, one at a time, each on the document as it was when it was asked for.

    Parameters
    ----------
    session : Session
    folder : Path
        That of the outputs.
    result : Path, optional
        Where the program that started this one waits for the corrected image.
    sent : callable, optional
        Called when that is there.
    """

    def __init__(
        self,
        session: Session,
        folder: Path,
        result: Path | None = None,
        sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._session, self._folder, self._result, self._sent = session, folder, result, sent
        self._exports = Exports(session.engine, folder)
        self._pool = ThreadPoolExecutor(1, "fastbg-save")
        self._works: dict[tuple[Page, Any], Work] = {}
        self.actions = {
            "save": self._begun(self._save),
            "batch": self._begun(self._batch),
            "send_back": self._begun(self._send_back),
            "command": self._begun(self._command),
            "export": self._begun(self._export),
            "cancel": self._cancel,
        }

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs."""
        return bool(self._works)

    def command(self) -> str:
        """The command line that repeats the present result.

        The masks that it names are written, beside the image: that of an array is a temporary file.
        """
        document, beside = self._session.document, self._session.engine.path.parent
        own = self._exports if beside == self._folder else Exports(self._session.engine, beside)
        return self._line(document, {}, self._masks(document, overwrite=True, exports=own))

    def close(self) -> None:
        """Cancel all jobs, and wait for the end of them."""
        for work in [*self._works.values()]:
            work.stopped.set()
        self._pool.shutdown()

    def _begun(
        self, job: Callable[[Work], dict[str, Any]]
    ) -> Callable[[Message, Page], dict[str, Any]]:
        """An action that begins a job, whose answer comes when that has ended."""

        def action(message: Message, page: Page) -> dict[str, Any]:
            number = message.get("id")
            if number is None:
                raise InputError(f"the message {message['do']} needs an id")
            if (page, number) in self._works or len(self._works) >= MOST_JOBS:
                raise InputError("other jobs are not done yet: wait for them, or cancel one")
            work = Work(number, page, message, self._session.document)
            self._works[page, number] = work
            self._pool.submit(self._run, job, work)
            return {}

        return action

    def _run(self, job: Callable[[Work], dict[str, Any]], work: Work) -> None:
        pages = self._session.pages
        trim()
        try:
            with self._exports.of_job():
                answer = job(work)
        except FastbgError as error:
            answer = {"tell": "problem", "message": str(error)}
        except Exception as error:
            answer = {"tell": "problem", "message": unexpected(error)}
        trim()
        del self._works[work.page, work.id]
        pages.answer(work.page, {**answer, "id": work.id})

    def _cancel(self, message: Message, page: Page) -> None:
        work = self._works.get((page, message["job"]))
        if work is None:
            raise InputError("there is no such job any more")
        work.stopped.set()

    def _save(self, work: Work) -> dict[str, Any]:
        asked, overwrite = work.message, work.message.get("overwrite", False)
        if not asked.get("corrected", True):
            raise SettingsError("the corrected image is always saved: the others go with it")
        outputs = self._outputs(asked)
        masks = self._masks(work.document, overwrite=overwrite)
        written = {name: str(file) for name, given in masks.items() for file in _several(given)}
        if asked.get("mask"):
            written |= self._all_layers(work, overwrite=overwrite)
        if asked.get("preset"):
            preset = self._exports.preset(work.document, overwrite=overwrite)
            written["preset"] = str(preset)
        path = self._session.engine.path
        self._session.engine.check_unchanged()
        result = process_file(
            path,
            output=outputs.get("output"),
            model_output=outputs.get("model-output"),
            write_model=asked.get("model", True),
            output_dir=self._folder,
            preview=outputs.get("preview-output"),
            report_dir=outputs.get("report"),
            overwrite=overwrite,
            settings=work.settings,
            progress=self._watch(work),
            **masks,
        )
        written = dict(result.report["outputs"]) | written
        self._session.is_saved(work.document)
        command = self._line(work.document, asked, masks)
        return {"tell": "saved", "outputs": written, "command": command}

    def _outputs(self, asked: Message) -> dict[str, Path]:
        """The outputs that have options, by these."""
        path, folder = self._session.engine.path, self._folder
        outputs: dict[str, Path] = {}
        if suffix := asked.get("suffix"):
            outputs["output"] = default_name(path, folder, "bgSubtracted", suffix)
            if asked.get("model", True):
                outputs["model-output"] = default_name(path, folder, "bgModel", suffix)
        if asked.get("preview"):
            outputs["preview-output"] = default_name(path, folder, "preview", ".png")
        if asked.get("report"):
            outputs["report"] = folder
        return outputs

    def _masks(
        self, document: Document, *, overwrite: bool, exports: Exports | None = None
    ) -> dict[str, Any]:
        """What is painted, as the files that a job is given."""
        exports, painted = exports or self._exports, document.layers.unpacked()
        masks: dict[str, Any] = {}
        if painted.not_sky.any():
            masks["mask"] = [exports.layer("not_sky.png", painted, overwrite=overwrite)]
        if painted.sky.any():
            masks["sky"] = [exports.layer("sky.png", painted, overwrite=overwrite)]
        if sampled(document):
            masks["samples"] = exports.samples(document, overwrite=overwrite)
        return masks

    def _all_layers(self, work: Work, *, overwrite: bool) -> dict[str, str]:
        painted, written = work.document.layers.unpacked(), {}
        for name, cells in (("not_sky", painted.not_sky), ("sky", painted.sky)):
            for suffix in ("png", "geojson") if cells.any() else ():
                what = f"{name}.{suffix}"
                file = self._exports.layer(what, painted, overwrite=overwrite)
                written[what] = str(file)
        return written

    def _line(self, document: Document, asked: Message, masks: Mapping[str, Any]) -> str:
        outputs = self._outputs(asked)
        path = self._session.engine.path
        corrected = outputs.get("output") or default_name(path, self._folder, "bgSubtracted")
        return command_line(
            path,
            job_settings(document, document.layers.unpacked()),
            {name: _several(given) for name, given in masks.items()},
            outputs,
            folder=self._folder,
            model=asked.get("model", True),
            overwrite=corrected.exists(),
        )

    def _command(self, work: Work) -> dict[str, Any]:
        masks = self._masks(work.document, overwrite=work.message.get("overwrite", False))
        return {"tell": "command", "text": self._line(work.document, {}, masks)}

    def _export(self, work: Work) -> dict[str, Any]:
        what, overwrite = work.message["what"], work.message.get("overwrite", False)
        if what == "preset.toml":
            file = self._exports.preset(work.document, overwrite=overwrite)
        elif what == "samples.csv":
            file = self._exports.samples(work.document, overwrite=overwrite)
        else:
            painted: Painted = work.document.layers.unpacked()
            file = self._exports.layer(what, painted, overwrite=overwrite)
        return {"tell": "saved", "outputs": {what: str(file)}, "command": ""}

    def _send_back(self, work: Work) -> dict[str, Any]:
        if self._result is None:
            raise InputError("no program waits for a result: save it instead")
        self._session.engine.check_unchanged()
        process_file(
            self._session.engine.path,
            output=self._result,
            write_model=False,
            overwrite=True,
            settings=work.settings,
            progress=self._watch(work),
            **self._masks(work.document, overwrite=True),
        )
        self._session.is_saved(work.document)
        self._sent()
        return {"tell": "saved", "outputs": {"corrected": str(self._result)}, "command": ""}

    def _batch(self, work: Work) -> dict[str, Any]:
        base = Path(os.path.realpath(self._session.engine.path.parent))
        folder = Path(os.path.realpath(base / work.message["folder"]))
        if not folder.is_relative_to(base):
            raise InputError("that folder lies outside of the folder of the image")
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder")
        done: list[str] = []

        def watch(progress: BatchProgress) -> bool:
            if progress.outcome and progress.path:
                done.append(progress.path.name)
            name = progress.path.name if progress.path else ""
            self._tell(work, name, len(done), progress.files)
            return not work.stopped.is_set()

        summary = process_files(
            folder,
            output_dir=self._folder,
            overwrite=work.message.get("overwrite", False),
            settings=work.document.settings,
            progress=watch,
        )
        failed = {each.path.name: str(each.error) for each in summary.with_status("failed")}
        finished = summary.with_status("done") + summary.with_status("skipped")
        outputs = {each.path.name: each.status for each in finished}
        return {"tell": "saved", "outputs": outputs, "failed": failed, "command": ""}

    def _watch(self, work: Work) -> Callable[[Progress], bool]:
        def watch(progress: Progress) -> bool:
            self._tell(work, progress.stage, progress.done, progress.total)
            return not work.stopped.is_set()

        return watch

    def _tell(self, work: Work, stage: str, done: int, total: int) -> None:
        progress = {"tell": "progress", "job": work.id, "stage": stage, "done": done}
        self._session.pages.tell(work.page, f"progress {work.id}", {**progress, "total": total})


def _several(given: Path | list[Path]) -> list[Path]:
    return given if isinstance(given, list) else [given]
