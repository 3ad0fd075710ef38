"""From boards to published leaderboards: what changed, how places moved; each destination at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from worker.board_metrics import board_metric
from worker.destination import Destination
from worker.model import Entry, Leaderboard, Standings
from worker.publish.protocol import Office, PublishError
from worker.recall import Audited

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.merging import Merger
    from worker.model import Campaign, Clock, MetricName, PostId, Seconds, Timestamp
    from worker.publish.protocol import Publisher
    from worker.telemetry import Telemetry
    from worker.tracker import Tracker

_log = structlog.get_logger(__name__)

Key: TypeAlias = "tuple[Campaign, MetricName]"

_SAMPLES: Final = 30
"""Earlier places kept of a leaderboard, spread over the window that changes are counted in."""

_ROUNDS: Final = 10
"""Publications in which every leaderboard is looked at once, also those without a changed value: a Post that
was measured again is fresher, and readers are told how fresh each is."""

_RETRY_WAIT: Final = 1.0
_NOTHING: Final = object()


class PlaceHistory:
    """Who was at which place up to ``window`` seconds ago."""

    def __init__(self, window: Seconds) -> None:
        self._window = window
        self._samples: dict[Key, deque[tuple[Timestamp, tuple[PostId, ...]]]] = {}

    def ranks_before(self, key: Key, now: Timestamp) -> dict[PostId, int]:
        """The ranks a window ago; none in the first window of a leaderboard, for nobody knows them."""
        samples = self._samples.get(key)
        if not samples:
            return {}
        then = now - self._window
        while len(samples) > 1 and samples[1][0] <= then:
            samples.popleft()
        if samples[0][0] > then:
            return {}
        return {post_id: rank for rank, post_id in enumerate(samples[0][1], start=1)}

    def note(self, key: Key, places: Iterable[PostId], now: Timestamp) -> None:
        """These are the places now."""
        samples = self._samples.setdefault(key, deque())
        if not samples or now - samples[-1][0] >= self._window / _SAMPLES:
            samples.append((now, tuple(places)))

    def forget(self, key: Key) -> None:
        """The leaderboard exists no more."""
        self._samples.pop(key, None)


class Outlet:
    """One destination with what it was not given yet: the newest of each leaderboard, however slow it is.

    One that is ``shared`` by all workers is given nothing before this worker ``take_over``.
    """

    def __init__(
        self, publisher: Publisher, clock: Clock, telemetry: Telemetry, *, shared: bool = False
    ) -> None:
        self.shared = shared
        self._publisher = publisher
        self._destination = Destination(publisher.name, clock, telemetry)
        self._waiting: dict[Key, Leaderboard | None] = {}
        self._filled = asyncio.Event()
        self._open = not shared
        self._office = publisher if shared and isinstance(publisher, Office) else None
        self._alive: set[Key] = set()
        self._settled = True

    @property
    def superseded(self) -> bool:
        """Whether it is ours to publish here, and the destination heard that another worker does."""
        return self._open and self._office is not None and not self._office.active

    def take_over(self, leaderboards: Iterable[Leaderboard]) -> None:
        """This worker publishes here from now on, and begins with these: all that there are."""
        self._open = True
        if self._office is not None:
            self._office.take_over()
            self._alive.clear()
            self._settled = False
        self.offer(leaderboards, ())
        self._filled.set()

    def step_down(self) -> None:
        """Another worker publishes here from now on: what waits is let go of."""
        self._open = False
        self._waiting.clear()
        if self._office is not None:
            self._office.step_down()

    def offer(self, leaderboards: Iterable[Leaderboard], withdrawn: Iterable[Key]) -> None:
        """To be published when the destination can take it."""
        if not self._open:
            return
        for board in leaderboards:
            self._waiting[board.key] = board
            self._alive.add(board.key)
        for key in withdrawn:
            self._waiting[key] = None
            self._alive.discard(key)
        if self._waiting:
            self._filled.set()

    async def run(self) -> None:
        """Publish for ever; cancel it to stop."""
        while True:
            await self._filled.wait()
            if not await self._publish():
                await asyncio.sleep(_RETRY_WAIT)

    async def finish(self, within: Seconds) -> None:
        """Publish what is waiting, if it can be done in time; then close the destination, in as much time."""
        try:
            async with asyncio.timeout(within):
                if self._waiting:
                    await self._publish()
        except TimeoutError:
            _log.warning("publish_unfinished", destination=self._publisher.name)
        try:
            async with asyncio.timeout(within):
                await self._publisher.close()
        except TimeoutError:
            _log.warning("close_unfinished", destination=self._publisher.name)

    async def _publish(self) -> bool:
        # What is taken goes on waiting until it is there: this may fail, or be cancelled to stop.
        taken = dict(self._waiting)
        self._filled.clear()
        boards = [board for board in taken.values() if board is not None]
        withdrawn = [key for key, board in taken.items() if board is None]
        try:
            if withdrawn:
                await self._publisher.withdraw(withdrawn)
            if boards and self._open:
                await self._publisher.publish(boards)
            if not self._settled and self._open and self._office is not None:
                # All of the first edition is there: what else is there is an earlier publisher's.
                await self._office.settle(set(self._alive))
                self._settled = True
        except PublishError as error:
            self._filled.set()
            self._destination.failed(error)
            return False
        for key, board in taken.items():
            # It may have been let go of meanwhile, or be a newer one.
            if self._waiting.get(key, _NOTHING) is board:
                del self._waiting[key]
        self._destination.took(len(boards))
        return True


class Editions:
    """Makes leaderboards of what changed, in all workers' partitions, and offers them to every outlet."""

    def __init__(
        self,
        tracker: Tracker,
        merger: Merger,
        outlets: Sequence[Outlet],
        *,
        change_window: Seconds,
        clock: Clock,
    ) -> None:
        self._tracker = tracker
        self._merger = merger
        self._outlets = outlets
        self._clock = clock
        self._history = PlaceHistory(change_window)
        self._shown: dict[Key, Leaderboard] = {}
        self._due: set[Key] = set()
        self._round = 0

    def publish(self) -> int:
        """Offer what changed since the last time; returns how many leaderboards that is."""
        now = self._clock.now()
        keys = self._to_look_at()
        withdrawn = self._withdraw(keys)
        changed = []
        for key in keys:
            board = self._leaderboard(key, now)
            before = self._shown.get(key)
            if before is None or _differs(before, board):
                changed.append(board)
                self._shown[key] = board
        self._tracker.standings = self._standings()
        for outlet in self._outlets:
            outlet.offer(changed, withdrawn)
        return len(changed)

    @property
    def shown(self) -> list[Leaderboard]:
        """All leaderboards as they were offered last."""
        return list(self._shown.values())

    def _to_look_at(self) -> set[Key]:
        self._round = (self._round + 1) % _ROUNDS
        due = {key for number, key in enumerate(self._shown) if number % _ROUNDS == self._round}
        return self._merger.take_changed() | due

    def _withdraw(self, keys: set[Key]) -> list[Key]:
        """Take those away that exist no more."""
        gone = {key for key in keys if not self._merger.exists(key)}
        keys -= gone
        withdrawn = [key for key in gone if key in self._shown]
        for key in withdrawn:
            del self._shown[key]
            self._history.forget(key)
        return withdrawn

    def _leaderboard(self, key: Key, now: Timestamp) -> Leaderboard:
        places = self._merger.places(key)
        before = self._history.ranks_before(key, now)
        entries = []
        for rank, (post_id, value, measured_at, author, text) in enumerate(places, start=1):
            change = before[post_id] - rank if post_id in before else None
            entries.append(Entry(rank, post_id, value, measured_at, change, author, text))
        self._history.note(key, (entry.post_id for entry in places), now)
        tracked = self._merger.tracked(key)
        return Leaderboard(*key, now, tracked, tuple(entries), self._audit(key[0], key[1], len(entries)))

    def _audit(self, campaign: Campaign, metric: MetricName, entries: int) -> Audited:
        """Of the campaign whose board of this metric has now so many entries: of its boards of counts.

        Of growth per hour and rates it would depend on when a Post was asked for what is right.
        """
        top = self._tracker.boards.limits.top
        found = {
            other: len(board.entries)
            for other in self._tracker.boards.metrics
            if (board := self._shown.get((campaign, other))) is not None
        } | {metric: entries}
        full = sum(count == top and board_metric(other).grows for other, count in found.items())
        return Audited(top * full, self._merger.missing(campaign))

    def _standings(self) -> Standings:
        top = self._tracker.boards.limits.top
        return Standings(
            {key: board.entries[-1].value for key, board in self._shown.items() if len(board.entries) == top}
        )


def _differs(before: Leaderboard, after: Leaderboard) -> bool:
    return (
        before.entries != after.entries
        or before.tracked_posts != after.tracked_posts
        or _told(before) != _told(after)
    )


def _told(board: Leaderboard) -> tuple[float, ...]:
    """What readers are told of its audit."""
    recall = board.audit.recall if board.audit else None
    return () if recall is None else recall.rounded
