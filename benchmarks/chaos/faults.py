"""Which faults come when: a pure function of the seed, so that a run can be had again.

Each fault holds what it hurts for as long as it lasts and as long as that needs to recover: a worker, the
brokers, the API. So never more than one broker is down, and no worker has two faults at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "kill_worker",
    "restart_worker",
    "add_worker",
    "freeze_worker",
    "cut_worker",
    "hang_worker",
    "slow_worker",
    "kill_broker",
    "cut_api",
    "too_many",
]

SESSION: Final = 6.0
"""Seconds: the session timeout of the workers."""

_SHORTER, _LONGER = 0.4 * SESSION, 1.6 * SESSION
_RECOVERY: Final = 4.0
_BROKER_RECOVERY: Final = 12.0
_BETWEEN: Final = (2.0, 6.0)
_WEIGHTS: Final[dict[Kind, int]] = {
    "kill_worker": 4,
    "restart_worker": 3,
    "add_worker": 2,
    "freeze_worker": 2,
    "cut_worker": 2,
    "hang_worker": 2,
    "slow_worker": 1,
    "kill_broker": 3,
    "cut_api": 2,
    "too_many": 2,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``at`` seconds after the start, for ``seconds``. ``number``: of the worker or broker."""

    at: float
    kind: Kind
    number: int
    seconds: float

    @property
    def ends(self) -> float:
        """When it is taken back, in seconds after the start."""
        return self.at + self.seconds

    @property
    def hurts(self) -> str:
        """What it holds while it lasts."""
        if self.kind == "kill_broker":
            return "brokers"
        return "api" if self.kind in {"cut_api", "too_many"} else f"worker {self.number}"


def schedule(seed: int, seconds: float, workers: int, brokers: int) -> list[Fault]:
    """The faults of so many seconds, by their start; all have ended by then.

    Workers are numbered from 1; the one after the last is the spare one, which ``add_worker`` starts and
    which is stopped again at the end of the fault. A broker is only killed where there are three.
    """
    chance = random.Random(seed)  # noqa: S311 -- not a secret
    kinds = [kind for kind in _WEIGHTS if kind != "kill_broker" or brokers > 2]
    weights = [_WEIGHTS[kind] for kind in kinds]
    held_until: dict[str, float] = {}
    faults, now = list[Fault](), 0.0
    while (now := now + chance.uniform(*_BETWEEN)) < seconds:
        (kind,) = chance.choices(kinds, weights)
        fault = Fault(now, kind, _number(chance, kind, workers, brokers), _length(chance, kind))
        if fault.ends > seconds or held_until.get(fault.hurts, 0.0) > now:
            continue
        held_until[fault.hurts] = fault.ends + (_BROKER_RECOVERY if kind == "kill_broker" else _RECOVERY)
        faults.append(fault)
    return faults


def _number(chance: random.Random, kind: Kind, workers: int, brokers: int) -> int:
    if kind == "add_worker":
        return workers + 1
    if kind == "kill_broker":
        return chance.randint(1, brokers)
    return 0 if kind in {"cut_api", "too_many"} else chance.randint(1, workers)


def _length(chance: random.Random, kind: Kind) -> float:
    match kind:
        case "freeze_worker":
            return chance.uniform(1.2 * SESSION, 2.0 * SESSION)
        case "cut_worker" | "hang_worker":
            return chance.choice((_SHORTER, _LONGER)) * chance.uniform(0.8, 1.2)
        case "kill_broker":
            return chance.uniform(4.0, 12.0)
        case "add_worker":
            return chance.uniform(8.0, 20.0)
        case "kill_worker":
            return chance.uniform(0.2, 1.5 * SESSION)
        case _:
            return chance.uniform(2.0, 8.0)
