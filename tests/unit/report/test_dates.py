"""Dates in all the forms that people write."""

from __future__ import annotations

import pytest

from worker.catalogue import DAY, HOUR
from worker.model import Timestamp
from worker.report.dates import iso, parse_moment, parse_window

NOW = Timestamp(1_760_011_230.0)  # 9 October 2025, 12:00:30 UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("201507011224", "2015-07-01T12:24:00Z"),
        ("2015-07-01", "2015-07-01T00:00:00Z"),
        ("2015-07-01 12:24", "2015-07-01T12:24:00Z"),
        ("2015-07-01T12:24:00Z", "2015-07-01T12:24:00Z"),
        ("2015-07-01T12:24:00+02:00", "2015-07-01T10:24:00Z"),
        (" 2015-07-01T12:24 ", "2015-07-01T12:24:00Z"),
        ("7d", "2025-10-02T12:00:30Z"),
        ("6h", "2025-10-09T06:00:30Z"),
        ("30m", "2025-10-09T11:30:30Z"),
        ("7d ago", "2025-10-02T12:00:30Z"),
    ],
)
def test_every_form_is_read(text: str, expected: str) -> None:
    assert iso(parse_moment(text, NOW)) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7w", "-7d", "2015-13-01", "201513011224", "2015-02-30", "9999999d"]
)
def test_what_is_no_date_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="is no date; write YYYYMMDDHHMM"):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2015-07-01T12:24:00Z", "2015-07-03 10:01", ("2015-07-01T12:00:00Z", "2015-07-03T11:00:00Z")),
        ("2015-07-01", None, ("2015-07-01T00:00:00Z", "2015-07-29T00:00:00Z")),
        (None, "2015-07-29", ("2015-07-01T00:00:00Z", "2015-07-29T00:00:00Z")),
        (None, None, ("2025-09-11T12:00:00Z", "2025-10-09T12:00:00Z")),
        ("7d", None, ("2025-10-02T12:00:00Z", "2025-10-09T12:00:00Z")),
        ("2014-09-01", "2015-12-01", ("2014-09-01T00:00:00Z", "2015-12-01T00:00:00Z")),
    ],
)
def test_windows_are_whole_hours_that_are_over(
    start: str | None, end: str | None, expected: tuple[str, str]
) -> None:
    window = parse_window(start, end, NOW)
    assert (iso(window.start), iso(window.end)) == expected


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-10-09", "2025-10-08"),
        ("2025-10-09 12:00", None),
        ("2025-10-09", "2025-10-09"),
        ("90m", "90m"),
        ("2025-10-08 13:40", "2025-10-08 13:20"),
    ],
)
def test_a_window_without_an_hour_is_refused(start: str, end: str | None) -> None:
    with pytest.raises(ValueError, match="--end must be after --start"):
        parse_window(start, end, NOW)


@pytest.mark.parametrize(("start", "end"), [("2025-10-10", None), ("2025-10-01", "2025-10-11")])
def test_the_future_is_refused(start: str, end: str | None) -> None:
    with pytest.raises(ValueError, match="future"):
        parse_window(start, end, NOW)


EARLIEST = parse_moment("2014-09-01 10:30", NOW)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2014-09-01 10:00", "2014-09-02", "2014-09-01T11:00:00Z"),
        ("2014-09-01 10:35", "2014-09-02", "2014-09-01T11:00:00Z"),
        (None, "2014-09-12", "2014-09-01T11:00:00Z"),
        ("2014-10-01", "2014-10-02", "2014-10-01T00:00:00Z"),
    ],
)
def test_nothing_is_asked_for_from_before_the_api_has_anything(
    start: str | None, end: str, expected: str
) -> None:
    assert iso(parse_window(start, end, NOW, EARLIEST).start) == expected


def test_a_start_before_the_api_has_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing from before 2014-09-01T10:30:00Z"):
        parse_window("2014-08-31", "2014-09-02", NOW, EARLIEST)


def test_long_windows_are_split_into_pieces_that_meet() -> None:
    pieces = list(parse_window("2015-01-01", "2015-04-01", NOW).split())
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert sum(piece.end - piece.start for piece in pieces) == 90 * DAY
    assert all(HOUR <= piece.end - piece.start <= 28 * DAY for piece in pieces)
