"""A keeper over a tracker, with a writer that a test looks into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from tests.unit.intake.fakes import FakeClock
from tests.unit.tracker.test_tracker import outcome
from tests.unit.watchlist.making import LIKES, counts, limits, post, sighting
from worker.boards import BoardsLimits
from worker.formats.journal import Epoch, decode
from worker.intake import TopicNames
from worker.intake.clients import Partition
from worker.intake.commits import Turn
from worker.journal import KeeperSettings
from worker.journal.keeper import Keeper
from worker.model import PostId, SavedPost, Seconds, Timestamp, Tombstone
from worker.telemetry import Telemetry
from worker.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.intake.ledger import Parcel
    from worker.journal.writer import Page
    from worker.model import Sighting

BY, TURN, GENERATION = "0a1b2c3d", 3, 7
OURS = Epoch(0, GENERATION)
INTERVAL, LINGER = 30.0, 2.0
ONE, TWO, THREE = (post(number) for number in (1, 2, 3))


class FakeWriter:
    """Keeps the pages."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.full = False

    def put(self, page: Page) -> None:
        self.pages.append(page)


class Bench:
    """A keeper of a tracker, with partitions that are restored unless told."""

    def __init__(
        self, *partitions: int, restored: bool = True, max_posts: int = 100, queue: int = 100
    ) -> None:
        self.clock = FakeClock()
        self.known_until: dict[int, float] = {}
        self.writer = FakeWriter()
        telemetry = Telemetry(CollectorRegistry())
        self.tracker = Tracker(
            [LIKES],
            limits(max_posts=max_posts),
            BoardsLimits(2, 1),
            half_growth=Seconds(4800.0),
            telemetry=telemetry,
        )
        self.keeper = Keeper(
            self.tracker,
            self.writer,  # type: ignore[arg-type]  # a fake
            TopicNames("g"),
            BY,
            KeeperSettings(Seconds(INTERVAL), Seconds(LINGER), queue),
            holds=lambda partition, since: self.known_until.get(partition, 0.0) > since,
            clock=self.clock,
            telemetry=telemetry,
        )
        self.tracker.on_retired = self.keeper.retired
        self.keeper.assigned(partitions, TURN, GENERATION)
        if restored:
            for partition in partitions:
                self.keeper.restored(partition)
            self.told()

    @property
    def now(self) -> Timestamp:
        return self.clock.now()

    def see(self, offset: int, *items: PostId | Sighting | Tombstone, partition: int = 0) -> None:
        made = [sighting(one, seen_at=self.now) if isinstance(one, int) else one for one in items]
        assert self.tracker.take(partition, made, self.now) == len(made)
        self.keeper.took(partition, made, offset)

    def answer(self, post_id: PostId, likes: int) -> None:
        self.tracker.answered(outcome(counts({post_id: [likes]}, self.now), at=self.now))

    def told(self) -> list[Parcel]:
        """What was told since this was asked last."""
        parcels = [parcel for page in self.writer.pages for parcel in page.parcels]
        self.writer.pages.clear()
        return parcels

    def flush(self, after: float = 0.0) -> list[object]:
        """What is told after some seconds, decoded."""
        self.clock.time += after
        self.keeper.flush()
        return decoded(self.told())

    def offsets(self) -> list[dict[Turn, int]]:
        return [dict(page.offsets) for page in self.writer.pages if page.offsets]


def decoded(parcels: Sequence[Parcel]) -> list[object]:
    return [decode(parcel.key, parcel.value) for parcel in parcels]


def ids(told: Sequence[object]) -> list[PostId]:
    return [one.post_id for one in told if isinstance(one, SavedPost)]


def place(partition: int = 0, turn: int = TURN) -> Turn:
    return Turn(Partition("g.sightings", partition), turn)
