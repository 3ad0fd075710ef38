"""Workers on a broker and a sandbox of their own, in one group or each alone, looked at from outside."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.chaos.fleet import Member
from benchmarks.chaos.looking import GoneError, Window
from benchmarks.chaos.run import settings
from tests.tools.brokers import running_broker
from tests.tools.live_worker import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    from worker.model import PostId

TOPICS: Final = ("autumn", "spring")
"""The input topics; each is a campaign."""
INPUT_PARTITIONS: Final = 8
SIGHTINGS_PARTITIONS: Final = 12
TOP: Final = 50
PATIENCE: Final = 120.0

_NO_LIMIT: Final = 10_000_000
_TICK: Final = 0.1
_OWNS: Final = re.compile(r"owns (\d+) of")


class Group:
    """Everything a group needs; the stack ends it. ``posts`` are what it is fed with, in this order.

    With ``apart``, each worker is a group of its own, with topics of its own, its share of the Posts, and as
    many partitions as it would have as a member. Each then publishes all its boards.
    """

    def __init__(
        self,
        stack: ExitStack,
        directory: Path,
        workers: int,
        posts: Sequence[PostId],
        *,
        apart: bool = False,
        **more: str,
    ) -> None:
        directory.mkdir()
        self.posts = posts
        self.name = f"scale-{workers}"
        self._groups = workers if apart else 1
        broker = stack.enter_context(running_broker("apache"))
        for topic in (topic for group in range(self._groups) for topic in self._topics_of(group)):
            broker.create_topic(topic, self.partitions_a_topic)
        self.bootstrap = broker.bootstrap
        self._api = stack.enter_context(running_sandbox(directory))
        self._http = stack.enter_context(httpx.Client(trust_env=False, timeout=10))
        self.members = [
            Member(number, self._settings_of((number - 1) % self._groups, more), directory)
            for number in range(1, workers + 1)
        ]
        for member in self.members:
            stack.callback(member.close)

    def _settings_of(self, group: int, more: Mapping[str, str]) -> dict[str, str]:
        return settings(
            self.bootstrap,
            self._api.address,
            copies=1,
            limit=_NO_LIMIT,
            kafka__topic=",".join(self._topics_of(group)),
            kafka__group=self.name if self._groups == 1 else f"{self.name}-{group}",
            # All start at once, on a machine that may be slow.
            kafka__request_timeout="60s",
            kafka__sightings_partitions=str(SIGHTINGS_PARTITIONS // self._groups),
            intake__campaigns_from="topic",
            engagement__timeout="20s",
            boards__top=str(TOP),
            boards__reserve=str(TOP),
            **more,
        )

    def _topics_of(self, group: int) -> list[str]:
        return [topic if group == 0 else f"{topic}-{group}" for topic in TOPICS]

    @property
    def running(self) -> list[Member]:
        """The workers that are to run."""
        return [member for member in self.members if member.wanted]

    def campaign_of(self, number: int) -> str:
        """The campaign of the Post of this number, and its topic."""
        return self._topics_of(self._group_of(number))[number % len(TOPICS)]

    def _group_of(self, number: int) -> int:
        """Of the Post of this number: in runs that go once round all partitions of the input."""
        return number // INPUT_PARTITIONS % self._groups

    @property
    def partitions_a_topic(self) -> int:
        """Of each input topic."""
        return INPUT_PARTITIONS // len(TOPICS) // self._groups

    def shares(self) -> list[int]:
        """How many Posts each worker's leaderboards are to tell of, once all were measured."""
        of_group = Counter(map(self._group_of, range(len(self.posts))))
        return [of_group[(member.number - 1) % self._groups] for member in self.running]

    def start(self, count: int) -> None:
        """Start the first so many workers, and wait until they share all partitions evenly."""
        for member in self.members[:count]:
            member.want()
        self.await_that(self.is_shared, "the workers share the partitions")

    def is_shared(self) -> bool:
        """Whether all workers are ready, and each owns as many partitions as the others, or one more."""
        owned = []
        for window in self.windows():
            with closing(window):
                try:
                    status, text = window.get("/readyz")
                except GoneError:
                    return False
                owns = _OWNS.search(text)
                if status != 200 or owns is None:
                    return False
                owned.append(int(owns[1]))
        even = len(owned) == len(self.running) and max(owned) - min(owned) <= 1
        return even and sum(owned) == SIGHTINGS_PARTITIONS // self._groups * self._groups

    def windows(self) -> list[Window]:
        """A look at each worker that serves; the caller closes them."""
        return [Window(f"worker {one.number}", one.url) for one in self.running if one.url]

    def served(self) -> int:
        """Posts that the API told of. Asking costs the workers nothing."""
        return int(self._http.get(f"http://{self._api.address}/sandbox/stats").json()["ids_served"])

    def requests(self) -> int:
        """Requests that the API got."""
        return int(self._http.get(f"http://{self._api.address}/sandbox/stats").json()["requests"])

    def cpu(self) -> float:
        """Seconds of processor that the workers have taken, all threads, user and system."""
        return sum(cpu_of(one.current.process.pid) for one in self.running if one.current)

    def await_that(
        self, holds: Callable[[], bool], wanted: str, *, patience: float = PATIENCE, tick: float = _TICK
    ) -> None:
        """Wait until something holds.

        Raises:
            RuntimeError: a worker ended, or it does not hold in time.
        """
        deadline = time.monotonic() + patience
        while not holds():
            for member in self.running:
                member.tick()
            troubles = [text for member in self.members for text in member.troubles]
            if troubles or time.monotonic() > deadline:
                raise RuntimeError(f"not within {patience:g} s: {wanted}; {troubles}")
            time.sleep(tick)


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process has taken, user and system."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
