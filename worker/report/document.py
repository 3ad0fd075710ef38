"""A report as one document of plain values: the JSON file, and what the other formats are written from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from worker.catalogue import COUNTED_SINCE, ZERO_BEFORE_2015, Endpoint
from worker.model import NOT_AVAILABLE, post_url
from worker.report.dates import iso
from worker.report.gathering import Outcome
from worker.report.results import ALL, groups
from worker.report.tally import tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.model import IntArray, MetricName, Timestamp
    from worker.report.job import By, Job
    from worker.report.results import Results
    from worker.report.tally import Tally

Document: TypeAlias = "dict[str, Any]"

OUTCOMES: Final = (
    Outcome.MEASURED,
    Outcome.UNAVAILABLE,
    Outcome.UNSUPPORTED,
    Outcome.REFUSED,
    Outcome.FAILED,
)
"""In one of these every Post is in the end."""

MEANINGS: Final = {
    "measured": "counts were given",
    "unavailable": "deleted, protected or suspended",
    "unsupported": "nothing that was asked for is to be had of them",
    "refused": "the API does not give them to this token",
    "failed": "no answer told of them",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How a report is to be shown."""

    name: str
    top: int
    by: Sequence[By]


def make_document(job: Job, shown: Shown, results: Results, made_at: Timestamp) -> Document:
    """The whole report."""
    posts = results.posts
    measured = results.rows_in(Outcome.MEASURED)
    authors = _authors(results)
    document: Document = {
        "name": shown.name,
        **job.described(),
        "made_at": iso(made_at),
        "measured_from": _moment(results.measured_first),
        "measured_until": _moment(results.measured_last),
        "posts": {
            "given": posts.given,
            "distinct": len(posts),
            **{outcome.name.lower(): results.count(outcome) for outcome in OUTCOMES},
        },
        "lines": {
            "unreadable": posts.unreadable_count,
            "skipped": posts.skipped,
            "places": list(posts.unreadable),
        },
        "reasons": _reasons(results),
        "notes": notes(job),
        **_figures(results, measured, shown.top, authors),
    }
    by = {
        kind: {
            group.partition(":")[2]: _group(results, group, rows, shown.top, authors)
            for group, rows in groups(posts, (kind,))
        }
        for kind in shown.by
    }
    if by:
        document["by"] = by
    if job.step is not None:
        document["series"] = _series(results, ALL)
    document["outcomes"] = _outcomes(results)
    document["counts"] = _counts(results, measured)
    return document


def notes(job: Job) -> list[str]:
    """What a reader of the figures must know."""
    said: list[str] = []
    early = [metric for metric in job.metrics if metric in ZERO_BEFORE_2015]
    if job.window is not None and job.window.start < COUNTED_SINCE and early:
        said.append(
            f"{', '.join(early)}: the API does not count before {iso(COUNTED_SINCE)}; "
            "there they are not available, although it says 0"
        )
    if job.endpoint is Endpoint.TOTALS and "video_views" in job.metrics:
        said.append("video_views on totals are of every Post in which the video appears")
    return said


def _reasons(results: Results) -> Document:
    """Of each outcome the reasons that say more than its name, with how many Posts have them; many first."""
    counted = {
        outcome.name.lower(): Counter(
            results.reasons[row] for row in results.rows_in(outcome).tolist() if row in results.reasons
        )
        for outcome in OUTCOMES
    }
    return {name: dict(reasons.most_common()) for name, reasons in counted.items() if reasons}


def _figures(results: Results, rows: IntArray, top: int, authors: Mapping[int, str]) -> Document:
    tallied = tally(results.posts.ids[rows], results.values[rows], results.metrics, top)
    return {
        "engagement_rate": tallied.engagement_rate,
        "totals": {
            metric: {"value": total.value, "posts": total.posts} for metric, total in tallied.totals.items()
        },
        "top": _top(tallied, authors),
    }


def _top(tallied: Tally, authors: Mapping[int, str]) -> dict[MetricName, list[Document]]:
    return {
        metric: [
            {
                "rank": place.rank,
                "post_id": str(place.post_id),
                "value": place.value,
                "author": authors.get(place.post_id),
                "url": post_url(place.post_id),
            }
            for place in places
        ]
        for metric, places in tallied.top.items()
    }


def _group(results: Results, group: str, rows: IntArray, top: int, authors: Mapping[int, str]) -> Document:
    outcomes = results.outcomes[rows]
    measured = rows[outcomes == Outcome.MEASURED]
    counted = {outcome.name.lower(): int((outcomes == outcome).sum()) for outcome in OUTCOMES}
    document = {"posts": {"distinct": len(rows), **counted}, **_figures(results, measured, top, authors)}
    if series := _series(results, group):
        document["series"] = series
    return document


def _series(results: Results, group: str) -> dict[MetricName, list[Document]]:
    """Each metric's counts by the time at which their day or hour begins."""
    return {
        metric: [
            {"at": iso(moment), "value": None if _is_not_counted(metric, moment) else count}
            for moment, count in points
        ]
        for metric in results.metrics
        if (points := results.sums.of(group, metric))
    }


def _is_not_counted(metric: MetricName, moment: int) -> bool:
    return metric in ZERO_BEFORE_2015 and moment < COUNTED_SINCE


def _outcomes(results: Results) -> Document:
    """The Posts that were not measured, each with why; who was measured stands in ``counts``."""
    ids = results.posts.ids
    return {
        outcome.name.lower(): [
            {"post_id": str(ids[row]), "reason": results.reasons.get(row, MEANINGS[outcome.name.lower()])}
            for row in results.rows_in(outcome).tolist()
        ]
        for outcome in OUTCOMES
        if outcome is not Outcome.MEASURED
    }


def _counts(results: Results, measured: IntArray) -> Document:
    """The counts of each Post, by columns: a hundred thousand objects would be several times as large."""
    columns: Document = {"post_id": list(map(str, results.posts.ids[measured].tolist()))}
    for column, metric in enumerate(results.metrics):
        values: IntArray = results.values[measured, column]
        lacking = values == NOT_AVAILABLE
        counts: list[int | None] = values.tolist()
        for row in np.flatnonzero(lacking).tolist():
            counts[row] = None
        columns[metric] = counts
    return columns


def _authors(results: Results) -> dict[int, str]:
    """The author of each Post, where one is known."""
    ids = results.posts.ids
    return {
        post_id: author for author, rows in results.posts.authors.items() for post_id in ids[rows].tolist()
    }


def _moment(at: float) -> str | None:
    return iso(at) if np.isfinite(at) else None
