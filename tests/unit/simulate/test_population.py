"""Populations: what the API would say of each Post at each moment."""

from __future__ import annotations

import gzip
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import ALL, NOT_AVAILABLE, Campaign, MetricName, created_at
from worker.simulate.arrivals import Arrivals, GroupShare
from worker.simulate.cascades import CascadesError, Sizes, read_cascades, thinned
from worker.simulate.population import BEGIN, Histories, Population
from worker.simulate.synthetic import Growing

if TYPE_CHECKING:
    from pathlib import Path

LIKES, SHARES = MetricName("favorites"), MetricName("retweets")
SPRING, AUTUMN = Campaign("spring"), Campaign("autumn")


class TestHistories:
    @given(
        st.lists(st.lists(st.floats(0, 1e6), max_size=8).map(sorted), min_size=1, max_size=6),
        st.floats(0, 2e6),
    )
    def test_counts_are_the_events_up_to_an_age(self, ages: list[list[float]], age: float) -> None:
        histories = Histories.of([np.array(one) for one in ages])
        told = histories.counts(np.arange(len(ages)), np.full(len(ages), age))
        # To microseconds: ages of millions of Posts share one array.
        assert all(
            np.sum(np.array(one) < age - 1e-6) <= count <= np.sum(np.array(one) <= age + 1e-6)
            for one, count in zip(ages, told.tolist(), strict=True)
        )

    def test_a_post_without_events_has_none_at_any_age(self) -> None:
        histories = Histories.of([np.array([]), np.array([5.0]), np.array([])])
        assert histories.counts(np.array([0, 1, 2]), np.array([1e9, 1e9, 1e9])).tolist() == [0, 1, 0]


class TestPopulation:
    def population(self) -> Population:
        return Population.make(
            (LIKES, SHARES),
            np.array([-100.0, 0.0, 50.0]),
            np.array([0, 1, 0], dtype=np.int32),
            ((SPRING,), (AUTUMN,)),
            [
                Histories.of([np.array([10.0, 120.0]), np.array([1.0]), np.array([])]),
                Histories.of([np.array([]), np.array([2.0, 3.0]), np.array([])]),
            ],
            falls=[Histories.of([np.array([130.0]), np.array([]), np.array([])])] * 2,
            gone=np.array([np.inf, 60.0, np.inf]),
        )

    def test_counts_rise_fall_and_end(self) -> None:
        everyone = np.arange(3)
        assert self.population().counts(everyone, 10.0)[:2].tolist() == [[1, 0], [1, 2]]
        assert self.population().counts(everyone, 25.0)[0].tolist() == [2, 0]
        assert self.population().counts(everyone, 40.0)[0].tolist() == [1, -1]
        assert self.population().counts(everyone, 60.0)[1].tolist() == [NOT_AVAILABLE] * 2

    def test_ids_hold_the_time_of_creation_and_lead_back_to_the_post(self) -> None:
        population = self.population()
        assert created_at(population.post_id(1)) == pytest.approx(BEGIN, abs=0.001)
        assert population.numbers(population.post_ids).tolist() == [0, 1, 2]

    def test_campaigns_have_their_posts_and_all_has_everyone(self) -> None:
        population = self.population()
        assert population.members(SPRING).tolist() == [0, 2]
        assert population.members(ALL).tolist() == [0, 1, 2]
        assert population.campaigns_of(1) == (AUTUMN,)
        assert population.born_by(0.0) == 2

    def test_a_post_may_be_in_several_campaigns_or_in_none(self) -> None:
        population = Population.make(
            (LIKES,),
            np.array([0.0, 1.0, 2.0]),
            np.array([2, 0, 1], dtype=np.int32),
            ((SPRING,), (AUTUMN, SPRING), ()),
            [Histories.of([np.array([])] * 3)],
        )
        assert [population.campaigns_of(post) for post in range(3)] == [(), (SPRING,), (AUTUMN, SPRING)]
        assert set(population.campaigns) == {SPRING, AUTUMN}
        assert population.members(SPRING).tolist() == [1, 2]
        assert population.members(AUTUMN).tolist() == [2]


