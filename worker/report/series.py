"""Time series: read from the API's nested answers, added up over Posts."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from worker.model import MetricName, PostId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Points: TypeAlias = "Mapping[MetricName, Mapping[int, int]]"
"""Of one Post: each metric's counts by the second in which their day or hour begins."""


def points_of(tree: object) -> dict[PostId, Points]:
    """The points in a grouping by Post, metric, day and perhaps hour. What is none of them is passed over."""
    found: dict[PostId, Points] = {}
    for post_id, metrics in _items(tree):
        if post_id.isdecimal():
            found[PostId(int(post_id))] = {
                MetricName(metric): dict(_points(days)) for metric, days in _items(metrics)
            }
    return found


class Sums:
    """Sums of the series of many Posts, for each group that they are in."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, MetricName], defaultdict[int, int]]
        self._sums = defaultdict(lambda: defaultdict(int))

    def add(self, groups: Iterable[str], pieces: Iterable[Points]) -> None:
        """The series of one Post, in pieces that share no step."""
        groups = tuple(groups)
        for points in pieces:
            for metric, counts in points.items():
                for group in groups:
                    sums = self._sums[group, metric]
                    for moment, count in counts.items():
                        sums[moment] += count

    def of(self, group: str, metric: MetricName) -> list[tuple[int, int]]:
        """Moments and counts, in the order of time."""
        return sorted(self._sums[group, metric].items()) if (group, metric) in self._sums else []


def _points(days: object) -> Iterator[tuple[int, int]]:
    for day, value in _items(days):
        try:
            began = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
        if isinstance(value, dict):
            for hour, count in _items(value):
                if hour.isdecimal() and (number := _number(count)) is not None:
                    yield began + int(hour) * 3600, number
        elif (number := _number(value)) is not None:
            yield began, number


def _items(tree: object) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict):
        yield from tree.items()


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
