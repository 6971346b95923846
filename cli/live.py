"""``fastbg live``: a page in the browser, where a result is looked at and corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SettingsError
from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    RUNNING,
    STRETCH,
    Input,
    Masks,
    Samples,
    Sky,
    flag,
    option,
    the_samples,
    whole,
)
from .with_settings import with_settings

OutputDir = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUTPUT_DIR",
        help="Folder of what the page saves; that of the input by default.",
        show_default=False,
    ),
]
ResultFile = Annotated[
    Path | None,
    option(
        OUTPUT,
        "--result",
        metavar="FILE",
        help="For programs that start this one: the page has a button that sends the corrected "
        "image back, as this file, which appears when it is complete. The command then ends.",
    ),
]
NoBrowser = Annotated[
    bool, flag(RUNNING, "--no-browser", help="Print the address, and open no browser.")
]
Port = Annotated[
    int,
    whole(
        RUNNING,
        "--port",
        metavar="NUMBER",
        show_default="a free one",
        help="Port of this computer at which the page is.",
    ),
]
Stay = Annotated[
    int,
    whole(
        RUNNING,
        "--stay",
        metavar="SECONDS",
        help="Time after the last page was closed, after which the command ends.",
    ),
]


@with_settings(INPUT, OUTPUT, STRETCH, MASK, DESCENT, RUNNING)
def live(
    input: Input,
    output_dir: OutputDir = None,
    *,
    result: ResultFile = None,
    mask: Masks = None,
    sky: Sky = None,
    samples: Samples = None,
    settings: Settings,
    no_browser: NoBrowser = False,
    port: Port = 0,
    stay: Stay = 60,
) -> None:
    """Open a page in the browser: look at the result, correct the sky with a brush, and save."""
    import webbrowser

    from ..errors import Cancelled
    from .setting_options import SETTING_OPTIONS

    try:
        from ..live_page.server import Server
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"fastbg live needs {error.name}: install it with pip install 'fastbg[live]'"
        ) from error

    def ready(address: str) -> None:
        typer.echo(address)
        if not no_browser:
            webbrowser.open(address)

    helps = {name: each.help for name, each in SETTING_OPTIONS.items()}
    server = Server(
        input,
        settings,
        output_dir=output_dir,
        mask=mask,
        sky=sky,
        samples=the_samples(samples),
        result=result,
        port=port,
        stay=stay,
        helps=helps,
    )
    server.run(ready)
    if result and not server.sent_back:
        raise Cancelled("the page was closed, and no result was sent back; nothing was written")
