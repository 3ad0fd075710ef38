"""Policies against budgets over seeds: what each reached, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.model import Seconds
from worker.simulate.policies import USUAL_HABITS, make_policy
from worker.simulate.pool import simulating
from worker.simulate.simulation import Contract, Simulation, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.simulate.policies import Habits
    from worker.simulate.world import World

_STUDENT_95: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""By degrees of freedom from 1 on: Student's t for an interval that holds 95 of 100 times."""
_NORMAL_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. ``hours``: those that are judged; ``warm_up``: those before, in hours too.

    ``half_growth``: what the policies assume, in seconds, whatever the world is like. ``refused``: spans in
    seconds in which the API answers 429 to all. ``habits``: the planner's settings.
    ``seats``: Posts that a request asks for, at most.
    """

    world: World
    policies: tuple[str, ...]
    requests_per_minute: tuple[float, ...]
    seeds: int
    top: int
    hours: float
    warm_up: float
    half_growth: float = 4800.0
    refused: tuple[tuple[float, float], ...] = ()
    habits: Habits = USUAL_HABITS
    seats: int = 250


class Outcome(NamedTuple):
    """Of one run: means over all boards and looks; ages in seconds."""

    recall: float
    exact_boards: float
    shown_error_median: float
    shown_error_mean: float
    shown_age_median: float
    requests: int
    asked: int


class Estimate(NamedTuple):
    """A mean over seeds, and half of its 95 % interval; ``nan`` with one seed."""

    mean: float
    within: float


@dataclass(frozen=True, slots=True)
class Row:
    """A policy under a budget."""

    policy: str
    requests_per_minute: float
    seeds: int
    recall: Estimate
    exact_boards: Estimate
    shown_error_median: Estimate
    shown_error_mean: Estimate
    shown_age_median: Estimate
    requests: Estimate
    asked: Estimate


Told = Callable[[str, float, int], None]
"""Told of a policy and a budget before each of its runs, how many of them are done."""


def run(plan: Plan, jobs: int, told: Told | None = None) -> Iterator[Row]:
    """All of it, a row as soon as it is known, in the order of the plan. ``jobs``: runs at the same time."""
    for policy, budget, outcomes in run_each(plan, jobs, told):
        yield summarise(policy, budget, outcomes)


def run_each(plan: Plan, jobs: int, told: Told | None = None) -> Iterator[tuple[str, float, list[Outcome]]]:
    """The same, with what came of each seed, in the order of the seeds."""
    settings = list(product(plan.policies, plan.requests_per_minute))
    tasks = [(policy, budget, seed) for policy, budget in settings for seed in range(1, plan.seeds + 1)]
    with simulating(jobs) as pool:
        outcomes = pool.map(partial(run_one, plan), *zip(*tasks, strict=True))
        for policy, budget in settings:
            done = list[Outcome]()
            while len(done) < plan.seeds:
                if told is not None:
                    told(policy, budget, len(done))
                done.append(next(outcomes))
            yield policy, budget, done


def prepare(
    plan: Plan,
    policy: str,
    requests_per_minute: float,
    seed: int,
    looked: Callable[[float], None] | None = None,
) -> Simulation:
    """A policy under a budget in one world, ready to go. ``looked``: see ``Simulation``."""
    begins, ends = -3600.0 * plan.warm_up, 3600.0 * plan.hours
    planner = make_policy(
        policy,
        plan.world.metrics,
        top=plan.top,
        window=Seconds(plan.world.arrivals.window),
        half_growth=Seconds(plan.half_growth),
        seed=seed,
        habits=plan.habits,
    )
    return Simulation(
        plan.world.populate(seed, begins, ends),
        planner,
        Contract(requests_per_minute, plan.seats, plan.refused),
        Span(begins, 0.0, ends),
        top=plan.top,
        window=plan.world.arrivals.window,
        looked=looked,
    )


def run_one(plan: Plan, policy: str, requests_per_minute: float, seed: int) -> Outcome:
    """A policy under a budget in one world, in this process."""
    result = prepare(plan, policy, requests_per_minute, seed).go()
    verdict = result.verdict
    return Outcome(
        _of(np.mean, verdict.recalls),
        _of(np.mean, verdict.exact),
        _of(np.median, verdict.errors),
        _of(np.mean, verdict.errors),
        _of(np.median, verdict.ages),
        result.requests,
        result.asked,
    )


def _of(summary: Callable[[Sequence[float]], float], values: Sequence[float]) -> float:
    """``nan`` where no board showed anything."""
    return float(summary(values)) if values else math.nan


def summarise(policy: str, requests_per_minute: float, outcomes: Sequence[Outcome]) -> Row:
    """What runs with different seeds came to."""
    estimates = [estimate(values) for values in zip(*outcomes, strict=True)]
    return Row(policy, requests_per_minute, len(outcomes), *estimates)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of what runs with different seeds came to, and how sure it is."""
    count = len(values)
    if count == 1:
        return Estimate(float(values[0]), math.nan)
    student = _STUDENT_95[count - 2] if count - 2 < len(_STUDENT_95) else _NORMAL_95
    return Estimate(float(np.mean(values)), float(student * np.std(values, ddof=1) / math.sqrt(count)))
