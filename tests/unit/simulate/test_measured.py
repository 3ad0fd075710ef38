"""What is measured of an input: known streams, and the rates and shares that they have."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from worker.model import Campaign, PostId, Sighting, Timestamp, first_post_id
from worker.simulate.measured import Measured, Measuring

DAY: Final = 86_400.0
HOUR: Final = 3600.0
MIDNIGHT: Final = Timestamp(20_000 * DAY)
SPRING, AUTUMN = Campaign("spring"), Campaign("autumn")


def post_at(at: float, number: int) -> PostId:
    return PostId(first_post_id(Timestamp(at)) + number % 1000)


def steady(per_day: int, begins: float, ends: float) -> list[tuple[float, PostId]]:
    """When Posts are created, evenly, and their IDs."""
    times = np.arange(begins, ends, DAY / per_day).tolist()
    return [(at, post_at(at, number)) for number, at in enumerate(times)]


def look(
    measuring: Measuring, hours: float = 24.0, *, from_first: bool = False, most_campaigns: int = 200
) -> Measured:
    """What came in the hours before midnight."""
    since = Timestamp(MIDNIGHT - hours * HOUR)
    return measuring.measured(since, MIDNIGHT, from_first=from_first, most_campaigns=most_campaigns)


def take(measuring: Measuring, post_id: PostId, at: float, *campaigns: Campaign) -> None:
    measuring.take(Sighting(post_id, campaigns, Timestamp(at)), Timestamp(at))


class TestPostsPerDay:
    @pytest.mark.parametrize("late", [0.0, 0.5, 6.0, 12.0])
    def test_a_feed_that_brings_posts_late_is_measured_as_if_it_did_not(self, late: float) -> None:
        measuring = Measuring()
        for created, post_id in steady(2400, MIDNIGHT - 2 * DAY, MIDNIGHT):
            if MIDNIGHT - DAY <= created + late * HOUR <= MIDNIGHT:
                take(measuring, post_id, created + late * HOUR)
        assert look(measuring).posts_per_day == pytest.approx(2400, rel=0.02)

    def test_posts_of_before_that_are_retweeted_still_are_not_new(self) -> None:
        measuring = Measuring()
        for created, post_id in steady(500, MIDNIGHT - 3 * DAY, MIDNIGHT):
            for again in range(100):
                at = created + again * HOUR
                if MIDNIGHT - DAY <= at <= MIDNIGHT:
                    take(measuring, post_id, at)
        found = look(measuring)
        assert found.posts == 1500
        assert found.new == 500
        assert found.posts_per_day == pytest.approx(500, rel=0.02)

    def test_hours_are_told_apart(self) -> None:
        measuring = Measuring()
        begins = MIDNIGHT - DAY
        for per_day, hour in ((2400, 0), (240, 6), (4800, 12), (1200, 18)):
            for created, post_id in steady(per_day, begins + hour * HOUR, begins + (hour + 6) * HOUR):
                take(measuring, post_id, created)
        found = look(measuring)
        assert found.posts_per_day == pytest.approx(2160, rel=0.01)
        assert np.array(found.by_hour)[[3, 9, 15, 21]] * found.posts_per_day == pytest.approx(
            [2400, 240, 4800, 1200], rel=0.05
        )

    def test_hours_that_were_not_looked_at_are_like_the_others(self) -> None:
        measuring = Measuring()
        for created, post_id in steady(2400, MIDNIGHT - 6 * HOUR, MIDNIGHT):
            take(measuring, post_id, created)
        found = look(measuring, hours=6)
        assert found.posts_per_day == pytest.approx(2400, rel=0.01)
        assert found.by_hour[3] == 1.0

    def test_a_topic_that_begins_later_than_asked_for_is_measured_from_there(self) -> None:
        measuring = Measuring()
        for created, post_id in steady(2400, MIDNIGHT - 5 * HOUR, MIDNIGHT):
            take(measuring, post_id, created)
        young, quiet = look(measuring, from_first=True), look(measuring)
        assert young.begins == MIDNIGHT - 5 * HOUR
        assert young.posts_per_day == pytest.approx(2400, rel=0.01)
        assert quiet.posts_per_day == pytest.approx(500, rel=0.01)

    def test_a_minute_says_how_many_come_but_not_when(self) -> None:
        measuring = Measuring()
        for created, post_id in steady(86_400, MIDNIGHT - 60, MIDNIGHT):
            take(measuring, post_id, created)
        found = look(measuring, hours=1 / 60)
        assert found.posts_per_day == pytest.approx(86_400, rel=0.02)
        assert found.by_hour == ()


class TestCampaigns:
    def test_the_largest_are_told_apart_and_the_others_are_in_all_alone(self) -> None:
        measuring = Measuring()
        for number, (created, post_id) in enumerate(steady(100, MIDNIGHT - DAY, MIDNIGHT)):
            name = SPRING if number % 2 else AUTUMN if number % 4 else Campaign(f"small-{number % 8}")
            take(measuring, post_id, created, name)
        found = look(measuring, most_campaigns=2)
        assert list(found.campaigns) == [SPRING, AUTUMN]
        assert found.folded == 2
        assert found.together(0, 0) == pytest.approx(0.25, abs=0.01)

    def test_names_without_end_do_not_fill_the_memory(self) -> None:
        measuring = Measuring()
        for number, (created, post_id) in enumerate(steady(12_000, MIDNIGHT - DAY, MIDNIGHT)):
            take(measuring, post_id, created, Campaign(f"name-{number}"))
        found = look(measuring)
        assert found.folded == 10_000 - 200
        assert found.posts == 12_000

    def test_where_no_post_is_new_all_of_them_say_who_is_where(self) -> None:
        measuring = Measuring()
        for created, post_id in steady(100, MIDNIGHT - 9 * DAY, MIDNIGHT - 8 * DAY):
            take(measuring, post_id, created + 8 * DAY, SPRING)
        found = look(measuring)
        assert (found.posts, found.new, found.posts_per_day) == (100, 0, 0.0)
        assert found.campaigns == {SPRING: 1.0}

    def test_ids_without_a_time_are_no_new_posts(self) -> None:
        measuring = Measuring()
        take(measuring, PostId(20), MIDNIGHT - HOUR)
        assert look(measuring).new == 0


def test_of_too_many_posts_a_part_says_as_much() -> None:
    measuring = Measuring(most_posts=2000)
    for number, (created, post_id) in enumerate(steady(20_000, MIDNIGHT - DAY, MIDNIGHT)):
        for _ in range(2):
            take(measuring, post_id, created, *((SPRING,) if number % 4 else (AUTUMN, SPRING)))
    found = look(measuring)
    assert found.kept == 1 / 16
    assert found.posts == pytest.approx(20_000, rel=0.06)
    assert found.posts_per_day == pytest.approx(20_000, rel=0.06)
    assert found.campaigns[AUTUMN] == pytest.approx(0.25, abs=0.04)
    assert found.campaigns[SPRING] == pytest.approx(1)
