"""The file of a session: it is offered again after a crash, and gone after a clean end."""

from __future__ import annotations

import errno
import json
import os

import pytest
from live import opened, served, write_sky

from fastbg import Settings
from fastbg.live_page import session_file
from fastbg.live_page.document import Document
from fastbg.live_page.layers import Grid, Painted
from fastbg.live_page.session_file import SessionFile

GRID = Grid((30, 40), 8)
FIRST = Document(Settings(), Painted.nothing(GRID).packed())


def painted(*points):
    layers = Painted.nothing(GRID).with_cells("not_sky", GRID.brush(points, 30))
    return Document(Settings(mode="divide"), layers.packed())


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "sky.fits"
    path.write_bytes(b"an image")
    return path


def opened_file(image, told=None):
    return SessionFile(image, image.parent, FIRST, (told if told is not None else []).append)


def crash(file):
    """What the end of its process does to a file."""
    if file._file:
        file._file.close()


def test_looking_leaves_no_file(image):
    opened_file(image).close(keep=True)
    assert os.listdir(image.parent) == ["sky.fits"]


def test_a_crash_loses_nothing(image):
    file = opened_file(image)
    documents = [painted((x, 100)) for x in (20, 60, 100)]
    for document in documents:
        file.add(document)
    file.add_snapshot("A")
    file.add_step(-1)
    crash(file)
    history = opened_file(image).recovered.history
    assert history.documents == [FIRST, *documents]
    assert history.present == documents[1]
    assert history.snapshots == {"A": documents[2]}


def test_what_was_undone_and_painted_over_stays_undone(image):
    file = opened_file(image)
    one, two, three = (painted((x, 100)) for x in (20, 60, 100))
    file.add(one)
    file.add(two)
    file.add_step(-1)
    file.add(three)
    crash(file)
    assert opened_file(image).recovered.history.documents == [FIRST, one, three]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"edit": {"settings"',
        b"\xff\xfe\n",
        b'{"edit": 3}\n',
        b"[]\n",
        b'{"edit": {"settings": {"mode": "add"}, "grid": [1, 1, 1]}}\n',
    ],
)
def test_a_damaged_end_costs_no_more_than_itself(image, damage):
    file = opened_file(image)
    file.add(painted((20, 20)))
    crash(file)
    path = file._path
    path.write_bytes(path.read_bytes() + damage)
    assert opened_file(image).recovered.history.documents == [FIRST, painted((20, 20))]


def test_a_clean_end_removes_it(image):
    file = opened_file(image)
    file.add(painted((20, 20)))
    file.close(keep=False)
    assert os.listdir(image.parent) == ["sky.fits"]
    assert opened_file(image).recovered is None


def test_another_image_of_the_name_is_not_offered_it(image):
    file = opened_file(image)
    file.add(painted((20, 20)))
    crash(file)
    image.write_bytes(b"another image")
    assert opened_file(image).recovered is None


def test_a_session_that_goes_on_is_not_offered_to_another(image):
    first, told = opened_file(image), []
    first.add(painted((20, 20)))
    second = opened_file(image, told)
    assert second.recovered is None
    second.add(painted((60, 60)))
    first.add(painted((100, 100)))
    second.close(keep=False)
    crash(first)
    assert len(opened_file(image).recovered.history.documents) == 3


def test_a_new_session_does_not_forget_what_was_not_decided(image):
    file = opened_file(image)
    file.add(painted((20, 20)))
    crash(file)
    opened_file(image).close(keep=False)  # looked at, and closed
    assert opened_file(image).recovered.summary()["edits"] == 1
    again = opened_file(image)
    again.take(again.recovered.history)
    again.add(painted((60, 60)))
    crash(again)
    assert opened_file(image).recovered.summary()["edits"] == 2
    last = opened_file(image)
    last.discard()
    assert os.listdir(image.parent) == ["sky.fits"]


def test_the_folder_may_be_made_later(tmp_path, image):
    folder = tmp_path / "not yet" / "there"
    file = SessionFile(image, folder, FIRST, [].append)
    file.add(painted((20, 20)))
    crash(file)
    assert file._path.parent == folder
    assert SessionFile(image, folder, FIRST, [].append).recovered.summary()["edits"] == 1


