"""The whole job on a file: its background is fitted, taken out and written."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..compiled import trim
from ..errors import SettingsError
from ..io.names import default_name
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.history import history
from ..report.report import describe
from ..settings.options import Options
from ..settings.settings import Settings
from ..sky.basis import forget_bases
from .arguments import GivenReference, GivenSamples, Masks, Source, as_path, merged, public
from .memory import MaxMemory
from .outputs import Outputs
from .preview import draw
from .results import Result
from .source import prepare, read
from .strictness import refuse_doubts
from .write import write

if TYPE_CHECKING:
    from ..report.html import Findings
HUGE = 1 << 27
"""After the search for the sky of an image of so many samples, its bases are not kept for the next
one: beside the rest, the time is short that they take, but not the 10 MB."""


@public
def process_file(
    path: Source,
    *,
    output: str | Path | None = None,
    model_output: str | Path | None = None,
    write_model: bool = True,
    output_dir: str | Path = ".",
    mask: Masks = None,
    sky: Masks = None,
    samples: GivenSamples = None,
    reference: GivenReference = None,
    preview: str | Path | None = None,
    report_dir: str | Path | None = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Result:
    """Take the background out of a file.

    The image is read in bands, and written so, whatever its size; one that is compressed, from a
    temporary file.

    Parameters
    ----------
    path : path or binary file
        A linear image, mono, RGB or undebayered: XISF, FITS or TIFF. A file object, like
        `io.BytesIO`, is read to its end into a temporary file; one without a name is called
        ``image`` in the names of outputs.
    output, model_output : path, optional
        The corrected image and the background; ``<stem>_bgSubtracted`` and ``<stem>_bgModel`` in
        ``output_dir`` and in the format of the input by default. The suffix tells the format.
        Samples are float32 (of the corrected image as ``sample_format`` says); everything that
        accompanies the input is kept, and a HISTORY of the job is added.
    write_model : bool, optional
        Write the background; otherwise only the corrected image is written.
    mask : path, binary file or sequence of them, optional
        Images of the same size: 1 = sky to fit, 0 = ignored; of several, the product. Or regions
        that are no sky.
    sky : path, binary file or sequence of them, optional
        Images of the same size: 1 = sky, whatever it looks like, 0 = not known; of several, the
        union. Or regions that are sky. What a mask ignores stays ignored.
    samples : path, binary file or array_like, optional
        Places of sky, through which the background goes instead of being searched for: CSV or JSON
        of x, y and radius in pixels, preferences of GraXpert, or one of its FITS or XISF files; or
        rows of x, y and radius, (n, 3), and a weight, (n, 4). They count the rows as the file
        stores them, from the outer corner of the first pixel, see docs/samples.md.
    reference : path or binary file, optional
        An image of the same sky with little or no gradient, by which objects are told from the
        background: on the same grid, or with coordinates of the sky in both, see docs/reference.md.
    preview : path, optional
        Also write a PNG of the fit: input, control points, before, model and after.
    report_dir : path, optional
        Also write ``<stem>_report.html``, a page for a browser that needs no network, and the
        report as ``<stem>_report.json`` into this folder.
    compress : bool
        Write XISF with lz4hc and byte shuffling, TIFF with deflate, from temporary files beside the
        outputs.
    overwrite : bool
        Allow outputs that exist. They are replaced only when all are complete.
    max_memory : int or str, optional
        Bytes, or a size like "2GB"; a job that is estimated to need more is refused before it takes
        them.
    settings, progress, **options
        As for `remove_background`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, DoubtError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = merged(settings, options)
    path = as_path(path)
    targets = {"corrected": output or default_name(path, output_dir, "bgSubtracted")}
    if write_model:
        targets["background"] = model_output or default_name(path, output_dir, "bgModel")
    elif model_output:
        raise SettingsError(
            f"the background has a name, {model_output}, and is not to be written: leave one of "
            "the two options out"
        )
    if preview:
        targets["preview"] = preview
    if report_dir:
        targets["report"] = default_name(path, report_dir, "report", ".html")
        targets["report_json"] = default_name(path, report_dir, "report", ".json")
    unit = settings.sample_format == "unit"
    outputs = Outputs(targets, overwrite=overwrite, compress=compress, unit=unit)

    with Job(settings, progress) as job, ExitStack() as files:
        draws = bool(preview or report_dir)
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
            draws=draws,
        )
        outputs.stage(files)
        written = files.enter_context(ExitStack())
        same = settings.sample_format == "same"
        reserve = partial(outputs.reserve, source.file, written, same=same)
        # With one thread, no processor is idle.
        prepared = prepare(job, source, reserve if job.threads > 1 else None)
        preparation = prepared.preparation()
        fitted = job.fit(prepared)
        refuse_doubts(job, str(path), preparation, fitted)
        # The down-scaled image grows with the file, and the rest needs the memory.
        drawn = prepared if draws else None
        del prepared
        size = math.prod(source.file.shape)
        if size >= HUGE:
            forget_bases()
        trim(size)
        plan = job.plan(source.frame, fitted.model, preparation.measured, fitted.fit.levels)
        trim(size)
        name = source.reference.path.name if source.reference else ""
        lines = history(job.settings, fitted.fit, source.file.white, name)
        corrected = write(job, source, plan, outputs, lines, written)
        findings: Findings | None = None
        if drawn and report_dir:
            from ..report import html

            with job.stages.stage("report"):
                findings = html.examine(drawn, fitted, plan, job)
        with job.stages.stage("write"):
            if drawn and preview:
                picture = draw(path.name, drawn, job.settings, fitted, corrected)
                picture.save(outputs.parts["preview"], format="png")
            # The report tells of everything but of putting it in place.
            (written if report_dir else files).close()
        about = source.about(outputs.targets)
        report = describe(job, source.frame, preparation, fitted, corrected, about)
        if findings:
            html.write(report, findings, outputs.parts["report"], outputs.parts["report_json"])
    parts = fitted.model, fitted.fit, fitted.diagnostics, report
    return Result(*parts, opinion=fitted.opinion, thumbnail=corrected.thumbnail)
