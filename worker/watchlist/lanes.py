"""A lane: the Posts that one token asks one endpoint for, as the planner and the dispatcher see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.catalogue import Endpoint
from worker.watchlist.columns import State
from worker.watchlist.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, IntArray, MetricName, PostId, Timestamp
    from worker.watchlist.columns import Columns
    from worker.watchlist.groups import Groups
    from worker.watchlist.recipes import Recipe

APP: Final = 0
"""The account number of the app's own token; accounts count from 1."""


@dataclass(slots=True)
class LaneColumns:
    """The columns of a lane, with the rows of the Watchlist: Posts of other lanes are free rows here."""

    post_ids: IntArray
    states: NDArray[np.int8]
    in_flight: NDArray[np.bool_]
    created: FloatArray
    seen: FloatArray
    asked: FloatArray
    measured: FloatArray
    values: FloatArray
    groups: NDArray[np.int32]
    authors: NDArray[np.int32]


class Answers:
    """Counts what made a Post due anew on any lane: answers, and moves from one lane to another."""

    def __init__(self) -> None:
        self.count = 0


class Lane:
    """Posts that are asked for together. ``account``: the number of the account they belong to, or ``APP``.

    ``asked``: the metrics asked for. ``moved`` is called with a Post that was asked for in vain and is of
    another lane by now.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        account: int,
        asked: tuple[MetricName, ...],
        recipe: Recipe,
        *,
        columns: Columns,
        rows: Mapping[PostId, int],
        groups: Groups,
        alone: bool,
        answers: Answers,
        moved: Callable[[PostId, Endpoint], None],
    ) -> None:
        self.endpoint = endpoint
        self.account = account
        self.asked = asked
        self.recipe = recipe
        self._answers = answers
        self._moved = moved
        self._all = columns
        self._rows = rows
        self._groups = groups
        self._alone = alone
        self.waiting = Waiting(self._wait)

    @property
    def answers(self) -> int:
        """How often Posts came back, to whatever lane: as long as it stands, none is due anew."""
        return self._answers.count

    @property
    def columns(self) -> LaneColumns:
        """What is known, by row."""
        all_, recent = self._all, self.endpoint is Endpoint.LAST_28H
        return LaneColumns(
            all_.post_ids,
            self._states(),
            all_.in_flight_28h if recent else all_.in_flight,
            all_.created,
            all_.seen,
            all_.asked_28h if recent else all_.asked,
            all_.measured_28h if recent else all_.measured,
            all_.values,
            all_.groups,
            all_.authors,
        )

    @property
    def regrouped(self) -> int:
        """How often groups have come and gone: as long as it stands, ``groups`` says the same."""
        return self._groups.changes

    def groups(self) -> Iterable[tuple[int, tuple[Campaign, ...]]]:
        """The numbers of the sets of campaigns that Posts compete in, with the campaigns of each."""
        return self._groups.sets()

    def holds(self, row: int) -> bool:
        """Whether the Post in this row is of this lane."""
        return self._alone or max(int(self._all.accounts[row]), APP) == self.account

    def first_unmeasured(self, count: int) -> list[PostId]:
        """The Posts that wait longest for their first request, at most ``count``, none of them in flight."""
        return self.waiting.first(count)

    def waiting_since(self, post_id: PostId) -> Timestamp:
        """Since when a Post has waited for its first request: since it was seen, or was asked in vain."""
        return self.longest_wait_since([post_id])

    def longest_wait_since(self, post_ids: Sequence[PostId]) -> Timestamp:
        """``waiting_since`` of the one of these Posts that has waited longest; there must be one."""
        rows = [self._rows[post_id] for post_id in post_ids]
        since = np.maximum(self._all.seen[rows], self._asked[rows])
        return float(since.min())  # type: ignore[return-value]

    def mark_asked(self, post_ids: Sequence[PostId], at: Timestamp) -> None:
        """These Posts are in a request now."""
        rows = [self._rows[post_id] for post_id in post_ids]
        self._in_flight[rows] = True
        self._asked[rows] = at
        self.waiting.asked(post_ids)

    def ask_again(self, post_ids: Iterable[PostId]) -> None:
        """These Posts were asked for and nothing was learned: they are as they were before."""
        self._answers.count += 1
        for post_id in post_ids:
            row = self._rows.get(post_id)
            if row is None:
                continue
            self._in_flight[row] = False
            if not self.holds(row):
                self._moved(post_id, self.endpoint)
            elif self._is_new(row):
                self.waiting.add([post_id])

    def landed(self, rows: NDArray[np.intp]) -> None:
        """The Posts in these rows were answered."""
        self._answers.count += 1
        self._in_flight[rows] = False

    @property
    def measured(self) -> FloatArray:
        """When each was measured last, by row; 0 where it never was."""
        return self._all.measured_28h if self.endpoint is Endpoint.LAST_28H else self._all.measured

    @property
    def _asked(self) -> FloatArray:
        return self._all.asked_28h if self.endpoint is Endpoint.LAST_28H else self._all.asked

    @property
    def _in_flight(self) -> NDArray[np.bool_]:
        return self._all.in_flight_28h if self.endpoint is Endpoint.LAST_28H else self._all.in_flight

    def _states(self) -> NDArray[np.int8]:
        columns = self._all
        if self._alone:
            return columns.states
        own = np.maximum(columns.accounts, APP) == self.account
        if self.endpoint is not Endpoint.LAST_28H:
            return np.where(own, columns.states, np.int8(State.FREE))
        # Of a Post that is gone the totals' lane hears first that it is back.
        here = own & ((columns.states == State.NEW) | (columns.states == State.MEASURED))
        known = np.where(columns.measured_28h > 0, np.int8(State.MEASURED), np.int8(State.NEW))
        return np.where(here, known, np.int8(State.FREE))

    def _is_new(self, row: int) -> bool:
        """As an int: to compare a number of numpy's with a ``State`` takes fifty times as long."""
        if self.endpoint is Endpoint.LAST_28H:
            return float(self._all.measured_28h[row]) == 0
        return int(self._all.states[row]) == State.NEW

    def _wait(self, post_ids: Sequence[PostId]) -> list[bool]:
        """Which of these Posts are tracked, were never measured, are of this lane and not in flight."""
        rows = np.array([self._rows.get(post_id, -1) for post_id in post_ids], dtype=np.intp)
        columns = self._all
        waits = (rows >= 0) & ~self._in_flight[rows]
        if self.endpoint is Endpoint.LAST_28H:
            states = columns.states[rows]
            waits &= (columns.measured_28h[rows] == 0) & (states != State.UNAVAILABLE)
        else:
            waits &= columns.states[rows] == State.NEW
        if not self._alone:
            waits &= np.maximum(columns.accounts[rows], APP) == self.account
        return waits.tolist()  # type: ignore[no-any-return]
