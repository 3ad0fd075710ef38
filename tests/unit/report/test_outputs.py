"""The files of a report: real CSV, JSON with every ID, a page that is safe to open."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.unit.report.making import NOW, TOTALS, FakeApi, document_of, given_results, ids, measure, posts
from worker.catalogue import COUNTED_SINCE, Endpoint
from worker.engagement.query import Window
from worker.model import PUBLIC_METRICS, MetricName, Timestamp
from worker.report.charts import chart
from worker.report.csv_files import append_tally, guarded, read_tally, results_csv, series_csv
from worker.report.document import Shown, make_document, notes
from worker.report.job import Job, Step
from worker.report.outputs import write_outputs
from worker.report.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from worker.report.document import Document

NASTY = "<script>alert(1)</script>\"'&"
VOID = {"meta", "br", "line", "circle", "polyline", "polygon"}


class Page(HTMLParser):
    """The elements of a page; fails where they do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture
def document(tmp_path: Path) -> Document:
    of = ids(40)
    given = posts(
        [*of, of[0]],
        campaigns={"=1+1": of[:5], NASTY: of[3:9]},
        authors={"anna": of[:20], "@ben": of[20:22]},
    )
    api = FakeApi(gone=frozenset(of[:1]), broken=frozenset(of[1:2]))
    results = measure(api, given, tmp_path, by=["campaign", "author"])
    assert results is not None
    return document_of(results, by=["campaign", "author"])


def test_csv_has_totals_and_then_the_top_of_each_metric(document: Document) -> None:
    rows = rows_of(results_csv(document))
    whole = [row for row in rows if not row["by"]]
    assert [row["metric"] for row in whole[:5]] == list(PUBLIC_METRICS)
    assert {row["part"] for row in whole[:5]} == {"total"}
    assert [(row["metric"], row["rank"]) for row in whole[5:8]] == [("favorites", str(n)) for n in (1, 2, 3)]
    assert all(row["link"] == f"https://twitter.com/lookup/status/{row['post_id']}" for row in whole[5:])
    assert {row["dataset"] for row in rows} == {"Spring"}
    assert [row["part"] for row in rows] == sorted((row["part"] for row in rows), reverse=True)


def test_csv_has_no_cell_that_a_spreadsheet_takes_for_a_formula(document: Document) -> None:
    for text in (results_csv(document), append_tally("", document)):
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert "'=1+1" in cells
        assert NASTY in cells
    assert guarded("-5") == "-5"
    assert guarded("\t=1") == "'\t=1"


def test_json_accounts_for_every_post(document: Document) -> None:
    told: dict[str, Any] = orjson.loads(orjson.dumps(document))
    assert told["posts"] == {
        "given": 41,
        "distinct": 40,
        "measured": 38,
        "unavailable": 1,
        "unsupported": 0,
        "refused": 0,
        "failed": 1,
    }
    assert told["outcomes"]["unavailable"] == [
        {"post_id": str(ids(40)[0]), "reason": "deleted, protected or suspended"}
    ]
    assert told["outcomes"]["failed"][0]["reason"] == "every request with it failed"
    assert told["counts"]["post_id"] == [str(post_id) for post_id in ids(40)[2:]]
    assert len(told["counts"]["favorites"]) == 38
    assert told["by"]["campaign"]["=1+1"]["posts"] == {
        "distinct": 5,
        "measured": 3,
        "unavailable": 1,
        "unsupported": 0,
        "refused": 0,
        "failed": 1,
    }
    assert told["top"]["favorites"][0]["author"] in {"anna", "@ben", None}


def test_a_count_that_is_not_available_is_null_and_not_0() -> None:
    results = given_results({1: (4, None), 2: (None, None), 3: (0, 1)}, ["favorites", "video_views"])
    told = document_of(results, job=Job(Endpoint.TOTALS, results.metrics))
    assert told["counts"]["favorites"] == [4, None, 0]
    assert told["totals"] == {"favorites": {"value": 4, "posts": 2}, "video_views": {"value": 1, "posts": 1}}


def test_the_page_needs_nothing_else_and_escapes_everything(document: Document) -> None:
    document["name"] = NASTY
    document["lines"] = {"unreadable": 1, "skipped": 0, "places": [f"{NASTY} line 1"]}
    text = page(document)
    read = Page(text)
    assert not {"script", "link", "img", "iframe"} & set(read.tags)
    assert all(address.startswith("https://twitter.com/lookup/status/") for address in read.addresses)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    assert f"{NASTY} line 1" in read.text


def test_of_very_many_groups_the_page_shows_the_largest(tmp_path: Path) -> None:
    of = ids(60)
    given = posts(of, authors={f"a{number}": of[: number + 1] for number in range(60)})
    results = measure(FakeApi(), given, tmp_path, by=["author"])
    assert results is not None
    text = page(document_of(results, by=["author"]))
    assert "author a59: Top Posts" in text
    assert "author a9: Top Posts" not in text
    assert "<td>a9</td>" in text
    assert "The 50 largest" in text


