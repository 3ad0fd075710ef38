"""The oracle is the plain sort by the world's truth; a planted fault in any place of a board is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.chaos.oracle import (
    Known,
    Row,
    compare,
    may_compete,
    right_boards,
    truth,
    union,
    wrong_values,
)
from sandbox.world import METRICS, World
from tests.unit.sandbox.asking import NOON, some_posts

WORLD = World(1, growth_minutes=5.0)
POSTS = sorted(some_posts(200))
SECONDS = {post_id: NOON + place % 7 for place, post_id in enumerate(POSTS)}
TRUTH = {
    post_id: dict(zip(METRICS, WORLD.counts(np.array([post_id]), second)[0].tolist(), strict=True))
    for post_id, second in SECONDS.items()
}
KNOWN = {post_id: Known("measured", SECONDS[post_id], TRUTH[post_id]) for post_id in POSTS}
CAMPAIGNS = {post_id: {"spring"} if place % 3 else set[str]() for place, post_id in enumerate(POSTS)}
SHOWN = ("favorites", "video_views")
TOP = 10


def boards(known: dict[int, Known] = KNOWN) -> dict[tuple[str, str], list[Row]]:
    return right_boards(CAMPAIGNS, known, truth(WORLD, known), SHOWN, TOP)


def test_values_are_the_worlds_at_the_second_of_each_post() -> None:
    assert truth(WORLD, KNOWN) == TRUTH


def test_boards_are_of_all_and_of_each_campaign_with_the_older_post_first() -> None:
    found = boards()
    assert set(found) == {(campaign, metric) for campaign in ("all", "spring") for metric in SHOWN}
    everybody = sorted(POSTS, key=lambda one: (-TRUTH[one]["favorites"], one))[:TOP]
    assert found["all", "favorites"] == [Row(one, TRUTH[one]["favorites"], SECONDS[one]) for one in everybody]
    assert all("spring" in CAMPAIGNS[row.post_id] for row in found["spring", "favorites"])


def test_equal_values_stand_by_age() -> None:
    known = {post_id: replace(KNOWN[post_id], state="measured") for post_id in POSTS[:5]}
    values = {post_id: dict.fromkeys(METRICS, 7) for post_id in known}
    found = right_boards({}, known, values, ["favorites"], TOP)
    assert [row.post_id for row in found["all", "favorites"]] == POSTS[:5]


@pytest.mark.parametrize("state", ["new", "unavailable"])
def test_posts_that_are_not_measured_are_on_no_board(state: str) -> None:
    first = boards()["all", "favorites"][0].post_id
    known = {**KNOWN, first: replace(KNOWN[first], state=state)}
    assert first not in [row.post_id for row in boards(known)["all", "favorites"]]


def test_a_board_that_is_right_is_not_accused() -> None:
    assert compare("a", boards(), boards()) == []
    assert compare("a", boards(), {**boards(), ("autumn", "favorites"): []}) == []


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_planted_fault_is_found_with_its_place(place: int) -> None:
    key, right = ("all", "favorites"), boards()
    row = right[key][place]
    for planted in (
        row._replace(value=row.value + 1),
        row._replace(measured_at=row.measured_at - 1),
        row._replace(post_id=row.post_id + 1),
    ):
        shown = {**right, key: [*right[key][:place], planted, *right[key][place + 1 :]]}
        (wrong,) = compare("a", right, shown)
        assert (wrong.where, wrong.key, wrong.place, wrong.expected, wrong.got) == (
            "a",
            key,
            place + 1,
            row,
            planted,
        )


def test_a_missing_place_a_ghost_and_a_missing_board_are_found() -> None:
    key, right = ("all", "favorites"), boards()
    short = {**right, key: right[key][:-1]}
    ghost = {**right, key: [*right[key], right[key][0]]}
    none = {one: rows for one, rows in right.items() if one != key}
    assert [wrong.place for wrong in compare("a", right, short)] == [TOP]
    assert [wrong.place for wrong in compare("a", right, ghost)] == [TOP + 1]
    assert [wrong.place for wrong in compare("a", right, none)] == [1]


def test_the_union_of_workers_that_show_their_own_is_the_whole() -> None:
    halves = [{one: KNOWN[one] for one in POSTS[half::2]} for half in (0, 1)]
    assert union((boards(half) for half in halves), TOP) == boards()


def test_whoever_is_on_a_board_may_compete() -> None:
    able = may_compete(WORLD, CAMPAIGNS, boards(), TOP, NOON + 10)
    assert {row.post_id for rows in boards().values() for row in rows} <= set(able)


def test_who_may_compete_is_enough_to_make_the_boards_of_and_is_not_everybody() -> None:
    shown = {key: rows for key, rows in boards().items() if key[1] == "favorites"}
    able = set(may_compete(WORLD, CAMPAIGNS, shown, TOP, NOON + 10))
    some = {post_id: KNOWN[post_id] for post_id in able}
    assert right_boards(CAMPAIGNS, some, truth(WORLD, some), ["favorites"], TOP) == shown
    assert len(able) < len(POSTS) / 2


def test_everybody_may_compete_for_a_board_with_room() -> None:
    shown = {("all", "favorites"): boards()["all", "favorites"][:3]}
    assert may_compete(WORLD, CAMPAIGNS, shown, TOP, NOON) == POSTS


def test_a_count_that_the_api_never_gave_is_found() -> None:
    assert wrong_values(KNOWN, TRUTH, SHOWN) == []
    one = POSTS[3]
    planted = {
        **KNOWN,
        one: replace(KNOWN[one], counts={**TRUTH[one], "favorites": 1 + TRUTH[one]["favorites"]}),
    }
    (found,) = wrong_values(planted, TRUTH, SHOWN)
    assert str(one) in found
