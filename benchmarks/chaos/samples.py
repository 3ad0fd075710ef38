"""What processes take while they live: memory, file descriptors, threads, and how fast memory grows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process. ``at`` in epoch seconds, ``resident`` in bytes."""

    at: float
    resident: int
    descriptors: int
    threads: int


def sample(pid: int, at: float) -> Sample | None:
    """A look at this process now; ``None`` when it is gone, or on a system without ``/proc``."""
    of = Path("/proc") / str(pid)
    try:
        status = (of / "status").read_text()
        descriptors = sum(1 for _ in (of / "fd").iterdir())
    except OSError:
        return None
    told = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in told:
        return None  # it has ended, and nobody has waited for it yet
    return Sample(at, int(told["VmRSS"].split()[0]) * 1024, descriptors, int(told["Threads"]))


def bytes_a_minute(samples: Sequence[Sample], skip: float = 30.0) -> float:
    """How fast memory grows, by the straight line through the samples after the first ``skip`` seconds.

    0 where there are too few to tell.
    """
    late = [one for one in samples if one.at >= samples[0].at + skip]
    if len(late) < 3:
        return 0.0
    slope, _ = linear_regression([one.at for one in late], [float(one.resident) for one in late])
    return slope * 60
