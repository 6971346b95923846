"""What is printed of frames or panels that were corrected together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .batch_display import warnings_of
from .summary import print_json, print_rows

if TYPE_CHECKING:
    from ..jobs.mosaic import Mosaic
    from ..jobs.together import Together
    from ..report.report import Report


def tell_set(found: Together, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the report of a set: as JSON, or in a few lines."""
    report = found.report
    if not _in_words(report, quiet=quiet, as_json=as_json):
        return
    warnings = [*warnings_of(found.outcomes), *report["warnings"]]
    print_rows(("warning", line) for line in warnings)
    frames = report["frames"]
    used = sum(frame["status"] == "used" for frame in frames)
    counts = _counts(Counter(frame["outcome"] for frame in frames))
    print(
        f"{counts}; {used} of {len(frames)} frames in the mean, in "
        f"{report['seconds']:.1f} s: see {folder / 'together_report.html'}"
    )


def tell_mosaic(found: Mosaic, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the report of a mosaic: as JSON, or in a few lines."""
    from ..jobs.mosaic.told import step_in_words

    report = found.report
    if not _in_words(report, quiet=quiet, as_json=as_json):
        return
    print_rows(("warning", line) for line in report["warnings"])
    seams, groups = report["seams"], len(report["groups"])
    if seams:
        print_rows([("steps", step_in_words(seams, report["noise"]))])
    counts = _counts(Counter(outcome.status for outcome in found.outcomes))
    named = f"{len(seams)} seam{'s'[: len(seams) != 1]}"
    named += f" in {groups} groups" if groups > 1 else ""
    print(f"{counts}; {named}, in {report['seconds']:.1f} s: see {folder / 'mosaic_report.html'}")


def _in_words(report: Report, *, quiet: bool, as_json: bool) -> bool:
    """Whether a report is told in words; as JSON, it is printed here."""
    if as_json:
        print_json(report)
    return not (as_json or quiet)


def _counts(outcomes: Counter[str]) -> str:
    words = [f"{outcomes['done']} corrected"]
    words += [f"{outcomes['skipped']} finished before"] if outcomes["skipped"] else []
    words += [f"{outcomes['doubtful']} doubtful and not written"] if outcomes["doubtful"] else []
    words += [f"{outcomes['failed']} failed"] if outcomes["failed"] else []
    return ", ".join(words)
