"""The clock's settings: real time unless told, and another pace only with all that it needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.settings.environment import faults_of, faults_of_alone, loaded
from worker.model import REAL_TIME, Pace
from worker.settings.types import parse_moment, write_moment

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = {"ENGAGEMENT__URL": "http://127.0.0.1:8090"}
FAST = SANDBOX | {"CLOCK__SPEED": "60"}


def ago(seconds: float) -> str:
    return str(time.time() - seconds)


def names(**variables: str) -> list[str]:
    return [fault.name for fault in faults_of(**variables)]


def test_time_is_real_unless_told() -> None:
    assert loaded().clock.pace == REAL_TIME
    assert loaded(CLOCK__SINCE="2001-01-01").clock.pace.is_real


def test_a_pace_begins_at_its_moment() -> None:
    since = parse_moment(ago(30))
    told = loaded(**FAST, CLOCK__SINCE=write_moment(since)).clock.pace
    assert told == Pace(60.0, since)  # type: ignore[arg-type]  # a moment


def test_a_file_may_have_the_moment_as_its_own_kind_of_time(tmp_path: Path) -> None:
    text = write_moment(int(time.time()))
    settings = loaded(f"[clock]\nspeed = 60\nsince = {text}", tmp_path, **SANDBOX)
    assert write_moment(settings.clock.since or 0) == text


def test_a_pace_without_its_beginning_says_what_is_missing() -> None:
    (fault,) = faults_of(**FAST)
    assert (fault.name, fault.value) == ("clock.since", "not set")
    assert "such as 2" in fault.right


@pytest.mark.parametrize("seconds", [-60, 86_400 + 60, 400 * 86_400])
def test_it_began_in_the_past_and_at_most_a_day_ago(seconds: float) -> None:
    (fault,) = faults_of(**FAST, CLOCK__SINCE=ago(seconds))
    assert fault.name == "clock.since"
    assert "at most a day ago" in fault.right
    assert loaded(**FAST, CLOCK__SINCE=ago(86_400 - 60)).clock.speed == 60


@pytest.mark.parametrize("speed", ["0", "0.99", "1001", "-60", "nan", "inf", "fast"])
def test_a_speed_is_from_one_to_a_thousand(speed: str) -> None:
    assert names(**SANDBOX, CLOCK__SPEED=speed, CLOCK__SINCE=ago(1)) == ["clock.speed"]


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "-5", "1e400", "9" * 400, "10000-01-01"])
def test_what_is_no_moment_is_refused_with_what_would_be_right(text: str) -> None:
    (fault,) = [fault for fault in faults_of(**FAST, CLOCK__SINCE=text) if fault.value != "not set"]
    assert fault.name == "clock.since"
    assert "such as 2026-11-22T09:00:00Z" in fault.right


@pytest.mark.parametrize(
    "url",
    [
        "https://data-api.twitter.com",
        "http://10.0.0.7:8090",
        "http://sandbox:8090",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0:80",
    ],
)
def test_another_api_than_one_of_this_machine_is_never_asked_at_another_pace(url: str) -> None:
    (fault,) = faults_of(CLOCK__SPEED="60", CLOCK__SINCE=ago(1), ENGAGEMENT__URL=url)
    assert (fault.name, fault.value) == ("clock.speed", "60")
    assert "engagement.url" in fault.right
    assert url in fault.right
    loaded(CLOCK__SPEED="1", CLOCK__SINCE=ago(1), ENGAGEMENT__URL=url)


@pytest.mark.parametrize("url", ["http://localhost:80", "http://127.0.0.9/", "http://[::1]:8090"])
def test_addresses_of_this_machine_are_taken(url: str) -> None:
    assert loaded(CLOCK__SPEED="2", CLOCK__SINCE=ago(1), ENGAGEMENT__URL=url).clock.speed == 2


def test_nor_is_a_token_fetched_from_another() -> None:
    key = {"ENGAGEMENT__CONSUMER_KEY": "k", "ENGAGEMENT__CONSUMER_SECRET": "s", "KAFKA__TOPIC": "a"}
    (fault,) = faults_of_alone(**FAST, **key, CLOCK__SINCE=ago(1))
    assert fault.name == "clock.speed"
    assert "engagement.token_url" in fault.right


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-22T09:00:00Z", 1_795_338_000),
        ("2026-11-22T10:00:00+01:00", 1_795_338_000),
        ("2026-11-22T09:00", 1_795_338_000),
        (" 2026-11-22 ", 1_795_305_600),
        ("1795338000.25", 1_795_338_000.25),
        (1_795_338_000, 1_795_338_000),
    ],
)
def test_a_moment_is_iso_8601_or_seconds_since_1970(written: object, moment: float) -> None:
    assert parse_moment(written) == moment


@pytest.mark.parametrize("written", [True, None, [], float("nan"), float("inf"), -1, 10**400])
def test_what_is_of_another_kind_is_no_moment(written: object) -> None:
    with pytest.raises(ValueError, match="not a moment"):
        parse_moment(written)
