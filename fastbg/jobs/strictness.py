"""What a strict job does with doubts: it ends before anything is written."""

from __future__ import annotations

from ..errors import DoubtError
from ..image.image import Image
from ..pipeline import Job
from ..report.doubts import doubts_of
from ..result import Applied, Fitted, Preparation


def refuse_doubts(
    job: Job,
    name: str,
    begun: Preparation | Applied,
    fitted: Fitted | None = None,
    image: Image | None = None,
) -> None:
    """Raise DoubtError if the settings are strict and there are doubts.

    Parameters
    ----------
    job : Job
    name : str
        What the message calls the image.
    begun, fitted, image
        Those of `fastbg.report.doubts.doubts_of`.
    """
    doubts = doubts_of(job.settings, begun, fitted, image) if job.settings.strict else []
    if doubts:
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        raise DoubtError(f"{name} is doubtful: {doubts[0]}{more}", doubts)
