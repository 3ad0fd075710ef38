"""A report as CSV, in the order that users of the Ruby client know: totals, then the top of each metric.

Texts that came from outside and that a spreadsheet would take for a formula get an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.report.document import Document

RESULTS: Final = (
    *("dataset", "part", "by", "group", "metric", "rank"),
    *("value", "posts", "post_id", "author", "link"),
)
SERIES: Final = ("dataset", "by", "group", "metric", "at", "value")
TALLY: Final = (
    *("date", "dataset", "endpoint", "start", "end"),
    *("by", "group", "metric", "value", "posts"),
)
_TALLY_KEY: Final = 5
_WITHOUT_PERIOD: Final = len(TALLY) - 2
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def results_csv(document: Document) -> str:
    """Totals, engagement rate and top N: of all Posts, then of each campaign and author."""
    rows: list[Sequence[object]] = []
    for part in (_totals, _top):
        for by, group, figures in _groups(document):
            rows += ((document["name"], *row) for row in part(by, group, figures))
    return _written(RESULTS, rows)


def series_csv(document: Document) -> str:
    """The time series, one count a row."""
    return _written(
        SERIES,
        (
            (document["name"], by, group, metric, point["at"], point["value"])
            for by, group, figures in _groups(document)
            for metric, points in figures.get("series", {}).items()
            for point in points
        ),
    )


def append_tally(before: str, document: Document) -> str:
    """The daily tally with this report's totals of its day and period, in place of earlier ones of these."""
    period = (document["start"] or "", document["end"] or "")
    head = (document["made_at"][:10], guarded(document["name"]), document["endpoint"], *period)
    fresh = [
        (*head, by, guarded(group), metric, total["value"], total["posts"])
        for by, group, figures in _groups(document)
        for metric, total in figures["totals"].items()
    ]
    kept = [row for row in read_tally(before) if tuple(row[:_TALLY_KEY]) != head]
    return _written(TALLY, [*kept, *fresh])


def read_tally(text: str) -> list[list[str]]:
    """The rows of a daily tally, without its header. Rows of before there were periods in it have none."""
    rows = [
        [*row[:3], "", "", *row[3:]] if len(row) == _WITHOUT_PERIOD else row
        for row in csv.reader(io.StringIO(text))
    ]
    return [row for row in rows if len(row) == len(TALLY) and row[0] != TALLY[0]]


def guarded(text: str | None) -> str:
    """A text from outside as a cell that no spreadsheet takes for a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not text[1:].isdecimal() else text


def _groups(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """All Posts, then each campaign and author."""
    yield "", "", document
    for by, found in document.get("by", {}).items():
        for group, figures in found.items():
            yield by, group, figures


def _totals(by: str, group: str, figures: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for metric, total in figures["totals"].items():
        yield ("total", by, group, metric, "", total["value"], total["posts"], "", "", "")
    if figures["engagement_rate"] is not None:
        rate = f"{figures['engagement_rate']:.6f}"
        yield ("total", by, group, "engagement_rate", "", rate, "", "", "", "")


def _top(by: str, group: str, figures: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for metric, places in figures["top"].items():
        for place in places:
            yield (
                *("top", by, group, metric, place["rank"], place["value"], ""),
                *(place["post_id"], place["author"], place["url"]),
            )


def _written(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()
