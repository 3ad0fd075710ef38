"""Windows: what is taken as start and end, how they move to whole hours, and how the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.messages import RefusedError
from sandbox.window import Reach, Window, last_28_hours, read_moment, read_window, written
from tests.unit.sandbox.asking import DAY, NOON

SINCE_2014 = Reach(1_409_529_600, 0)
NOW = NOON + 1500.5


def window(start: Any = None, end: Any = None, reach: Reach = SINCE_2014, now: float = NOW) -> Window:
    return read_window(start, end, reach, now)


def refusal(start: Any = None, end: Any = None, reach: Reach = SINCE_2014) -> str:
    with pytest.raises(RefusedError) as refused:
        window(start, end, reach)
    assert refused.value.answer.status == 400
    (text,) = refused.value.answer.content["errors"]
    return str(text).removesuffix(" Please adjust your request and try again.")


def test_28_hours_are_whole_and_over() -> None:
    found = last_28_hours(NOW)
    assert found == Window(NOON - 28 * 3600, NOON)
    assert len(found.hours) == 28
    assert last_28_hours(float(NOON)) == found


def test_without_start_and_end_it_is_the_last_4_weeks_with_the_hour_that_runs() -> None:
    assert window() == Window(NOON + 3600 - 28 * DAY, NOON + 3600)
    assert window(now=float(NOON)) == Window(NOON - 28 * DAY, NOON)


def test_start_moves_down_and_end_up() -> None:
    found = window("2025-10-01T12:24:00Z", "2025-10-02T12:24:00Z")
    assert found.as_json() == {"start": "2025-10-01T12:00:00Z", "end": "2025-10-02T13:00:00Z"}
    whole = window("2025-10-01T12:00:00Z", "2025-10-02T12:00:00Z")
    assert whole.as_json() == {"start": "2025-10-01T12:00:00Z", "end": "2025-10-02T12:00:00Z"}


def test_dates_are_their_first_moments() -> None:
    assert window("2025-09-15", "2025-10-02").as_json() == {
        "start": "2025-09-15T00:00:00Z",
        "end": "2025-10-02T00:00:00Z",
    }


def test_an_end_that_is_not_given_is_4_weeks_from_the_other() -> None:
    assert window(end="2025-10-02").as_json()["start"] == "2025-09-04T00:00:00Z"
    assert window("2025-08-01").as_json()["end"] == "2025-08-29T00:00:00Z"
    assert window("2025-10-01").end == NOON + 3600


def test_4_weeks_are_taken_wherever_their_hours_lie_and_a_second_more_is_not() -> None:
    found = window("2025-09-01T00:30:00Z", "2025-09-29T00:30:00Z")
    assert len(found.hours) == 28 * 24 + 1
    text = "The time between start and end cannot exceed 4 weeks."
    assert refusal("2025-09-01T00:30:00Z", "2025-09-29T00:30:01Z") == text


def test_the_end_may_be_now_and_not_later() -> None:
    assert window("2025-10-01", written(int(NOW))).end == NOON + 3600
    assert refusal("2025-10-01", written(int(NOW) + 1)) == "end cannot be in the future."


@pytest.mark.parametrize(
    ("start", "end"),
    [("2025-10-02", "2025-10-02"), ("2025-10-03", "2025-10-02"), ("2025-12-01", None)],
)
def test_the_start_must_be_before_the_end(start: str, end: str | None) -> None:
    assert refusal(start, end) == "start must be before end."


def test_history_reaches_back_to_september_2014() -> None:
    assert window("2014-09-01", "2014-09-02").start == SINCE_2014.earliest
    text = "start cannot be before 2014-09-01T00:00:00Z."
    assert refusal("2014-08-31T23:59:59Z", "2014-09-02") == text
    assert refusal(None, "2014-09-02") == text


def test_history_can_reach_a_number_of_days_back_only() -> None:
    year = Reach(SINCE_2014.earliest, 365)
    assert window("2024-10-09T12:00:00Z", "2024-10-10", year).start == NOON - 365 * DAY
    text = "start cannot be before 2024-10-09T12:00:00Z."
    assert refusal("2024-10-09T11:59:59Z", "2024-10-10", year) == text
    assert window(reach=Reach(0, 5)).start == NOON - 5 * DAY


@pytest.mark.parametrize(
    "moment",
    [
        *("", "today", "20251001", "2025-10-1", "2025-10-01 12:00:00", "2025-10-01T12:00Z", "1759276800"),
        *("2025-10-01T12:00:00", "2025-10-01T12:00:00+02:00", "٢٠٢٥-10-01", "2025-10-01\n"),
        *(1_759_276_800, 1.5, True, [], {}),
    ],
)
def test_what_is_no_date_and_no_timestamp_is_refused(moment: object) -> None:
    for found in (refusal(moment), refusal(None, moment)):
        assert "must be a date (2015-08-01) or a timestamp in UTC (2015-07-01T12:24:00Z)" in found


@pytest.mark.parametrize("moment", ["2025-02-30", "2025-13-01", "2025-01-01T25:00:00Z", "0000-01-01"])
def test_a_date_that_never_was_is_refused(moment: str) -> None:
    assert refusal(moment) == "start is not a date that there is."


def test_fractions_of_a_second_count() -> None:
    assert read_moment("end", "2025-10-09T12:00:00.250Z") == NOON + 0.25
    assert window("2025-10-01", "2025-10-09T11:00:00.001Z").end == NOON


def test_days_are_those_with_hours_in_the_window() -> None:
    assert list(Window(NOON, NOON + 3600).days) == [NOON - DAY // 2]
    assert len(Window(NOON - DAY, NOON).days) == 2
    assert len(Window(NOON - DAY // 2, NOON + DAY // 2).days) == 1
