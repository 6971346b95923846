"""A real browser for tests of pages: Chromium as a system has it, driven by Playwright.

Tests that ask for the fixture ``open_page`` are skipped where one of the two is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

SWITCHES = [
    "--no-sandbox",  # containers run as root
    # WebGL without a GPU.
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    # It asks for its own updates and services otherwise, which no page of ours does.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--no-first-run"),
]


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


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens an address in a new context: ``open_page(address, **context)``.

    At the end of the test, no page may have written to its console, thrown an error, or asked
    another computer for anything.
    """
    contexts: list[Any] = []
    faults: list[str] = []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        own = urlsplit(address).netloc

        def ask(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("blob", "data") and parts.netloc != own:
                faults.append(f"asked for {request.url}")

        page.on("request", ask)
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
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
