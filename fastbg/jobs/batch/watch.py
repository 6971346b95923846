"""New and changed files, while a batch watches for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .journal import State


class Watch:
    """Finds files that no job has taken since they last changed."""

    def __init__(self) -> None:
        self._seen: dict[str, State] = {}
        self._taken: dict[str, State] = {}

    def take(self, path: Path, state: State | None) -> None:
        """Mark a file in this state as taken. It counts as new again when its state changes."""
        if state:
            self._taken[state.path] = state

    def look(self, paths: Iterable[Path]) -> list[Path]:
        """The new files that have not changed since the last call, so are written completely.

        Parameters
        ----------
        paths : iterable of Path
            All files that exist now.
        """
        seen, ripe = {}, []
        for path in paths:
            state = State.of(path)
            if state is None or self._taken.get(state.path) == state:
                continue
            seen[state.path] = state
            if self._seen.get(state.path) == state:
                self.take(path, state)
                ripe.append(path)
        self._seen = seen
        return ripe
