"""What is known of a partition that was ours and is again: it holds, or the journal does, never a mixture."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tests.unit.journal.making import GENERATION, ONE, TURN, TWO, Bench
from tests.unit.watchlist.making import LIKES, sighting
from worker.formats.journal import Retired
from worker.intake import Assigned, Event, Inbox, Journaled, JournalEnd, Overtaken, Revoked
from worker.model import ALL, SavedPost, Timestamp
from worker.owner import Owner
from worker.ownership import Ownership

if TYPE_CHECKING:
    from collections.abc import Iterable

EXPELLED = Revoked((0,), kept=True)
BACK = Assigned((0,), TURN + 1, GENERATION + 3)


class Journal:
    """What the worker's journal does with a keeper, without its threads."""

    def __init__(self, bench: Bench) -> None:
        self.keeper = bench.keeper

    def assigned(self, partitions: Iterable[int], turn: int, generation: int) -> None:
        assert self.keeper.resume(partitions, turn, generation) == [0]

    def revoked(self, partitions: Iterable[int], _: object) -> None:
        self.keeper.drop(partitions)


def _take(bench: Bench, *events: Event) -> None:
    async def take() -> None:
        owner = Owner(
            Inbox(),
            Ownership(4),
            bench.tracker,
            Journal(bench),  # type: ignore[arg-type]  # a fake
            released=lambda _, __: None,
            news=lambda: None,
            progressed=lambda: None,
            clock=bench.clock,
        )
        for event in events:
            await owner.take(event)

    asyncio.run(take())


def _measured() -> Bench:
    """Two Posts whose last counts the journal does not know."""
    bench = Bench(0)
    bench.see(7, *(sighting(one, author="ada", text="a text", seen_at=bench.now) for one in (ONE, TWO)))
    for likes in (5, 50):
        bench.clock.time += 1
        bench.answer(ONE, likes)
        bench.answer(TWO, likes + 1)
        bench.flush()
    return bench


def _shown(bench: Bench) -> SimpleNamespace:
    bench.tracker.check()
    watchlist = bench.tracker.watchlist
    return SimpleNamespace(
        board=bench.tracker.boards.merged(ALL, LIKES),
        measured=[watchlist.measured_at(post_id) for post_id in watchlist.post_ids()],
        words=[watchlist.words(post_id) for post_id in watchlist.post_ids()],
    )


def test_nothing_that_was_shown_falls_back_where_nobody_else_had_it() -> None:
    bench = _measured()
    before = _shown(bench)
    assert before.board == [(TWO, 51), (ONE, 50)]
    _take(bench, EXPELLED, BACK)
    assert _shown(bench) == before
    _take(bench, JournalEnd(0, TURN + 1, (), kept=True))
    assert _shown(bench) == before


def test_where_another_had_it_the_journal_rules_and_what_it_erased_stays_erased() -> None:
    bench = _measured()
    at = Timestamp(bench.now - 1)
    saved = SavedPost(ONE, (), bench.now, measured_at=at, values={LIKES: 6})
    told = Journaled(0, TURN + 1, [saved, Retired(TWO)])
    _take(bench, EXPELLED, BACK, Overtaken(0, TURN + 1), told, JournalEnd(0, TURN + 1, ()))
    shown = _shown(bench)
    assert (shown.board, shown.measured, shown.words) == ([(ONE, 6)], [at], [(None, None)])


def test_what_was_kept_and_is_another_s_after_all_is_forgotten() -> None:
    bench = _measured()
    _take(bench, EXPELLED, Revoked((0,)))
    assert _shown(bench).board == []
    assert not bench.tracker.watchlist
