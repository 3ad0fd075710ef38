"""Messages as the streams send them, written for these tests, and short cuts to read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.model import Timestamp, Unreadable

if TYPE_CHECKING:
    from worker.model import Reading

AT = Timestamp(1763719740.125)
POST_ID = 1070059276213702656
RETWEET_ID = 1070073991178989568
EVERYWHERE = frozenset({"rule_tags", "hashtags", "fields", "header"})


def read(value: object, **rules: Any) -> Reading:
    """A message, or bytes as they are, read by these rules with no key and no headers."""
    encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
    return RecordReader(ReadingRules(**rules)).read(encoded, None, (), "posts", AT)


def reason(reading: Reading) -> str:
    """Why it is a dead letter."""
    assert isinstance(reading, Unreadable), reading
    assert reading.detail
    return reading.reason


def v2_post() -> dict[str, Any]:
    return {
        "data": {
            "id": str(POST_ID),
            "text": "Doors open &amp; lights on #Spring",
            "author_id": "3198576760",
            "edit_history_tweet_ids": [str(POST_ID)],
            "entities": {"hashtags": [{"start": 25, "end": 32, "tag": "Spring"}]},
        },
        "includes": {"users": [{"id": "3198576760", "name": "Anna", "username": "anna_k"}]},
        "matching_rules": [{"id": "1166916266197536768", "tag": "spring launch"}, {"id": "2", "tag": ""}],
    }


def v2_retweet() -> dict[str, Any]:
    return {
        "data": {
            "id": str(RETWEET_ID),
            "text": "RT @anna_k: Doors open #Spr…",
            "author_id": "77",
            "referenced_tweets": [{"type": "retweeted", "id": str(POST_ID)}],
            "entities": {"hashtags": [{"tag": "Outer"}]},
        },
        "includes": {
            "users": [{"id": "77", "username": "ben"}, {"id": "3198576760", "username": "anna_k"}],
            "tweets": [
                {"id": "5", "text": "another"},
                {
                    "id": str(POST_ID),
                    "text": "Doors open #Spring",
                    "author_id": "3198576760",
                    "entities": {"hashtags": [{"tag": "Spring"}]},
                },
            ],
        },
        "matching_rules": [{"id": "1", "tag": "spring launch"}],
    }


def native_post() -> dict[str, Any]:
    return {
        "created_at": "Tue Dec 04 21:22:35 +0000 2018",
        "id": float(POST_ID),
        "id_str": str(POST_ID),
        "text": "A long one that goes on…",
        "truncated": True,
        "extended_tweet": {
            "full_text": "A long one that goes on to its end #Spring",
            "entities": {"hashtags": [{"text": "Spring", "indices": [35, 42]}]},
        },
        "user": {"id_str": "3198576760", "screen_name": "anna_k", "name": "Anna"},
        "entities": {"hashtags": []},
        "matching_rules": [{"tag": "spring launch", "id_str": "1"}, {"tag": None, "id_str": "2"}],
    }


def native_retweet() -> dict[str, Any]:
    return {
        "id_str": str(RETWEET_ID),
        "text": "RT @anna_k: A long one",
        "user": {"screen_name": "ben"},
        "entities": {"hashtags": [{"text": "Outer"}]},
        "retweeted_status": native_post(),
        "matching_rules": [{"tag": "retweets of spring"}],
    }


def activity(verb: str = "post") -> dict[str, Any]:
    return {
        "id": f"tag:search.twitter.com,2005:{POST_ID}",
        "objectType": "activity",
        "verb": verb,
        "body": "Doors open #Spring",
        "actor": {"objectType": "person", "preferredUsername": "anna_k"},
        "object": {"objectType": "note", "id": f"object:search.twitter.com,2005:{POST_ID}"},
        "twitter_entities": {"hashtags": [{"text": "Spring"}]},
        "gnip": {"matching_rules": [{"tag": "spring launch", "id": 1}, {"tag": None}]},
    }


def activity_share() -> dict[str, Any]:
    share = activity("share")
    share["id"] = f"tag:search.twitter.com,2005:{RETWEET_ID}"
    share["actor"] = {"preferredUsername": "ben"}
    share["object"] = activity()
    return share
