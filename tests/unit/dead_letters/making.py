"""Letters as the worker writes them, and as the topic gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.unit.intake.fakes import FakeRecord
from worker.dead_letters.letter import read_letter
from worker.intake.dead_letters import dead_letter
from worker.model import Source, Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.dead_letters.letter import Letter


@dataclass(frozen=True)
class Written:
    """A record of the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    offset: int = 0
    partition: int = 0
    timestamp: int = 1_763_719_740_125


def written(
    record: FakeRecord,
    *,
    source: Source = Source("posts", 3, 41),  # noqa: B008 -- frozen
    reason: str = "no_id",
    offset: int = 0,
    timestamp: int = 1_763_719_740_125,
) -> Written:
    parcel = dead_letter("g.dead-letters", record, source, Unreadable(reason, "nothing there."))
    return Written(parcel.key, parcel.value, parcel.headers or [], offset, 0, timestamp)


def letter(
    value: bytes | None = b"{}",
    *,
    key: bytes | None = b"k",
    headers: Sequence[tuple[str, bytes]] = (),
    source: Source = Source("posts", 3, 41),  # noqa: B008 -- frozen
    reason: str = "no_id",
    offset: int = 0,
    timestamp: int = 1_763_719_740_125,
) -> Letter:
    record = FakeRecord(value, key=key, headers=headers)
    return read_letter(written(record, source=source, reason=reason, offset=offset, timestamp=timestamp))
