"""Experiments: a small world, every policy, the figures and how they are told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from worker.model import ALL, Campaign, MetricName, Seconds
from worker.planner import BoardGain
from worker.simulate.budget import Answer
from worker.simulate.experiment import Estimate, Outcome, Plan, Row, prepare, run, summarise
from worker.simulate.judge import Judge
from worker.simulate.policies import POLICIES, make_policy
from worker.simulate.population import Histories, Population
from worker.simulate.report import HEADER, _tick, json_line, plot, table_line, table_row
from worker.simulate.wanted import UsageError, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.model import PostId

LIKES = MetricName("favorites")
SPRING = Campaign("spring")


def small(**options: object) -> Plan:
    usual = {"live_posts": 600, "campaigns": 4, "top": 5, "hours": 4, "warm_up": 24, "seeds": 1}
    return wanted(**{**usual, "requests_per_minute": "0.05", **options}).plan()


class TestPolicies:
    def test_every_policy_runs_and_the_planner_is_the_best_of_them(self) -> None:
        rows = {row.policy: row for row in run(small(policy=",".join(POLICIES)), jobs=1)}
        assert rows.keys() == set(POLICIES)
        assert all(0.05 < row.recall.mean <= 1 for row in rows.values())
        assert rows["planner"].recall.mean > rows["round-robin"].recall.mean
        assert rows["planner"].recall.mean >= rows["uniform"].recall.mean

    def test_each_is_asked_within_the_contract(self) -> None:
        for row in run(small(policy="planner,round-robin"), jobs=1):
            assert row.requests.mean == 28 * 60 * 0.05
            assert row.asked.mean <= 250 * row.requests.mean

    def test_more_requests_are_no_worse(self) -> None:
        few, many = run(small(requests_per_minute="0.02,1", policy="planner"), jobs=1)
        assert few.recall.mean < many.recall.mean
        assert many.recall.mean > 0.99

    def test_the_same_seed_gives_the_same_figures_in_processes_too(self) -> None:
        plan = small(policy="planner", seeds=2)
        assert list(run(plan, jobs=1)) == list(run(plan, jobs=2))

    def test_the_planner_asks_as_its_settings_say(self) -> None:
        plan = small(policy="planner", requests_per_minute="5")
        timing = replace(plan.habits.timing, min_interval=Seconds(3600.0))
        patience = replace(plan.habits, timing=timing)
        patient = replace(plan, habits=patience)
        usual, rare = (next(run(one, jobs=1)) for one in (plan, patient))
        assert rare.requests.mean < 0.5 * usual.requests.mean

    def test_a_policy_must_have_a_name(self) -> None:
        with pytest.raises(ValueError, match="one of planner, planner-fixed, round-robin"):
            make_policy("best", [LIKES], top=10, window=Seconds(3600.0), half_growth=Seconds(600.0), seed=1)

    def test_only_the_planner_that_is_not_fixed_learns_how_posts_grow(self) -> None:
        plan = small(half_growth="20m", least_size=50)
        halves = {}
        for policy in ("planner", "planner-fixed"):
            simulation = prepare(plan, policy, 2.0, 1)
            simulation.go()
            assert isinstance(simulation.planner, BoardGain)
            halves[policy] = simulation.planner.curve.half
        assert halves["planner-fixed"] == pytest.approx(4800)
        assert 600 <= halves["planner"] <= 2400

    def test_while_the_api_refuses_nothing_is_asked(self) -> None:
        plan = small(policy="planner", requests_per_minute="1")
        calm, refused = (next(run(one, jobs=1)) for one in (plan, replace(plan, refused=((0.0, 3600.0),))))
        assert calm.requests.mean - refused.requests.mean == 60


class TestJudging:
    def judged(self, shown: Sequence[tuple[int, float]], now: float = 100.0, window: float = 1e6) -> Judge:
        """Five Posts with 5, 4, 4, 2 and 1 likes, created at -50, -40, …; a board of two places."""
        likes = [5, 4, 4, 2, 1]
        population = Population.make(
            (LIKES,),
            np.array([-50.0, -40.0, -30.0, -20.0, -10.0]),
            np.zeros(5, dtype=np.int32),
            ((SPRING,),),
            [Histories.of([np.zeros(count) for count in likes])],
        )
        judge = Judge(population, (LIKES,), 2, window)
        told = [(population.post_id(number), value) for number, value in shown]

        class Boards:
            def merged(self, *_: object) -> list[tuple[PostId, float]]:
                return told

        class Watched:
            def measured_times(self, post_ids: Sequence[PostId]) -> list[float]:
                return [90.0] * len(post_ids)

        judge.look(Boards(), Watched(), now, 0.0)  # type: ignore[arg-type]
        return judge

    def test_the_right_posts_with_the_right_numbers_are_all_right(self) -> None:
        verdict = self.judged([(0, 5.0), (1, 4.0)]).verdict
        assert verdict.recalls == [1.0, 1.0]  # of all, and of spring
        assert verdict.exact == [True, True]
        assert set(verdict.errors) == {0.0}
        assert set(verdict.ages) == {10.0}

    def test_a_post_that_ties_with_the_last_place_is_as_right(self) -> None:
        assert self.judged([(0, 5.0), (2, 4.0)]).verdict.exact == [True, True]

    def test_a_wrong_post_costs_its_place_and_an_old_number_its_error(self) -> None:
        verdict = self.judged([(0, 4.0), (3, 2.0)]).verdict
        assert verdict.recalls == [0.5, 0.5]
        assert verdict.errors[:2] == pytest.approx([0.2, 0.0])

    def test_an_empty_board_is_right_in_nothing(self) -> None:
        assert self.judged([]).verdict.recalls == [0.0, 0.0]

    def test_who_left_the_window_competes_only_if_among_the_best(self) -> None:
        # At 100 those created before -35 are out: the two first.
        verdict = self.judged([(2, 4.0), (3, 2.0)], window=135.0).verdict
        assert verdict.exact == [True, True]


class TestTelling:
    def row(self, within: float) -> Row:
        return Row(
            "planner",
            0.25,
            5,
            *(Estimate(value, within) for value in (0.998, 0.98, 0.004, 0.01, 61.0, 540.0, 1e5)),
        )

    def test_a_line_of_the_table_stands_under_its_header(self) -> None:
        header, line = table_line(HEADER), table_row(self.row(0.001))
        assert "0.9980 ± 0.0010" in line
        assert "1.00%" in line
        assert header.index("requests") + len("requests") == len(line)

    def test_one_seed_has_no_interval(self) -> None:
        assert "±" not in table_row(self.row(math.nan))
        assert json.loads(json_line(self.row(math.nan)))["recall_within"] is None

    def test_json_has_what_was_promised(self) -> None:
        told = json.loads(json_line(self.row(0.001)))
        assert told["policy"] == "planner"
        promised = {"requests_per_minute", "recall", "exact_boards", "shown_error_median", "requests"}
        assert promised <= told.keys()
        assert told["recall_within"] == 0.001

    def test_an_interval_is_students(self) -> None:
        outcomes = [Outcome(recall, 0, 0, 0, 0, 1, 1) for recall in (0.90, 0.94, 0.98)]
        row = summarise("planner", 1.0, outcomes)
        assert row.recall.mean == pytest.approx(0.94)
        assert row.recall.within == pytest.approx(4.303 * 0.04 / math.sqrt(3))


class TestWhatIsWanted:
    def test_faults_are_told_all_at_once_by_option_and_value(self) -> None:
        with pytest.raises(UsageError) as error:
            wanted(
                live_posts=2, policy="planner,best", requests_per_minute="1,-2", half_growth="soon", swing=3
            )
        lines = str(error.value).splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "--live-posts",
            "--requests-per-minute",
            "--policy",
            "--half-growth",
            "--swing",
        ]
        assert "'best' is no policy: one of planner" in lines[2]

    def test_metrics_of_owned_posts_only_cannot_be_simulated(self) -> None:
        with pytest.raises(UsageError, match="'impressions' cannot be simulated"):
            wanted(metrics="favorites,impressions")

    def test_a_window_that_is_too_short_is_told_as_it_was_given(self) -> None:
        with pytest.raises(UsageError, match=r"^--window: it must be at least 600 s \(it is '1m'\)$"):
            wanted(window="1m")

    def test_what_is_said_twice_is_run_once(self) -> None:
        plan = wanted(policy="planner,planner", requests_per_minute="1,1.0").plan()
        assert plan.policies == ("planner",)
        assert plan.requests_per_minute == (1.0,)

    def test_durations_are_as_in_the_settings(self) -> None:
        plan = wanted(window="36h", half_growth="20m", refused="30m", hours=6).plan()
        assert plan.world.arrivals.window == 36 * 3600
        assert plan.world.growing.half_growth == 1200
        assert plan.refused == ((7200.0, 9000.0),)

    def test_all_is_among_the_campaigns_that_are_judged(self) -> None:
        population = small().world.populate(1, -3600.0, 3600.0)
        assert len(population.members(ALL)) == len(population)


class TestPlotsAndTables:
    def test_marks_are_where_was_tried_and_keep_apart(self) -> None:
        budgets = [0.1 * 2 ** (step / 2) for step in range(11)]
        for tried, marked in (
            (budgets, 11),
            ([*budgets, 0.405], 11),
            ([1.0], 1),
            ([0.01 * n for n in range(1, 99)], 10),
        ):
            axes = Figure().subplots()
            axes.set_xscale("log")
            _tick(axes, sorted(tried))
            places = list(axes.get_xticks())
            assert set(places) <= set(tried)
            assert 0.6 * marked < len(places) <= marked
            assert not len(axes.get_xticks(minor=True))

    def test_what_was_sought_and_found_is_marked(self, tmp_path: Path) -> None:
        rows = list(run(small(policy="planner", requests_per_minute="0.05,0.1"), jobs=1))
        answer = Answer(0.9, Estimate(0.08, 0.01), 0.09, rows)
        for found, marks in ((None, 0), (answer, 1)):
            path = tmp_path / f"plot-{marks}.svg"
            plot(rows, path, "a world", found)
            assert path.read_text().count("0.09 suffice") == marks

    def test_no_interval_is_wider_than_shares_are(self) -> None:
        row = replace(next(run(small(policy="planner"), jobs=1)), recall=Estimate(0.875, 1.588))
        assert "0.8750 ± 0.8750" in table_row(row)

    def test_every_policy_has_room_in_the_table(self) -> None:
        row = next(run(small(policy="planner"), jobs=1))
        places = {table_row(replace(row, policy=policy)).index("0.05") for policy in POLICIES}
        assert len(places) == 1
