"""What every destination of leaderboards can do. One contract test suite holds all of them to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.model import Campaign, Leaderboard, MetricName


class PublishError(Exception):
    """A destination did not take a publication. It is offered the newest leaderboards again."""


class Publisher(Protocol):
    """One destination.

    It may be given the same leaderboard twice, and must then be as if it was given once. It never sees an
    older leaderboard after a newer one of the same key.
    """

    @property
    def name(self) -> str:
        """What metrics and logs call it."""

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """Take leaderboards that changed. One without entries is a board with nobody on it.

        Raises:
            PublishError: when some may not have been taken.
        """

    async def withdraw(self, keys: Sequence[tuple[Campaign, MetricName]]) -> None:
        """These leaderboards exist no more.

        Raises:
            PublishError: when some may not have been taken.
        """

    async def close(self) -> None:
        """Let go of everything, within a few seconds."""


@runtime_checkable
class Office(Protocol):
    """What a publisher can have beside, whose destination is all workers' and one of them writes to it.

    Called in the event loop, and must not wait. Between ``step_down`` and ``take_over`` it is given nothing.
    """

    @property
    def active(self) -> bool:
        """Whether it publishes, for all it knows: it may have learned that another worker does."""

    def take_over(self) -> None:
        """This worker publishes from now on; it is given every leaderboard next."""

    async def settle(self, alive: Iterable[tuple[Campaign, MetricName]]) -> None:
        """It was given every leaderboard: remove what was there before and is none of these.

        Raises:
            PublishError: when some may still be there.
        """

    def step_down(self) -> None:
        """This worker publishes no more: nothing it had may be seen as new, or at all where that can be."""
