"""The columns of the Watchlist: one array a property, one row a Post, rows used again."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray, IntArray

_FIRST_ROWS: Final = 1024
_GROWTH: Final = 1.25


class State(IntEnum):
    """What is known of a Post."""

    FREE = 0
    """No Post: the row can be used."""
    NEW = 1
    """Never measured."""
    MEASURED = 2
    UNAVAILABLE = 3
    """Deleted, protected or suspended when it was last asked for."""


class Unsaved(IntFlag):
    """What the journal does not have of a Post yet."""

    NOTHING = 0
    COUNTS = 1
    """It was measured since, and its values are others."""
    SIGHTING = 2
    """It is new, joined campaigns, got words or lost them: what an offset waits for, or what must be soon."""
    TIME = 4
    """It was measured since, and its values are the same."""


def author_number(author: str | None) -> int:
    """A number that stands for an author, the same in every process; 0 where none is known."""
    return 0 if author is None else crc32(author.casefold().encode(errors="replace")) >> 1 | 1


class Columns:
    """Arrays of equal length. ``values`` and ``base``, ``kept`` have the shape (rows, metrics).

    ``values`` holds each board metric's last value, ``nan`` where there is none: counts are exact in a float
    up to 2^53. ``base`` and ``kept`` hold the counts that growth per hour is measured against, where such
    boards are. ``restoring``: in flight for no request, but because the journal may tell more of the Post.
    ``unsaved`` is what the journal lacks, and ``saved_at`` when it was last told, 0 if never.
    ``authors``: see ``author_number``. ``accounts``: the number of the account that owns the Post, 0 of all
    others; only where there are ``accounts``. The columns with ``28h`` are those of its requests for the
    last 28 hours; only where boards need any.
    """

    def __init__(
        self, metrics: int, grown_metrics: int = 0, *, accounts: bool = False, last_28h: bool = False
    ) -> None:
        rows = _FIRST_ROWS
        self.post_ids: IntArray = np.zeros(rows, dtype=np.int64)
        self.states: NDArray[np.int8] = np.zeros(rows, dtype=np.int8)
        self.in_flight: NDArray[np.bool_] = np.zeros(rows, dtype=np.bool_)
        self.restoring: NDArray[np.bool_] = np.zeros(rows, dtype=np.bool_)
        self.partitions: NDArray[np.int16] = np.zeros(rows, dtype=np.int16)
        self.groups: NDArray[np.int32] = np.zeros(rows, dtype=np.int32)
        self.authors: NDArray[np.int32] = np.zeros(rows, dtype=np.int32)
        self.created: FloatArray = np.zeros(rows)
        self.seen: FloatArray = np.zeros(rows)
        self.asked: FloatArray = np.zeros(rows)
        self.measured: FloatArray = np.zeros(rows)
        self.values: FloatArray = np.zeros((rows, metrics))
        self.base: FloatArray = np.zeros((rows, grown_metrics))
        self.base_at: FloatArray = np.zeros(rows if grown_metrics else 0)
        self.kept: FloatArray = np.zeros((rows, grown_metrics))
        self.kept_at: FloatArray = np.zeros(rows if grown_metrics else 0)
        self.unsaved: NDArray[np.int8] = np.zeros(rows, dtype=np.int8)
        self.saved_at: FloatArray = np.zeros(rows)
        owned, recent = rows if accounts else 0, rows if last_28h else 0
        self.accounts: NDArray[np.int16] = np.zeros(owned, dtype=np.int16)
        self.asked_28h: FloatArray = np.zeros(recent)
        self.measured_28h: FloatArray = np.zeros(recent)
        self.in_flight_28h: NDArray[np.bool_] = np.zeros(recent, dtype=np.bool_)
        self._free: list[int] = list(range(rows))[::-1]

    def take(self, count: int) -> list[int]:
        """Free rows to use, ``count`` of them."""
        while len(self._free) < count:
            self._grow()
        left = len(self._free) - count
        rows = self._free[left:]
        del self._free[left:]
        return rows

    def give_back(self, rows: list[int]) -> None:
        """Rows that hold no Post any more."""
        self.states[rows] = State.FREE
        self.in_flight[rows] = False
        self.restoring[rows] = False
        self.unsaved[rows] = Unsaved.NOTHING
        if len(self.in_flight_28h):
            self.in_flight_28h[rows] = False
        self._free.extend(rows)

    def born(self) -> FloatArray:
        """When Posts were created. Of an ID that holds no time, or one still to come: when it was seen."""
        return np.fmin(self.created, self.seen)

    @property
    def nbytes(self) -> int:
        """Memory of all columns in bytes."""
        return sum(array.nbytes for array in vars(self).values() if isinstance(array, np.ndarray))

    def _grow(self) -> None:
        before = len(self.post_ids)
        rows = int(before * _GROWTH)
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray) and len(array):
                longer = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
                longer[:before] = array
                setattr(self, name, longer)
        self._free.extend(range(rows - 1, before - 1, -1))
