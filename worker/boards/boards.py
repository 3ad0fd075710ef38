"""All boards of a worker: who goes on which, and the merge over partitions."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from worker.boards.board import Board
from worker.boards.gates import Gates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from worker.model import Campaign, FloatArray, IntArray, MetricName, PostId

_PLACES_REMEMBERED: Final = 20_000

Refill: TypeAlias = "Callable[[int, Campaign, MetricName, int], Iterable[tuple[PostId, float]]]"
"""The best so many Posts of a partition and campaign that have a value of the metric, each with it."""


@dataclass(frozen=True, slots=True)
class BoardsLimits:
    """How many places a leaderboard shows, and how many are kept below them."""

    top: int
    reserve: int


class Boards:
    """A board for each partition, campaign and metric, updated by whole answers.

    ``refill`` is asked when falls have used a board's reserve up; ``refills`` counts that.
    """

    def __init__(self, metrics: Sequence[MetricName], limits: BoardsLimits, refill: Refill) -> None:
        self.metrics = tuple(metrics)
        self.limits = limits
        self.refills = 0
        self._refill = refill
        self._gates = Gates(len(self.metrics))
        self._columns = {metric: column for column, metric in enumerate(self.metrics)}
        self._rows: dict[tuple[int, Campaign], int] = {}
        self._boards: dict[int, tuple[Board, ...]] = {}
        self._of_campaign: defaultdict[Campaign, dict[int, int]] = defaultdict(dict)
        self._rows_of: dict[tuple[int, tuple[Campaign, ...]], tuple[int, ...]] = {}
        self._changed: set[tuple[int, Campaign, MetricName]] = set()
        self._short: set[tuple[int, Campaign, int]] = set()

    def update(
        self,
        post_ids: IntArray,
        places: Sequence[tuple[int, tuple[Campaign, ...]]],
        old: FloatArray,
        new: FloatArray,
    ) -> None:
        """Take an answer: Posts with their values before and now.

        Args:
            post_ids: shape (n,).
            places: of each Post its partition and all campaigns it competes in.
            old: shape (n, metrics), in the order of ``metrics``; ``nan`` where there was no value.
            new: the same, as measured now.
        """
        posts: list[int] = []
        rows: list[int] = []
        for post, place in enumerate(places):
            where = self._rows_of.get(place) or self._open(place)
            rows.extend(where)
            posts.extend([post] * len(where))
        for pair, column in self._gates.concerned(post_ids, np.array(posts), np.array(rows), old, new):
            post, row = posts[pair], rows[pair]
            self._place(row, column, int(post_ids[post]), float(new[post, column]))  # type: ignore[arg-type]

    def remove(self, post_id: PostId, place: tuple[int, tuple[Campaign, ...]]) -> None:
        """Take a Post off every board it may be on."""
        for row in self._known_rows(place):
            for column, board in enumerate(self._boards[row]):
                if post_id in board:
                    board.remove(post_id)
                    self._touched(row, column, board)

    def holds(self, post_id: PostId, place: tuple[int, tuple[Campaign, ...]]) -> bool:
        """Whether the Post is on any board or its reserve."""
        return any(post_id in board for row in self._known_rows(place) for board in self._boards[row])

    def drop_partition(self, partition: int) -> None:
        """Forget the boards of a partition that another worker has now."""
        self._drop([place for place in self._rows if place[0] == partition])

    def drop_campaigns(self, places: Iterable[tuple[int, Campaign]]) -> None:
        """Forget the boards of campaigns that no tracked Post of a partition is in."""
        self._drop([place for place in places if place in self._rows])

    def campaigns(self) -> Iterator[Campaign]:
        """The campaigns that have boards."""
        return iter(self._of_campaign)

    def merged(self, campaign: Campaign, metric: MetricName) -> list[tuple[PostId, float]]:
        """The top of all partitions together: exact, as each Post has one partition."""
        return self.best(self._of_campaign.get(campaign, ()), campaign, metric, self.limits.top)

    def best(
        self, partitions: Iterable[int], campaign: Campaign, metric: MetricName, count: int
    ) -> list[tuple[PostId, float]]:
        """The ``count`` best of some partitions together. Exact up to ``top``; beyond, some may lack."""
        column = self._columns[metric]
        self.mend()
        rows = self._of_campaign.get(campaign, {})
        boards = [self._boards[rows[one]][column] for one in partitions if one in rows]
        keys = boards[0].keys() if len(boards) == 1 else heapq.merge(*(board.keys() for board in boards))
        return [(post_id, -negative) for negative, post_id in islice(keys, count)]

    def has(self, partition: int, campaign: Campaign) -> bool:
        """Whether a partition has boards of a campaign."""
        return (partition, campaign) in self._rows

    def filled(self, partition: int) -> Iterator[tuple[Campaign, MetricName]]:
        """The boards of a partition that somebody is on."""
        self.mend()
        for (one, campaign), row in self._rows.items():
            if one == partition:
                for metric, board in zip(self.metrics, self._boards[row], strict=True):
                    if board:
                        yield campaign, metric

    def kept(self, partition: int, campaign: Campaign, metric: MetricName) -> list[tuple[PostId, float]]:
        """The places of one partition's board, the reserve last."""
        self.mend()
        row = self._rows.get((partition, campaign))
        return [] if row is None else list(self._boards[row][self._columns[metric]].places())

    def take_changed(self) -> set[tuple[int, Campaign, MetricName]]:
        """Which boards may differ since this was asked last, each by its partition, campaign and metric."""
        self.mend()
        changed, self._changed = self._changed, set()
        return changed

    def mend(self) -> None:
        """Fill boards again whose reserve is used up."""
        while self._short:
            partition, campaign, column = self._short.pop()
            row = self._rows.get((partition, campaign))
            if row is None or not self._boards[row][column].wants_refill:
                continue
            board = self._boards[row][column]
            # One more than there are places for: it is the floor.
            count = board.capacity + 1
            board.refill(self._refill(partition, campaign, self.metrics[column], count))
            self.refills += 1
            self._touched(row, column, board)

    def check(self) -> None:
        """State the invariant of every board and of the gates before them."""
        for row, boards in self._boards.items():
            for column, board in enumerate(boards):
                board.check()
                self._gates.check(row, column, board.floor)

    def _place(self, row: int, column: int, post_id: PostId, value: float) -> None:
        board = self._boards[row][column]
        if value != value:  # noqa: PLR0124 -- nan: the metric is not available any more
            board.remove(post_id)
        else:
            board.offer(post_id, value)
        self._touched(row, column, board)

    def _touched(self, row: int, column: int, board: Board) -> None:
        self._gates.set(row, column, board.floor)
        partition, campaign = self._gates.names[row]
        self._changed.add((partition, campaign, self.metrics[column]))
        if board.wants_refill:
            self._short.add((partition, campaign, column))

    def _known_rows(self, place: tuple[int, tuple[Campaign, ...]]) -> Iterator[int]:
        partition, campaigns = place
        for campaign in campaigns:
            row = self._rows.get((partition, campaign))
            if row is not None:
                yield row

    def _open(self, place: tuple[int, tuple[Campaign, ...]]) -> tuple[int, ...]:
        partition, campaigns = place
        if len(self._rows_of) >= _PLACES_REMEMBERED:
            self._rows_of.clear()
        rows = tuple(self._row(partition, campaign) for campaign in campaigns)
        self._rows_of[place] = rows
        return rows

    def _row(self, partition: int, campaign: Campaign) -> int:
        row = self._rows.get((partition, campaign))
        if row is None:
            row = self._gates.open((partition, campaign))
            self._rows[partition, campaign] = row
            self._of_campaign[campaign][partition] = row
            self._boards[row] = tuple(Board(self.limits.top, self.limits.reserve) for _ in self.metrics)
        return row

    def _drop(self, places: Iterable[tuple[int, Campaign]]) -> None:
        dropped = set()
        for partition, campaign in places:
            row = self._rows.pop((partition, campaign))
            dropped.add(row)
            del self._boards[row]
            self._gates.close(row)
            del self._of_campaign[campaign][partition]
            if not self._of_campaign[campaign]:
                del self._of_campaign[campaign]
            self._changed.update((partition, campaign, metric) for metric in self.metrics)
        # Rows are used again: who remembers one must look it up anew.
        self._rows_of = {key: rows for key, rows in self._rows_of.items() if dropped.isdisjoint(rows)}
