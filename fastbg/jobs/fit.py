"""The background of a file alone, fitted and saved, to be applied to any number of files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.report import describe
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import GivenReference, GivenSamples, Masks, Source, as_path, merged, public
from .memory import MaxMemory
from .outputs import Outputs
from .results import Result
from .source import prepare, read
from .strictness import refuse_doubts


@public
def fit_file(
    path: Source,
    output: str | Path,
    *,
    mask: Masks = None,
    sky: Masks = None,
    samples: GivenSamples = None,
    reference: GivenReference = None,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Result:
    """Fit the background of a file and write the model alone, as JSON.

    Parameters and errors as for `process_file`; ``output`` is what `BackgroundModel.save` writes,
    and `apply_model` takes.
    """
    settings = merged(settings, options)
    path, outputs = as_path(path), Outputs({"model": output}, overwrite=overwrite)

    with Job(settings, progress) as job, ExitStack() as files:
        source = read(
            job,
            path,
            mask,
            sky,
            outputs,
            files,
            samples=samples,
            reference=reference,
            max_memory=max_memory,
            corrects=False,
        )
        prepared = prepare(job, source)
        fitted, preparation = job.fit(prepared, corrects=False), prepared.preparation()
        refuse_doubts(job, str(path), preparation, fitted)
        source.check_unchanged()
        with job.stages.stage("write"):
            outputs.stage(files)
            outputs.parts["model"].write_text(fitted.model.to_json(), encoding="utf-8")
            files.close()
        about = source.about(outputs.targets)
        report = describe(job, source.frame, preparation, fitted, files=about)
    return Result(fitted.model, fitted.fit, fitted.diagnostics, report)
