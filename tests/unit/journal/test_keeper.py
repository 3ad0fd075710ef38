"""What the journal is told, and when; and which offsets that covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.journal.making import (
    BY,
    INTERVAL,
    LINGER,
    ONE,
    OURS,
    THREE,
    TURN,
    TWO,
    Bench,
    decoded,
    ids,
    place,
)
from tests.unit.tracker.test_tracker import outcome
from tests.unit.watchlist.making import LIKES, A, counts, sighting
from worker.formats.journal import CLAIM_KEY, Claim, Retired, writer_of
from worker.model import SavedPost, Tombstone

if TYPE_CHECKING:
    import pytest


def test_whoever_is_given_a_partition_claims_it_first() -> None:
    bench = Bench(0, 2, restored=False)
    claims = bench.told()
    assert [(claim.topic, claim.key, claim.partition) for claim in claims] == [
        ("g.journal", CLAIM_KEY, 0),
        ("g.journal", CLAIM_KEY, 2),
    ]
    assert decoded(claims) == [Claim(BY, TURN, OURS)] * 2


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
    assert ids(bench.flush(0.1)) == [ONE]
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
    assert bench.offsets() == [{place(): 9}]
    assert sorted(ids(decoded(bench.told()))) == sorted([ONE, TWO, THREE])


def test_offsets_of_many_posts_are_with_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.journal.keeper._PAGE", 2)
    bench = Bench(0)
    bench.see(7, ONE, TWO, THREE)
    bench.keeper.flush()
    bench.clock.time += LINGER
    bench.keeper.flush()
    assert [(len(page.parcels), dict(page.offsets)) for page in bench.writer.pages] == [
        (2, {}),
        (1, {place(): 7}),
    ]


def test_a_batch_of_nothing_and_one_of_what_is_known_need_no_record() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.see(8, ONE)
    bench.clock.time += 1
    bench.see(9)
    bench.keeper.flush()
    assert bench.offsets() == [{place(): 9}]
    assert bench.told() == []


def test_counts_are_told_each_interval_at_most() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    assert ids(bench.flush()) == [ONE]
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
    assert ids(bench.flush(0.5)) == [ONE]


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
    assert ids(bench.flush(INTERVAL)) == [ONE]


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
    assert ids(bench.flush()) == [THREE]


def test_who_leaves_is_buried_before_anything_else_is_told() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.flush()
    bench.see(8, Tombstone(ONE), sighting(ONE, seen_at=bench.now), Tombstone(TWO))
    bench.answer(ONE, 1)
    bench.keeper.flush()
    assert bench.offsets() == [{place(): 8}]
    parcels = bench.told()
    assert decoded(parcels[:1]) == [Retired(ONE)]
    assert ids(decoded(parcels[1:])) == [ONE], "it came back"
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
    assert ids(bench.flush()) == [ONE]


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
