"""Whether a consumer is a member of its group: for whoever looks, and in the log when a join takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from worker.model import Seconds

if TYPE_CHECKING:
    from worker.intake.clients import Consumer
    from worker.model import Clock
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_LONG: Final = 3
"""Session timeouts: by then, members that died are out, and all others had the time to join."""
_DO: Final = "see whether the group's other members can join, and whether its brokers answer"


class Joining:
    """What is known of one consumer's place in its group, as of its last poll.

    It is a member once a join is complete, also when that gave it no partition. A rebalance that is over
    within a poll is not seen. The polling thread looks; any may ask.
    """

    def __init__(self, consumer: str, session: Seconds, clock: Clock, telemetry: Telemetry) -> None:
        self.consumer = consumer
        self._long = _LONG * session
        self._clock = clock
        self._joined = telemetry.joined.labels(consumer)
        self._owned = telemetry.partitions_owned.labels(consumer)
        self._member = False
        self._partitions = 0
        self._since: Seconds | None = None
        self._told = False

    def look(self, consumer: Consumer) -> None:
        """Take in what the client knows, without asking the brokers."""
        self._partitions = len(consumer.assignment())
        self._member = consumer.is_member()
        self._joined.set(self._member)
        self._owned.set(self._partitions)
        now = self._clock.monotonic()
        since = now if self._since is None else self._since
        self._tell(Seconds(now - since))
        self._since = None if self._member else since

    def under_way(self) -> str | None:
        """A sentence on the join that is under way; ``None`` when there is none."""
        since = self._since
        if self._member:
            return None
        lasts = "" if since is None else f" for {self._clock.monotonic() - since:.0f} s"
        return f"joining the group{lasts}"

    def describe(self) -> str:
        """A sentence on the place in the group."""
        joining, count = self.under_way(), self._partitions
        reads = f"reads {count} partition" + ("s" if count > 1 else "")
        if joining is not None:
            return f"{joining}, {reads} meanwhile" if count else joining
        return reads if count else "member without partitions"

    def _tell(self, lasted: Seconds) -> None:
        """Say once that a join takes long, and that such a one is complete."""
        if self._member and self._told:
            _log.info("joined_at_last", consumer=self.consumer, partitions=self._partitions)
        elif not self._member and not self._told and lasted > self._long:
            _log.warning("joining_takes_long", consumer=self.consumer, seconds=round(lasted), do=_DO)
            self._told = True
        if self._member:
            self._told = False
