"""Partitions come and go: what is claimed, told anew, handed over, and what is not."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.unit.journal.making import (
    BY,
    GENERATION,
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
from tests.unit.watchlist.making import LIKES
from worker.formats.journal import Claim, Epoch, Retired
from worker.model import SavedPost, Tombstone


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
    assert ids(bench.flush()) == [ONE]


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
    assert ids(told) == [ONE]


def test_what_another_wrote_is_told_anew() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.keeper.foreign(0, [ONE, TWO])
    told = bench.flush(1)
    assert told[0] == Retired(TWO)
    assert ids(told) == [ONE]


def test_a_claim_below_ours_changes_nothing_and_ours_is_written_after_it() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.answer(ONE, 1)
    bench.keeper.foreign(0, [], Epoch(0, GENERATION - 1))
    told = bench.flush()
    assert told[0] == Claim(BY, TURN, OURS)
    assert ids(told) == [ONE]


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
    assert ids(told) == [ONE]
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
    assert bench.offsets() == [{place(): 8}]
    assert then == [], "that is the writer's to say"
    done = bench.writer.pages[-1].then
    assert done is not None
    done()
    assert then == ["handed over"]
    assert sorted(ids(decoded(bench.told()))) == sorted([ONE, THREE])
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
    assert sorted(ids(decoded(bench.told()))) == sorted([TWO, THREE])


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


def test_who_restores_a_partition_of_a_later_era_follows_it_at_once() -> None:
    """Its generation tells that it is the later owner; to wait for a proof would hold up each restore."""
    bench = Bench(0, restored=False)
    bench.told()
    bench.keeper.foreign(0, [], Epoch(3, GENERATION - 1))
    assert decoded(bench.told()) == [Claim(BY, TURN, Epoch(3, GENERATION))]
    bench.keeper.restored(0)
    bench.keeper.foreign(0, [], Epoch(4, GENERATION - 1))
    assert bench.flush() == [], "once it is restored, only a proof will do"


def _keep(bench: Bench) -> None:
    """We are expelled, and back: the partition is ours in the next turn and generation."""
    assert bench.keeper.keep([0]) == [0]
    assert bench.keeper.resume([0, 1], TURN + 1, GENERATION + 3) == [0]


def test_a_partition_that_is_kept_is_claimed_once_all_that_was_told_of_it_is_written() -> None:
    bench = Bench(0)
    _keep(bench)
    (page,) = bench.writer.pages
    assert (page.parcels, page.anew) == ((), None), "what was told before holds, unless another claimed it"
    assert page.then is not None
    bench.writer.pages.clear()
    page.then()
    assert decoded(bench.told()) == [Claim(BY, TURN + 1, Epoch(0, GENERATION + 3))]


def test_what_a_kept_partition_lacks_in_the_journal_is_told_once_our_claim_is_read() -> None:
    bench = Bench(0)
    bench.see(7, ONE, TWO)
    bench.answer(ONE, 1)
    bench.answer(TWO, 1)
    bench.flush()
    bench.tracker.remove(TWO, "age")
    bench.clock.time += 1
    bench.answer(ONE, 2)
    _keep(bench)
    bench.told()
    assert bench.flush(INTERVAL) == [], "before that another may have claimed it"
    bench.keeper.restored(0)
    told = bench.flush(INTERVAL)
    assert told[0] == Retired(TWO)
    (saved,) = [one for one in told if isinstance(one, SavedPost)]
    assert (saved.post_id, saved.values) == (ONE, {LIKES: 2})


def test_sightings_of_a_kept_partition_are_told_when_they_are_read_again() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    _keep(bench)
    bench.keeper.restored(0)
    bench.told()
    assert bench.flush(LINGER) == []
    assert bench.offsets() == [], "of an earlier turn"
    bench.see(7, ONE)
    bench.keeper.flush()
    bench.clock.time += LINGER
    bench.keeper.flush()
    assert bench.offsets() == [{place(turn=TURN + 1): 7}]
    assert ids(decoded(bench.told())) == [ONE]


def test_a_partition_that_is_not_restored_is_not_worth_keeping() -> None:
    bench = Bench(0, restored=False)
    assert bench.keeper.keep([0, 1]) == []


def test_a_partition_that_is_kept_and_kept_again_before_its_claim_is_read_is_whole_still() -> None:
    bench = Bench(0)
    _keep(bench)
    assert bench.keeper.keep([0]) == [0]
    assert not bench.keeper.is_turn(0, TURN + 1)
    assert bench.keeper.kept_since(0, TURN)
    assert bench.keeper.resume([0], TURN + 2, GENERATION + 5) == [0]
    assert bench.keeper.is_turn(0, TURN + 2)


def test_a_kept_partition_that_another_had_is_claimed_anew_and_begun_anew() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    bench.flush(LINGER)
    bench.tracker.remove(ONE, "age")
    _keep(bench)
    bench.writer.pages.clear()
    bench.keeper.overtaken(0)
    assert bench.writer.pages[0].anew == 0, "what was told before it may not come after its claim"
    assert decoded(bench.told()) == [Claim(BY, TURN + 1, Epoch(0, GENERATION + 3))]
    assert not bench.keeper.kept_since(0, TURN)
    assert bench.keeper.keep([0]) == [], "it is not restored yet"


def test_of_a_kept_partition_that_goes_to_another_nothing_is_told() -> None:
    bench = Bench(0)
    bench.see(7, ONE)
    _keep(bench)
    bench.told()
    bench.keeper.hand_over_all(lambda: None)
    assert bench.told() == []
