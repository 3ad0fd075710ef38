"""What a request asks, apart from the Posts: endpoint, metrics, groupings, window."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from worker.catalogue import HOUR, LONGEST_WINDOW, Endpoint
from worker.model import MetricName, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POST: Final = "tweet.id"
METRIC: Final = "engagement.type"
DAYS: Final = "engagement.day"
HOURS: Final = "engagement.hour"

BY_POST: Final = "by_post"
"""The grouping that every request has first: each Post's count of each metric."""

_FULL_ORDERS: Final = ((POST, METRIC, DAYS, HOURS), (METRIC, POST, DAYS, HOURS))
_MOST_GROUPINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A period of whole hours. ``end`` is exclusive: the next window may start there."""

    start: Timestamp
    end: Timestamp

    @classmethod
    def around(cls, start: float, end: float) -> Window:
        """The whole hours that hold a period: both ends move outwards, as the API moves them."""
        return cls(Timestamp(start // HOUR * HOUR), Timestamp(-(-end // HOUR) * HOUR))

    def split(self, longest: float = LONGEST_WINDOW) -> Iterator[Window]:
        """This window in pieces that a request may ask for; they meet, and share no hour."""
        seams = [self.start]
        while seams[-1] + longest < self.end:
            seams.append(Timestamp(seams[-1] + longest))
        seams.append(self.end)
        for start, end in pairwise(seams):
            yield Window(start, end)


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask of some Posts.

    ``groupings``: further ones beside ``by_post``, at most two, each a name and its axes in order.

    Raises ``ValueError`` for what the API would refuse whatever the Posts are.
    """

    endpoint: Endpoint
    metrics: tuple[MetricName, ...]
    groupings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window: Window | None = None

    def __post_init__(self) -> None:
        unknown = [metric for metric in self.metrics if metric not in self.endpoint.metrics]
        if unknown:
            raise ValueError(f"{self.endpoint} has no {', '.join(unknown)}")
        if BY_POST in self.groupings or len(self.groupings) >= _MOST_GROUPINGS:
            raise ValueError(f"two groupings beside {BY_POST} at most, and none of its name")
        for axes in self.groupings.values():
            check_axes(axes, self.endpoint)
        if sum(len(axes) == len(_FULL_ORDERS[0]) for axes in self.groupings.values()) > 1:
            raise ValueError("one grouping by all four axes at most")


def check_axes(axes: tuple[str, ...], endpoint: Endpoint) -> None:
    """Raise ``ValueError`` for a grouping that the API refuses."""
    known = (POST, METRIC) if endpoint is Endpoint.TOTALS else _FULL_ORDERS[0]
    wrong = [axis for axis in axes if axis not in known]
    if wrong:
        raise ValueError(f"{endpoint} does not group by {', '.join(wrong)}; it knows {', '.join(known)}")
    if not axes or len(set(axes)) != len(axes):
        raise ValueError("a grouping has one to four axes, each once")
    if len(axes) == len(_FULL_ORDERS[0]) and axes not in _FULL_ORDERS:
        orders = " or ".join(", ".join(order) for order in _FULL_ORDERS)
        raise ValueError(f"a grouping by all four axes has one of these orders: {orders}")
