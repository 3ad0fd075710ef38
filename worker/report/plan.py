"""Which requests a report needs: as few as there can be, known before any of them is made.

Pure and repeatable: the same Posts, job, owners and time give the same requests in the same order. That is
what lets an interrupted report go on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.catalogue import COUNTED_SINCE, ZERO_BEFORE_2015, Endpoint
from worker.engagement.query import Query
from worker.model import creation_times
from worker.report.dates import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.catalogue import Reach
    from worker.engagement.accounts import Account
    from worker.engagement.query import Window
    from worker.model import FloatArray, IntArray, MetricName, Timestamp
    from worker.report.job import Job
    from worker.report.posts import Posts

_NOT_COUNTED: Final = f"{{}}: the API does not count before {iso(COUNTED_SINCE)}, and the period ends before"


@dataclass(frozen=True, slots=True)
class Batch:
    """Posts that are asked for together: a request for each query, all with the same token.

    ``rows``: of the Posts, in order. Several queries are the pieces of one long window.
    """

    rows: IntArray
    queries: tuple[Query, ...]
    account: Account | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All requests; and Posts that none of them can tell anything of, each reason with its rows."""

    batches: Sequence[Batch]
    unsupported: Mapping[str, IntArray]

    @property
    def pieces(self) -> int:
        """How many pieces of a long window are asked for, of one Post or another."""
        return len({query.window for batch in self.batches for query in batch.queries if query.window})

    @property
    def requests(self) -> int:
        """How many requests it takes, if none has to be repeated."""
        return sum(len(batch.queries) for batch in self.batches)


def make_plan(
    posts: Posts,
    job: Job,
    owners: Mapping[Account, IntArray],
    reach: Reach,
    now: Timestamp,
    *,
    rows: IntArray | None = None,
) -> Plan:
    """The requests for these Posts. ``owners``: the rows of the Posts of each account that gave permission.

    ``rows``: only these, and all of them as unowned.
    """
    unowned = np.arange(len(posts), dtype=np.int64) if rows is None else rows
    if owners and rows is None:
        unowned = np.setdiff1d(unowned, np.concatenate(list(owners.values())), assume_unique=False)
    groups = [(None, unowned), *(owners.items() if rows is None else ())]
    created = creation_times(posts.ids)
    batches: list[Batch] = []
    unsupported: defaultdict[str, list[IntArray]] = defaultdict(list)
    for account, group in groups:
        metrics = tuple(m for m in job.endpoint.metrics_for(owned=account is not None) if m in job.metrics)
        if not len(group):
            continue
        if not metrics:
            unsupported[_why_not(job)].append(group)
        elif job.endpoint is Endpoint.TOTALS:
            for askable, part in _by_reach(group, metrics, reach, now - created[group]):
                if askable:
                    query = Query(job.endpoint, askable)
                    batches += (Batch(seats, (query,), account) for seats in _parts(part, job.endpoint.seats))
                else:
                    unsupported[f"too old for {', '.join(metrics)}"].append(part)
        elif queries := _series_queries(job, metrics):
            batches += _series(group, queries, account, created)
        else:
            unsupported[_NOT_COUNTED.format(", ".join(metrics))].append(group)
    return Plan(batches, {why: np.sort(np.concatenate(rows)) for why, rows in unsupported.items()})


def _why_not(job: Job) -> str:
    if job.endpoint.needs_owner:
        return f"{job.endpoint.value} needs the token of the account that the Post belongs to"
    return f"{', '.join(job.metrics)}: only with the token of the account that the Post belongs to"


def _by_reach(
    rows: IntArray, metrics: tuple[MetricName, ...], reach: Reach, ages: FloatArray
) -> Iterator[tuple[tuple[MetricName, ...], IntArray]]:
    """Posts by the totals that are had of them at their ages, so that the old share requests."""
    kinds = np.zeros(len(rows), dtype=np.int64)
    for bit, metric in enumerate(metrics):
        oldest = reach.of(metric)
        # An ID without a time in it is from before 2010, older than any reach.
        within = np.ones(len(rows), dtype=bool) if oldest is None else ages <= oldest
        kinds |= within.astype(np.int64) << bit
    for kind in sorted(set(kinds.tolist()), reverse=True):
        yield tuple(metric for bit, metric in enumerate(metrics) if kind >> bit & 1), rows[kinds == kind]


def _series_queries(job: Job, metrics: tuple[MetricName, ...]) -> list[Query]:
    """What to ask of 28hr and historical: a query for each piece of the window where they count."""
    if job.window is None:
        return [Query(job.endpoint, metrics, job.groupings)]
    pieces = [(window, _counted(metrics, window)) for window in job.window.split()]
    return [Query(job.endpoint, counted, job.groupings, piece) for piece, counted in pieces if counted]


def _series(
    rows: IntArray, queries: Sequence[Query], account: Account | None, created: FloatArray
) -> Iterator[Batch]:
    """Requests for 28hr and historical, each with those of the queries that may tell of its Posts."""
    for part in _parts(rows, queries[0].endpoint.seats):
        # Before a Post was made it had no engagements: pieces before the first of them say nothing.
        first = np.where(np.isnan(created[part]), -np.inf, created[part]).min()
        telling = [query for query in queries if query.window is None or query.window.end > first]
        yield Batch(part, tuple(telling or queries[-1:]), account)


def _counted(metrics: tuple[MetricName, ...], window: Window) -> tuple[MetricName, ...]:
    """The metrics that the API counted in this piece; before 15 September 2015 it reads 0 for some."""
    if window.end > COUNTED_SINCE:
        return metrics
    return tuple(metric for metric in metrics if metric not in ZERO_BEFORE_2015)


def _parts(rows: IntArray, size: int) -> list[IntArray]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]
