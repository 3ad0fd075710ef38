"""Where every produced ID is: tracked by one worker, retired, or a dead letter. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True, slots=True)
class Produced:
    """What the brokers acknowledged. An ID is in at most one of the first three.

    Attributes:
        kept: must be tracked.
        leaving: may be retired by age, or their delete notice was not acknowledged: tracked or gone.
        deleted: must be gone, for their delete notice was acknowledged.
        unreadable: values that must be dead letters.
        tried: all IDs ever sent, acknowledged or not.
    """

    kept: AbstractSet[int]
    leaving: AbstractSet[int] = frozenset()
    deleted: AbstractSet[int] = frozenset()
    unreadable: AbstractSet[bytes] = frozenset()
    tried: AbstractSet[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is wrong with where the IDs are; all empty where nothing is."""

    lost: Sequence[int] = ()
    twice: Mapping[int, Sequence[str]] = field(default_factory=dict)
    undead: Sequence[int] = ()
    strangers: Sequence[int] = ()
    lost_unreadable: Sequence[bytes] = ()

    @property
    def are_right(self) -> bool:
        """Whether every ID is where it must be."""
        return not (self.lost or self.twice or self.undead or self.strangers or self.lost_unreadable)


def account(
    produced: Produced,
    trackers: Mapping[int, Sequence[str]],
    dead_letters: AbstractSet[bytes],
    retired: AbstractSet[int] | None = None,
) -> Accounts:
    """Judge it.

    Args:
        produced: what the brokers acknowledged.
        trackers: by ID, the workers that track it.
        dead_letters: values in the dead-letter topic.
        retired: IDs that the journal says are retired; ``None`` where there is no journal, and then an ID
            that may leave is not missed when it is gone.
    """
    tracked = {post_id for post_id, workers in trackers.items() if workers}
    lost = produced.kept - tracked
    if retired is not None:
        lost |= produced.leaving - tracked - retired
    known = produced.kept | produced.leaving | produced.deleted | produced.tried
    return Accounts(
        lost=tuple(sorted(lost)),
        twice={one: workers for one, workers in sorted(trackers.items()) if len(workers) > 1},
        undead=tuple(sorted(produced.deleted & tracked)),
        strangers=tuple(sorted(tracked - known)),
        lost_unreadable=tuple(sorted(produced.unreadable - dead_letters)),
    )
