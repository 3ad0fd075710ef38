"""Forecasts of what values have come to."""

from __future__ import annotations

import numpy as np
import pytest

from worker.model import MetricName, Seconds
from worker.planner.curve import Curve
from worker.planner.growth import Growth, Measured, gain

CURVE = Curve(Seconds(4800.0))
HOUR = Seconds(3600.0)


def _once(age: float, *values: float) -> Measured:
    return Measured(np.array([age]), np.array([values]), np.zeros(1), np.zeros((1, len(values))))


def test_a_large_count_grows_as_the_curve_says() -> None:
    forecast = gain(_once(4800.0, 10_000.0), np.array([14_400.0]), CURVE, 0.0)
    # From half to three quarters of its growth: half of what it had.
    assert forecast.mean[0, 0] == pytest.approx(5000, rel=0.05)


def test_dispersion_adds_the_square_of_what_is_expected() -> None:
    sure, unsure = (gain(_once(4800.0, 1000.0), np.array([9600.0]), CURVE, one) for one in (0.0, 1.0))
    assert unsure.variance[0, 0] - sure.variance[0, 0] == pytest.approx(sure.mean[0, 0] ** 2)


def test_what_grew_lately_counts_more_than_what_grew_before() -> None:
    values, now = np.array([[100.0]]), np.array([20_000.0])
    steady = Measured(np.array([14_400.0]), values, np.array([4800.0]), np.array([[66.0]]))
    waking = Measured(np.array([14_400.0]), values, np.array([4800.0]), np.array([[10.0]]))
    assert gain(waking, now, CURVE, 1.0).mean[0, 0] > 1.3 * gain(steady, now, CURVE, 1.0).mean[0, 0]


def test_nothing_measured_and_no_time_are_no_fault() -> None:
    forecast = gain(_once(0.0, 0.0), np.array([0.0]), CURVE, 1.0)
    assert (forecast.mean > 0).all()
    assert (forecast.variance > 0).all()


def test_a_value_that_is_not_available_has_no_forecast() -> None:
    forecast = gain(_once(60.0, np.nan, 5.0), np.array([120.0]), CURVE, 1.0)
    assert np.isnan(forecast.mean[0]).tolist() == [True, False]


def test_growth_per_hour_falls_as_a_post_gets_older() -> None:
    growth = Growth([MetricName("favorites_per_hour")], HOUR)
    change = growth.forecast(_once(3600.0, 100.0), np.array([36_000.0]), CURVE, 1.0)
    assert -100 < change.mean[0, 0] < -80


@pytest.mark.parametrize("metric", ["engagement_rate", "favorites_28h", "engagement_rate_28h"])
def test_other_values_may_move_either_way_and_the_more_the_longer(metric: str) -> None:
    growth = Growth([MetricName(metric)], HOUR)
    assert growth.counted.tolist() == []
    soon, late = (
        growth.forecast(_once(3600.0, 8.0), np.array([at]), CURVE, 1.0) for at in (3700.0, 36_000.0)
    )
    assert soon.mean.tolist() == late.mean.tolist() == [[0.0]]
    assert soon.variance[0, 0] < late.variance[0, 0]


def test_metrics_of_several_kinds_are_forecast_beside_each_other() -> None:
    growth = Growth(
        [MetricName("favorites_per_hour"), MetricName("favorites"), MetricName("engagement_rate")], HOUR
    )
    change = growth.forecast(_once(4800.0, 60.0, 1000.0, 0.1), np.array([9600.0]), CURVE, 1.0)
    alone = gain(_once(4800.0, 1000.0), np.array([9600.0]), CURVE, 1.0)
    assert change.mean[0, 1] == alone.mean[0, 0]
    assert change.variance[0, 1] == alone.variance[0, 0]
    assert change.mean[0, 0] < 0 == change.mean[0, 2]


@pytest.mark.parametrize("lost", [-0.5, -40.0])
def test_a_count_that_falls_leaves_growth_per_hour_as_unsure_as_one_that_rises(lost: float) -> None:
    growth, later = Growth([MetricName("favorites_per_hour")], HOUR), np.array([9600.0])
    fallen, risen = (growth.forecast(_once(4800.0, one), later, CURVE, 1.0) for one in (lost, -lost))
    assert (fallen.variance > 0).all()
    assert fallen.variance == pytest.approx(risen.variance)
