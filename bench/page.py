"""The live page: how long one waits for it, and what its server takes.

``python bench page`` makes a simulated RGB sky of 24 Mpx, writes it as uncompressed XISF, starts
``fastbg live`` on it, and opens the page in an empty tab of Chromium, without a GPU, by Playwright.
It prints:

* from the moment when the server tells its address: until the first picture and until the
  automatic result are drawn; also the time from the start of the process to the address;
* 50 strokes with the mouse: from the pen that is lifted to the result drawn, median and 95th
  percentile;
* the peak memory of the server, and what 1000 further strokes add to what it holds.

``--image`` takes a file instead of the simulated sky.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from fastbg.io import xisf
from fastbg.simulate import simulate_sky

WITHOUT_GPU = [
    *("--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""Switches of Chromium: the processor draws the page, and WebGL too."""

DRAWN = """
(names) => import("./app.js").then(({ app }) => new Promise((done) => {
  const stop = app.store.on(["pictures", "fitted", "fitting"], (state) => {
    if (!names.every((name) => state.pictures[name])) return;
    requestAnimationFrame(() => requestAnimationFrame(done));
    queueMicrotask(() => stop?.());
  });
}))
"""
"""Resolves when all of these pictures have been drawn."""

TIMED = """
() => import("./app.js").then(({ app }) => {
  window.waits = [];
  document.addEventListener("pointerup", () => {
    const lifted = performance.now();
    const before = app.store.get().state.undo;
    const stop = app.store.on(["state", "fitted", "fitting"], ({ state, fitted, fitting }) => {
      if (state.undo === before || fitting || fitted.revision !== state.revision) return;
      queueMicrotask(() => stop());
      requestAnimationFrame(() => window.waits.push(performance.now() - lifted));
    });
  }, true);
})
"""
"""From now on, the milliseconds from each pen that is lifted to its result are kept."""

WAITED = """
(number) => new Promise((done) => {
  const look = () => (window.waits.length > number ? done() : setTimeout(look, 5));
  look();
})
"""
"""Resolves when so many strokes and one more have their results."""

PAINTED = """
([number, width, height]) => import("./app.js").then(async ({ app }) => {
  for (let i = 0; i < number; i++) {
    const [x, y] = [(0.1 + 0.8 * ((i * 0.618) % 1)) * width, (0.1 + 0.8 * ((i * 0.367) % 1)) * height];
    const points = Array.from({ length: 20 }, (_, k) => [x + 5 * k, y + 3 * k]);
    await app.send({ do: "stroke", stroke: `bench-${i}`, layer: i % 3 ? "erase" : "not_sky",
                     radius: 40, points, more: false });
  }
})
"""  # noqa: E501
"""Strokes by the page's messages, each sent when the one before was answered."""

IDLE = """
() => import("./app.js").then(({ app }) => new Promise((done) => {
  const stop = app.store.on(["state", "fitted", "fitting"], ({ state, fitted, fitting }) => {
    if (fitting || fitted?.revision !== state?.revision) return;
    queueMicrotask(() => stop?.());
    done();
  });
}))
"""
"""Resolves when the newest revision has been fitted."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--image", type=Path, help="a file instead of the simulated sky")
    parser.add_argument("--size", nargs=2, type=int, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--starts", type=int, default=3, help="of the server (%(default)s)")
    parser.add_argument("--strokes", type=int, default=50, help="by the mouse (%(default)s)")
    parser.add_argument("--more", type=int, default=1000, help="further strokes (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="one tiny run, to see that it works")
    options = parser.parse_args(arguments)
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        print("the benchmark needs Playwright and Chromium: pip install '.[test]'")
        return 2
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from browser import CHROMIUM

    if CHROMIUM is None:
        print("the benchmark needs Chromium: install Debian's package chromium or another")
        return 2
    if options.smoke:
        options.size, options.starts, options.strokes, options.more = (200, 300), 1, 2, 5

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = options.image
        if path is None:
            path = Path(folder) / "sky.xisf"
            sky = simulate_sky(tuple(options.size), np.random.default_rng(1))
            xisf.write(path, sky.image)
            del sky
        path.read_bytes()  # into the cache of the disk, where it lies after a recording or a stack
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=WITHOUT_GPU)
        started = [_start(browser, path, Path(folder)) for _ in range(options.starts)]
        for name, values in zip(STARTS, zip(*started, strict=True), strict=True):
            print(f"{name:<44}{median(values):7.2f} s  ({', '.join(f'{v:.2f}' for v in values)})")
        _strokes(browser, path, Path(folder), options.strokes, options.more)
        browser.close()
    return 0


STARTS = (
    "process started until its address is told",
    "address told until the first picture is drawn",
    "address told until the automatic result is drawn",
)


def _start(browser: Any, path: Path, folder: Path) -> tuple[float, float, float]:
    """The seconds of `STARTS`."""
    page = browser.new_page()
    begun = time.perf_counter()
    with _server(path, folder) as (_, address):
        told = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_load_state()
        page.evaluate(DRAWN, ["original"])
        first = time.perf_counter()
        page.evaluate(DRAWN, ["original", "model", "weight"])
        result = time.perf_counter()
        page.close()
    return told - begun, first - told, result - told


def _strokes(browser: Any, path: Path, folder: Path, strokes: int, more: int) -> None:
    """Print how long one waits for a result after a stroke, and what memory they take."""
    rng = np.random.default_rng(1)
    with _server(path, folder) as (process, address):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.evaluate(DRAWN, ["original", "model", "weight"])
        page.keyboard.press("n")
        page.evaluate(TIMED)
        box = page.locator("#stage").bounding_box()
        for number in range(strokes):
            x, y = (box["x"], box["y"]) + rng.uniform(0.3, 0.7, 2) * (box["width"], box["height"])
            page.mouse.move(x, y)
            page.mouse.down()
            for _ in range(5):
                x, y = x + rng.uniform(-8, 8), y + rng.uniform(-8, 8)
                page.mouse.move(x, y)
            page.mouse.up()
            page.evaluate(WAITED, number)
        waits = page.evaluate("window.waits")
        print(f"{'pen lifted until the result is drawn, median':<44}{median(waits):7.0f} ms")
        print(f"{'  95th percentile':<44}{np.quantile(waits, 0.95):7.0f} ms")
        height, width = page.evaluate(
            "import('./app.js').then(({ app }) => app.store.get().hello.image)"
            ".then(({ height, width }) => [height, width])"
        )
        page.evaluate(PAINTED, [max(1, more // 10), width, height])
        page.evaluate(IDLE)
        before = process.memory_info().rss
        page.evaluate(PAINTED, [more, width, height])
        page.evaluate(IDLE)
        grown = process.memory_info().rss - before
        print(f"{'peak memory of the server':<44}{_peak(process) / 1e6:7.0f} MB")
        print(f"{f'{more} further strokes add':<44}{grown / 1e6:7.1f} MB")
        page.close()


@contextmanager
def _server(path: Path, folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """A server on a file, and its address."""
    command = [sys.executable, "-P", "-m", "fastbg.cli", "live", str(path), str(folder)]
    process = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    try:
        yield psutil.Process(process.pid), process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _peak(process: psutil.Process) -> int:
    """The largest resident memory that the process had, in bytes; on other systems than Linux,
    what it has now."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return int(process.memory_info().rss)
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
