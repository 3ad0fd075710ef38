"""What the journal is told, and when; and which offsets that covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FakeClock
from tests.unit.tracker.test_tracker import outcome
from tests.unit.watchlist.making import LIKES, A, counts, limits, post, sighting
from worker.boards import BoardsLimits
from worker.formats.journal import CLAIM_KEY, Claim, Epoch, Retired, decode, writer_of
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
        return _decoded(self.told())

    def offsets(self) -> list[dict[Turn, int]]:
        return [dict(page.offsets) for page in self.writer.pages if page.offsets]


def _decoded(parcels: Sequence[Parcel]) -> list[object]:
    return [decode(parcel.key, parcel.value) for parcel in parcels]


def _ids(told: Sequence[object]) -> list[PostId]:
    return [one.post_id for one in told if isinstance(one, SavedPost)]


def _place(partition: int = 0, turn: int = TURN) -> Turn:
    return Turn(Partition("g.sightings", partition), turn)


def test_whoever_is_given_a_partition_claims_it_first() -> None:
    bench = Bench(0, 2, restored=False)
    claims = bench.told()
    assert [(claim.topic, claim.key, claim.partition) for claim in claims] == [
        ("g.journal", CLAIM_KEY, 0),
        ("g.journal", CLAIM_KEY, 2),
    ]
    assert _decoded(claims) == [Claim(BY, TURN, OURS)] * 2


def test_a_new_post_is_told_together_with_its_first_counts() -> None:
    bench = Bench(0)
    bench.see(7, sighting(ONE, A, author="ada", text="a text"))
    assert bench.flush(LINGER / 2) == []
    bench.answer(ONE, 5)
    (told,) = bench.flush()
    assert isinstance(told, SavedPost)
    assert (told.campaigns, told.author, told.text, dict(told.values)) == ((A,), "ada", "a text", {LIKES: 5})


def test_a_new_post_that_nobody_answers_for_is_told_when_it_waited_long_enough() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    assert bench.flush(LINGER - 0.1) == []
    assert _ids(bench.flush(0.1)) == [ONE]
    assert bench.flush(1000) == [], "nothing is new"


def test_offsets_are_told_only_with_the_last_of_their_posts_and_in_order() -> None:
    bench = Bench(0, 1)
    bench.see(7, ONE, TWO)
    bench.clock.time += 1
    bench.see(9, THREE)
    bench.answer(THREE, 1)
    bench.keeper.flush()
    assert bench.offsets() == [], "an earlier one waits"
    bench.answer(ONE, 1)
    bench.keeper.flush()
    assert bench.offsets() == []
    bench.answer(TWO, 1)
    bench.keeper.flush()
    assert bench.offsets() == [{_place(): 9}]
    assert sorted(_ids(_decoded(bench.told()))) == sorted([ONE, TWO, THREE])


def test_offsets_of_many_posts_are_with_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.journal.keeper._PAGE", 2)
    bench = Bench(0)
    bench.see(7, ONE, TWO, THREE)
    bench.keeper.flush()
    bench.clock.time += LINGER
    bench.keeper.flush()
    assert [(len(page.parcels), dict(page.offsets)) for page in bench.writer.pages] == [
        (2, {}),
        (1, {_place(): 7}),
    ]


def test_a_batch_of_nothing_and_one_of_what_is_known_need_no_record() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.see(8, ONE)
    bench.clock.time += 1
    bench.see(9)
    bench.keeper.flush()
    assert bench.offsets() == [{_place(): 9}]
    assert bench.told() == []


def test_counts_are_told_each_interval_at_most() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    assert _ids(bench.flush()) == [ONE]
    bench.clock.time += 10
    bench.answer(ONE, 2)
    assert bench.flush(INTERVAL - 10.1) == []
    bench.answer(ONE, 3)
    (told,) = bench.flush(0.1)
    assert isinstance(told, SavedPost)
    assert dict(told.values) == {LIKES: 3}


def test_counts_that_stay_the_same_are_told_after_twenty_intervals() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.flush()
    bench.clock.time += 1
    bench.answer(ONE, 1)
    assert bench.flush(20 * INTERVAL - 1.5) == []
    assert _ids(bench.flush(0.5)) == [ONE]


def test_an_answer_without_counts_is_told_as_soon_as_others() -> None:
    """Else a restart asks again for what was answered."""
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.tracker.answered(outcome(counts({ONE: [None]}, bench.now), at=bench.now))
    (told,) = bench.flush(INTERVAL)
    assert isinstance(told, SavedPost)
    assert told.measured_at is not None


def test_a_clock_that_goes_back_stops_nothing() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.flush()
    bench.clock.time -= 365 * 86_400.0
    bench.tracker.answered(outcome(counts({ONE: [2]}, bench.now + 366 * 86_400), at=bench.now))
    assert _ids(bench.flush(INTERVAL)) == [ONE]


def test_what_is_gone_is_erased_at_once() -> None:
    bench = Bench(0)
    bench.see(7, sighting(ONE, A, author="ada", text="a text"))
    bench.answer(ONE, 5)
    bench.flush()
    bench.tracker.answered(outcome(unavailable=[ONE], at=bench.now))
    (told,) = bench.flush(0.1)
    assert isinstance(told, SavedPost)
    assert told.gone
    assert (told.author, told.text, dict(told.values)) == (None, None, {})


def test_what_is_gone_is_erased_at_once_however_much_else_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.journal.keeper._AT_ONCE", 1)
    bench = Bench(0)
    bench.see(7, ONE, TWO, THREE)
    for post_id in (ONE, TWO):
        bench.answer(post_id, 1)
    bench.flush(LINGER)
    bench.clock.time += 1
    bench.see(8, sighting(THREE, author="ada"))
    bench.flush(INTERVAL)
    for post_id in (ONE, TWO):
        bench.answer(post_id, 2)
    bench.tracker.answered(outcome(unavailable=[THREE], at=bench.now))
    assert _ids(bench.flush()) == [THREE]


def test_who_leaves_is_buried_before_anything_else_is_told() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.flush()
    bench.see(8, Tombstone(ONE), sighting(ONE, seen_at=bench.now), Tombstone(TWO))
    bench.answer(ONE, 1)
    bench.keeper.flush()
    assert bench.offsets() == [{_place(): 8}]
    parcels = bench.told()
    assert _decoded(parcels[:1]) == [Retired(ONE)]
    assert _ids(_decoded(parcels[1:])) == [ONE], "it came back"
    assert writer_of(None, parcels[0].headers or ()) == BY


def test_a_delete_notice_is_covered_by_an_offset_after_its_tombstone() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.see(8, Tombstone(ONE))
    bench.keeper.flush()
    kinds = [(len(page.parcels), bool(page.offsets)) for page in bench.writer.pages]
    assert kinds == [(1, False), (0, True)]


def test_nothing_waits_in_the_writer_when_it_is_full() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.writer.full = True
    assert bench.flush(1000) == []
    bench.writer.full = False
    assert _ids(bench.flush()) == [ONE]


def test_what_waits_for_a_writer_that_is_full_is_bounded() -> None:
    bench = Bench(0, queue=2)

    def full(*, writer: bool) -> bool:
        bench.writer.full = writer
        return bench.keeper.full

    bench.see(7, ONE, TWO)
    assert not full(writer=False), "it will be told soon"
    assert full(writer=True)
    bench.writer.full = False
    bench.flush(LINGER)
    assert not full(writer=True)
    bench.see(8, Tombstone(ONE), Tombstone(TWO))
    assert full(writer=True)


def test_nothing_is_told_of_a_partition_before_it_is_restored() -> None:
    bench = Bench(0, 1, restored=False)
    bench.keeper.restored(1)
    bench.told()
    bench.tracker.restore(0, [SavedPost(ONE, (), bench.now, measured_at=bench.now)], bench.now)
    bench.tracker.restored(0)
    bench.clock.time += 1
    bench.answer(ONE, 4)
    assert bench.flush(INTERVAL) == []
    bench.keeper.restored(0)
    assert _ids(bench.flush()) == [ONE]


def test_what_was_evicted_while_it_was_restored_is_buried_unless_it_came_back() -> None:
    bench = Bench(0, restored=False, max_posts=1)
    bench.told()
    posts = [SavedPost(one, (), bench.now, measured_at=bench.now, values={LIKES: 1}) for one in (ONE, TWO)]
    for item in (*posts, posts[0]):
        assert bench.tracker.restore(0, [item], bench.now) == []
    assert ONE in bench.tracker.watchlist
    bench.tracker.restored(0)
    bench.keeper.restored(0)
    assert bench.flush() == [Retired(TWO)]


def test_what_does_not_hold_is_told_anew() -> None:
    bench = Bench(0, restored=False)
    bench.told()
    bench.tracker.restore(0, [SavedPost(ONE, (), bench.now)], bench.now)
    bench.tracker.restored(0)
    bench.keeper.restored(0, [ONE, TWO])
    told = bench.flush(1)
    assert told[0] == Retired(TWO)
    assert _ids(told) == [ONE]


def test_what_another_wrote_is_told_anew() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.keeper.foreign(0, [ONE, TWO])
    told = bench.flush(1)
    assert told[0] == Retired(TWO)
    assert _ids(told) == [ONE]


def test_a_claim_below_ours_changes_nothing_and_ours_is_written_after_it() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.keeper.foreign(0, [], Epoch(0, GENERATION - 1))
    told = bench.flush()
    assert told[0] == Claim(BY, TURN, OURS)
    assert _ids(told) == [ONE]


@pytest.mark.parametrize("claim", [OURS, Epoch(0, GENERATION + 1), Epoch(1, 1)])
def test_under_a_claim_above_ours_nothing_is_told_nor_handed_over(claim: Epoch) -> None:
    """A worker that lost its partition and does not know it yet: whatever it would tell is void."""
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.keeper.foreign(0, [TWO], claim)
    assert bench.flush(INTERVAL) == []
    bench.keeper.hand_over([0], lambda: None)
    assert bench.told() == []
    assert bench.offsets() == []


def test_whom_the_group_still_knows_claims_it_above_that() -> None:
    """Brokers had forgotten the group, and count its generations anew."""
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.keeper.foreign(0, [], Epoch(2, 90))
    bench.known_until[0] = bench.now
    assert bench.flush() == [], "that was known before the claim was seen"
    bench.known_until[0] = bench.now + 0.1
    with capture_logs() as logs:
        told = bench.flush(1)
    assert told[0] == Claim(BY, TURN, Epoch(3, GENERATION))
    assert _ids(told) == [ONE]
    assert bench.flush(5) == [], "one claim is enough"
    assert [log["event"] for log in logs] == ["journal_claimed_again"]


def test_a_hand_over_tells_all_of_its_partitions_and_no_more() -> None:
    bench = Bench(0, 1)
    bench.see(7, ONE)
    bench.see(3, TWO, partition=1)
    bench.flush(LINGER)
    bench.clock.time += 1
    bench.answer(ONE, 1)
    bench.answer(TWO, 1)
    bench.see(8, THREE)
    then: list[str] = []
    bench.keeper.hand_over([0], lambda: then.append("handed over"))
    assert bench.offsets() == [{_place(): 8}]
    assert then == [], "that is the writer's to say"
    done = bench.writer.pages[-1].then
    assert done is not None
    done()
    assert then == ["handed over"]
    assert sorted(_ids(_decoded(bench.told()))) == sorted([ONE, THREE])
    assert bench.flush(INTERVAL) != [], "the other one is ours"
    assert not bench.keeper.is_turn(0, TURN)


def test_a_hand_over_tells_what_matters_most_where_there_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.journal.keeper._AT_HAND_OVER", 2)
    bench = Bench(0)
    bench.see(7, ONE, TWO, THREE)
    for post_id in (ONE, TWO, THREE):
        bench.answer(post_id, 1)
    bench.flush()
    bench.clock.time += 1
    for post_id, likes in ((ONE, 1), (TWO, 2), (THREE, 3)):
        bench.answer(post_id, likes)
    bench.keeper.hand_over_all(lambda: None)
    assert sorted(_ids(_decoded(bench.told()))) == sorted([TWO, THREE])


def test_of_a_partition_that_is_not_restored_nothing_is_handed_over() -> None:
    bench = Bench(0, restored=False)
    bench.told()
    bench.tracker.restore(0, [SavedPost(ONE, (), bench.now)], bench.now)
    bench.tracker.restored(0)
    bench.answer(ONE, 1)
    bench.keeper.hand_over_all(lambda: None)
    assert [(page.parcels, page.offsets) for page in bench.writer.pages] == [((), {})]


def test_of_a_partition_that_is_lost_nothing_is_told() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.keeper.drop([0])
    bench.tracker.drop_partition(0)
    assert bench.flush(1000) == []
    bench.keeper.retired(0, ONE)
    bench.keeper.assigned([0], TURN + 1, GENERATION + 1)
    bench.keeper.restored(0)
    assert bench.flush() == [Claim(BY, TURN + 1, Epoch(0, GENERATION + 1))]
    assert bench.keeper.is_turn(0, TURN + 1)


def test_records_are_counted_by_kind() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.see(8, Tombstone(ONE))
    bench.flush(LINGER)
    counted = bench.keeper._telemetry.journal_written  # noqa: SLF001 -- it is the bench's own
    kinds = {kind: counted.labels(kind)._value.get() for kind in ("claim", "post", "tombstone")}  # noqa: SLF001 -- no other way to read it
    assert kinds == {"claim": 1, "post": 1, "tombstone": 1}
