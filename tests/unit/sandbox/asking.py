"""What the tests of the sandbox share: a clock to set, Posts, requests, and reading the answers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.app import SandboxApp
from sandbox.messages import Request
from sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from sandbox.messages import Answer

NOON = 1_760_011_200
"""9 October 2025, 12:00 UTC, in epoch seconds."""

DAY = 86_400
BEARER = {"authorization": "Bearer sandbox-token"}
BY_BOTH = {"by_post": {"group_by": ["tweet.id", "engagement.type"]}}
PUBLIC = ["favorites", "retweets", "replies", "quote_tweets", "video_views"]


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: float = float(NOON)

    def __call__(self) -> float:
        return self.now


def post_created_at(second: float, low_bits: int = 0) -> int:
    """An ID that says it was created then."""
    return (round(second * 1000) - 1_288_834_974_657) << 22 | low_bits


def some_posts(count: int, *, seed: int = 1, until: int = NOON, over: int = DAY) -> list[int]:
    """IDs of Posts created in the ``over`` seconds before ``until``."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    return [post_created_at(until - chance.random() * over, chance.randrange(1 << 22)) for _ in range(count)]


def app_at(clock: Clock, **settings: Any) -> SandboxApp:
    return SandboxApp(SandboxSettings(clock=clock, **settings))


def ask_for(
    ids: Any,
    metrics: Any = None,
    groupings: Any = None,
    *,
    endpoint: str = "totals",
    **more: object,
) -> Request:
    """A request with the token that holds at first; ``more`` are other fields of the body."""
    body = {
        "tweet_ids": ids,
        "engagement_types": PUBLIC if metrics is None else metrics,
        "groupings": BY_BOTH if groupings is None else groupings,
        **more,
    }
    path = f"/insights/engagement/{endpoint}"
    return Request("POST", path, headers=BEARER, body=orjson.dumps(body))


def get(path: str, query: str = "") -> Request:
    return Request("GET", path, query)


def post(path: str, content: object) -> Request:
    return Request("POST", path, body=orjson.dumps(content))


def error_of(answer: Answer) -> str:
    """The only error that the answer carries."""
    (text,) = answer.content["errors"]
    return str(text)
