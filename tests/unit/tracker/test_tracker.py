"""The Watchlist and its boards, kept in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    LIKES_PER_HOUR,
    NOW,
    RETWEETS,
    A,
    B,
    counts,
    later,
    limits,
    post,
    sighting,
)
from worker.boards import BoardsLimits
from worker.catalogue import Endpoint
from worker.engagement import Account, Accounts, Outcome
from worker.model import ALL, MetricName, PostId, Seconds, Sighting, Standings, Tombstone
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.model import Campaign, Counts, Sighting
    from worker.watchlist import Lane, WatchlistLimits

ONE, TWO, THREE, FOUR = (post(number) for number in (1, 2, 3, 4))


def tracker(
    *metrics: MetricName, bounds: WatchlistLimits | None = None, top: int = 2, reserve: int = 1
) -> Tracker:
    return Tracker(
        metrics or (LIKES,),
        bounds or limits(),
        BoardsLimits(top, reserve),
        half_growth=Seconds(4800.0),
        telemetry=Telemetry(CollectorRegistry()),
    )


def outcome(  # each part by name
    *answers: Counts,
    unavailable: Sequence[PostId] = (),
    refused: Sequence[PostId] = (),
    again: Sequence[PostId] = (),
    silent: Sequence[PostId] = (),
    at: float = NOW,
) -> Outcome:
    return Outcome(
        later(at - NOW),
        counts=answers,
        unavailable=tuple(unavailable),
        refused=tuple(refused),
        again=(*again, *silent),
        silent=tuple(silent),
    )


def answered(posts: Tracker, values: Mapping[PostId, int | None], at: float = NOW) -> None:
    posts.answered(outcome(counts({post_id: (value,) for post_id, value in values.items()}, at), at=at))
    posts.check()


def tracking(values: Mapping[PostId, int], *campaigns: Campaign, **more: object) -> Tracker:
    made = tracker(**more)  # type: ignore[arg-type]
    made.take(0, [sighting(post_id, *campaigns) for post_id in values], NOW)
    answered(made, values)
    return made


def names(places: Sequence[tuple[PostId, float]]) -> list[PostId]:
    return [post_id for post_id, _ in places]


def retired(posts: Tracker, reason: str) -> float:
    return float(posts._telemetry.retired.labels(reason)._value.get())  # noqa: SLF001 -- no other way to read it


def test_what_is_asked_is_what_the_boards_are_read_from() -> None:
    posts = tracker(RETWEETS, LIKES_PER_HOUR, LIKES)
    assert posts.watchlist.app.asked == (RETWEETS, LIKES)


def test_an_answer_puts_posts_on_their_boards() -> None:
    posts = tracking({ONE: 5, TWO: 9, THREE: 7}, A)
    assert posts.boards.merged(A, LIKES) == posts.boards.merged(ALL, LIKES) == [(TWO, 9.0), (THREE, 7.0)]


class TestTaking:
    def test_a_tombstone_between_sightings_counts_for_those_before_it(self) -> None:
        posts = tracker()
        items: list[Sighting | Tombstone] = [sighting(ONE), Tombstone(ONE), sighting(TWO)]
        items += [Tombstone(THREE), sighting(THREE)]
        assert posts.take(0, items, NOW) == 5
        assert sorted(posts.watchlist.post_ids()) == [TWO, THREE]
        assert retired(posts, "tombstone") == 1

    def test_a_post_that_joins_a_campaign_is_on_its_board_at_once(self) -> None:
        posts = tracking({ONE: 5, TWO: 9})
        posts.take(0, [sighting(ONE, A), sighting(TWO, A, B), sighting(ONE, B)], NOW)
        posts.check()
        assert names(posts.boards.merged(A, LIKES)) == names(posts.boards.merged(B, LIKES)) == [TWO, ONE]

    def test_a_post_that_joins_before_it_is_measured_is_on_no_board(self) -> None:
        posts = tracker()
        posts.take(0, [sighting(ONE), sighting(ONE, A)], NOW)
        assert posts.boards.merged(A, LIKES) == []
        answered(posts, {ONE: 3})
        assert names(posts.boards.merged(A, LIKES)) == [ONE]

    def test_a_full_watchlist_lets_the_least_able_go(self) -> None:
        posts = tracking({ONE: 5, TWO: 1, THREE: 900}, bounds=limits(max_posts=3), top=1)
        posts.standings = Standings({(ALL, LIKES): 900.0})
        assert posts.take(0, [sighting(FOUR)], NOW) == 1
        posts.check()
        assert sorted(posts.watchlist.post_ids()) == [ONE, THREE, FOUR]
        assert retired(posts, "evicted") == 1

    def test_a_full_watchlist_takes_no_more_when_none_was_measured(self) -> None:
        posts = tracker(bounds=limits(max_posts=2))
        items = [sighting(ONE), sighting(TWO), sighting(ONE, A), sighting(THREE), sighting(FOUR)]
        assert posts.take(0, items, NOW) == 3
        assert posts.take(0, items[3:], NOW) == 0
        posts.watchlist.app.mark_asked([ONE], NOW)
        assert posts.take(0, items[3:], NOW) == 0
        answered(posts, {ONE: 1})
        assert posts.take(0, items[3:], NOW) == 1
        assert sorted(posts.watchlist.post_ids()) == [TWO, THREE]

    def test_a_hundredth_is_evicted_at_once(self) -> None:
        everyone = {post(number): number for number in range(500)}
        posts = tracking(everyone, bounds=limits(max_posts=500))
        posts.take(0, [sighting(post(1000))], NOW)
        assert len(posts.watchlist) == 500 - 5 + 1


class TestGone:
    @pytest.mark.parametrize("how", ["unavailable", "refused"])
    def test_a_post_that_is_gone_leaves_boards_and_words(self, how: str) -> None:
        posts = tracker()
        posts.take(0, [sighting(ONE, A, author="ada", text="hello"), sighting(TWO, A)], NOW)
        answered(posts, {ONE: 9, TWO: 5})
        posts.answered(outcome(**{how: [ONE]}))  # type: ignore[arg-type]
        posts.check()
        assert names(posts.boards.merged(A, LIKES)) == names(posts.boards.merged(ALL, LIKES)) == [TWO]
        assert posts.watchlist.words(ONE) == (None, None)
        assert ONE in posts.watchlist

    def test_a_post_that_comes_back_is_on_its_boards_again(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        posts.answered(outcome(unavailable=[ONE]))
        answered(posts, {ONE: 9}, NOW + 60)
        assert names(posts.boards.merged(ALL, LIKES)) == [ONE, TWO]

    def test_a_tombstone_takes_a_post_off_its_boards(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        posts.take(0, [Tombstone(ONE)], NOW)
        posts.check()
        assert names(posts.boards.merged(ALL, LIKES)) == [TWO]

    def test_an_answer_to_a_post_removed_meanwhile_changes_nothing(self) -> None:
        posts = tracking({ONE: 9})
        posts.watchlist.app.mark_asked([ONE], NOW)
        posts.remove(ONE, "tombstone")
        answered(posts, {ONE: 10})
        assert posts.boards.merged(ALL, LIKES) == []
        assert not posts.remove(ONE, "tombstone")

    def test_an_answer_to_a_post_removed_and_seen_again_counts(self) -> None:
        posts = tracking({ONE: 9})
        posts.watchlist.app.mark_asked([ONE], later(5))
        posts.take(0, [Tombstone(ONE), sighting(ONE, A)], NOW)
        answered(posts, {ONE: 10}, NOW + 6)
        assert posts.boards.merged(A, LIKES) == [(ONE, 10.0)]


class TestSilence:
    def test_three_answers_in_a_row_that_leave_a_post_out_make_it_unavailable(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        for turn in range(3):
            assert posts.watchlist.columns.states[posts.watchlist.row(ONE)] == State.MEASURED
            posts.watchlist.app.mark_asked([ONE], later(turn))
            posts.answered(outcome(silent=[ONE]))
            assert not posts.watchlist.columns.in_flight.any()
        assert posts.watchlist.columns.states[posts.watchlist.row(ONE)] == State.UNAVAILABLE
        assert names(posts.boards.merged(ALL, LIKES)) == [TWO]
        assert posts.watchlist.app.first_unmeasured(9) == []

    @pytest.mark.parametrize("between", ["counts", "unavailable", "removed", "dropped"])
    def test_whatever_else_happens_starts_the_count_anew(self, between: str) -> None:
        posts = tracking({ONE: 9})
        for _ in range(2):
            posts.answered(outcome(silent=[ONE]))
        if between == "counts":
            answered(posts, {ONE: 9})
        elif between == "unavailable":
            posts.answered(outcome(unavailable=[ONE]))
        else:
            if between == "removed":
                posts.remove(ONE, "tombstone")
            else:
                posts.drop_partition(0)
            posts.take(0, [sighting(ONE)], NOW)
        answered(posts, {ONE: 9}, NOW + 1) if between == "unavailable" else None
        for _ in range(2):
            posts.answered(outcome(silent=[ONE]))
        assert posts.watchlist.columns.states[posts.watchlist.row(ONE)] != State.UNAVAILABLE

    def test_no_silence_is_remembered_of_posts_not_tracked(self) -> None:
        posts = tracking({ONE: 9})
        posts.answered(outcome(silent=[ONE, TWO]))
        posts.drop_partition(0)
        assert not posts._silences  # noqa: SLF001 -- memory that no answer shows

    def test_a_failed_request_is_no_silence(self) -> None:
        posts = tracker()
        posts.take(0, [sighting(ONE)], NOW)
        for _ in range(5):
            posts.watchlist.app.mark_asked([ONE], NOW)
            posts.answered(outcome(again=[ONE]))
        assert posts.watchlist.app.first_unmeasured(9) == [ONE]


class TestAge:
    def over(self, values: Mapping[PostId, int], **more: object) -> Tracker:
        return tracking(values, bounds=limits(tracking_window=2 * HOUR), **more)

    def test_posts_off_every_board_and_reserve_retire(self) -> None:
        posts = self.over({ONE: 9, TWO: 8, THREE: 7, FOUR: 6})
        assert posts.retire(later(HOUR)) == 0
        assert posts.retire(later(1.1 * HOUR)) == 1
        assert sorted(posts.watchlist.post_ids()) == [ONE, TWO, THREE]
        assert retired(posts, "age") == 1
        posts.check()

    def test_a_post_on_any_board_stays(self) -> None:
        posts = self.over({ONE: 9, TWO: 8, THREE: 7, FOUR: 6})
        posts.take(0, [sighting(FOUR, B)], NOW)
        assert posts.retire(later(3 * HOUR)) == 0

    def test_a_post_that_belongs_on_a_board_that_must_be_filled_again_stays(self) -> None:
        posts = self.over({ONE: 9, TWO: 8, THREE: 7, FOUR: 6})
        posts.answered(outcome(counts({ONE: (0,), TWO: (0,), THREE: (0,)}, NOW + 1)))
        posts.retire(later(3 * HOUR))
        assert posts.boards.merged(ALL, LIKES) == [(FOUR, 6.0), (ONE, 0.0)]

    def test_a_post_too_old_on_arrival_is_measured_once(self) -> None:
        posts = self.over({ONE: 9, TWO: 8, THREE: 7})
        ancient = post(at=NOW - 99 * HOUR)
        posts.take(0, [sighting(ancient)], NOW)
        assert posts.retire(NOW) == 0
        answered(posts, {ancient: 1})
        assert posts.retire(NOW) == 1
        assert ancient not in posts.watchlist


class TestCampaignsAndPartitions:
    def test_a_partition_dropped_is_gone_from_boards_and_watchlist(self) -> None:
        posts = tracking({ONE: 9}, A)
        posts.take(1, [sighting(TWO, A)], NOW)
        answered(posts, {TWO: 5})
        posts.drop_partition(0)
        posts.check()
        assert posts.boards.merged(A, LIKES) == [(TWO, 5.0)]
        assert retired(posts, "revoked") == 1

    def test_a_campaign_without_posts_closes_and_its_boards_go(self) -> None:
        posts = tracking({ONE: 9}, A)
        assert posts.close() == set()
        posts.remove(ONE, "tombstone")
        assert posts.close() == {(0, ALL), (0, A)}
        assert list(posts.boards.campaigns()) == []

    def test_a_campaign_that_closed_and_opened_again_is_exact(self) -> None:
        posts = tracking({ONE: 9, TWO: 8, THREE: 7, FOUR: 6}, A)
        for post_id in (ONE, TWO, THREE, FOUR):
            posts.remove(post_id, "tombstone")
        posts.close()
        posts.take(0, [sighting(ONE, B), sighting(TWO, A)], NOW)
        answered(posts, {ONE: 1, TWO: 2})
        assert names(posts.boards.merged(A, LIKES)) == [TWO]
        assert names(posts.boards.merged(B, LIKES)) == [ONE]


def test_the_gauges_are_brought_up_to_date() -> None:
    posts = tracking({ONE: 9, TWO: 5}, A, bounds=limits(max_campaigns=1))
    posts.take(0, [sighting(THREE, B)], NOW)
    for _ in range(2):
        posts.count()
    telemetry = posts._telemetry  # noqa: SLF001 -- no other way to read it
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in telemetry.registry.collect()
        for sample in metric.samples
    }
    assert values["toptweets_tracked_posts", "measured"] == 2
    assert values["toptweets_tracked_posts", "new"] == 1
    assert values["toptweets_campaigns",] == 2
    assert values["toptweets_campaigns_folded_total",] == 1
    assert values["toptweets_board_refills_total",] == 0


class TestTheCheck:
    def test_it_finds_a_wrong_value(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        posts.watchlist.columns.values[posts.watchlist.row(TWO)] = 50
        with pytest.raises(AssertionError, match="should be"):
            posts.check()

    def test_it_finds_a_post_that_is_missing(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        posts.boards.remove(ONE, (0, (ALL,)))
        with pytest.raises(AssertionError, match="should be"):
            posts.check()

    def test_it_finds_a_ghost_of_a_partition(self) -> None:
        posts = tracking({ONE: 9, TWO: 5})
        posts.watchlist.drop_partition(0)
        with pytest.raises(AssertionError, match="should be"):
            posts.check()


class TestAccounts:
    """Posts of accounts: what the API says of whose they are."""

    def owned(self) -> Tracker:
        accounts = Accounts([Account("acme", "1", "t", "s"), Account("beta", "2", "t", "s")])
        made = Tracker(
            (LIKES, MetricName("impressions"), MetricName("url_clicks_28h")),
            limits(),
            BoardsLimits(2, 1),
            half_growth=Seconds(4800.0),
            telemetry=Telemetry(CollectorRegistry()),
            accounts=accounts,
        )
        made.take(0, [sighting(ONE, author="Acme"), sighting(TWO)._replace(author_id="2")], NOW)
        return made

    def lane(self, made: Tracker, endpoint: Endpoint, account: int) -> Lane:
        lanes = made.watchlist.owners.lanes()
        (found,) = (lane for lane in lanes if (lane.endpoint, lane.account) == (endpoint, account))
        return found

    def test_an_author_is_known_by_handle_or_number(self) -> None:
        made = self.owned()
        assert self.lane(made, Endpoint.TOTALS, 1).first_unmeasured(9) == [ONE]
        assert self.lane(made, Endpoint.TOTALS, 2).first_unmeasured(9) == [TWO]
        assert made.watchlist.app.first_unmeasured(9) == []

    @pytest.mark.parametrize(("author", "account"), [("2", 2), ("77", 0), (None, 0)])
    def test_a_forbidden_post_goes_to_whom_the_api_named(self, author: str | None, account: int) -> None:
        made = self.owned()
        lane = self.lane(made, Endpoint.TOTALS, 1)
        lane.mark_asked([ONE], NOW)
        authors = {} if author is None else {ONE: author}
        made.answered(Outcome(later(1), forbidden=(ONE,), authors=authors), lane)
        assert ONE in self.lane(made, Endpoint.TOTALS, account).first_unmeasured(9)
        assert ONE not in lane.first_unmeasured(9)
        made.check()

    def test_tokens_that_are_another_s_are_told_once(self) -> None:
        made = self.owned()
        lane = self.lane(made, Endpoint.TOTALS, 1)
        with capture_logs() as logs:
            for turn in range(2):
                lane.mark_asked([ONE], later(turn))
                made.answered(Outcome(later(turn), forbidden=(ONE,), authors={ONE: "1"}), lane)
                made.watchlist.columns.accounts[made.watchlist.row(ONE)] = 1
        assert [(entry["event"], entry["account"]) for entry in logs] == [
            ("account_refused_its_own_posts", "acme")
        ]

    def test_an_outage_of_28hr_leaves_the_boards_of_totals_alone(self) -> None:
        made = self.owned()
        totals, recent = self.lane(made, Endpoint.TOTALS, 1), self.lane(made, Endpoint.LAST_28H, 1)
        made.answered(Outcome(later(1), counts=[counts({ONE: (3, 90)}, later(1))]), totals)
        made.answered(Outcome(later(1), counts=[counts({ONE: (7,)}, later(1))]), recent)
        made.answered(Outcome(later(2), failed={ONE: "503"}), recent)
        made.check()
        assert made.boards.merged(ALL, MetricName("impressions")) == [(ONE, 90.0)]
        assert made.boards.merged(ALL, MetricName("url_clicks_28h")) == []

    def test_answers_of_both_endpoints_in_any_order_leave_the_boards_exact(self) -> None:
        for first in (Endpoint.TOTALS, Endpoint.LAST_28H):
            made = self.owned()
            totals, recent = self.lane(made, Endpoint.TOTALS, 1), self.lane(made, Endpoint.LAST_28H, 1)
            totals.mark_asked([ONE], NOW)
            recent.mark_asked([ONE], NOW)
            answers = {
                Endpoint.TOTALS: lambda made=made, lane=totals: made.answered(
                    Outcome(later(1), unavailable=(ONE,)), lane
                ),
                Endpoint.LAST_28H: lambda made=made, lane=recent: made.answered(
                    Outcome(later(1), counts=[counts({ONE: (7,)}, later(1))]), lane
                ),
            }
            answers.pop(first)()
            made.check()
            next(iter(answers.values()))()
            made.check()
            assert made.boards.merged(ALL, MetricName("url_clicks_28h")) == []

    def test_the_last_28_hours_are_a_board_of_their_own_and_exact(self) -> None:
        made = self.owned()
        recent = self.lane(made, Endpoint.LAST_28H, 1)
        made.answered(Outcome(later(1), counts=[counts({ONE: (7,)}, later(1))]), recent)
        made.check()
        assert made.boards.merged(ALL, MetricName("url_clicks_28h")) == [(ONE, 7.0)]
        totals = self.lane(made, Endpoint.TOTALS, 1)
        made.answered(Outcome(later(2), counts=[counts({ONE: (3, 90)}, later(2))]), totals)
        made.check()
        assert made.boards.merged(ALL, MetricName("url_clicks_28h")) == [(ONE, 7.0)]
        assert made.boards.merged(ALL, MetricName("impressions")) == [(ONE, 90.0)]


def test_a_post_that_was_set_aside_leaves_the_boards_and_is_looked_at_again_rarely() -> None:
    posts = tracking({ONE: 5, TWO: 4})
    answered(posts, {ONE: 5, TWO: 4})
    posts.answered(Outcome(later(9), failed={ONE: "500"}))
    posts.check()
    assert posts.boards.merged(ALL, LIKES) == [(TWO, 4.0)]
    assert posts.watchlist.states()[State.UNAVAILABLE] == 1


def test_a_sighting_from_before_its_delete_notice_that_comes_after_it_is_not_taken() -> None:
    """A worker that was frozen sends what it had read before another one forwarded the notice."""
    made = tracking({ONE: 5})
    items: list[Sighting | Tombstone] = [
        Tombstone(ONE, later(10)),
        sighting(ONE, seen_at=later(9)),
        sighting(TWO, seen_at=later(9)),
        sighting(ONE, seen_at=later(10)),
    ]
    assert made.take(0, items, later(20)) == 4
    assert ONE not in made.watchlist
    assert TWO in made.watchlist
    assert made.take(0, [sighting(ONE, seen_at=later(11))], later(20)) == 1
    assert ONE in made.watchlist, "it was seen again since"
