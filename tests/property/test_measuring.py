"""Measuring: whatever came, in whatever order, the figures hold together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import (
    Campaign,
    PostId,
    Sighting,
    Skip,
    Timestamp,
    Unreadable,
    first_post_id,
)
from worker.simulate.measured import Measuring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from worker.model import Reading
    from worker.simulate.measured import Measured

DAY: Final = 86_400.0
SINCE: Final = Timestamp(1_750_000_123.0)
UNTIL: Final = Timestamp(SINCE + DAY)
NAMES: Final = [Campaign(name) for name in ("autumn", "spring", "summer", "winter")]


class Written(NamedTuple):
    """A record: what it is, and when it was written."""

    reading: Reading
    at: Timestamp


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Of few Posts, so that they come again: some were created before, some seem to be of the future."""
    at = Timestamp(draw(st.floats(SINCE, UNTIL)))
    other = draw(st.sampled_from([None, None, None, Skip("keep_alive"), Unreadable("no_id", "nothing.")]))
    if other is not None:
        return Written(other, at)
    created = Timestamp(SINCE + draw(st.integers(-24, 24)) * 3600.0)
    campaigns = tuple(sorted(draw(st.sets(st.sampled_from(NAMES)))))
    return Written(Sighting(PostId(first_post_id(created) + draw(st.integers(0, 2))), campaigns, at), at)


RECORDS: Final = st.lists(written(), min_size=1, max_size=60)


def measured(
    records: Sequence[Written], most_posts: int = 1000, most_campaigns: int = 3, *, from_first: bool = False
) -> Measured:
    measuring = Measuring(most_posts)
    for reading, at in records:
        measuring.take(reading, at)
    return measuring.measured(SINCE, UNTIL, from_first=from_first, most_campaigns=most_campaigns)


def require_alike(one: Measured, other: Measured) -> None:
    """But for the number of records; sums depend a little on the order in which they are made."""
    assert (one.begins, one.posts, one.new, one.kept) == (other.begins, other.posts, other.new, other.kept)
    assert one.folded == other.folded
    assert one.posts_per_day == pytest.approx(other.posts_per_day)
    assert list(one.by_hour) == pytest.approx(list(other.by_hour))
    assert dict(one.shares) == pytest.approx(dict(other.shares))


@given(RECORDS, st.randoms(), st.sampled_from([4, 1000]), st.booleans())
def test_the_order_of_records_changes_nothing(
    records: list[Written], chance: Random, most_posts: int, from_first: bool
) -> None:
    shuffled = records[:]
    chance.shuffle(shuffled)
    found = measured(records, most_posts, from_first=from_first)
    again = measured(shuffled, most_posts, from_first=from_first)
    assert (again.records, again.unreadable) == (found.records, found.unreadable)
    require_alike(again, found)


@given(RECORDS)
def test_a_record_that_comes_again_is_a_record_and_nothing_else(records: list[Written]) -> None:
    once, twice = measured(records), measured([*records, *records])
    assert twice.records == 2 * once.records
    require_alike(twice, once)


@given(RECORDS, st.integers(1, 60), st.integers(0, 4))
def test_figures_hold_together(records: list[Written], most_posts: int, most_campaigns: int) -> None:
    found = measured(records, most_posts, most_campaigns)
    posts = {one.reading.post_id: one for one in records if isinstance(one.reading, Sighting)}
    assert found.records == len(records)
    assert found.unreadable == sum(isinstance(one.reading, Unreadable) for one in records)
    if len(posts) <= most_posts:
        assert found.kept == 1.0
        assert found.posts == len(posts)
        assert found.new == sum(post_id >= first_post_id(SINCE) for post_id in posts)
    assert round(found.posts * found.kept) <= most_posts
    assert found.posts_per_day >= 0
    # One of which more cannot have been seen counts as four at most.
    assert found.posts_per_day <= 4 * found.new + 1e-6 or found.kept < 1.0
    assert not found.by_hour or math.fsum(found.by_hour) == pytest.approx(24)
    assert all(rate >= 0 for rate in found.by_hour)
    if found.shares:
        assert math.fsum(share for _, share in found.shares) == pytest.approx(1)
    assert len(found.campaigns) <= most_campaigns
    assert list(found.campaigns.values()) == sorted(found.campaigns.values(), reverse=True)
    assert all(0 < share <= 1 + 1e-9 for share in found.campaigns.values())


@given(RECORDS)
def test_a_post_is_in_all_campaigns_that_any_record_names(records: list[Written]) -> None:
    together: dict[PostId, set[Campaign]] = {}
    for reading, _ in records:
        if isinstance(reading, Sighting):
            together.setdefault(reading.post_id, set()).update(reading.campaigns)
    counted = [together[post] for post in together if post >= first_post_id(SINCE)] or together.values()
    found = measured(records, most_campaigns=4)
    assert {group for group, _ in found.shares} == {tuple(sorted(group)) for group in counted}
