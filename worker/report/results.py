"""What is known of all Posts of a report: their outcomes, counts and series, in columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import NOT_AVAILABLE
from worker.report.gathering import Outcome
from worker.report.series import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.model import IntArray, MetricName, Timestamp
    from worker.report.gathering import Gathering
    from worker.report.job import By
    from worker.report.posts import Posts

ALL: Final = ""
"""The group that every Post is in."""


class Results:
    """Every Post's outcome and counts. ``values``: a row for each Post, a column for each metric.

    ``by`` says which groups the series are added up for, beside all Posts.
    """

    def __init__(self, posts: Posts, metrics: Sequence[MetricName], by: Sequence[By] = ()) -> None:
        self.posts = posts
        self.metrics = tuple(metrics)
        self.outcomes = np.zeros(len(posts), dtype=np.int8)
        self.values = np.full((len(posts), len(metrics)), NOT_AVAILABLE, dtype=np.int64)
        self.reasons: dict[int, str] = {}
        self.sums = Sums()
        self.measured_first = math.inf
        self.measured_last = -math.inf
        self._groups: dict[int, list[str]] = {}
        for name, rows in groups(posts, by):
            for row in rows.tolist():
                self._groups.setdefault(row, [ALL]).append(name)

    def unsupport(self, reason: str, rows: IntArray) -> None:
        """Nothing that was asked for can be had of these."""
        self.outcomes[rows] = Outcome.UNSUPPORTED
        self.reasons |= dict.fromkeys(rows.tolist(), reason)

    def take(self, rows: IntArray, gathering: Gathering, why_not_told: str) -> None:
        """A batch is over: take what it told. Who was not told of has failed, for this reason."""
        outcomes = gathering.outcomes(why_not_told)
        self.outcomes[rows] = outcomes
        measured = outcomes == Outcome.MEASURED
        self.values[rows[measured]] = gathering.values()[measured]
        for post_id, reason in gathering.reasons.items():
            self.reasons[int(np.searchsorted(self.posts.ids, post_id))] = reason
        series = gathering.series()
        if series:
            for row in rows[measured].tolist():
                self.sums.add(self._groups.get(row, (ALL,)), series.get(self.posts.ids[row].item(), ()))

    def told_at(self, at: Timestamp) -> None:
        """An answer is as of this moment."""
        self.measured_first = min(self.measured_first, at)
        self.measured_last = max(self.measured_last, at)

    def refuse_forbidden(self, reason: str) -> None:
        """Who is still forbidden is refused: nobody else can be asked."""
        rows = np.flatnonzero(self.outcomes == Outcome.FORBIDDEN)
        self.outcomes[rows] = Outcome.REFUSED
        self.reasons |= dict.fromkeys(rows.tolist(), reason)

    def rows_in(self, outcome: Outcome) -> IntArray:
        """The rows of the Posts with this outcome."""
        return np.flatnonzero(self.outcomes == outcome)

    def count(self, outcome: Outcome) -> int:
        """How many Posts have this outcome."""
        return int(np.count_nonzero(self.outcomes == outcome))


def groups(posts: Posts, by: Sequence[By]) -> Iterator[tuple[str, IntArray]]:
    """The groups of Posts that a report is by, ``campaign:spring`` or ``author:anna``, with their rows."""
    if "campaign" in by:
        yield from ((f"campaign:{name}", rows) for name, rows in posts.campaigns.items())
    if "author" in by:
        yield from ((f"author:{name}", rows) for name, rows in posts.authors.items())
