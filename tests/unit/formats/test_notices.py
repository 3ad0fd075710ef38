"""Delete notices end tracking; what streams say of accounts and of themselves is skipped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.messages import POST_ID, activity, read, reason
from worker.model import Sighting, Skip, Tombstone

ID = str(POST_ID)
STATUS = {"id": float(POST_ID), "id_str": ID, "user_id": 31, "user_id_str": "31"}
TWEET = {"id": ID, "author_id": "31"}


@pytest.mark.parametrize(
    "notice",
    [
        {"delete": {"status": STATUS, "timestamp_ms": "1432228155593"}},
        {"drop": {"status": STATUS, "timestamp_ms": "1432228155593"}},
        {"status_withheld": {"status": STATUS, "withheld_in_countries": ["XY"]}},
        {"status_withheld": {"id": POST_ID, "user_id": 31, "withheld_in_countries": ["DE"]}},
        {"data": {"delete": {"tweet": TWEET, "event_at": "2022-12-23T12:34:56.789Z"}}},
        {"data": {"delete": {"tweet": TWEET, "quote_tweet_id": "5"}}},
        {"data": {"withheld": {"tweet": TWEET, "withheld_in_countries": ["XY"]}}},
        {"data": {"drop": {"tweet": TWEET}}},
        {"data": {"tweet_delete": {"tweet": TWEET}}},
        {"tweet_delete": {"id": ID}},
        {"id": ID, "action": "delete", "redacted_at": "2020-06-17T15:30:05.000Z", "reason": "deleted"},
        {"verb": "delete", "object": {"id": f"object:search.twitter.com,2005:{ID}"}},
        {"verb": "delete", "id": f"tag:search.twitter.com,2005:{ID}", "object": {"objectType": "activity"}},
        activity("delete"),
    ],
)
def test_a_notice_that_a_post_is_gone_is_a_tombstone(notice: dict[str, Any]) -> None:
    assert read(notice) == Tombstone(POST_ID)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event",
    [
        {"user_delete": {"id": 771136850, "timestamp_ms": "1432228153548"}},
        {"user_suspend": {"id": 3120539094}},
        {"user_protect": {"id": 3182003550}},
        {"user_withheld": {"user": {"id": 1}, "withheld_in_countries": ["XY"]}},
        {"data": {"user_unsuspend": {"user": {"id": "1"}}}},
        {"scrub_geo": {"user_id": 519761961, "up_to_status_id_str": ID}},
        {"undrop": {"status": STATUS}},
        {"data": {"undrop": {"tweet": TWEET}}},
        {"tweet_edit": {"id": ID, "initial_tweet_id": "5", "edit_tweet_ids": ["5", ID]}},
        {"delete": {"favorite": {"tweet_id": POST_ID, "user_id": 31}}},
        {"id": ID, "action": "delete", "reason": "scrub_geo"},
    ],
)
def test_other_compliance_events_are_skipped(event: dict[str, Any]) -> None:
    assert read(event) == Skip("compliance")


@pytest.mark.parametrize(
    "message",
    [
        {
            "info": {
                "message": "Replay Request Completed",
                "sent": "2014-05-14T11:11:11Z",
                "activity_count": 895,
            }
        },
        {"limit": {"track": 1234}},
        {"warning": {"code": "FALLING_BEHIND", "message": "…", "percent_full": 60}},
        {"disconnect": {"code": 4, "stream_name": "", "reason": ""}},
        {"error": {"message": "Forced disconnect: Too many connections."}},
        {"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"}]},
        {"title": "ConnectionException", "connection_issue": "TooManyConnections"},
    ],
)
def test_what_a_stream_says_of_itself_is_skipped(message: dict[str, Any]) -> None:
    assert read(message) == Skip("system")


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        ({"delete": {"status": {"user_id": 31}}}, "no_id"),
        ({"delete": {"status": {"id": 1.5}}}, "id_float"),
        ({"verb": "delete"}, "no_id"),
        ({"delete": True}, "no_id"),
        ({"errors": []}, "no_id"),
        ({"error": "could not fetch it"}, "no_id"),
        ({"user_id": 5}, "no_id"),
    ],
)
def test_what_only_resembles_a_notice_is_a_dead_letter(notice: dict[str, Any], expected: str) -> None:
    assert reason(read(notice)) == expected


def test_a_post_with_errors_beside_it_is_a_post() -> None:
    partial = {"data": {"id": ID}, "errors": [{"title": "Not Found Error"}]}
    assert isinstance(read(partial), Sighting)