def test_what_is_taken_over_has_all_its_snapshots(image):
    file = opened_file(image)
    file.add_snapshot("A")
    gone, kept = painted((20, 20)), painted((60, 60))
    file.add(gone)
    file.add_snapshot("B")
    file.add_step(-1)
    file.add(kept)
    file.add_snapshot("C")
    file.add_snapshot("D")
    snapshots = {"A": FIRST, "B": gone, "C": kept, "D": kept}
    for _ in range(3):
        crash(file)
        file = opened_file(image)
        history = file.recovered.history
        assert history.snapshots == snapshots
        assert history.documents == [FIRST, kept]
        file.take(history)
    crash(file)


def test_a_session_after_a_line_that_was_not_ended_is_read(image):
    file = opened_file(image)
    file.add(painted((20, 20)))
    crash(file)
    with open(file._path, "ab") as cut:
        cut.write(b'{"edit": {"settings"')
    other = opened_file(image)
    other.add(painted((60, 60)))
    crash(other)
    assert opened_file(image).recovered.history.documents == [FIRST, painted((60, 60))]


def test_what_was_saved_is_not_offered_with_what_was_not(image):
    file = opened_file(image)
    file.add(painted((20, 20)))
    crash(file)
    other = opened_file(image)
    other.add(painted((60, 60)))
    other.close(keep=False)
    assert opened_file(image).recovered.history.documents == [FIRST, painted((20, 20))]


def test_a_line_that_is_written_in_part_is_told(image):
    told = []
    file = opened_file(image, told)
    file.add(painted((20, 20)))

    class Full:
        def write(self, line):
            return written.write(line[:5])

        def close(self):
            written.close()

    written, file._file = file._file, Full()
    file.add(painted((60, 60)))
    assert "No space left" in told[0]
    file.close(keep=False)
    assert os.listdir(image.parent) == ["sky.fits"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="folders can always be written")
def test_a_folder_that_cannot_be_written_has_its_file_elsewhere(image, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    image.parent.chmod(0o500)
    try:
        assert not opened_file(image)._path.is_relative_to(image.parent)
    finally:
        image.parent.chmod(0o700)


def test_a_full_disk_is_told_once_and_ends_nothing(image, monkeypatch):
    told = []
    file = opened_file(image, told)

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(session_file.SessionFile, "_opened", full)
    for x in (20, 60, 100):
        file.add(painted((x, 100)))
    assert len(told) == 1
    assert "No space left" in told[0]
    assert "save what matters" in told[0]


def test_a_page_is_offered_the_session_and_takes_it(tmp_path):
    image = write_sky(tmp_path / "sky.fits")
    with served(image) as server, opened(server) as page:
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        page.edit("set", settings={"mode": "divide"})
        page.edit("undo")
        state = page.get("state")
        kept = [path for path in tmp_path.iterdir() if path.name.startswith(".sky")]
        lines = kept[0].read_bytes()
    assert [*tmp_path.glob(".sky*")] != []  # not saved, so it is kept
    kept[0].write_bytes(lines)
    with served(image) as server, opened(server) as page:
        recovered = page.get("hello")["recovered"]
        assert recovered["edits"] == 2
        assert page.get("state")["undo"] == 0
        now = page.edit("recover", accept=True)
        assert now["edits"] == state["edits"]
        assert (now["undo"], now["redo"]) == (1, 1)
        assert "no earlier session" in page.ask("recover", accept=True)["message"]
        page.fitted()
        with opened(server) as other:  # or the same page, loaded again
            assert other.get("hello")["recovered"] is None
    with served(image) as server, opened(server) as page:
        assert page.get("hello")["recovered"]["edits"] == 2
        page.ask("recover", accept=False)
    assert [*tmp_path.glob(".sky*")] == []
    assert json.loads(lines.splitlines()[0])["fastbg live"] == 1


@pytest.mark.parametrize("accept", [True, False])
def test_what_was_done_before_the_offer_was_answered_is_not_lost(tmp_path, accept):
    image = write_sky(tmp_path / "sky.fits")
    with served(image) as server, opened(server) as page:
        page.edit("set", settings={"mode": "divide"})
    with served(image) as server, opened(server) as page:
        page.edit("set", settings={"feather": 9.0})
        page.edit("set", settings={"feather": 10.0})
        page.ask("recover", accept=accept)
        page.fitted()
        own = server.session.history
        assert server.settings.mode == ("divide" if accept else "subtract")
        feathers = [each.settings.feather for each in own.documents]
        assert feathers[1:3] == [9.0, 10.0]
        assert own.undoable == (4 if accept else 2)
    with served(image) as server:
        found = server.session._file.recovered.history
        assert found.documents == own.documents
        assert found.place == own.place
