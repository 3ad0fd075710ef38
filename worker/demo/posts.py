"""The demo's Posts: three campaigns, published as time passes, with retweets among them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import orjson

from worker.model import PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMPAIGNS: Final = {"spring-launch": 0.5, "#CityMarathon": 0.3, "night-of-museums": 0.2}
"""Name and share of the Posts."""

_AUTHORS: Final = ("ada", "bo_lin", "carmen", "dmitri", "esra", "femi", "grace_h", "hiro", "ines", "jonas")
_OPENINGS: Final = (
    "Just saw",
    "Cannot wait for",
    "Still thinking about",
    "Who else is at",
    "Thread on",
    "So proud of",
)
_ENDINGS: Final = (
    "what a day!",
    "see you there.",
    "photos below.",
    "here is why it matters.",
    "come and join us.",
)
_RETWEETS: Final = 0.2
_IN_TWO: Final = 0.05


class DemoPosts:
    """Posts with IDs of the moment they are published at, in the original v1.1 format.

    Some are published again by retweets, which count for the original. ``post_ids``: all original Posts so
    far.
    """

    def __init__(self, seed: int, per_second: float, started: Timestamp) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- no secret depends on it
        self._per_second = per_second
        self._started = started
        self._latest: list[tuple[PostId, list[str]]] = []
        self.post_ids: list[PostId] = []

    def published(self, passed: float) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of the records to produce, now that so many seconds have passed since the start."""
        while len(self.post_ids) < passed * self._per_second:
            at = self._started + len(self.post_ids) / self._per_second
            post_id = PostId(first_post_id(Timestamp(at)) + self._random.randrange(1 << 22))
            campaigns = self._campaigns()
            self.post_ids.append(post_id)
            self._latest = [*self._latest[-50:], (post_id, campaigns)]
            yield b"%d" % post_id, self._record(post_id, campaigns)
            if self._random.random() < _RETWEETS:
                yield self._retweet(at)

    def _campaigns(self) -> list[str]:
        names, shares = list(CAMPAIGNS), list(CAMPAIGNS.values())
        chosen = self._random.choices(names, shares)
        if self._random.random() < _IN_TWO:
            chosen = sorted({*chosen, *self._random.choices(names, shares)})
        return chosen

    def _record(self, post_id: PostId, campaigns: list[str]) -> bytes:
        about = " and ".join(campaigns)
        text = f"{self._random.choice(_OPENINGS)} {about}: {self._random.choice(_ENDINGS)}"
        return orjson.dumps(
            {
                "id_str": str(post_id),
                "text": text,
                "user": {"screen_name": self._random.choice(_AUTHORS)},
                "matching_rules": [{"tag": name} for name in campaigns],
            }
        )

    def _retweet(self, at: float) -> tuple[bytes, bytes]:
        post_id, campaigns = self._random.choice(self._latest)
        retweet = PostId(first_post_id(Timestamp(at)) + self._random.randrange(1 << 22))
        document = {
            "id_str": str(retweet),
            "text": "RT",
            "retweeted_status": {"id_str": str(post_id)},
            "matching_rules": [{"tag": name} for name in campaigns],
        }
        return b"%d" % retweet, orjson.dumps(document)
