"""What a page may ask for, and what it is answered if it asks for anything else."""

from __future__ import annotations

import json

import pytest
from live import opened, served, write_sky

from fastbg.errors import InputError
from fastbg.live_page.messages import LARGEST_MESSAGE, MOST_POINTS, parsed

STROKE = {"do": "stroke", "id": 1, "stroke": 1, "layer": "sky", "radius": 5, "points": [[1, 2]]}

GOOD = [
    STROKE,
    {**STROKE, "more": True},
    {"do": "stroke", "stroke": "a-1", "cancel": True},
    {"do": "shape", "layer": "erase", "shape": "polygon", "points": [[0, 0], [5.5, 0], [-3, 1e6]]},
    {
        "do": "set",
        "settings": {"mode": "divide", "border": [0, 1, 2, 3], "feather": 3},
        "more": True,
    },
    {"do": "reset", "names": ["mode"]},
    {"do": "samples", "action": "add", "x": 3, "y": 4, "radius": 12},
    {"do": "save", "id": 3, "suffix": None, "overwrite": False},
    {"do": "undo"},
]

BAD = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[1, 2]", "not an object"),
    ("null", "not an object"),
    ('{"do": NaN}', "NaN"),
    ('{"do": "probe", "x": Infinity, "y": 0}', "Infinity"),
    (" " * (LARGEST_MESSAGE + 1), "more than"),
    ({}, "no message is called"),
    ({"do": ["undo"]}, "no message is called"),
    ({"do": "format the disk"}, "no message is called format the disk"),
    ({"do": "x" * 10_000}, "no message is called"),
    ({"do": "undo", "twice": True}, "no field twice"),
    ({"do": "undo", "id": [1]}, "the id"),
    ({"do": "probe", "x": 1}, "lacks its field y"),
    ({"do": "probe", "x": "1", "y": 2}, "x of the message probe must be a number"),
    ({"do": "probe", "x": True, "y": 2}, "must be a number"),
    ({"do": "probe", "x": 1e300, "y": 2}, "must be a number"),
    ({"do": "probe", "x": 10**400, "y": 2}, "must be a number"),
    ({**STROKE, "radius": -1}, "radius"),
    ({**STROKE, "radius": 1e9}, "radius"),
    ({**STROKE, "layer": "moon"}, "one of not_sky, sky, erase"),
    ({**STROKE, "points": [[1, 2, 3]]}, "points"),
    ({**STROKE, "points": [[1, None]]}, "points"),
    ({**STROKE, "points": [[0, 0]] * (MOST_POINTS + 1)}, "points"),
    ({**STROKE, "points": {"0": [1, 2]}}, "points"),
    ({"do": "set", "settings": {"mode": {"a": 1}}}, "settings"),
    ({"do": "set", "settings": [1]}, "settings"),
    ({"do": "set", "settings": {"border": [1] * 5}}, "settings"),
    ({"do": "set", "settings": {str(n): n for n in range(65)}}, "settings"),
    ({"do": "reset", "names": [3]}, "names"),
    ({"do": "samples", "action": "add", "sample": 1.5}, "whole number"),
    ({"do": "save", "suffix": ".exe"}, "suffix"),
    ({"do": "export", "what": "../../etc/passwd"}, "what"),
    ({"do": "batch", "folder": 3}, "folder"),
    ({"do": "snapshot", "name": "A" * 100}, "name"),
]


@pytest.mark.parametrize("message", GOOD, ids=lambda message: message["do"])
def test_messages_of_a_page_are_understood(message):
    assert parsed(json.dumps(message)) == message


@pytest.mark.parametrize(("message", "words"), BAD)
def test_other_messages_are_refused_in_one_line(message, words):
    text = message if isinstance(message, str) else json.dumps(message)
    with pytest.raises(InputError) as refusal:
        parsed(text)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 1100
    assert "\n" not in str(refusal.value)


def test_every_message_has_an_action(tmp_path):
    from fastbg.live_page.messages import _FIELDS

    with served(write_sky(tmp_path / "sky.fits")) as server:
        assert set(_FIELDS) - set(server._actions) == set()


def test_a_page_is_told_and_goes_on(tmp_path):
    with served(write_sky(tmp_path / "sky.fits")) as server, opened(server) as page:
        page.fitted()
        for message, words in BAD:
            text = message if isinstance(message, str) else json.dumps(message)
            if len(text) <= LARGEST_MESSAGE:
                page.socket.send(text)
                problem = page.until(lambda name, _: name == "problem")
                assert words in problem["message"]
        page.socket.send(b"\x00\x01\x02")
        assert "JSON" in page.until(lambda name, _: name == "problem")["message"]
        assert page.ask("undo")["tell"] == "done"
        assert page.get("state")["undo"] == 0
