"""The newest Leaderboard of each key, and those who follow them. Bounded however slow a follower reads.

All of it belongs to one event loop: call it from there alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from worker.board_metrics import board_metric
from worker.catalogue import Endpoint
from worker.model import ALL, PUBLIC_METRICS, Campaign, Leaderboard, MetricName
from worker.publish.leaderboard_json import leaderboard_json

if TYPE_CHECKING:
    from worker.model import Seconds
    from worker.telemetry import Telemetry

Key: TypeAlias = tuple[Campaign, MetricName]

_KINDS: Final = ("count", "rate", "per_hour")
_METRIC_ORDER: Final = {name: place for place, name in enumerate(PUBLIC_METRICS)}


class NoRoomError(Exception):
    """As many streams as the settings allow are connected. Try again later."""


class ClosedError(Exception):
    """The worker is stopping. Try another one, or later."""


class Version:
    """One Leaderboard as published. Its JSON is made once, when asked for, and shared."""

    __slots__ = ("_json", "leaderboard")

    def __init__(self, leaderboard: Leaderboard) -> None:
        self.leaderboard = leaderboard
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        """The whole Leaderboard."""
        if self._json is None:
            self._json = leaderboard_json(self.leaderboard)
        return self._json


class Filter(NamedTuple):
    """Which leaderboards a follower wants. ``None``: any."""

    campaign: Campaign | None = None
    metric: MetricName | None = None

    def wants(self, key: Key) -> bool:
        """Whether this leaderboard is among them."""
        return self.campaign in (None, key[0]) and self.metric in (None, key[1])


class Change(NamedTuple):
    """What a follower is to be told. ``version`` is ``None`` when the leaderboard was withdrawn."""

    key: Key
    version: Version | None


class Subscription:
    """What one follower has not been told yet: of each leaderboard the newest version only.

    It holds at most one change for each leaderboard that exists or that the follower was shown: a reader that
    stands still makes it no larger.
    """

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.closed = False
        self._pending: dict[Key, Version | None] = {}
        self._shown: set[Key] = set()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pending)

    def offer(self, key: Key, version: Version | None) -> None:
        """Tell the follower about this, in the place of anything older about the same leaderboard."""
        if not self.wanted.wants(key):
            return
        if version is None and key not in self._shown:
            self._pending.pop(key, None)  # it never heard of it
            return
        self._pending[key] = version
        self._wake.set()

    def take(self) -> Change | None:
        """The change that waits longest; ``None`` when there is nothing to tell."""
        if not self._pending:
            return None
        key = next(iter(self._pending))
        version = self._pending.pop(key)
        if version is None:
            self._shown.discard(key)
        else:
            self._shown.add(key)
        return Change(key, version)

    async def wait(self, at_most: Seconds) -> bool:
        """Wait until there may be something to take, or the end. ``False`` when the time ran out."""
        self._wake.clear()
        if self._pending or self.closed:
            return True
        try:
            async with asyncio.timeout(at_most):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """End it: whoever waits wakes up."""
        self.closed = True
        self._wake.set()


class LiveBoards:
    """Owns the newest version of each leaderboard and the subscriptions to them."""

    def __init__(self, *, max_streams: int, telemetry: Telemetry) -> None:
        self.max_streams = max_streams
        self._streams_gauge = telemetry.streams
        self._versions: dict[Key, Version] = {}
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def get(self, key: Key) -> Version | None:
        """The newest version, if there is such a leaderboard."""
        return self._versions.get(key)

    def leaderboards(self) -> list[Leaderboard]:
        """All of them: campaign ``all`` first, then by name; counts as the API orders them, then the rest."""
        keys = sorted(self._versions, key=_place)
        return [self._versions[key].leaderboard for key in keys]

    def put(self, leaderboard: Leaderboard) -> bool:
        """Put it in the place of the one before, and tell the followers. ``False``: it is the same."""
        current = self._versions.get(leaderboard.key)
        if current is not None and current.leaderboard == leaderboard:
            return False
        version = self._versions[leaderboard.key] = Version(leaderboard)
        for subscription in self._subscriptions:
            subscription.offer(leaderboard.key, version)
        return True

    def remove(self, key: Key) -> bool:
        """Forget it and tell those who were shown it. ``False``: there was none."""
        if self._versions.pop(key, None) is None:
            return False
        for subscription in self._subscriptions:
            subscription.offer(key, None)
        return True

    def subscribe(self, wanted: Filter) -> Subscription:
        """Follow these leaderboards, beginning with what they are now. Give it back with ``unsubscribe``.

        Raises:
            NoRoomError: ``max_streams`` follow already.
            ClosedError: after ``close``.
        """
        if self._closed:
            raise ClosedError
        if len(self._subscriptions) >= self.max_streams:
            raise NoRoomError
        subscription = Subscription(wanted)
        for key in sorted(filter(wanted.wants, self._versions), key=_place):
            subscription.offer(key, self._versions[key])
        self._subscriptions.add(subscription)
        self._streams_gauge.set(len(self._subscriptions))
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Give a subscription back. A second time changes nothing."""
        subscription.close()
        self._subscriptions.discard(subscription)
        self._streams_gauge.set(len(self._subscriptions))

    def close(self) -> None:
        """End every subscription and take no more. What was published can still be read."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()


def _place(key: Key) -> tuple[bool, str, str, bool, int, int, str]:
    """Campaigns by name, ``all`` first; of each counts before what is derived, and 28 hours' worth last."""
    campaign, metric = key
    made = board_metric(metric)
    order = _METRIC_ORDER.get(made.sources[0], len(_METRIC_ORDER))
    recent = made.endpoint is Endpoint.LAST_28H
    return campaign != ALL, campaign.casefold(), campaign, recent, _KINDS.index(made.kind), order, metric
