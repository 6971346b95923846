"""The command ``fastbg live``: how it begins, what it prints, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cases import slow, some
from live import PATIENCE, Client, write_sky
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def sky(tmp_path_factory) -> Path:
    return write_sky(tmp_path_factory.mktemp("live") / "sky.fits")


@contextmanager
def started(*words, program="fastbg"):
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", program, "live", *map(str, words), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def page_of(process):
    address = process.stdout.readline().strip()
    parts = urlsplit(address)
    url = f"ws://{parts.netloc}{parts.path}socket"
    with connect(url, origin=f"http://{parts.netloc}", max_size=None) as socket:
        yield Client(socket)


def test_it_prints_the_address_and_ends_when_the_page_leaves(sky, tmp_path):
    with started(sky, tmp_path, "--mode", "divide", "--stay", "600") as process:
        with page_of(process) as page:
            assert page.fitted()["mode"] == "divide"
            assert page.get("hello")["settings"]["mode"]["help"].startswith("How the background")
            assert page.get("hello")["folder"] == str(tmp_path)
            page.ask("leave")
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""


def test_it_ends_some_time_after_the_last_page(sky, tmp_path):
    with started(sky, tmp_path, "--stay", "1") as process:
        with page_of(process) as page:
            page.edit("set", settings={"mode": "divide"})
        began = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began > 0.8
    # What was not saved is offered again.
    assert [*tmp_path.iterdir()] == [tmp_path / ".sky.fits.fastbg-live.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", some([signal.SIGINT], [signal.SIGINT, signal.SIGTERM]))
def test_a_signal_ends_it_and_the_page_is_told(sky, tmp_path, number):
    with started(sky, tmp_path) as process:
        with page_of(process) as page:
            page.fitted()
            process.send_signal(number)
            assert "can be closed" in page.until(lambda name, _: name == "ended")["message"]
        assert process.wait(PATIENCE) == 128 + number
        assert process.stderr.read() == "fastbg: stopped; no unfinished file was left behind\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill is another thing there")
def test_a_kill_loses_nothing(sky, tmp_path):
    with started(sky, tmp_path) as process, page_of(process) as page:
        for x in (50, 100, 150):
            page.edit("shape", layer="not_sky", shape="ellipse", points=[[x, 50], [x + 50, 90]])
        painted = page.get("state")["edits"]
        process.kill()
    with started(sky, tmp_path) as process, page_of(process) as page:
        assert page.get("hello")["recovered"]["edits"] == 3
        assert page.edit("recover", accept=True)["edits"] == painted


def test_a_program_gets_its_result_or_an_exit_code(sky, tmp_path):
    result = tmp_path / "back.fits"
    with started(sky, tmp_path, "--result", result) as process:
        with page_of(process) as page:
            page.fitted()
            page.ask("leave")
        assert process.wait(PATIENCE) == 2
        assert "no result was sent back" in process.stderr.read()
        assert not result.exists()
    with started(sky, tmp_path, "--result", result) as process:
        with page_of(process) as page:
            page.fitted()
            assert page.ask("send_back")["tell"] == "saved"
        assert process.wait(PATIENCE) == 0
        assert result.exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["{sky}", "--port", "99999"], "cannot be taken"),
        (["{sky}", "-dx", "1000"], "leaves"),
        (["{sky}", "--result", "{sky}"], "input"),
        slow(["nowhere.fits"], "nowhere.fits"),
        slow(["{sky}", "--mask", "{sky}.none"], "sky.fits.none"),
        slow(["{sky}", "--invert-mask"], "no mask to invert"),
        slow(["{sky}", "--result", "{folder}/x.jpg"], "x.jpg"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_page(sky, tmp_path, words, line):
    words = [word.format(sky=sky, folder=tmp_path) for word in words]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fastbg", "live", *words, "--no-browser"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_extra_a_line_says_what_to_install(sky, tmp_path):
    code = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"
        f"sys.argv = ['fastbg', 'live', {str(sky)!r}]\n"
        "from fastbg.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'fastbg[live]'" in done.stderr


def test_other_commands_do_not_load_the_server():
    code = (
        "import json, sys\n"
        "import fastbg.cli.app\n"
        "print(json.dumps([name for name in sys.modules if name in "
        "('uvicorn', 'starlette', 'websockets', 'asyncio')]))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert json.loads(done.stdout) == []