def test_series_are_charts_with_a_table_beside_each_and_csv() -> None:
    results = given_results({1: (4,)}, ["favorites"])
    results.sums.add([""], [{MetricName("favorites"): {1_760_000_400: 3, 1_760_004_000: 5}}])
    told = document_of(results, job=Job(Endpoint.LAST_28H, results.metrics, Step.HOUR))
    read = Page(page(told))
    assert read.tags.count("svg") == 1
    assert "2025-10-09 09:00" in read.text
    assert [(row["at"], row["value"]) for row in rows_of(series_csv(told))] == [
        ("2025-10-09T09:00:00Z", "3"),
        ("2025-10-09T10:00:00Z", "5"),
    ]


def test_zeros_before_15_september_2015_are_marked() -> None:
    window = Window(Timestamp(COUNTED_SINCE - 86_400), Timestamp(COUNTED_SINCE + 86_400))
    job = Job(Endpoint.HISTORICAL, (MetricName("impressions"), MetricName("favorites")), Step.DAY, window)
    results = given_results({1: (4, 4)}, ["impressions", "favorites"])
    days = {int(COUNTED_SINCE) - 86_400: 0, int(COUNTED_SINCE): 4}
    results.sums.add([""], [dict.fromkeys(job.metrics, days)])
    told = document_of(results, job=job)
    assert [point["value"] for point in told["series"]["favorites"]] == [None, 4]
    assert [point["value"] for point in told["series"]["impressions"]] == [0, 4]
    assert any("favorites: the API does not count before 2015-09-15" in note for note in told["notes"])
    assert notes(Job(Endpoint.HISTORICAL, job.metrics, None, Window(COUNTED_SINCE, NOW))) == []


def test_the_daily_tally_goes_on_and_has_each_day_once(document: Document, tmp_path: Path) -> None:
    first = append_tally("", document)
    assert append_tally(first, document) == first
    document["made_at"] = "2025-10-10T12:00:00Z"
    second = append_tally(first, document)
    assert second.startswith(first)
    days = [row[0] for row in read_tally(second)]
    assert (days.count("2025-10-09"), days.count("2025-10-10")) == (len(days) / 2, len(days) / 2)
    write_outputs(document, tmp_path, ("csv", "json", "html"), append=True)
    document["made_at"] = "2025-10-11T12:00:00Z"
    write_outputs(document, tmp_path, ("html",), append=True)
    assert "Day by day" in (tmp_path / "report.html").read_text()
    assert Page((tmp_path / "report.html").read_text()).tags.count("svg") == len(PUBLIC_METRICS)


def test_two_periods_of_a_day_stand_beside_each_other_in_the_tally(document: Document) -> None:
    document |= {"endpoint": "historical", "start": "2025-09-01T00:00:00Z", "end": "2025-09-02T00:00:00Z"}
    first = append_tally("", document)
    whole = page(document, first)
    assert "Day by day" not in whole
    document |= {"start": "2025-09-02T00:00:00Z", "end": "2025-09-03T00:00:00Z"}
    second = append_tally(first, document)
    assert second.startswith(first)
    assert append_tally(second, document) == second
    document |= {"start": "2025-09-01T00:00:00Z"}
    third = append_tally(second, document)
    assert {tuple(row[3:5]) for row in read_tally(third)} == {
        ("2025-09-01T00:00:00Z", "2025-09-02T00:00:00Z"),
        ("2025-09-02T00:00:00Z", "2025-09-03T00:00:00Z"),
        ("2025-09-01T00:00:00Z", "2025-09-03T00:00:00Z"),
    }
    assert "Day by day" not in page(document, third)
    document |= {"start": "2025-09-02T00:00:00Z"}
    curves = page(document, third).split("Day by day")[1].split("</section>")[0]
    assert curves.count("<svg") == len(PUBLIC_METRICS)
    assert "2025-09-02" in curves
    assert "2025-09-03" in curves


def test_a_tally_of_before_there_were_periods_is_kept(document: Document) -> None:
    fresh = append_tally("", document)
    header, *rows = (line.split(",") for line in fresh.splitlines())
    old = "".join(",".join([*row[:3], *row[5:]]) + "\r\n" for row in (header, *rows))
    document["made_at"] = "2025-10-10T12:00:00Z"
    assert append_tally(old, document) == append_tally(fresh, document)


def test_only_the_formats_asked_for_are_written(tmp_path: Path) -> None:
    document = make_document(TOTALS, Shown("x", 3, ()), given_results({1: (1,) * 5}, PUBLIC_METRICS), NOW)
    write_outputs(document, tmp_path, ("json",), append=False)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "points", [[], [("a", 0)], [("a", None)], [("a", -5), ("b", None), ("c", 9)], [("a", 3)] * 700]
)
def test_a_chart_is_drawn_of_any_points(points: list[tuple[str, int | None]]) -> None:
    drawn = chart(NASTY, points)
    assert "nan" not in drawn
    assert Page(drawn).tags[0] == "svg"
    assert drawn.count("<polyline") == sum(
        count is not None and (not at or points[at - 1][1] is None) for at, (_, count) in enumerate(points)
    )
