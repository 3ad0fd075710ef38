"""Lanes: owned Posts are asked for apart, and their last 28 hours apart from their totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.watchlist.making import LIKES, NOW, counts, later, limits, post, sighting
from worker.board_metrics import board_metric
from worker.catalogue import SERIES_METRICS, TOTALS_METRICS, Endpoint
from worker.model import MetricName, PostId
from worker.watchlist import State, Watchlist

if TYPE_CHECKING:
    from worker.model import Sighting
    from worker.watchlist import Lane

IMPRESSIONS, RATE = MetricName("impressions"), MetricName("engagement_rate")
CLICKS_28H, RATE_28H = MetricName("url_clicks_28h"), MetricName("engagement_rate_28h")
METRICS = (LIKES, IMPRESSIONS, RATE, MetricName("impressions_per_hour"), CLICKS_28H, RATE_28H)
ACME, BETA = 1, 2
OWN, OTHER, FOREIGN = post(1), post(2), post(3)
FLOOR = 10


def account_of(seen: Sighting) -> int:
    return {"acme": ACME, "beta": BETA}.get(seen.author or "", 0)


def owned() -> Watchlist:
    posts = Watchlist(METRICS, limits(), accounts=2, account_of=account_of, rate_floor=FLOOR)
    posts.add(
        0,
        [sighting(OWN, author="acme"), sighting(OTHER, author="beta"), sighting(FOREIGN, author="c")],
        NOW,
    )
    return posts


def lane(posts: Watchlist, endpoint: Endpoint, account: int) -> Lane:
    (found,) = (one for one in posts.owners.lanes() if (one.endpoint, one.account) == (endpoint, account))
    return found


def waiting(one: Lane) -> list[PostId]:
    return one.first_unmeasured(10)


def shown(one: Lane) -> list[PostId]:
    """The Posts that a planner sees on a lane."""
    columns = one.columns
    return [PostId(post_id) for post_id in columns.post_ids[columns.states != State.FREE].tolist()]


@pytest.mark.parametrize("metric", TOTALS_METRICS)
def test_every_total_has_a_board_and_one_of_its_growth(metric: str) -> None:
    assert board_metric(MetricName(metric)).endpoint is Endpoint.TOTALS
    assert board_metric(MetricName(f"{metric}_per_hour")).sources == (metric,)


@pytest.mark.parametrize("metric", SERIES_METRICS)
def test_every_metric_of_28hr_has_a_board(metric: str) -> None:
    made = board_metric(MetricName(f"{metric}_28h"))
    assert (made.endpoint, made.kind, made.sources) == (Endpoint.LAST_28H, "count", (metric,))
    assert made.is_private


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("url_clicks", "did you mean url_clicks_28h"),
        ("retweet", "did you mean retweets"),
        ("quote_tweets_28h", "did you mean"),
        ("engagement_rate_per_hour", "did you mean"),
        ("", "one of impressions, engagements, favorites"),
        ("likes", "one of impressions, engagements, favorites"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused_with_what_was_meant(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        board_metric(MetricName(name))


def test_each_lane_asks_for_what_its_token_may_have() -> None:
    posts = owned()
    assert posts.app.asked == (LIKES,)
    assert lane(posts, Endpoint.TOTALS, ACME).asked == (LIKES, IMPRESSIONS, "engagements")
    assert lane(posts, Endpoint.LAST_28H, ACME).asked == ("url_clicks", "engagements", IMPRESSIONS)


def test_a_post_waits_on_the_lanes_of_its_owner_and_no_other() -> None:
    posts = owned()
    assert waiting(posts.app) == shown(posts.app) == [FOREIGN]
    for endpoint in (Endpoint.TOTALS, Endpoint.LAST_28H):
        assert waiting(lane(posts, endpoint, ACME)) == shown(lane(posts, endpoint, ACME)) == [OWN]
        assert waiting(lane(posts, endpoint, BETA)) == shown(lane(posts, endpoint, BETA)) == [OTHER]


def test_the_two_endpoints_know_apart_who_is_in_flight_and_when_each_was_measured() -> None:
    posts = owned()
    totals, recent = lane(posts, Endpoint.TOTALS, ACME), lane(posts, Endpoint.LAST_28H, ACME)
    totals.mark_asked([OWN], NOW)
    assert waiting(totals) == []
    assert waiting(recent) == [OWN]
    posts.record(counts({OWN: (5, 100, 7)}, later(1)), totals)
    assert waiting(recent) == [OWN]
    recent.mark_asked([OWN], later(2))
    posts.record(counts({OWN: (3, 4, 40)}, later(3)), recent)
    assert waiting(recent) == []
    assert posts.measured_at(OWN) == later(1)
    assert posts.measured_at(OWN, Endpoint.LAST_28H) == later(3)
    known = posts.tracked(OWN)
    assert known is not None
    per_hour = known.values.pop(MetricName("impressions_per_hour"))
    assert per_hour > 0
    assert known.values == {LIKES: 5, IMPRESSIONS: 100, RATE: 0.07, CLICKS_28H: 3, RATE_28H: 0.1}


def test_a_foreign_post_has_no_private_metric() -> None:
    posts = owned()
    posts.record(counts({FOREIGN: (5,)}, later(1)))
    known = posts.tracked(FOREIGN)
    assert known is not None
    assert known.values == {LIKES: 5}


@pytest.mark.parametrize(("impressions", "rate"), [(FLOOR, 0.2), (FLOOR - 1, None), (0, None), (None, None)])
def test_there_is_a_rate_from_so_many_impressions_on(impressions: int | None, rate: float | None) -> None:
    posts = owned()
    change = posts.record(counts({OWN: (1, impressions, 2)}, later(1)), lane(posts, Endpoint.TOTALS, ACME))
    value = change.new[0, METRICS.index(RATE)]
    assert np.isnan(value) if rate is None else value == rate


def test_an_author_that_becomes_known_later_moves_the_post() -> None:
    posts = owned()
    posts.add(0, [sighting(post(4))], NOW)
    assert waiting(posts.app) == [FOREIGN, post(4)]
    posts.add(0, [sighting(post(4), author="acme")], later(1))
    assert waiting(posts.app) == [FOREIGN]
    assert waiting(lane(posts, Endpoint.TOTALS, ACME)) == [OWN, post(4)]


def test_a_post_that_the_api_calls_anothers_goes_to_the_one_it_names_or_to_nobody() -> None:
    posts = owned()
    totals = lane(posts, Endpoint.TOTALS, ACME)
    posts.add(0, [sighting(post(4), author="acme")], NOW)
    totals.mark_asked([OWN, post(4)], NOW)
    posts.owners.disown([OWN, post(4)], totals, {OWN: BETA})
    totals.ask_again([OWN, post(4)])
    assert waiting(totals) == []
    assert waiting(lane(posts, Endpoint.TOTALS, BETA)) == [OTHER, OWN]
    assert waiting(posts.app) == [FOREIGN, post(4)]
    posts.add(0, [sighting(post(4), author="acme")], later(1))
    assert waiting(posts.app) == [FOREIGN, post(4)]


def test_of_a_post_that_is_gone_all_values_are_erased_and_only_its_totals_are_looked_at_again() -> None:
    posts = owned()
    totals, recent = lane(posts, Endpoint.TOTALS, ACME), lane(posts, Endpoint.LAST_28H, ACME)
    posts.record(counts({OWN: (5, 100, 7)}, later(1)), totals)
    posts.record(counts({OWN: (3, 4, 40)}, later(1)), recent)
    posts.mark_unavailable([OWN], later(2), recent)
    known = posts.tracked(OWN)
    assert known is not None
    assert known.values == {}
    assert shown(recent) == []
    assert shown(totals) == [OWN]


def test_a_row_that_is_used_again_begins_anew() -> None:
    posts = owned()
    recent = lane(posts, Endpoint.LAST_28H, ACME)
    recent.mark_asked([OWN], NOW)
    posts.record(counts({OWN: (3, 4, 40)}, later(1)), recent)
    recent.mark_asked([OWN], later(2))
    posts.remove(OWN)
    posts.add(0, [sighting(post(9), author="acme")], later(3))
    assert waiting(recent) == [post(9)]


def test_a_post_that_changes_hands_while_it_is_in_flight_waits_with_its_new_owner() -> None:
    posts = owned()
    posts.add(0, [sighting(post(4))], NOW)
    posts.app.mark_asked([post(4)], NOW)
    posts.add(0, [sighting(post(4), author="acme")], later(1))
    acme = lane(posts, Endpoint.TOTALS, ACME)
    assert waiting(acme) == [OWN]
    posts.app.ask_again([post(4)])
    assert waiting(acme) == [OWN, post(4)]
    assert post(4) not in waiting(posts.app)


@pytest.mark.parametrize("endpoint", [Endpoint.TOTALS, Endpoint.LAST_28H])
def test_who_moved_meanwhile_is_not_disowned_by_a_late_refusal(endpoint: Endpoint) -> None:
    posts = owned()
    late = lane(posts, endpoint, ACME)
    late.mark_asked([OWN], NOW)
    posts.owners.disown([OWN], lane(posts, Endpoint.TOTALS, ACME), {OWN: BETA})
    posts.owners.disown([OWN], late, {})
    late.ask_again([OWN])
    assert OWN in waiting(lane(posts, endpoint, BETA))


def test_a_post_that_the_api_calls_the_account_s_own_and_refuses_is_nobody_s() -> None:
    posts = owned()
    totals = lane(posts, Endpoint.TOTALS, ACME)
    totals.mark_asked([OWN], NOW)
    posts.owners.disown([OWN], totals, {OWN: ACME})
    totals.ask_again([OWN])
    assert waiting(totals) == []
    assert OWN in waiting(posts.app)


def test_a_late_answer_of_the_last_28_hours_brings_no_deleted_post_back() -> None:
    posts = owned()
    totals, recent = lane(posts, Endpoint.TOTALS, ACME), lane(posts, Endpoint.LAST_28H, ACME)
    totals.mark_asked([OWN], NOW)
    recent.mark_asked([OWN], NOW)
    posts.mark_unavailable([OWN], later(1), totals)
    change = posts.record(counts({OWN: (3, 4, 40)}, later(2)), recent)
    assert len(change.post_ids) == 0
    assert not recent.columns.in_flight.any()


def test_a_post_that_comes_back_waits_for_its_last_28_hours_again() -> None:
    posts = owned()
    totals, recent = lane(posts, Endpoint.TOTALS, ACME), lane(posts, Endpoint.LAST_28H, ACME)
    posts.mark_unavailable([OWN], later(1), totals)
    assert waiting(recent) == []
    posts.record(counts({OWN: (5, 100, 7)}, later(2)), totals)
    assert waiting(recent) == [OWN]


def test_the_last_28_hours_that_cannot_be_had_leave_the_totals_alone() -> None:
    posts = owned()
    totals, recent = lane(posts, Endpoint.TOTALS, ACME), lane(posts, Endpoint.LAST_28H, ACME)
    posts.record(counts({OWN: (5, 100, 7)}, later(1)), totals)
    posts.record(counts({OWN: (3, 4, 40)}, later(1)), recent)
    posts.set_aside_28h([OWN, post(77)], later(9), recent)
    known = posts.tracked(OWN)
    assert known is not None
    assert known.state is State.MEASURED
    assert known.values.keys() == {LIKES, IMPRESSIONS, RATE, "impressions_per_hour"}
    assert posts.measured_at(OWN, Endpoint.LAST_28H) == later(9)


def test_a_move_makes_planners_look_again() -> None:
    posts = owned()
    posts.record(counts({FOREIGN: (5,)}, later(1)))
    acme = lane(posts, Endpoint.TOTALS, ACME)
    before = acme.answers
    posts.add(0, [sighting(FOREIGN, author="acme")], later(2))
    assert acme.answers > before


def test_posts_of_an_account_that_nobody_can_ask_for_do_not_stay_for_ever() -> None:
    posts = owned()
    assert posts.expired(later(47 * 3600)) == []
    assert sorted(posts.expired(later(49 * 3600))) == [OWN, OTHER]
