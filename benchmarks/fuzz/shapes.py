"""Right records of every shape in docs/formats.md, for Posts of all ages."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    import random

_RULES: Final = [{"id": "1", "tag": "spring"}, {"id": 2, "tag": "Sommer 🌞"}]
_TAGS: Final = {"hashtags": [{"text": "Spring", "tag": "Spring"}]}
_TEXT: Final = "Doors open &amp; so on 🎉"


def right_records(chance: random.Random, count: int) -> list[tuple[bytes | None, bytes | None]]:
    """So many of each shape, as keys and values."""
    found: list[tuple[bytes | None, bytes | None]] = []
    for _ in range(count):
        post_id, other = _some_id(chance), _some_id(chance)
        found += [(None, b"%d" % post_id), (None, b' "%d"\n' % post_id), (b"%d" % post_id, None)]
        found += [(b"%d" % post_id, json.dumps(one).encode()) for one in _documents(post_id, other)]
    found += [(None, b""), (None, b"\r\n"), (b"no id", None)]
    return found


def _some_id(chance: random.Random) -> int:
    young = first_post_id(Timestamp(time.time() - chance.uniform(60, 86_400)))
    return chance.choice((young, young, young, chance.getrandbits(62) + 1, chance.randint(1, 10**10)))


def _documents(post_id: int, other: int) -> list[dict[str, Any]]:
    text, user = str(post_id), {"screen_name": "anna", "id_str": "31"}
    native = {"id_str": text, "id": post_id, "user": user, "text": _TEXT, "entities": _TAGS}
    v2 = {"id": text, "text": _TEXT, "author_id": "31", "entities": _TAGS}
    activity: dict[str, Any] = {"id": f"tag:search.twitter.com,2005:{post_id}", "verb": "post", "body": _TEXT}
    activity["twitter_entities"] = _TAGS
    share = {"id": f"tag:search.twitter.com,2005:{other}", "verb": "share", "object": activity}
    retweet = {"id": str(other), "referenced_tweets": [{"type": "retweeted", "id": text}]}
    return [
        *({name: text} for name in ("id_str", "tweet_id", "post_id", "id")),
        {"tweet_id": post_id, "campaign": "spring", "campaigns": ["summer", "a, b"], "author": "anna"},
        {"payload": {"tweet": {"id": text}}},
        {"data": v2, "matching_rules": _RULES, "includes": {"users": [{"id": "31", "username": "anna"}]}},
        {"data": retweet, "includes": {"tweets": [v2]}, "matching_rules": _RULES},
        {**native, "matching_rules": _RULES},
        {"id_str": str(other), "retweeted_status": native, "user": user},
        {**activity, "gnip": {"matching_rules": _RULES}},
        {**share, "gnip": {"matching_rules": _RULES}},
        {"delete": {"status": {"id": post_id, "id_str": text, "user_id": 31}}},
        {"drop": {"status": {"id_str": text}}},
        {"status_withheld": {"id": post_id, "withheld_in_countries": ["DE"]}},
        {"data": {"delete": {"tweet": {"id": text}}}},
        {"id": text, "action": "delete", "reason": "deleted"},
        {"verb": "delete", "object": {"id": f"object:search.twitter.com,2005:{post_id}"}},
        {"user_delete": {"id": 31}},
        {"scrub_geo": {"user_id": 31, "up_to_status_id": post_id}},
        {"limit": {"track": 7}},
        {"errors": [{"title": "ConnectionException"}]},
    ]
