"""New and changed files, while a batch watches for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from .journal import State


class Watch:
    """Finds files that no job has taken since they last changed.

    Parameters
    ----------
    find : callable
        Gives all files that exist now.
    """

    def __init__(self, find: Callable[[], Iterable[Path]]) -> None:
        self._find = find
        self._seen: dict[str, State] = {}
        self._taken: dict[str, State] = {}

    def take(self, path: Path, state: State | None) -> None:
        """Mark a file in this state as taken. It counts as new again when its state changes."""
        if state:
            self._taken[state.path] = state

    def look(self) -> list[Path]:
        """The new files that have not changed since the last call, so are written completely."""
        seen, ripe = {}, []
        for path in self._find():
            state = State.of(path)
            if state is None or self._taken.get(state.path) == state:
                continue
            seen[state.path] = state
            if self._seen.get(state.path) == state:
                self.take(path, state)
                ripe.append(path)
        self._seen = seen
        return ripe
