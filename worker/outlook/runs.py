"""Runs and what came of them, on their way from the process that simulates to the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from worker.outlook.census import Census
from worker.outlook.likeness import POLICY, Task, likeness
from worker.simulate.experiment import Outcome, run_one

if TYPE_CHECKING:
    from collections.abc import Iterator


class Done(NamedTuple):
    """A run that was done."""

    task: Task
    outcome: Outcome

    def to_json(self) -> bytes:
        """A line, without its end."""
        return orjson.dumps({"task": list(self.task), "outcome": list(self.outcome)})

    @classmethod
    def from_json(cls, line: bytes) -> Done:
        """What ``to_json`` wrote."""
        told = orjson.loads(line)
        return cls(Task(*told["task"]), Outcome(*told["outcome"]))


def simulate(census: bytes) -> Iterator[bytes]:
    """A line for each run of the experiment that a census asks for, as soon as it is done."""
    made = likeness(Census.from_json(census))
    for task in made.tasks():
        outcome = run_one(made.plan, POLICY, made.requests_per_minute(task.budget), task.seed)
        yield Done(task, outcome).to_json()
