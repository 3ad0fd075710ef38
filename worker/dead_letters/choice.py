"""Which dead letters are meant: the filters of the commands, read and applied."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from worker.formats.reasons import Reason
from worker.moments import parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.dead_letters.letter import Letter
    from worker.model import Timestamp

_OFFSETS: Final = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")
_SOURCE: Final = re.compile(r"([A-Za-z0-9._-]{1,249})(?::(\d{1,9})(?::(\d{1,18}))?)?")


@dataclass(frozen=True, slots=True)
class Place:
    """A topic, a partition of it, or one record in that."""

    topic: str
    partition: int | None = None
    offset: int | None = None

    def covers(self, letter: Letter) -> bool:
        """Whether the letter came from here."""
        source = letter.source
        return (
            source is not None
            and source.topic == self.topic
            and self.partition in (None, source.partition)
            and self.offset in (None, source.offset)
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The letters that all of these cover. What is empty or ``None`` covers every letter.

    ``offsets`` are of the dead-letter topic, both ends included; ``since`` is included, ``until`` is not.
    """

    reasons: frozenset[str] = frozenset()
    since: Timestamp | None = None
    until: Timestamp | None = None
    offsets: tuple[tuple[int, int], ...] = ()
    source: Place | None = None

    @classmethod
    def parse(
        cls,
        *,
        reasons: Sequence[str],
        since: str | None,
        until: str | None,
        offsets: Sequence[str],
        source: str | None,
        now: Timestamp,
    ) -> Self:
        """Read the options.

        Raises:
            ValueError: one is wrong; names it, and what would be right.
        """
        begin, end = _moment("--since", since, now), _moment("--until", until, now)
        if begin is not None and end is not None and begin >= end:
            raise ValueError("--until must be after --since")
        return cls(
            frozenset(_reason(name) for name in reasons),
            begin,
            end,
            tuple(_offsets(text) for text in offsets),
            None if source is None else _place(source),
        )

    @property
    def first(self) -> int:
        """The offset from which on there may be some."""
        return min((begin for begin, _ in self.offsets), default=0)

    @property
    def last(self) -> int | None:
        """The offset after which there is none; ``None``: there may be some up to the end."""
        return max((end for _, end in self.offsets), default=None)

    def covers(self, letter: Letter) -> bool:
        """Whether this letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
            and (not self.offsets or any(begin <= letter.offset <= end for begin, end in self.offsets))
            and (self.source is None or self.source.covers(letter))
        )


def without(offsets: Sequence[tuple[int, int]], letter: Letter) -> tuple[tuple[int, int], ...]:
    """Those of the ``offsets`` of a choice that this letter is not at."""
    return tuple((begin, end) for begin, end in offsets if not begin <= letter.offset <= end)


def as_offsets(offsets: Sequence[tuple[int, int]]) -> str:
    """As they were given: ``17, 20-22``."""
    return ", ".join(str(begin) if begin == end else f"{begin}-{end}" for begin, end in offsets)


def _moment(option: str, text: str | None, now: Timestamp) -> Timestamp | None:
    if text is None:
        return None
    try:
        return parse_moment(text, now)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def _reason(name: str) -> str:
    known = [reason.value for reason in Reason]
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1)
    right = f"did you mean {close[0]}?" if close else f"it is one of {', '.join(known)}"
    raise ValueError(f"--reason {name!r}: {right}")


def _offsets(text: str) -> tuple[int, int]:
    found = _OFFSETS.fullmatch(text.strip())
    if found is None or (found[2] is not None and int(found[2]) < int(found[1])):
        raise ValueError(f"offset {text!r}: it is a number, such as 17, or a range, such as 17-42")
    return int(found[1]), int(found[2] or found[1])


def _place(text: str) -> Place:
    found = _SOURCE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"--source {text!r}: write TOPIC, TOPIC:PARTITION or TOPIC:PARTITION:OFFSET")
    partition, offset = (None if number is None else int(number) for number in found.groups()[1:])
    return Place(found[1], partition, offset)
