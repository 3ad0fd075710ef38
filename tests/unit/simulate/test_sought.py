"""What ``budget`` simulates: the options, the settings and what was measured, and which of them wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from worker.model import Campaign, Timestamp
from worker.settings import Settings
from worker.simulate.arrivals import GroupShare
from worker.simulate.budget import Answer
from worker.simulate.experiment import Estimate
from worker.simulate.measured import Measured
from worker.simulate.own_report import Own
from worker.simulate.sought import Sought, TooFewError, parse_last
from worker.simulate.wanted import UsageError

SPRING, AUTUMN = Campaign("spring"), Campaign("autumn")
FOUND: Final = Measured(
    begins=Timestamp(1_750_000_000.0),
    ends=Timestamp(1_750_086_400.0),
    records=9000,
    unreadable=7,
    posts=5000,
    new=4000,
    posts_per_day=4100.0,
    by_hour=(*[0.5] * 12, *[1.5] * 12),
    shares=(GroupShare((SPRING,), 0.6), GroupShare((AUTUMN, SPRING), 0.3), GroupShare((), 0.1)),
    kept=1.0,
    folded=0,
)


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


class TestOptions:
    def test_nothing_said_is_the_usual_world(self) -> None:
        plan = Sought().plan()
        assert plan.world.arrivals.live_posts == 20_000
        assert plan.world.arrivals.campaigns == 20
        assert (plan.top, plan.hours, plan.warm_up, plan.seeds) == (10, 24, 24, 5)
        assert plan.policies == ("planner",)

    @pytest.mark.parametrize(("window", "warm_up"), [("6h", 24), ("48h", 48), ("30d", 168)])
    def test_judging_begins_when_the_window_is_full(self, window: str, warm_up: float) -> None:
        assert Sought(window=window).plan().warm_up == warm_up

    def test_nothing_is_not_the_same_as_naught(self) -> None:
        with pytest.raises(UsageError, match="--posts-per-day: it must be more than 0"):
            Sought(posts_per_day=0.0).plan()
        with pytest.raises(UsageError, match="--window: not a duration"):
            Sought(window="").plan()
        with pytest.raises(UsageError, match="--campaigns: "):
            Sought(campaigns=0).plan()

    @pytest.mark.parametrize("text", ["soon", "", "30s", "-1h"])
    def test_how_far_back_is_a_duration_of_a_minute_at_least(self, text: str) -> None:
        with pytest.raises(UsageError, match="--last: "):
            parse_last(text)
        assert parse_last("36h") == 36 * 3600


class TestOwnWorld:
    def test_it_is_what_was_measured_on_the_settings_boards(self) -> None:
        own = settings(
            watchlist={"tracking_window": "36h"},
            boards={"top": 7, "metrics": ["retweets_per_hour", "retweets", "favorites"]},
            planner={"half_growth": "20m"},
        )
        plan = Sought().own_plan(own, FOUND)
        arrivals = plan.world.arrivals
        assert arrivals.live_posts == 4100 * 1.5
        assert arrivals.window == 36 * 3600
        assert arrivals.by_hour == FOUND.by_hour
        assert arrivals.shares == FOUND.shares
        assert arrivals.campaigns == 2
        assert plan.world.metrics == ("retweets", "favorites")
        assert (plan.top, plan.half_growth) == (7, 1200)

    def test_options_win(self) -> None:
        sought = Sought(posts_per_day=900.0, campaigns=4, top=3, metrics="replies", window="24h", seeds=2)
        plan = sought.own_plan(settings(), FOUND)
        arrivals = plan.world.arrivals
        assert arrivals.live_posts == 900
        assert arrivals.groups() == Sought(campaigns=4).plan().world.arrivals.groups()
        assert arrivals.by_hour == FOUND.by_hour
        assert plan.world.metrics == ("replies",)
        assert (plan.top, plan.seeds) == (3, 2)

    def test_posts_without_campaigns_compete_in_all(self) -> None:
        found = replace(FOUND, shares=(GroupShare((), 1.0),))
        population = Sought().own_plan(settings(), found).world.populate(1, -3600.0, 0.0)
        assert population.campaigns == ()
        assert population.campaigns_of(0) == ()

    def test_boards_that_cannot_be_simulated_are_told_with_the_way_out(self) -> None:
        own = settings(boards={"metrics": ["favorites_per_hour"]})
        with pytest.raises(UsageError, match=r"boards\.metrics: none of favorites_per_hour can .*--metrics"):
            Sought().own_plan(own, FOUND)
        assert Sought(metrics="replies").own_plan(own, FOUND).world.metrics == ("replies",)

    def test_too_few_posts_say_nothing_unless_their_number_is_said(self) -> None:
        found = replace(FOUND, new=9)
        with pytest.raises(TooFewError, match=r"5,000 Posts in the last 24h, 9 were .*--posts-per-day"):
            Sought().own_plan(settings(), found)
        assert Sought(posts_per_day=500.0).own_plan(settings(), found).world.arrivals.shares == FOUND.shares


class TestTelling:
    def own(self, **found: Any) -> Own:
        return Own(settings(engagement={"requests_per_minute": 62}), replace(FOUND, **found))

    def answer(self, enough: float) -> Answer:
        return Answer(0.99, Estimate(enough, 0.0), enough, [])

    def test_the_contract_suffices_with_what_headroom_leaves_of_it(self) -> None:
        assert "62, which suffices: with engagement.headroom, 60 a minute" in self.own().verdict_text(
            self.answer(60.0)
        )
        assert "62, which does not suffice" in self.own().verdict_text(self.answer(61.0))
        assert self.own().verdict_json(self.answer(61.0)) == {
            "requests_per_minute": 62,
            "sent_per_minute": 60.0,
            "suffices": False,
        }

    def test_what_was_measured_is_told(self) -> None:
        text = self.own().measured_text()
        assert "measured from 2025-06-15T15:06:40Z to 2025-06-16T15:06:40Z (24h):" in text
        assert "9,000 records, of which 7 cannot be read" in text
        assert "5,000 Posts, of which 4,000 were created in that time\n" in text
        assert "4,100 new Posts a day, from 85 an hour (at 0 h UTC) to 256 (at 12 h)" in text
        assert "2 campaigns: spring 90.0%, autumn 30.0%; 30.0% of the Posts in several, 10.0% in none" in text
        assert "not simulated: favorites_per_hour, retweets_per_hour" in text

    def test_what_limits_did_is_told(self) -> None:
        text = self.own(kept=0.25, folded=3, by_hour=()).measured_text()
        assert "is a guess" not in text
        assert "is a guess" in self.own(begins=FOUND.ends - 90.0).measured_text()
        assert "; estimated from 25.00% of them" in text
        assert "; 3 more beyond watchlist.max_campaigns" in text
        assert "4,100 new Posts a day\n" in text
        assert "no campaigns" in self.own(shares=(GroupShare((), 1.0),)).measured_text()

    def test_programs_are_told_the_same(self) -> None:
        told = self.own().measured_json()
        assert told["from"] == "2025-06-15T15:06:40Z"
        assert told["posts_by_hour"] == pytest.approx([85.4] * 12 + [256.25] * 12, abs=0.05)
        assert told["campaigns"][1] == {"campaign": AUTUMN, "share": 0.3}
        assert self.own(by_hour=()).measured_json()["posts_by_hour"] is None
