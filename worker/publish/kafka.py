"""Leaderboards on the topic ``<group>.leaderboards``: JSON, keyed ``campaign/metric``, compacted.

Only a publisher that took over writes, and no reader who minds the epochs ever sees an older leaderboard
after a newer one: docs/decisions/0013-fenced-leaderboards.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from worker.model import Campaign, MetricName, Seconds
from worker.publish.protocol import PublishError
from worker.publish.tenure import Tenure
from worker.publish.term import CLIENT_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from worker.model import Leaderboard
    from worker.publish.term import Clients, Term, Transactions
    from worker.telemetry import Telemetry

Key: TypeAlias = "tuple[Campaign, MetricName]"

_STEP: Final = 0.005
_LOOK_EVERY: Final = Seconds(1.0)
_CLOSE_TIMEOUT: Final = 2.0


def record_key(campaign: Campaign, metric: MetricName) -> bytes:
    """The record's key. A metric's name has no slash, so the last one parts the two."""
    return f"{campaign}/{metric}".encode(errors="replace")


def _key_in(record_key: bytes) -> Key:
    campaign, _, metric = record_key.decode(errors="replace").rpartition("/")
    return Campaign(campaign), MetricName(metric)


class KafkaPublisher:
    """Sends each leaderboard as a record, a withdrawn one as a tombstone, and waits until all are there.

    It is active from ``take_over`` until ``step_down``, or until it learns that another publisher took over;
    then only another ``take_over`` makes it active again. While it is not, what it is given is dropped: who
    calls ``take_over`` gives it every leaderboard after that. All calls are made in one event loop and none
    of them keeps it waiting.

    It gives its thread no more before all it gave is written or has failed: it keeps one publication while
    brokers are down.
    """

    name: Final = "kafka"

    def __init__(
        self,
        clients: Clients,
        topic: str,
        timeout: Seconds,
        *,
        telemetry: Telemetry,
        transactions: Transactions = "auto",
        look_every: Seconds = _LOOK_EVERY,
    ) -> None:
        self._clients = clients
        self._topic = topic
        self._timeout = timeout
        self._telemetry = telemetry
        self._transactions: Transactions = transactions
        self._look_every = look_every
        self._tenure: Tenure | None = None
        self._under_way: Future[bool] | None = None
        self._last_epoch = 0

    @property
    def active(self) -> bool:
        """Whether it is the publisher, for all it knows; also while it waits for brokers to take over."""
        return self._tenure is not None and not self._tenure.over

    @property
    def epoch(self) -> int | None:
        """The epoch of its records; ``None`` while it is not active, or has not taken over yet."""
        if self._tenure is None or self._tenure.over or not self._tenure.opened.done():
            return None
        return self._tenure.epoch

    def take_over(self) -> None:
        """Be the publisher: from now on brokers, or this publisher itself, refuse what another writes.

        Goes on trying until ``step_down``. Does nothing where it is active.
        """
        if not self.active:
            self._end()
            self._tenure = Tenure(
                self._clients,
                self._topic,
                transactions=self._transactions,
                after=self._last_epoch,
                look_every=self._look_every,
                telemetry=self._telemetry,
            )

    async def taken_over(self) -> None:
        """Return when it has taken over, or after the timeout."""
        tenure = self._tenure
        deadline = asyncio.get_running_loop().time() + self._timeout
        while tenure is not None and not tenure.opened.done():
            if asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(_STEP)

    def step_down(self) -> None:
        """Write no more, from now on; what is under way is taken back, if that is still possible."""
        self._end()

    def keys_there(self) -> frozenset[Key]:
        """Leaderboards on the topic that this publisher found there, and has neither written nor removed."""
        return frozenset(map(_key_in, self._tenure.unsettled)) if self._tenure and self.epoch else frozenset()

    async def settle(self, alive: Iterable[Key]) -> None:
        """Remove from the topic what is not ``alive`` and this publisher has not written: it is a ghost.

        To be called once all leaderboards are known. From then on it also removes ghosts that it finds later.

        Raises:
            PublishError: when some may still be there.
        """
        keys = {record_key(*key) for key in alive}
        await self._do(lambda term: term.settle(keys))

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """See ``Publisher.publish``."""
        boards = [(record_key(*board.key), board) for board in leaderboards]
        await self._do(lambda term: term.write(boards))

    async def withdraw(self, keys: Sequence[Key]) -> None:
        """See ``Publisher.withdraw``."""
        boards = [(record_key(*key), None) for key in keys]
        await self._do(lambda term: term.write(boards))

    async def close(self) -> None:
        """See ``Publisher.close``."""
        tenure = self._tenure
        self._end()
        if tenure is not None:
            deadline = asyncio.get_running_loop().time() + _CLOSE_TIMEOUT
            while tenure.running and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 -- a thread
                await asyncio.sleep(_STEP)

    def _end(self) -> None:
        """The tenure stays, to be known by; its thread ends by itself."""
        if self._tenure is not None:
            self._last_epoch = max(self._last_epoch, self._tenure.epoch)
            self._tenure.end()
            self._under_way = None

    async def _do(self, job: Callable[[Term], None]) -> None:
        tenure = self._tenure
        if tenure is None or tenure.over:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await _done(tenure.opened, tenure)
                if self._under_way is not None:
                    await _done(self._under_way, tenure)
                self._under_way = outcome = tenure.give(job)
                await _done(outcome, tenure)
        except TimeoutError as error:
            why = "not acknowledged" if tenure.opened.done() else f"not taken over ({tenure.trouble})"
            raise PublishError(f"{self._topic}: {why} within {self._timeout:g} s") from error
        try:
            # Where it is not done, the thread has ended: the publisher is not active any more.
            if outcome.done():
                outcome.result()
        except CLIENT_ERRORS as error:
            raise PublishError(f"{self._topic}: {error!r}") from error


async def _done(future: Future[Any], tenure: Tenure) -> None:
    """Wait until it is done, or never will be; it goes on when the waiting is given up."""
    while not future.done() and tenure.running:  # noqa: ASYNC110 -- done in a thread
        await asyncio.sleep(_STEP)
