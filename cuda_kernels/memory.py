"""Device memory: who holds how much of it, within a budget.

One thread at a time uses the device, so all other holders are idle meanwhile. Whatever they hold
can be loaded again from the host; so each use may take the whole budget, and the least recently
used holders give back what it needs.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any

import numpy as np
from numba import cuda

from ..errors import BackendError
from . import account
from .device import failures

Arrays = dict[str, Any]
"""Device arrays by name."""


class DeviceMemory:
    """The device memory that may be taken, and its holders.

    Parameters
    ----------
    budget : int
        Bytes.
    """

    def __init__(self, budget: int) -> None:
        self.budget, self._lock = budget, RLock()
        # The least recently used come first.
        self._holders: list[weakref.ref[Holder]] = []

    @property
    def taken(self) -> int:
        """Bytes that all holders have."""
        return sum(holder.taken for holder in self._living())

    @contextmanager
    def used_by(self, holder: Holder) -> Iterator[None]:
        """Let the calling thread alone use the device for a holder.

        After a failure the holder gives back all that it has, since it may not have been filled.

        Raises
        ------
        ValueError
            If the holder is closed.
        """
        with self._lock:
            if holder.closed:
                raise ValueError("it was closed, and cannot be used any more")
            self._forget(holder)
            self._holders.append(weakref.ref(holder))
            try:
                yield
            except BaseException:
                holder.give_back()
                raise

    def close(self, holder: Holder) -> None:
        """Take all back from a holder, at once and for ever; it may be closed again."""
        with self._lock:
            holder.closed = True
            holder.give_back()
            self._forget(holder)

    def make_room(self, holder: Holder, needed: int) -> None:
        """Take back from others until so many bytes more fit into the budget."""
        for other in self._living():
            if self.taken + needed <= self.budget:
                break
            if other is not holder:
                other.give_back()
        release()

    def _living(self) -> list[Holder]:
        return [holder for each in self._holders if (holder := each()) is not None]

    def _forget(self, holder: Holder) -> None:
        self._holders = [each for each in self._holders if each() not in (None, holder)]


class Holder:
    """The groups of device arrays of one objective or rendering."""

    def __init__(self) -> None:
        self.closed = False
        self._groups: dict[str, tuple[account.Arrays, Arrays]] = {}

    @property
    def taken(self) -> int:
        """Bytes."""
        return sum(account.size_of(kinds) for kinds, _ in self._groups.values())

    def hold(
        self, memory: DeviceMemory, **wanted: account.Arrays
    ) -> tuple[dict[str, Arrays], set[str]]:
        """Hold these groups of arrays and nothing else, within `DeviceMemory.used_by`.

        Returns
        -------
        groups : dict of dict
            Device arrays by group and name.
        fresh : set of str
            The groups that were allocated just now: their arrays are not initialised.
        """
        kept = {group: old for group, old in self._groups.items() if old[0] == wanted.get(group)}
        fresh = [group for group in wanted if group not in kept]
        self._keep(kept)
        if fresh:
            memory.make_room(self, sum(account.size_of(wanted[group]) for group in fresh))
        for group in fresh:
            self._groups[group] = wanted[group], allocate(wanted[group])
        return {group: arrays for group, (_, arrays) in self._groups.items()}, set(fresh)

    def give_back(self) -> None:
        """Free all arrays; a device that fails has lost them anyway."""
        if self._groups:
            self._keep({})
            with suppress(BackendError), failures():
                release()

    def _keep(self, kept: dict[str, tuple[account.Arrays, Arrays]]) -> None:
        gone = [
            weakref.ref(array)
            for group, (_, arrays) in self._groups.items()
            if group not in kept
            for array in arrays.values()
        ]
        self._groups = kept
        if any(array() is not None for array in gone):
            # Exceptions that numba caught as it compiled have frames that refer to them.
            gc.collect()


def allocate(arrays: account.Arrays) -> Arrays:
    """Uninitialised arrays by name."""
    return {key: cuda.device_array(shape, np.dtype(kind)) for key, (shape, kind) in arrays.items()}


def release() -> None:
    """Free the arrays that nobody refers to any more: numba puts that off, the budget does not."""
    manager = getattr(cuda.current_context(), "memory_manager", None)
    pending = getattr(manager, "deallocations", None)
    if pending is not None:  # the simulator has none
        pending.clear()
