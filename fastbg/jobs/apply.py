"""A background that was fitted before, taken out of a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

import numpy as np

from ..diagnostics import judge
from ..errors import InputError
from ..image.frame import Frame
from ..io.names import default_name
from ..model.model import BackgroundModel
from ..model.rescale import rescaled
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.history import history
from ..report.report import Report, describe
from ..result import Applied
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import Source, as_path, merged, public
from .memory import MaxMemory
from .outputs import Outputs
from .source import read
from .strictness import refuse_doubts
from .write import write


@public
def apply_model(
    model: BackgroundModel | str | Path,
    path: Source,
    *,
    output: str | Path | None = None,
    model_output: str | Path | None = None,
    output_dir: str | Path = ".",
    rescale: bool = False,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Report:
    """Take a background that was fitted before out of a file.

    Parameters
    ----------
    model : BackgroundModel or path
        A model of as many channels as the image; it is rendered at the size of the image.
    output : path, optional
        The corrected image; ``<stem>_bgSubtracted`` in ``output_dir`` and in the format of the
        input by default.
    model_output : path, optional
        Also write the background as an image.
    rescale : bool
        Scale and shift each channel of the model to the sky of this file, see
        `fastbg.model.rescale`.
    compress, overwrite, max_memory, settings, progress, **options
        As for `process_file`; of the settings, only white, pedestal, mode, strength,
        sample_format, cfa, strict, backend and threads count.

    Returns
    -------
    dict
        The report: see `fastbg.report.report`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, DoubtError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = merged(settings, options)
    path, name = as_path(path), None
    if not isinstance(model, BackgroundModel):
        name, model = str(model), BackgroundModel.load(model)
    targets = {"corrected": output or default_name(path, output_dir, "bgSubtracted")}
    if model_output:
        targets["background"] = model_output
    unit = settings.sample_format == "unit"
    outputs = Outputs(targets, overwrite=overwrite, compress=compress, unit=unit)

    with Job(settings, progress) as job, ExitStack() as files:
        source = read(job, path, None, None, outputs, files, max_memory=max_memory, fits=False)
        try:
            applied = fitting(job, source.frame, model, name, rescale)
        except InputError as error:
            raise InputError(f"{path} {error}") from error
        refuse_doubts(job, str(path), applied, image=source.frame.image)
        plan = job.plan(source.frame, applied.model, applied.measured)
        outputs.stage(files)
        lines = history(settings, applied, source.file.white)
        corrected = write(job, source, plan, outputs, lines, files)
        with job.stages.stage("write"):
            files.close()
        about = source.about(outputs.targets)
        return describe(job, source.frame, applied, corrected=corrected, files=about)


def fitting(
    job: Job, frame: Frame, model: BackgroundModel, name: str | None, rescale: bool
) -> Applied:
    """The model, brought to the sky of a frame if that is asked for.

    Raises
    ------
    InputError
        If it has other channels, or the frame is empty; the message does not name the image.
    """
    image, channels = frame.image, len(model.stretch.scale)
    if channels != image.channels:
        mono = frame.pattern and channels == 1
        cure = "turn the filter array off, or " if mono else ""
        raise InputError(
            f"has {image.channels} channel{'s' * (image.channels > 1)} and the model {channels}: "
            f"{cure}fit a model to an image of that kind"
        )
    job.look_at(frame)
    with job.stages.stage("prepare"):
        measured = job.measure(image)
        if np.isnan(measured.median).all():
            raise InputError("is empty: every sample is missing; give an image with data")
        scale = np.ones(channels)
        if rescale:
            model, scale = rescaled(model, image, job.backend)
        return Applied(model, name, scale, measured, judge(model, image, job.settings.strength))
