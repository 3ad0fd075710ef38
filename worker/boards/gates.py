"""Which values of an answer concern a board at all: one comparison of arrays, not thousands of offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.boards.board import Key
    from worker.model import Campaign, FloatArray, IntArray

_FIRST_ROWS: Final = 16


class Gates:
    """The floors of all boards as two arrays of shape (rows, metrics); a row is a partition's campaign.

    A value concerns a board when it ranks above the board's floor, now or before: then the Post must go on,
    or may have to leave. All others were left out and stay so.
    """

    def __init__(self, metrics: int) -> None:
        self._values: FloatArray = np.full((_FIRST_ROWS, metrics), -np.inf)
        self._ids: IntArray = np.zeros((_FIRST_ROWS, metrics), dtype=np.int64)
        self._free: list[int] = list(range(_FIRST_ROWS))[::-1]
        self.names: dict[int, tuple[int, Campaign]] = {}

    def open(self, name: tuple[int, Campaign]) -> int:
        """A row for a partition's campaign, open to every value."""
        if not self._free:
            rows = len(self._values)
            self._free = list(range(rows, 2 * rows))[::-1]
            self._values = np.concatenate([self._values, np.full_like(self._values, -np.inf)])
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
        row = self._free.pop()
        self.names[row] = name
        return row

    def close(self, row: int) -> None:
        """Give a row back."""
        del self.names[row]
        self._values[row] = -np.inf
        self._free.append(row)

    def set(self, row: int, column: int, floor: Key | None) -> None:
        """Take note of a board's floor; ``None`` lets every value through."""
        if floor is None:
            self._values[row, column] = -np.inf
        else:
            self._values[row, column] = -floor[0]
            self._ids[row, column] = floor[1]

    def concerned(
        self,
        post_ids: IntArray,
        posts: NDArray[np.intp],
        rows: NDArray[np.intp],
        old: FloatArray,
        new: FloatArray,
    ) -> Iterator[tuple[int, int]]:
        """The (pair, metric) indices that a board must hear of.

        A pair is a Post (index into ``post_ids``, ``old`` and ``new``) and a row, at the same index of
        ``posts`` and ``rows``. A value that is as it was concerns nobody.
        """
        if not len(posts):
            return
        before, now = old[posts], new[posts]
        best = np.fmax(before, now)
        floors = self._values[rows]
        ids = post_ids[posts, np.newaxis]
        above = (best > floors) | ((best == floors) & (ids <= self._ids[rows]))
        pairs, columns = np.nonzero(above & (before != now))
        yield from zip(pairs.tolist(), columns.tolist(), strict=True)

    def check(self, row: int, column: int, floor: Key | None) -> None:
        """The gate is where the board's floor is.

        Raises:
            AssertionError: when it is not.
        """
        value = self._values[row, column]
        if floor is None:
            if value != -np.inf:
                raise AssertionError(f"gate {row}, {column} is {value}, the board has no floor")
        elif (value, self._ids[row, column]) != (-floor[0], floor[1]):
            raise AssertionError(f"gate {row}, {column} is {value}, the board's floor is {floor}")
