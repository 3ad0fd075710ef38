"""How long partitions were without an owner, from what the workers logged and when they lived."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Span: TypeAlias = "tuple[float, float]"
"""From and to, in epoch seconds."""


_ENDS: Final = ("sightings_revoked", "sightings_lost")
_EVENTS: Final = ("sightings_assigned", "journal_read", *_ENDS)


@dataclass(frozen=True, slots=True)
class Life:
    """A worker from its start to its end. ``frozen``: when it was stopped and could do nothing."""

    name: str
    log: str
    ended_at: float
    frozen: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Unowned:
    """The longest time that a partition had no owner; 0 seconds where each always had one."""

    seconds: float
    partition: int = -1
    begins: float = 0.0


def owned(life: Life, *, restored: bool = False) -> dict[int, list[Span]]:
    """When this worker owned each partition, by its log; ``restored``: from when it had read its journal."""
    begins = "journal_read" if restored else "sightings_assigned"
    since: dict[int, float] = {}
    spans: dict[int, list[Span]] = {}

    def ends(partition: int, at: float) -> None:
        if (began := since.pop(partition, None)) is not None:
            spans.setdefault(partition, []).extend(without([(began, at)], life.frozen))

    for line in life.log.splitlines():
        event = _event(line)
        if event is None:
            continue
        name, at, partitions = event
        for partition in partitions:
            if name == begins:
                since.setdefault(partition, at)
            elif name in _ENDS:
                ends(partition, at)
    for partition in list(since):
        ends(partition, life.ended_at)
    return spans


def longest_unowned(
    lives: Iterable[Life],
    partitions: int,
    whole: Span,
    excused: Iterable[Span] = (),
    *,
    silenced: Iterable[float] = (),
    restored: bool = False,
) -> Unowned:
    """The longest in the time ``whole``; time that is excused does not count. ``restored``: see ``owned``.

    ``silenced``: when any worker fell silent. The group then waits for that one's session to end, so that
    time counts anew.
    """
    spans: dict[int, list[Span]] = {number: [] for number in range(partitions)}
    for life in lives:
        for partition, of in owned(life, restored=restored).items():
            spans[partition] += of
    excused, silenced = list(excused), sorted(silenced)
    worst = Unowned(0.0)
    for partition, of in spans.items():
        for span in without(without([whole], of), excused):
            for begins, ends in _parted(span, silenced):
                if ends - begins > worst.seconds:
                    worst = Unowned(ends - begins, partition, begins)
    return worst


def without(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """What is left of spans outside the holes."""
    left = [(begins, ends) for begins, ends in spans if begins < ends]
    for hole_begins, hole_ends in holes:
        left = [
            (begins, ends)
            for whole_begins, whole_ends in left
            for begins, ends in (
                (whole_begins, min(whole_ends, hole_begins)),
                (max(whole_begins, hole_ends), whole_ends),
            )
            if begins < ends
        ]
    return left


def _parted(span: Span, moments: Sequence[float]) -> list[Span]:
    inside = [moment for moment in moments if span[0] < moment < span[1]]
    return list(pairwise([span[0], *inside, span[1]]))


def _event(line: str) -> tuple[str, float, Sequence[int]] | None:
    if not line.endswith("}") or not any(f'"{name}"' in line for name in _EVENTS):
        return None
    try:
        told = json.loads(line)
    except json.JSONDecodeError:
        return None  # cut off when the worker was killed
    name = told.get("event")
    if name not in _EVENTS:
        return None
    partitions = told["partitions"] if "partitions" in told else [told["partition"]]
    return name, datetime.fromisoformat(told["timestamp"]).timestamp(), partitions
