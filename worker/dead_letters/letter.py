"""A record of the dead-letter topic, read: what ``intake/dead_letters.py`` wrote, taken apart again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.model import Source, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

FOREIGN: Final = "not_a_letter"
"""The reason shown of a record that no worker wrote."""

_OURS: Final = ("reason", "detail", "topic", "partition", "offset")
_CUT: Final = {"bytes": "value", "key_bytes": "key", "headers_left_out": "headers"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: where it stands and since when, why, where it came from, and the record as it was.

    ``headers`` are the record's own. ``cut`` names what was too long to be kept: value, key, headers.
    ``source`` is ``None`` where a record of the topic is no letter.
    """

    partition: int
    offset: int
    at: Timestamp
    reason: str
    detail: str
    source: Source | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    cut: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it stands in the dead-letter topic: its offset, after the partition if that is not 0."""
        return f"{self.partition}:{self.offset}" if self.partition else str(self.offset)

    @property
    def came_from(self) -> str:
        """``topic:partition:offset`` of the record, or ``-``."""
        source = self.source
        return "-" if source is None else f"{source.topic}:{source.partition}:{source.offset}"

    @property
    def obstacle(self) -> str | None:
        """Why the record cannot be sent again as it was; ``None`` when it can."""
        if self.source is None:
            return "it is no dead letter of this worker: it does not say where it came from"
        if self.cut:
            return f"its {' and '.join(self.cut)} {'was' if len(self.cut) == 1 else 'were'} too long to keep"
        if self.key is None and self.value is None:
            return "it has neither key nor value, and no such record can be sent"
        return None


def read_letter(record: Any) -> Letter:  # noqa: ANN401 -- kafka-python is untyped
    """A record of the dead-letter topic as a letter."""
    headers = [(name, content or b"") for name, content in record.headers or ()]
    begin = _begin_of_ours(headers)
    ours = {name: content.decode(errors="replace") for name, content in headers[begin:]}
    source = _source(ours)
    if source is None:
        begin, ours = len(headers), {}
    return Letter(
        partition=record.partition,
        offset=record.offset,
        at=Timestamp(max(0, record.timestamp) / 1000),
        reason=ours.get("reason", FOREIGN),
        detail=ours.get("detail", "A record that no worker wrote."),
        source=source,
        key=record.key,
        value=None if "null" in ours else record.value,
        headers=tuple(headers[:begin]),
        cut=tuple(part for name, part in _CUT.items() if name in ours),
    )


def _begin_of_ours(headers: Sequence[tuple[str, bytes]]) -> int:
    """Ours come last: those of the record itself may have the same names."""
    for begin in range(len(headers) - len(_OURS), -1, -1):
        if tuple(name for name, _ in headers[begin : begin + len(_OURS)]) == _OURS:
            return begin
    return len(headers)


def _source(ours: dict[str, str]) -> Source | None:
    try:
        return Source(ours["topic"], int(ours["partition"]), int(ours["offset"]))
    except (KeyError, ValueError):
        return None
