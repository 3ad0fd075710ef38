"""Our place in the group of owners, as the quota needs to know it: whose slots are ours, and for how long."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.engagement import Slots
    from worker.intake import BrokerWatch
    from worker.model import Clock

_LEASE: Final = 2 / 3
"""Of the session timeout. A heartbeat is at most a third of it older than what proves membership."""


_PROOFS: Final = 6
"""In a session, at least: one that comes late, or not at all, must not end the lease."""
_PROVE_EVERY: Final = 1.0


def prove_every(session: Seconds) -> Seconds:
    """How often membership is to be proved, in seconds."""
    return Seconds(min(_PROVE_EVERY, session / _PROOFS))


class Membership:
    """Gives slots and takes them away as partitions come and go; called from the client's threads.

    ``alone_goes_on``: a worker that owns every partition goes on asking while no broker can be reached, as
    there is nobody to be given them. A second worker that is started at that moment, on the other side of a
    cut, would add its requests to ours.
    """

    def __init__(self, slots: Slots, session: Seconds, clock: Clock, *, alone_goes_on: bool) -> None:
        self._slots = slots
        self._lease = _LEASE * session
        self._clock = clock
        self._alone_goes_on = alone_goes_on
        self._owned: set[int] = set()
        self._proved_at = -math.inf

    def assigned(self, partitions: Iterable[int]) -> None:
        """These are ours; it also proves that we are in the group."""
        numbers = set(partitions)
        self._owned |= numbers
        self.proved(self._clock.monotonic())
        self._slots.own(numbers)

    def revoked(self, partitions: Iterable[int]) -> None:
        """These are another's, or about to be."""
        numbers = set(partitions)
        self._owned -= numbers
        self._slots.disown(numbers)

    def proved(self, at: Seconds) -> None:
        """The group knew us at this moment (monotonic)."""
        self._proved_at = max(self._proved_at, at)
        self._slots.renew(Seconds(at + self._lease))

    def holds(self, partition: int, since: Seconds) -> bool:
        """Whether a partition is ours, and the group has known us at some time since that moment."""
        return partition in self._owned and self._proved_at > since

    def look(self, watch: BrokerWatch) -> None:
        """While no broker answers, nothing can be proved."""
        alone = len(self._owned) == self._slots.partitions
        if alone and self._alone_goes_on and watch.down is not None:
            self._slots.renew(Seconds(self._clock.monotonic() + self._lease))
