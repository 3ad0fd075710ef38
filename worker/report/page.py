"""A report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worker.report.charts import chart
from worker.report.csv_files import read_tally
from worker.report.document import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.report.document import Document

_STYLE: Final = Path(__file__).with_name("page.css")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PLACES_SHOWN: Final = 100
_GROUPS_SHOWN: Final = 50
_REASONS_SHOWN: Final = 20
_DAYS_OF_A_CURVE: Final = 2


def page(document: Document, tally: str | None = None) -> str:
    """The page. ``tally``: the daily tally as CSV, to be shown as curves over the days."""
    name = escape(document["name"])
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{name}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n",
            f"<h1>{name}</h1>\n{_about(document)}\n<main>\n",
            *_sections(document, tally),
            "</main>\n</body>\n</html>\n",
        )
    )


def _about(document: Document) -> str:
    period = f", {document['start']} to {document['end']}" if document["start"] else ""
    measured = document["measured_from"]
    when = f"measured {measured} to {document['measured_until']}" if measured else "nothing measured"
    notes = "".join(f'<p class="about">{escape(note)}</p>' for note in document["notes"])
    return f'<p class="about">{escape(document["endpoint"])}{period}; {when}</p>{notes}'


def _sections(document: Document, tally: str | None) -> Iterator[str]:
    yield _section("Totals", f'<div class="beside">{_totals(document)}{_posts(document)}</div>')
    if document["reasons"]:
        yield _section("Why not", _reasons(document["reasons"]))
    for by, groups in document.get("by", {}).items():
        yield _section(f"By {by}", _comparison(by, groups))
    if days := _curves(tally, document):
        yield _section("Day by day", days)
    yield from _figures(document, "")
    for by, groups in document.get("by", {}).items():
        shown = sorted(groups.items(), key=lambda item: -item[1]["posts"]["measured"])[:_GROUPS_SHOWN]
        for group, figures in shown:
            yield from _figures(figures, f"{by} {group}: ")
        if len(groups) > _GROUPS_SHOWN:
            yield f'<p class="about">The {_GROUPS_SHOWN} largest; the other files have every {by}.</p>'
    if document["lines"]["places"]:
        yield _section("Not readable", _places(document["lines"]))


def _figures(figures: Mapping[str, Any], whose: str) -> Iterator[str]:
    """Curves and top lists of all Posts, or of a group."""
    if curves := "".join(_curve(metric, points) for metric, points in figures.get("series", {}).items()):
        yield _section(f"{whose}Over time", curves)
    tops = "".join(_top(metric, places) for metric, places in figures["top"].items() if places)
    if tops:
        yield _section(f"{whose}Top Posts", f'<div class="beside">{tops}</div>')


def _totals(figures: Mapping[str, Any]) -> str:
    rows = [
        (escape(metric), _number(total["value"]), _number(total["posts"]))
        for metric, total in figures["totals"].items()
    ]
    if figures["engagement_rate"] is not None:
        rows.append(("engagement rate", f"{figures['engagement_rate']:.2%}", ""))
    return _table("Sums over the Posts measured", ("metric", "#total", "#Posts"), rows)


def _posts(document: Document) -> str:
    posts = document["posts"]
    rows = [
        ("given", _number(posts["given"]), "times that an ID was read"),
        ("distinct", _number(posts["distinct"]), "Posts"),
        *((name, _number(posts[name]), escape(meaning)) for name, meaning in MEANINGS.items()),
    ]
    return _table("What became of every ID", ("", "#Posts", "meaning"), rows)


def _reasons(reasons: Mapping[str, Mapping[str, int]]) -> str:
    """What is known of why Posts were not measured."""
    rows = [
        (escape(outcome), _number(count), escape(reason))
        for outcome, counted in reasons.items()
        for reason, count in islice(counted.items(), _REASONS_SHOWN)
    ]
    return _table("Posts that were not measured", ("", "#Posts", "reason"), rows)


def _comparison(by: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """The groups beside each other, a row each."""
    metrics = list(dict.fromkeys(metric for figures in groups.values() for metric in figures["totals"]))
    rows = [
        (
            escape(group),
            _number(figures["posts"]["measured"]),
            *(_number(figures["totals"][metric]["value"]) for metric in metrics),
            "n/a" if figures["engagement_rate"] is None else f"{figures['engagement_rate']:.2%}",
        )
        for group, figures in groups.items()
    ]
    header = (by, "#Posts", *(f"#{metric}" for metric in metrics), "#engagement rate")
    return _table(f"Each {by}", header, rows)


def _curves(tally: str | None, document: Document) -> str:
    """The daily tally of this report's name and endpoint as curves, once there are two days.

    Of historical those of periods as long as this report's, each at its end.
    """
    if tally is None:
        return ""
    length = _length(document["start"], document["end"])
    days: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
    for day, name, endpoint, start, end, by, _, metric, value, _ in read_tally(tally):
        ours = name.removeprefix("'") == document["name"] and endpoint == document["endpoint"]
        if not by and ours and _length(start, end) == length:
            days[metric][_short(end) if end else day] = int(value) if value else None
    return "".join(
        _drawn(metric, sorted(points.items()))
        for metric, points in days.items()
        if len(points) >= _DAYS_OF_A_CURVE
    )


def _curve(metric: str, points: Sequence[Mapping[str, Any]]) -> str:
    return _drawn(metric, [(_short(point["at"]), point["value"]) for point in points])


def _drawn(metric: str, points: Sequence[tuple[str, int | None]]) -> str:
    """A chart, and beside it the same as a table."""
    table = _table("", ("time (UTC)", f"#{metric}"), [(escape(at), _number(count)) for at, count in points])
    return (
        f'<h3>{escape(metric)}</h3><div class="beside">{chart(metric, points)}'
        f'<div class="scroll" tabindex="0">{table}</div></div>'
    )


def _top(metric: str, places: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            _number(place["rank"]),
            f'<a href="{escape(place["url"])}" rel="noreferrer">{escape(place["post_id"])}</a>'
            + (f' <span class="soft">@{escape(place["author"])}</span>' if place["author"] else ""),
            _number(place["value"]),
        )
        for place in places
    ]
    return _table(metric, ("#rank", "Post", f"#{metric}"), rows)


def _places(lines: Mapping[str, Any]) -> str:
    listed = "".join(f"<li>{escape(place)}</li>" for place in lines["places"][:_PLACES_SHOWN])
    return f"<p>{_number(lines['unreadable'])} places could not be read.</p><ul>{listed}</ul>"


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>\n"


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already; columns whose header begins with # are numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in header]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name.removeprefix("#"))}</th>'
        for name, kind in zip(header, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in rows
    )
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    table = f"<table>{told}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _number(value: int | None) -> str:
    return "n/a" if value is None else f"{value:,}"


def _length(start: str | None, end: str | None) -> timedelta | None:
    return datetime.fromisoformat(end) - datetime.fromisoformat(start) if start and end else None


def _short(at: str) -> str:
    """A moment as a curve shows it: the day, and the hour where it is not the first."""
    return at[:10] if at.endswith("T00:00:00Z") else at[:16].replace("T", " ")
