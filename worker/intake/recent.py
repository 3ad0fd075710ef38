"""What was forwarded lately: a hot Post is forwarded once, and not with each of its thousand retweets."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from worker.model import Campaign

if TYPE_CHECKING:
    from worker.model import Clock, PostId, Seconds, Sighting

_WORDS: Final = Campaign("")
"""Noted among a Post's campaigns when it was forwarded with its author or text. No campaign has this name."""


class RecentPosts:
    """Posts with the campaigns they were forwarded with: at most ``limit``, for at most ``window`` seconds.

    Also noted is whether their author or text went along: a Post first seen as a bare ID is forwarded again
    when they are known.

    Kept as two generations; when the younger is half of the limit or of the window, the older is forgotten.
    So a Post is remembered for half of each at least, and no clean-up ever stops the work.
    """

    def __init__(self, limit: int, window: Seconds, clock: Clock) -> None:
        self._half_limit = limit // 2
        self._half_window = window / 2
        self._clock = clock
        self._young: dict[PostId, tuple[Campaign, ...]] = {}
        self._old: dict[PostId, tuple[Campaign, ...]] = {}
        self._turned_at = clock.monotonic()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def covers(self, sighting: Sighting) -> bool:
        """Whether the Post was forwarded lately with all that this Sighting has; if not, it is noted now."""
        post_id, campaigns, _, author, text, author_id = sighting
        if author is not None or text is not None or author_id is not None:
            campaigns = _with_words(campaigns)
        known = self._young.get(post_id)
        if known is None:
            known = self._old.get(post_id)
        if known is not None:
            if known == campaigns or set(campaigns) <= set(known):
                return True
            campaigns = tuple(sorted({*known, *campaigns}))
        if self._half_limit:
            self._young[post_id] = campaigns
            if len(self._young) >= self._half_limit:
                self._turn()
        return False

    def forget(self, post_id: PostId) -> None:
        """The Post is to be forwarded when it is seen next."""
        self._young.pop(post_id, None)
        self._old.pop(post_id, None)

    def tick(self) -> None:
        """Let time pass: called now and then."""
        if self._clock.monotonic() - self._turned_at >= self._half_window:
            self._turn()

    def _turn(self) -> None:
        self._old, self._young = self._young, {}
        self._turned_at = self._clock.monotonic()


@lru_cache(8192)
def _with_words(campaigns: tuple[Campaign, ...]) -> tuple[Campaign, ...]:
    """The same few campaigns come again, and share one tuple."""
    return (_WORDS, *campaigns)
