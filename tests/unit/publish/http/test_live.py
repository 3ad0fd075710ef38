"""What followers of the leaderboards are told, and how much waits for them."""

import asyncio
import random

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.publish.http.serving import entry, key, leaderboard
from worker.model import Campaign, MetricName, Seconds
from worker.publish.http.live import Change, ClosedError, Filter, LiveBoards, NoRoomError, Subscription
from worker.telemetry import Telemetry

ANY = Filter()


def boards(max_streams: int = 3) -> LiveBoards:
    return LiveBoards(max_streams=max_streams, telemetry=Telemetry(CollectorRegistry()))


def taken(subscription: Subscription) -> list[Change]:
    changes = []
    while (change := subscription.take()) is not None:
        changes.append(change)
    return changes


def told(subscription: Subscription) -> list[tuple[str, float | None]]:
    return [
        (change.key[0], change.version.leaderboard.as_of if change.version else None)
        for change in taken(subscription)
    ]


def test_the_newest_leaderboard_is_kept() -> None:
    live = boards()
    live.put(leaderboard("a", as_of=1))
    live.put(leaderboard("a", as_of=2))
    version = live.get(key("a"))
    assert version is not None
    assert version.leaderboard == leaderboard("a", as_of=2)


def test_the_same_leaderboard_again_tells_nobody() -> None:
    live = boards()
    subscription = live.subscribe(ANY)
    assert live.put(leaderboard("a", entries=[entry()]))
    assert told(subscription) == [("a", leaderboard().as_of)]
    assert not live.put(leaderboard("a", entries=[entry()]))
    assert told(subscription) == []


def test_a_new_follower_hears_what_is_in_the_order_of_the_list() -> None:
    live = boards()
    for campaign in ("b", "A", "all"):
        live.put(leaderboard(campaign, as_of=1))
    assert told(live.subscribe(ANY)) == [("all", 1), ("A", 1), ("b", 1)]


def test_counts_stand_before_what_is_derived_in_the_order_of_the_api() -> None:
    live = boards()
    for metric in ("engagement_rate", "retweets_per_hour", "replies", "favorites_per_hour", "favorites"):
        live.put(leaderboard("all", metric))
    assert [board.metric for board in live.leaderboards()] == [
        "favorites",
        "replies",
        "engagement_rate",
        "favorites_per_hour",
        "retweets_per_hour",
    ]


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        (ANY, {("a", "replies"), ("a", "retweets"), ("b", "replies")}),
        (Filter(campaign=Campaign("a")), {("a", "replies"), ("a", "retweets")}),
        (Filter(metric=MetricName("replies")), {("a", "replies"), ("b", "replies")}),
        (Filter(Campaign("b"), MetricName("retweets")), set()),
    ],
)
def test_a_follower_hears_only_what_it_wants(wanted: Filter, heard: set[tuple[str, str]]) -> None:
    live = boards()
    live.put(leaderboard("a", "replies"))
    subscription = live.subscribe(wanted)
    live.put(leaderboard("a", "retweets"))
    live.put(leaderboard("b", "replies"))
    assert {change.key for change in taken(subscription)} == heard


def test_a_slow_follower_hears_the_newest_only_and_none_waits_for_ever() -> None:
    live = boards()
    subscription = live.subscribe(ANY)
    for version in range(1000):
        live.put(leaderboard("a", as_of=version))
        live.put(leaderboard("b", as_of=version))
    assert len(subscription) == 2
    assert told(subscription) == [("a", 999), ("b", 999)]


def test_a_withdrawal_is_told_to_those_who_were_shown_the_leaderboard() -> None:
    live = boards()
    subscription = live.subscribe(ANY)
    live.put(leaderboard("a", as_of=1))
    assert told(subscription) == [("a", 1)]
    assert live.remove(key("a"))
    assert not live.remove(key("a"))
    assert told(subscription) == [("a", None)]


def test_a_leaderboard_that_came_and_went_is_not_mentioned() -> None:
    live = boards()
    subscription = live.subscribe(ANY)
    live.put(leaderboard("a"))
    live.remove(key("a"))
    assert told(subscription) == []


def test_what_waits_is_bounded_when_campaigns_come_and_go() -> None:
    live = boards()
    subscription = live.subscribe(ANY)
    for number in range(10):
        live.put(leaderboard(f"shown {number}"))
    taken(subscription)
    for number in range(5000):
        live.put(leaderboard(f"passing {number}"))
        live.remove(key(f"passing {number}"))
    for number in range(10):
        live.remove(key(f"shown {number}"))
    assert len(subscription) == 10


def test_a_follower_ends_with_the_truth_whatever_happened() -> None:
    rng = random.Random(7)  # noqa: S311 -- a test's dice
    live = boards()
    subscription = live.subscribe(ANY)
    seen: dict[tuple[str, str], float] = {}
    for step in range(5000):
        name = rng.choice("abcdef")
        if rng.random() < 0.7:
            live.put(leaderboard(name, as_of=step))
        else:
            live.remove(key(name))
        for _ in range(rng.randrange(3)):
            if (change := subscription.take()) is not None:
                _apply(change, seen)
    for change in taken(subscription):
        _apply(change, seen)
    assert seen == {board.key: board.as_of for board in live.leaderboards()}


def _apply(change: Change, seen: dict[tuple[str, str], float]) -> None:
    if change.version is None:
        del seen[change.key]
    else:
        seen[change.key] = change.version.leaderboard.as_of


def test_no_more_follow_than_allowed_and_a_place_is_free_again() -> None:
    telemetry = Telemetry(CollectorRegistry())
    live = LiveBoards(max_streams=1, telemetry=telemetry)
    first = live.subscribe(ANY)
    assert telemetry.registry.get_sample_value("toptweets_streams") == 1
    with pytest.raises(NoRoomError):
        live.subscribe(ANY)
    live.unsubscribe(first)
    live.unsubscribe(first)
    assert telemetry.registry.get_sample_value("toptweets_streams") == 0
    live.subscribe(ANY)


def test_closing_wakes_who_waits_and_takes_no_more() -> None:
    async def scenario() -> None:
        live = boards()
        subscription = live.subscribe(ANY)
        waiting = asyncio.create_task(subscription.wait(Seconds(60)))
        await asyncio.sleep(0)
        live.close()
        assert await asyncio.wait_for(waiting, 5)
        assert subscription.closed
        with pytest.raises(ClosedError):
            live.subscribe(ANY)

    asyncio.run(scenario())


def test_waiting_ends_with_news_or_when_the_time_is_over() -> None:
    async def scenario() -> None:
        live = boards()
        subscription = live.subscribe(ANY)
        assert not await subscription.wait(Seconds(0.001))
        waiting = asyncio.create_task(subscription.wait(Seconds(60)))
        await asyncio.sleep(0)
        live.put(leaderboard())
        assert await asyncio.wait_for(waiting, 5)
        assert await subscription.wait(Seconds(60)), "what waits already needs no waiting"

    asyncio.run(scenario())


def test_all_readers_share_one_serialisation() -> None:
    live = boards()
    live.put(leaderboard())
    version = live.get(key("all"))
    assert version is not None
    assert version.json is version.json
