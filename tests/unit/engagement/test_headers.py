"""Headers about time: dates, waits, resets; and garbage, which says nothing."""

from __future__ import annotations

import pytest

from tests.unit.engagement.fakes import NOON, NOON_DATE
from worker.engagement import headers
from worker.model import Timestamp

NOW = Timestamp(NOON + 1000)
"""Our clock is 1000 seconds ahead of the server's."""

GARBAGE = [
    "",
    "soon",
    "Thu, 99999999999999999999 Jan 2020 00:00:00 GMT",
    "Thu, 01 Jan 2020 00:00:00 +99999999999999999999",
    "Thu, 31 Feb 2025 00:00:00 GMT",
    "9" * 5000,
    "nan",
    "inf",
    "-inf",
]


def test_a_date_is_read_as_gmt_with_and_without_its_zone() -> None:
    assert headers.date({"date": NOON_DATE}) == NOON
    assert headers.date({"date": NOON_DATE.replace("GMT", "-0000")}) == NOON
    assert headers.date({"date": NOON_DATE.replace("GMT", "+0100")}) == NOON - 3600


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_says_nothing(text: str) -> None:
    assert headers.date({"date": text}) is None
    assert headers.retry_after({"retry-after": text}, NOW) is None
    assert headers.until_reset({"x-per-minute-reset": text}, NOW) in (None, 61.0)


def test_missing_headers_say_nothing() -> None:
    assert headers.date({}) is None
    assert headers.retry_after({}, NOW) is None
    assert headers.until_reset({}, NOW) is None


def test_retry_after_gives_seconds() -> None:
    assert headers.retry_after({"retry-after": "7"}, NOW) == 7.0
    assert headers.retry_after({"retry-after": "0.5"}, NOW) == 0.5


def test_retry_after_of_nothing_or_less_says_nothing() -> None:
    assert headers.retry_after({"retry-after": "0"}, NOW) is None
    assert headers.retry_after({"retry-after": "-5"}, NOW) is None
    assert headers.retry_after({"retry-after": NOON_DATE}, NOW) is None


def test_retry_after_as_a_date_is_measured_by_the_servers_clock() -> None:
    in_half_a_minute = NOON_DATE.replace("12:00:00", "12:00:30")
    assert headers.retry_after({"retry-after": in_half_a_minute, "date": NOON_DATE}, NOW) == 30.0
    assert headers.retry_after({"retry-after": in_half_a_minute}, Timestamp(NOON)) == 30.0


def test_a_reset_is_measured_by_the_servers_clock() -> None:
    reset = str(int(NOON) + 42)
    assert headers.until_reset({"x-per-minute-reset": reset, "date": NOON_DATE}, NOW) == 42.0
    assert headers.until_reset({"x-per-minute-reset": reset}, Timestamp(NOON)) == 42.0


def test_a_reset_in_the_past_is_now_and_one_far_ahead_is_a_minute_away() -> None:
    assert headers.until_reset({"x-per-minute-reset": "37", "date": NOON_DATE}, NOW) == 0.0
    milliseconds = str(int(NOON) * 1000)
    assert headers.until_reset({"x-per-minute-reset": milliseconds, "date": NOON_DATE}, NOW) == 61.0


def test_a_whole_number_is_read_and_nothing_else() -> None:
    assert headers.whole("60") == 60
    assert headers.whole("-1") == -1
    assert headers.whole(None) is None
    assert headers.whole("60, 60") is None
    assert headers.whole("6.5") is None
