"""The format of a published Leaderboard."""

import json
from typing import Any

import pytest

from tests.unit.publish.http.serving import NOON, entry, leaderboard
from worker.model import Leaderboard, Timestamp
from worker.publish.leaderboard_json import iso_time, leaderboard_json


def read(board: Leaderboard, limit: int | None = None) -> dict[str, Any]:
    document = json.loads(leaderboard_json(board, limit))
    assert isinstance(document, dict)
    return document


def test_a_leaderboard_has_the_published_shape() -> None:
    board = leaderboard(
        "Launch / #1 ☃",
        entries=[entry(1, 2**63 - 1, 10, author="jack", text="hi"), entry(2, 20, 9, change=None)],
        as_of=NOON + 0.25,
        tracked_posts=7,
    )
    assert read(board) == {
        "campaign": "Launch / #1 ☃",
        "metric": "retweets",
        "as_of": "2026-11-20T12:00:00.250Z",
        "tracked_posts": 7,
        "audit": None,
        "entries": [
            {
                "rank": 1,
                "post_id": "9223372036854775807",
                "value": 10,
                "measured_at": "2026-11-20T12:00:00Z",
                "change": 0,
                "author": "jack",
                "text": "hi",
                "url": "https://twitter.com/lookup/status/9223372036854775807",
            },
            {
                "rank": 2,
                "post_id": "20",
                "value": 9,
                "measured_at": "2026-11-20T12:00:00Z",
                "change": None,
                "author": None,
                "text": None,
                "url": "https://twitter.com/lookup/status/20",
            },
        ],
    }


def test_a_limit_cuts_the_entries_and_nothing_else() -> None:
    board = leaderboard(entries=[entry(rank, rank) for rank in range(1, 6)])
    whole, cut = read(board), read(board, 2)
    assert [each["rank"] for each in cut.pop("entries")] == [1, 2]
    whole.pop("entries")
    assert cut == whole


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("retweets", 3.0, "3"),
        ("retweets", 9_007_199_254_740_993, "9007199254740993"),
        ("retweets_per_hour", 12.34567, "12.346"),
        ("retweets_per_hour", 12, "12.0"),
        ("engagement_rate", 0.01234567, "0.012346"),
    ],
)
def test_counts_are_integers_and_growth_has_three_digits(metric: str, value: float, shown: str) -> None:
    written = leaderboard_json(leaderboard(metric=metric, entries=[entry(value=value)]))
    assert f'"value":{shown},' in written.decode()


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1795176000.0004, "2026-11-20T12:00:00Z"),
        (1795176000.9996, "2026-11-20T12:00:01Z"),
        (1795176000.1, "2026-11-20T12:00:00.100Z"),
    ],
)
def test_times_are_utc_with_milliseconds_only_where_needed(at: float, shown: str) -> None:
    assert iso_time(Timestamp(at)) == shown


def test_a_leaderboard_is_one_line() -> None:
    text = "a\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i"
    written = leaderboard_json(leaderboard(entries=[entry(text=text)]))
    assert len(written.decode().splitlines()) == 1
    assert json.loads(written)["entries"][0]["text"] == text


def test_half_a_surrogate_pair_spoils_no_leaderboard() -> None:
    board = leaderboard("camp\udc00", entries=[entry(text="broken \ud83d emoji")])
    assert read(board)["entries"][0]["text"] == "broken ? emoji"
