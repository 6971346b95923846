"""What is printed of a set of frames that were corrected together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .batch_display import warnings_of
from .summary import print_json, print_rows

if TYPE_CHECKING:
    from ..jobs.together import Together


def tell_set(found: Together, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the report of a set: as JSON, or in a few lines."""
    report = found.report
    if as_json:
        print_json(report)
        return
    if quiet:
        return
    warnings = [*warnings_of(found.outcomes), *report["warnings"]]
    print_rows(("warning", line) for line in warnings)
    frames = report["frames"]
    outcomes = Counter(frame["outcome"] for frame in frames)
    used = sum(frame["status"] == "used" for frame in frames)
    words = [f"{outcomes['done']} corrected"]
    words += [f"{outcomes['skipped']} finished before"] if outcomes["skipped"] else []
    words += [f"{outcomes['doubtful']} doubtful and not written"] if outcomes["doubtful"] else []
    words += [f"{outcomes['failed']} failed"] if outcomes["failed"] else []
    print(
        f"{', '.join(words)}; {used} of {len(frames)} frames in the mean, in "
        f"{report['seconds']:.1f} s: see {folder / 'together_report.html'}"
    )
