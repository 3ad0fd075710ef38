"""Growth per hour equals what the definition gives on the whole history of each Post."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.watchlist.making import (
    HOUR,
    LIKES_PER_HOUR,
    NOW,
    OLD_ID,
    RETWEETS,
    RETWEETS_PER_HOUR,
    counts,
    limits,
    post,
    watchlist,
)
from worker.model import PostId, created_at

POSTS = (post(1, NOW - 3 * HOUR), post(2, NOW - 60), OLD_ID)
WINDOW = 100.0

likes_and_retweets = st.tuples(st.none() | st.integers(0, 500), st.none() | st.integers(0, 5))
measurements = st.tuples(
    st.dictionaries(st.sampled_from(POSTS), likes_and_retweets, min_size=1),
    st.integers(0, 130) | st.sampled_from([99, 100, 101, 3600]),
)


@dataclass
class Growing:
    """All measurements of a Post; those kept are at least the window apart."""

    born: float | None
    kept: list[tuple[float, tuple[int | None, ...]]] = field(default_factory=list)

    def measure(self, at: float, values: tuple[int | None, ...]) -> list[float | None]:
        """What each count has grown by, per hour."""
        bases = [(since, base) for since, base in self.kept if at - since >= WINDOW]
        growths: list[float | None] = []
        for metric, count in enumerate(values):
            since, start = self.born, 0
            if bases:
                base_at, base = bases[-1]
                count_then = base[metric]
                if count_then is not None:
                    since, start = base_at, count_then
            known = count is not None and since is not None
            growths.append((count - start) / (max(at - since, 1) / 3600) if known else None)  # type: ignore[operator]
        if not self.kept or at - self.kept[-1][0] >= WINDOW:
            self.kept.append((at, values))
        return growths


@settings(max_examples=150, deadline=None)
@given(st.lists(measurements, max_size=25))
def test_growth_is_the_definition_s(
    answers: list[tuple[dict[PostId, tuple[int | None, int | None]], int]],
) -> None:
    tracked = watchlist(
        *POSTS,
        metrics=(LIKES_PER_HOUR, RETWEETS, RETWEETS_PER_HOUR),
        bounds=limits(growth_window=WINDOW),
    )
    histories = {post_id: Growing(created_at(post_id)) for post_id in POSTS}
    at = float(NOW)
    for answer, seconds in answers:
        at += seconds
        tracked.record(counts(answer, at))
        for post_id, values in answer.items():
            likes, retweets = histories[post_id].measure(at, values)
            known = tracked.tracked(post_id)
            assert known is not None
            right = {LIKES_PER_HOUR: likes, RETWEETS: values[1], RETWEETS_PER_HOUR: retweets}
            assert known.values == pytest.approx(
                {metric: value for metric, value in right.items() if value is not None}
            )
