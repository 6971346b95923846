"""A real browser for tests of pages: Chromium as a system has it, driven by Playwright.

Tests that ask for the fixture ``open_page`` are skipped where one of the two is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

SWITCHES = [
    "--no-sandbox",  # containers run as root
    # WebGL without a GPU.
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    "--disable-gpu-compositing",  # without a GPU, it takes twice as long as the processor's
    # It asks for its own updates and services otherwise, which no page of ours does.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--no-first-run"),
]


WINDOW = {"width": 920, "height": 540}
"""Pixels of a page, unless another size is asked for. The processor draws them all, and a live page
of less than 900 across is laid out for phones."""

PATIENCE = 120_000
"""Milliseconds that pages and what is looked for in them may take on a busy machine."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one a process of tests."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tab(browser: Any) -> Iterator[Any]:
    """The page at which tests look one after the other: a new one starts processes each time."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


@pytest.fixture
def open_page(browser: Any, tab: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens an address: ``open_page(address, **context)``.

    The first page is the `tab`; others, and one whose context is to have more than a size, are new.
    At the end of the test, no page may have written to its console, thrown an error, or asked
    another computer for anything.
    """
    faults: list[str] = []
    taken: list[Any] = []

    def leave(page: Any, listeners: dict[str, Callable[[Any], None]]) -> None:
        page.mouse.up()
        page.goto("about:blank")
        page.mouse.move(0, 0)  # over nothing that the next page has
        for event, listener in listeners.items():
            page.remove_listener(event, listener)

    def log(message: Any) -> None:
        # WebGL tells by itself that reading the drawn pixels, as software has to, takes time.
        if "GL Driver Message" not in message.text:
            faults.append(f"console: {message.text}")

    def ask(own: str, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.netloc != own:
            faults.append(f"asked for {request.url}")

    with ExitStack() as opened:

        def open_page(address: str, *, viewport: Any = WINDOW, **options: Any) -> Any:
            listeners = {
                "request": partial(ask, urlsplit(address).netloc),
                "console": log,
                "pageerror": lambda error: faults.append(f"error: {error}"),
            }
            if options or taken:
                context = opened.enter_context(browser.new_context(viewport=viewport, **options))
                context.set_default_timeout(PATIENCE)
                page = context.new_page()
            else:
                taken.append(page := tab)
                page.set_viewport_size(viewport)
                opened.callback(leave, page, listeners)
            for event, listener in listeners.items():
                page.on(event, listener)
            page.goto(address)
            return page

        yield open_page
    assert not faults


AXE = "axe_playwright_python"
"""A package that holds axe-core as one file."""


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical on a page, one line each."""
    package = pytest.importorskip(AXE, reason="pip install axe-playwright-python")
    page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text())
    violations = page.evaluate("axe.run().then(results => results.violations)")
    return [
        f"{each['id']}: {each['help']}: {node['html'][:120]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