class TestArrivals:
    def test_as_many_live_in_a_window_as_was_said(self) -> None:
        arrivals = Arrivals(5000, 86_400.0, 4, swing=0.8)
        times = arrivals.times(np.random.default_rng(1), 0.0, 3 * 86_400.0)
        assert len(times) == pytest.approx(15_000, rel=0.03)
        assert (np.diff(times) >= 0).all()

    def test_more_appear_in_the_evening_than_in_the_morning(self) -> None:
        times = Arrivals(20_000, 86_400.0, 1, swing=0.5).times(np.random.default_rng(1), 0.0, 86_400.0)
        hours = (times // 3600).astype(int)
        assert np.sum(hours == 19) > 2 * np.sum(hours == 7)

    def test_campaigns_are_of_zipf_sizes(self) -> None:
        of = Arrivals(10, 60.0, 10, zipf=1.0).assign(np.random.default_rng(1), 100_000)
        assert np.sum(of == 0) / np.sum(of == 3) == pytest.approx(4, rel=0.1)

    def test_the_first_may_have_nearly_all(self) -> None:
        of = Arrivals(10, 60.0, 10, largest=0.9).assign(np.random.default_rng(1), 100_000)
        assert np.mean(of == 0) == pytest.approx(0.9, abs=0.01)
        assert set(of.tolist()) == set(range(10))

    def test_as_many_appear_in_each_hour_as_was_measured(self) -> None:
        by_hour = (*[0.0] * 6, *[0.5] * 12, *[3.0] * 6)
        arrivals = Arrivals(48_000, 172_800.0, 1, by_hour=by_hour)
        times = arrivals.times(np.random.default_rng(1), -86_400.0, 2 * 86_400.0)
        counts = np.bincount((times // 3600).astype(int) % 24, minlength=24)
        assert counts == pytest.approx(3 * 1000 * np.array(by_hour), rel=0.1)

    def test_groups_are_of_the_sizes_that_were_measured(self) -> None:
        shares = (GroupShare((SPRING,), 0.6), GroupShare((AUTUMN, SPRING), 0.3), GroupShare((), 0.1))
        arrivals = Arrivals(10, 60.0, 2, shares=shares)
        assert arrivals.groups() == ((SPRING,), (AUTUMN, SPRING), ())
        of = arrivals.assign(np.random.default_rng(1), 100_000)
        assert np.bincount(of) / 100_000 == pytest.approx([0.6, 0.3, 0.1], abs=0.01)


class TestCascades:
    def test_a_file_is_read_packed_or_not(self, tmp_path: Path) -> None:
        lines = b'{"retweet_s": [1, 2.5, 9], "author": 7}\n\n{"retweet_s": [0]}\n'
        plain, packed = tmp_path / "plain", tmp_path / "packed"
        plain.write_bytes(lines)
        packed.write_bytes(gzip.compress(lines))
        for path in (plain, packed):
            assert [one.tolist() for one in read_cascades(path)] == [[1, 2.5, 9], [0]]

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (b"", "has no cascade"),
            (b"{", ":1 is not JSON"),
            (b'{"retweet_s": [1]}\n[1]', ":2 has no list"),
            (b'{"retweet_s": []}', ":1 has no list"),
            (b'{"retweet_s": [1, "x"]}', "no number"),
            (b'{"retweet_s": [3, 1]}', "ascending"),
            (b'{"retweet_s": [-3, 1]}', "from 0 on"),
            (b"\x1f\x8bnothing", "cannot be read"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_named_with_the_line(
        self, tmp_path: Path, lines: bytes, said: str
    ) -> None:
        path = tmp_path / "cascades"
        path.write_bytes(lines)
        with pytest.raises(CascadesError, match=said):
            read_cascades(path)

    def test_there_must_be_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(CascadesError, match="cannot be read"):
            read_cascades(tmp_path / "nowhere")

    def test_a_thinned_cascade_has_the_size_and_the_times_of_the_real_one(self) -> None:
        real = [np.arange(1000.0)]
        histories = thinned(real, np.full(2000, 20.0), [0] * 2000, np.random.default_rng(1))
        assert np.mean([len(one) for one in histories]) == pytest.approx(20, rel=0.05)
        assert np.mean(np.concatenate(histories)) == pytest.approx(500, rel=0.02)
        assert all((np.diff(one) > 0).all() for one in histories)

    def test_sizes_have_the_tail_that_was_said(self) -> None:
        sizes = Sizes(2.0, 1.1).draw(np.random.default_rng(1), 200_000)
        assert sizes.min() >= 2
        assert np.mean(sizes > 20) == pytest.approx(10**-1.1, rel=0.05)


class TestGrowing:
    @pytest.mark.parametrize("growing", [Growing(), Growing(waves=0.5), Growing(half_growth=600.0, tail=0.5)])
    def test_posts_gain_in_order_and_come_to_their_size(self, growing: Growing) -> None:
        ages, starts = growing.rises(np.full(500, 40.0), np.random.default_rng(1))
        assert np.diff(starts).mean() == pytest.approx(40, rel=0.05)
        assert all((np.diff(ages[a:b]) >= 0).all() for a, b in itertools.pairwise(starts))

    def test_half_of_it_has_come_at_the_half(self) -> None:
        ages, _ = Growing(half_growth=600.0).rises(np.full(500, 100.0), np.random.default_rng(1))
        assert np.mean(ages <= 600) == pytest.approx(0.5, abs=0.01)

    def test_a_second_wave_comes_late(self) -> None:
        calm, _ = Growing().rises(np.full(500, 100.0), np.random.default_rng(1))
        waving, _ = Growing(waves=1.0).rises(np.full(500, 100.0), np.random.default_rng(1))
        assert np.median(waving) > 2 * np.median(calm)

    def test_a_fall_takes_some_and_never_more_than_there_is(self) -> None:
        growing, chance = Growing(falls=1.0), np.random.default_rng(1)
        rises, starts = growing.rises(np.full(300, 60.0), chance)
        drops, drop_starts = growing.drops(rises, starts, chance)
        assert 0.05 * len(rises) < len(drops) < 0.35 * len(rises)
        up, down = Histories(rises, starts), Histories(drops, drop_starts)
        everyone = np.arange(300)
        for age in (0.0, 3600.0, 43_200.0, 90_000.0):
            ages = np.full(300, age)
            assert (up.counts(everyone, ages) >= down.counts(everyone, ages)).all()
