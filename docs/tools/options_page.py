"""Write docs/options.md from the command line itself.

    python docs/tools/options_page.py            # writes the page
    python docs/tools/options_page.py --check    # exits with 1 if the page is out of date

The page is kept in the repository, because readers of the repository follow links to it. A test
checks that it is up to date.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastbg.cli.help import EXAMPLES

PAGE = Path(__file__).resolve().parents[1] / "options.md"

INTRODUCTION = """\
<!-- Written by docs/tools/options_page.py from the command line. Do not edit this page. -->

# Commands and options

`fastbg COMMAND --help` prints the same text in a terminal. `python -m fastbg` is the same program.
Options may stand before or after the arguments. An option on the command line takes precedence over
the [preset](presets.md), and the preset over the default. [Reading the result](results.md) explains
what the commands print, and [Running jobs](running.md) the exit codes.

`fastbg --install-completion` installs completion for the shell that it is typed in: bash, zsh, fish
or PowerShell. In a new terminal, the Tab key then completes commands, options and their values, the
names of presets, and file names.
"""


def render() -> str:
    """The whole page, as Markdown."""
    commands = _commands()
    lines = [INTRODUCTION, "| command | purpose |", "|---|---|"]
    for name, command in commands.items():
        lines.append(f"| [`fastbg {name}`](#fastbg-{name}) | {_text(_paragraphs(command)[0])} |")
    for name, command in commands.items():
        lines += ["", *_section(name, command)]
    for panel, rows in _options_by_panel(commands).items():
        lines += ["", f"## {panel}"]
        for users, options in rows.items():
            lines += ["", f"In {_listed(users)}:", "", "| option | default | meaning |"]
            lines += ["|---|---|---|", *options]
    return "\n".join(lines) + "\n"


def _commands() -> dict[str, Any]:
    from typer.main import get_command

    from fastbg.cli.app import app

    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = "".join(f" {_metavar(each)}" for each in arguments)
    yield from (f"## fastbg {name}", "", "```text", f"fastbg {name} [OPTIONS]{usage}", "```")
    for paragraph in _paragraphs(command):
        yield from ("", _text(paragraph))
    yield from ("", "```sh", *EXAMPLES[name], "```")
    if arguments:
        yield from ("", "| argument | default | meaning |", "|---|---|---|")
    for each in arguments:
        yield f"| {_code(each.metavar)} | {_default(each)} | {_text(each.help)} |"


def _options_by_panel(commands: dict[str, Any]) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Panel to commands to the rows of the options that just these commands share."""
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, command in commands.items():
        for each in command.params:
            if each.param_type_name == "option":
                users[each.rich_help_panel or "Presets", _row(each)].append(name)
    panels: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for (panel, row), names in users.items():
        panels[panel][tuple(names)].append(row)
    return panels


def _row(option: Any) -> str:
    names = ", ".join(map(_code, [*option.opts, *option.secondary_opts]))
    value = "" if option.is_flag or not option.metavar else f" {_code(option.metavar)}"
    return f"| {names}{value} | {_default(option)} | {_text(option.help)} |"


def _default(parameter: Any) -> str:
    shown, default = parameter.show_default, parameter.default
    if isinstance(shown, str):
        return _text(shown)
    if parameter.required or default is None or default is False or default == "":
        return ""
    return _code(f"{default:g}" if isinstance(default, float) else str(default))


def _metavar(argument: Any) -> str:
    return argument.metavar if argument.required else f"[{argument.metavar}]"


def _paragraphs(command: Any) -> list[str]:
    return command.help.split("\n\n")


def _code(text: str) -> str:
    # Parsers of Markdown disagree about a bar between backticks in a table.
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def _text(text: str) -> str:
    return re.sub(r"([\\`*_|])", r"\\\1", text).replace("<", "&lt;")


def _listed(names: tuple[str, ...]) -> str:
    quoted = [_code(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def main(arguments: list[str]) -> int:
    page = render()
    if "--check" in arguments:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page
        if not current:
            print(f"{PAGE} is out of date: run python docs/tools/options_page.py", file=sys.stderr)
        return 0 if current else 1
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
