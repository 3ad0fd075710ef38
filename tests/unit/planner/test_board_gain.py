"""Who goes when there are more Posts due than seats."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.unit.watchlist.making import HOUR, LIKES, NOW, counts, later, limits, post, sighting, watchlist
from worker.model import ALL, Campaign, PostId, Seconds, Standings, Timestamp
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.planner.explain import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.planner import Plan
    from worker.watchlist import Watchlist

SEATS = 4
TOP = 2


def policy(
    *,
    unasked_share: float = 0.0,
    max_unasked: float = 24 * HOUR,
    retire_chance: float = 0.0,
    free_seats: bool = True,
    seed: int = 0,
) -> BoardGain:
    return BoardGain(
        [LIKES],
        BoardGainSettings(
            top=TOP,
            growth_window=Seconds(HOUR),
            half_growth=Seconds(4800.0),
            tracking_window=Seconds(24 * HOUR),
            unasked_share=unasked_share,
            max_unasked=Seconds(max_unasked),
            retire_chance=retire_chance,
            free_seats=free_seats,
        ),
        TimingSettings(Seconds(2.0), Seconds(15.0), 0.02, Seconds(6 * HOUR)),
        seed=seed,
    )


def aged(number: int, hours: float) -> PostId:
    """A Post that was created so many hours ago."""
    return PostId(post(at=NOW - hours * HOUR) + number)


def measure(posts: Watchlist, likes: dict[PostId, int], at: float) -> None:
    posts.app.mark_asked(list(likes), Timestamp(at))
    posts.record(counts({post_id: (value,) for post_id, value in likes.items()}, at))


def plan(planner: BoardGain, posts: Watchlist, seconds: float, bar: float | None = None) -> Plan:
    standings = Standings({} if bar is None else {(ALL, LIKES): bar})
    return planner.plan(later(seconds), posts.app, standings, SEATS)


def asked_over(
    planner: BoardGain, posts: Watchlist, times: Iterable[float], bar: float
) -> list[Sequence[PostId]]:
    """Who is asked at each of these times, when counts never change."""
    likes = {post_id: int(posts.tracked(post_id).values.get(LIKES, 0)) for post_id in posts.post_ids()}  # type: ignore[union-attr]
    requests = []
    for seconds in times:
        chosen = plan(planner, posts, seconds, bar).post_ids
        measure(posts, {post_id: likes[post_id] for post_id in chosen}, NOW + seconds)
        requests.append(chosen)
    return requests


def board() -> tuple[Watchlist, list[PostId], list[PostId]]:
    """Two leaders, two right below them, and twenty that nobody likes; all measured three hours ago."""
    near = [aged(number, 6) for number in range(4)]
    dead = [aged(number, 6) for number in range(10, 30)]
    posts = watchlist(*near, *dead)
    measure(
        posts, dict(zip(near, (900, 500, 490, 480), strict=True)) | dict.fromkeys(dead, 0), NOW - 3 * HOUR
    )
    return posts, near, dead


def test_those_near_a_bar_go_before_those_that_cannot_reach_it() -> None:
    posts, near, _ = board()
    assert set(plan(policy(), posts, 0, bar=500).post_ids) == set(near)


def test_a_post_that_grows_fast_goes_before_one_with_the_same_count_that_does_not() -> None:
    old, young = [aged(number, 20) for number in range(6)], [aged(number, 1.5) for number in range(6)]
    leaders = [aged(90, 20), aged(91, 20)]
    posts = watchlist(*leaders, *old, *young)
    measure(posts, dict.fromkeys(leaders, 1000) | dict.fromkeys([*old, *young], 400), NOW - HOUR)
    assert set(plan(policy(), posts, 0, bar=1000).post_ids) <= set(young)


def test_new_posts_go_when_others_can_wait_and_wait_when_others_cannot() -> None:
    posts, near, dead = board()
    fresh = [aged(number, 0.3) for number in range(40, 43)]
    posts.add(0, [sighting(post_id, seen_at=NOW - 0.3 * HOUR) for post_id in fresh], NOW)
    just_now = later(-30)
    measure(posts, dict(zip(near, (900, 500, 490, 480), strict=True)), just_now)
    assert set(plan(policy(), posts, 0, bar=500).post_ids) >= set(fresh)
    assert not set(plan(policy(), board()[0], 0, bar=500).post_ids) & set(dead)


def test_a_new_post_goes_first_whose_author_had_large_ones() -> None:
    leaders = [aged(number, 20) for number in range(2)]
    posts, planner = watchlist(*leaders), policy()
    measure(posts, dict.fromkeys(leaders, 1000), NOW - HOUR)
    for number in range(8):
        earlier = {"star": aged(100 + number, 6), "fan": aged(200 + number, 6)}
        for author, one in earlier.items():
            posts.add(0, [sighting(one, author=author)], NOW)
        asked = plan(planner, posts, number * 60, bar=1000).post_ids
        likes = {earlier["star"]: 900, earlier["fan"]: 1}
        measure(posts, {one: likes.get(one, 1000) for one in asked}, NOW + number * 60)
    fresh = {author: aged(300 + place, 0.5) for place, author in enumerate(["fan", "stranger", "star"])}
    for author, one in fresh.items():
        posts.add(0, [sighting(one, author=author, seen_at=NOW - 0.5 * HOUR)], NOW)
    plan(planner, posts, 600, bar=1000)
    worth = {
        author: planner.explain(later(600), posts.app.columns, posts.row(one)).worth
        for author, one in fresh.items()
    }
    assert worth["star"] > 2 * worth["stranger"]
    assert worth["stranger"] > worth["fan"]


def test_with_a_share_for_those_who_wait_longest_everyone_is_asked_some_day() -> None:
    posts, _, dead = board()
    requests = asked_over(policy(unasked_share=0.25), posts, range(60, 60 * 40, 60), bar=500)
    assert set(dead) <= {post_id for request in requests for post_id in request}


def test_without_it_the_hopeless_wait_for_long() -> None:
    posts, _, dead = board()
    requests = asked_over(policy(), posts, range(60, 60 * 40, 60), bar=500)
    assert len({post_id for request in requests for post_id in request} & set(dead)) < len(dead)


def test_who_has_waited_too_long_goes_first_even_if_it_is_worth_nothing() -> None:
    posts, near, dead = board()
    limit = HOUR
    asked = asked_over(policy(max_unasked=limit), posts, range(60, 60 * 240, 60), bar=500)
    last = dict.fromkeys((*near, *dead), float(NOW))
    longest = 0.0
    for minute, chosen in enumerate(asked, start=1):
        last |= dict.fromkeys(chosen, NOW + 60.0 * minute)
        longest = max(longest, *(NOW + 60 * minute - then for then in last.values()))
    # One seat a minute at least is for them, and they are twenty.
    assert limit < longest <= limit + 20 * 60
    without = asked_over(policy(), board()[0], range(60, 60 * 240, 60), bar=500)
    assert not set(dead) <= {post_id for chosen in without for post_id in chosen}


class TestHopeless:
    def hopeless(self, posts: Watchlist, planner: BoardGain, bar: float) -> set[PostId]:
        found = set[PostId]()
        for second in range(0, 600, 60):
            found |= set(plan(planner, posts, second, bar).hopeless)
        return found

    def test_old_posts_far_below_every_bar_are_let_go(self) -> None:
        posts, near, dead = board()
        assert self.hopeless(posts, policy(retire_chance=1e-4), bar=500) == set(dead)
        assert near

    def test_nobody_is_without_the_setting(self) -> None:
        posts, _, _ = board()
        assert self.hopeless(posts, policy(), bar=500) == set()

    def test_nobody_is_on_a_board_with_free_places(self) -> None:
        dead = [aged(number, 20) for number in range(3)]
        posts = watchlist(*dead)
        measure(posts, dict.fromkeys(dead, 0), NOW - HOUR)
        planner = policy(retire_chance=1e-4)
        found = {post_id for second in (0, 60, 120) for post_id in plan(planner, posts, second).hopeless}
        assert found == set()

    def test_who_is_young_or_may_come_up_by_a_second_wave_stays(self) -> None:
        posts, _, dead = board()
        young, middling = aged(50, 0.2), aged(51, 20)
        posts.add(0, [sighting(one, seen_at=NOW - 700) for one in (young, middling)], NOW)
        measure(posts, {young: 2, middling: 60}, NOW - 600)
        assert self.hopeless(posts, policy(retire_chance=1e-4), bar=500) == set(dead)

    def test_who_was_measured_in_its_first_minutes_only_stays(self) -> None:
        posts, _, dead = board()
        slow = aged(60, 20)
        posts.add(0, [sighting(slow, seen_at=NOW - 20 * HOUR)], NOW)
        measure(posts, {slow: 0}, NOW - 19.5 * HOUR)
        assert self.hopeless(posts, policy(retire_chance=1e-4), bar=500) == set(dead)

    def test_the_less_a_post_has_the_smaller_its_best_chance(self) -> None:
        posts, _, dead = board()
        chances = [1e-12, 1e-9, 1e-6, 1e-4]
        found = [self.hopeless(board()[0], policy(retire_chance=chance), bar=500) for chance in chances]
        assert all(smaller <= larger for smaller, larger in itertools.pairwise(found))
        assert found[-1] == set(dead)
        assert posts


def test_without_free_seats_nobody_is_asked_who_is_not_due() -> None:
    near = [aged(number, 6) for number in range(4)]
    posts = watchlist(*near)
    measure(posts, dict(zip(near, (900, 500, 490, 480), strict=True)), NOW - 60)
    late = aged(10, 1)
    posts.add(0, [sighting(late, seen_at=NOW - 60)], NOW)
    everyone, due = (plan(policy(free_seats=free), posts, 0).post_ids for free in (True, False))
    assert set(due) == {late} < set(everyone)


def test_nobody_is_asked_twice_while_in_flight_and_a_request_that_failed_is_made_again() -> None:
    posts, near, _ = board()
    planner = policy()
    chosen = plan(planner, posts, 0, bar=500).post_ids
    posts.app.mark_asked(chosen, later(0))
    assert not set(plan(planner, posts, 1, bar=500).post_ids) & set(near)
    posts.app.ask_again(chosen)
    assert set(plan(planner, posts, 60, bar=500).post_ids) == set(near)


def test_requests_in_a_row_are_for_other_posts_each() -> None:
    everyone = [aged(number, 1) for number in range(40)]
    posts = watchlist(*everyone)
    planner = policy()
    asked: list[PostId] = []
    for tenth in range(10):
        chosen = plan(planner, posts, tenth / 100).post_ids
        assert len(chosen) == SEATS
        posts.app.mark_asked(chosen, later(tenth / 100))
        asked += chosen
    assert sorted(asked) == sorted(everyone)


def test_who_leaves_between_two_requests_in_a_row_is_not_asked() -> None:
    everyone = [aged(number, 1) for number in range(40)]
    posts, planner = watchlist(*everyone), policy()
    for moment in (0.0, 0.01):
        posts.app.mark_asked(plan(planner, posts, moment).post_ids, later(moment))
    for post_id in everyone[:30]:
        posts.remove(post_id)
    chosen = plan(planner, posts, 0.02).post_ids
    assert set(chosen) <= set(everyone[30:])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_calls_give_the_same_plans(seed: int) -> None:
    runs = [
        asked_over(policy(seed=seed, unasked_share=0.25), board()[0], range(60, 3000, 60), bar=500)
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert all(runs[0])


def test_a_full_watchlist_of_posts_in_many_campaigns_is_no_fault() -> None:
    posts = watchlist(bounds=limits(max_campaigns=5))
    everyone = [aged(number, 1) for number in range(30)]
    for number, post_id in enumerate(everyone):
        campaigns = [Campaign(f"c{one}") for one in range(number % 7)]
        posts.add(0, [sighting(post_id, *campaigns)], NOW)
    planner = policy()
    for second in range(1, 200, 20):
        chosen = plan(planner, posts, second).post_ids
        measure(posts, {post_id: int(post_id) % 50 for post_id in chosen}, NOW + second)
        posts.remove(everyone[second // 20])
    assert plan(planner, posts, 300).post_ids


class TestWhy:
    def test_a_post_that_was_asked_for_its_worth_says_so_and_what_it_competes_with(self) -> None:
        posts, near, _ = board()
        planner = policy()
        plan(planner, posts, 0, bar=500)
        told = planner.explain(later(0), posts.app.columns, posts.row(near[2]))
        assert told.reason is Reason.WORTH
        assert told.asked_worth is not None
        assert told.asked_worth > 0
        (stake,) = told.stakes
        assert (stake.campaign, stake.metric, stake.shown_bar) == (ALL, LIKES, 500)
        assert stake.known is not None
        assert stake.known.value == 490
        assert 490 < stake.known.low < stake.known.expected < stake.known.high
        assert stake.bar is not None
        assert 0 < stake.chance < 1

    def test_the_farther_below_the_bar_the_smaller_the_chance(self) -> None:
        posts, near, dead = board()
        planner = policy()
        plan(planner, posts, 0, bar=500)
        chances = [
            planner.explain(later(0), posts.app.columns, posts.row(one)).stakes[0].chance
            for one in (near[0], near[3], dead[0])
        ]
        assert chances == sorted(chances, reverse=True)
        assert chances[0] > 0.9
        assert chances[2] < 0.01

    def test_why_it_had_a_seat_is_told_in_each_case(self) -> None:
        posts, _, dead = board()
        planner = policy(unasked_share=0.5)
        chosen = plan(planner, posts, 0, bar=500).post_ids
        waited = next(iter(set(chosen) & set(dead)))
        assert planner.explain(later(0), posts.app.columns, posts.row(waited)).reason in {
            Reason.WAITED,
            Reason.DRAWN,
        }
        few = watchlist(aged(1, 1), aged(2, 1))
        assert plan(policy(), few, 10).post_ids
        planner = policy()
        measure(few, {aged(1, 1): 5}, NOW)
        plan(planner, few, 30)
        assert planner.explain(later(30), few.app.columns, few.row(aged(2, 1))).reason is Reason.DUE
        assert planner.explain(later(30), few.app.columns, few.row(aged(1, 1))).reason is Reason.FREE_SEAT

    def test_a_new_post_has_a_chance_and_no_numbers_and_who_is_unknown_has_no_reason(self) -> None:
        posts, _, _ = board()
        planner = policy()
        fresh = aged(50, 0.5)
        posts.add(0, [sighting(fresh, seen_at=NOW)], NOW)
        before = planner.explain(later(0), posts.app.columns, posts.row(fresh))
        assert (before.reason, before.asked_at, before.stakes) == (Reason.NOT_ASKED, None, [])
        plan(planner, posts, 0, bar=500)
        (stake,) = planner.explain(later(0), posts.app.columns, posts.row(fresh)).stakes
        assert stake.known is None
        assert 0 < stake.chance < 0.5

    def test_an_unavailable_post_competes_nowhere(self) -> None:
        posts, near, _ = board()
        planner = policy()
        posts.app.mark_asked(near[:1], later(0))
        posts.mark_unavailable(near[:1], NOW)
        plan(planner, posts, 0, bar=500)
        assert planner.explain(later(0), posts.app.columns, posts.row(near[0])).stakes == []
