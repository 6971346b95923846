"""The gradient that was taken out, as one number."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest

from fastbg.report.gradient import Gradient


def told(before: list[float], after: list[float], **more: object) -> Gradient:
    uncertainty = {"rms": [1e-6] * len(before), "max": [inf] * len(before)}
    found = {"gradient_before": before, "gradient_after": after, "uncertainty": uncertainty}
    return Gradient.of({"diagnostics": found, **more})


def test_it_is_that_of_the_mean_over_the_channels() -> None:
    found = told([1e-4, 2e-4, 3e-4], [0.0, 1e-5, 5e-5])
    assert (found.before, found.after, found.uncertainty) == pytest.approx((2e-4, 2e-5, 1e-6))
    assert found.removed == pytest.approx(0.9)
    assert str(found).startswith("90 % was taken out; its standard deviation fell from 0.0002 to")


def test_what_a_reference_has_of_its_own_is_left() -> None:
    found = told([1e-4], [4e-5], reference={"left": 3e-5})
    assert found.after == pytest.approx(5e-5)
    assert found.share == "50 %"


def test_a_gradient_that_grew_was_not_taken_out() -> None:
    assert told([1e-4], [2e-4]).removed == 0


@pytest.mark.parametrize("before", [0.0, nan])
def test_no_gradient_is_told_in_words(before: float) -> None:
    found = told([before], [before])
    assert isnan(found.removed)
    assert str(found) == "no gradient could be measured"


def test_a_gradient_that_grew_did_not_fall() -> None:
    assert "its standard deviation rose from 0.0001 to 0.0002" in str(told([1e-4], [2e-4]))


@pytest.mark.parametrize("after", [1e-4, 1.0001e-4, 0.9999e-4])
def test_a_gradient_that_is_as_before_neither_rose_nor_fell(after: float) -> None:
    assert "its standard deviation stayed at 0.0001 (linear)" in str(told([1e-4], [after]))


def test_a_report_tells_the_share_first() -> None:
    found = told([1e-4], [2e-5])
    assert found.share == "80 %"
    assert found.to_dict() == {
        "taken_out": pytest.approx(0.8),
        "before": 1e-4,
        "after": 2e-5,
        "uncertainty": 1e-6,
    }
