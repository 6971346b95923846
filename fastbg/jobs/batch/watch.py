"""New and changed files, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from .journal import State


class Watch:
    """Looks for files that nobody has worked on since they changed.

    Parameters
    ----------
    find : callable
        The files that there are now.
    """

    def __init__(self, find: Callable[[], Iterable[Path]]) -> None:
        self._find = find
        self._seen: dict[str, State] = {}
        self._taken: dict[str, State] = {}

    def take(self, path: Path, state: State | None) -> None:
        """Somebody works on the file in this state: it is new again when that changes."""
        if state:
            self._taken[state.path] = state

    def look(self) -> list[Path]:
        """The new files that have not changed since the last look, so are written to their end."""
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
