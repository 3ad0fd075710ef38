"""kafka-python's group member, with two faults of its version 3.0.12 mended, and one cost.

When a member learns in the middle of a rejoin that the group does not know it any more, it joins as a new
one, tells the group that it still owns what it had, and calls no listener for what it is given back. Others
may have owned that meanwhile.

A rejoin because a topic appeared or got more partitions is looked after only until the leader of the group
has assigned: where ``poll`` returns between that and the answer, no later one takes the answer up, and the
member owns what it had, without heartbeats and without commits, until the process ends.

A ``poll`` without records waits for its I/O thread three times, and once only to hear that the coordinator is
known. Here it is asked only where it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

if TYPE_CHECKING:
    from collections.abc import Callable


class _Assignor(CooperativeStickyAssignor):  # type: ignore[misc]  # kafka-python is untyped
    """Partitions move one by one. A member that the group does not know owns nothing, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.is_expelled: Callable[[], bool] = lambda: False
        self.began: Callable[[], None] = lambda: None
        self.joined: Callable[[int], None] = lambda _: None

    def metadata(self, topics: Any) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        """What is told to the group at a join: of what is owned, too."""
        self.began()
        if self.is_expelled():
            self.member_assignment = None
        return super().metadata(topics)

    def on_assignment(self, assignment: Any, generation: int) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """A join is complete. Called in the client's I/O thread, before its listener."""
        super().on_assignment(assignment, generation)
        self.joined(generation)


class GroupMember(KafkaConsumer):  # type: ignore[misc]  # kafka-python is untyped
    """A consumer of a group, with the cooperative assignor and the options of ``KafkaConsumer``."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        self._assignor = _Assignor()
        super().__init__(partition_assignment_strategy=[self._assignor], **options)
        self._assignor.is_expelled = self._is_expelled
        # Whatever the join is for: it is wanted until it is complete.
        self._assignor.began = self._coordinator.request_rejoin
        find = self._coordinator.ensure_coordinator_ready
        self._coordinator.ensure_coordinator_ready = lambda timeout_ms=None: (
            self._is_coordinator_known() or find(timeout_ms)
        )

    def on_joined(self, call: Callable[[int], None]) -> None:
        """Have this called with the generation of each join that completes, before any listener is."""
        self._assignor.joined = call

    def is_member(self) -> bool:
        """Whether a join is complete and no other is under way, as far as is known without asking."""
        return bool(self.group_metadata().state is MemberState.STABLE)

    def _is_coordinator_known(self) -> bool:
        """Whether there is one, and a connection to it. Changes nothing, so that any thread may ask."""
        coordinator = self._coordinator.coordinator_id
        return coordinator is not None and not self._client.is_disconnected(coordinator)

    def _is_expelled(self) -> bool:
        known = self.group_metadata()
        return known.generation_id < 0 or not known.member_id
