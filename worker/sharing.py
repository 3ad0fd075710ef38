"""What the workers of a group tell each other of their boards: who reads, merges, tells and publishes it."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final

from worker import parts
from worker.editions import Editions
from worker.intake import TopicNames
from worker.merging import Merger
from worker.model import Seconds
from worker.partials_topic import PartialsTopic
from worker.publisher_role import PublisherRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.audits import Audits
    from worker.editions import Outlet
    from worker.model import Clock
    from worker.outlook.outlook import Outlook
    from worker.ownership import Ownership
    from worker.partials_writer import PartialsWriter
    from worker.planner import BoardGain
    from worker.publish.http.live import LiveBoards
    from worker.settings import Settings
    from worker.telemetry import Telemetry
    from worker.tracker import Tracker

_WRITER_BYTES: Final = 4


class Sharing:
    """Joins them. Make it in the event loop that runs the worker.

    ``failed`` hears of a fault of ours in the thread that reads. ``machine`` is the clock that publishing is
    timed by.
    """

    def __init__(
        self,
        settings: Settings,
        tracker: Tracker,
        ownership: Ownership,
        audits: Audits,
        *,
        failed: Callable[[BaseException], None],
        clock: Clock,
        machine: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._tracker = tracker
        self._ownership = ownership
        self._clock = clock
        self._machine = machine
        self._telemetry = telemetry
        self._role: PublisherRole | None = None
        writer = secrets.token_hex(_WRITER_BYTES)
        self.merger = Merger(tracker, ownership, writer, audits.missing)
        self.topic = PartialsTopic(
            TopicNames(settings.kafka.group).partials,
            writer,
            self.merger.learn,
            self._complete,
            failed=failed,
            loop=asyncio.get_running_loop(),
            telemetry=telemetry,
        )
        ownership.listeners.append(self._look)

    def make_editions(self, outlets: Sequence[Outlet]) -> Editions:
        """What makes leaderboards; the outlets that all workers share are opened when this one publishes."""
        editions = Editions(
            self._tracker,
            self.merger,
            outlets,
            change_window=Seconds(self._settings.publish.change_window),
            clock=self._clock,
        )
        self._role = PublisherRole(
            self._ownership,
            self.merger,
            editions,
            outlets,
            clock=self._machine,
            telemetry=self._telemetry,
        )
        self._role.look()
        return editions

    def make_outlook(self, planners: Iterable[BoardGain], boards: LiveBoards) -> Outlook:
        """What the one that publishes simulates for all; of the ``planners`` the app's is the first."""
        outlook = parts.make_outlook(
            self._settings,
            self._tracker,
            next(iter(planners)),
            boards,
            lambda: self._role is not None and self._role.held,
            clock=self._clock,
            telemetry=self._telemetry,
        )
        # After our own look, which says who publishes.
        self._ownership.listeners.append(outlook.look)
        return outlook

    def tend(self) -> None:
        """See ``PublisherRole.tend``; called at each publication."""
        if self._role is not None:
            self._role.tend()

    def make_writer(self, producer: Any) -> PartialsWriter:  # noqa: ANN401 -- kafka-python is untyped
        """What tells the others."""
        return parts.make_partials_writer(
            self._settings,
            self.merger,
            self._ownership,
            producer,
            clock=self._clock,
            machine=self._machine,
            telemetry=self._telemetry,
        )

    def _complete(self) -> None:
        self.merger.complete = True
        self._look()

    def _look(self) -> None:
        self.merger.follow()
        if self._role is not None:
            self._role.look()
