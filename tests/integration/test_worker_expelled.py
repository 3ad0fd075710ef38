"""A worker that was frozen and expelled: what it knew holds, unless another had its partitions meanwhile."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.test_worker_journal import BOARDS, Group, _asked, _shown
from tests.tools.live_worker import Running, await_that, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

POSTS: Final = 40
SELDOM: Final = {"journal__interval": "1h", "journal__linger": "100ms", "planner__linger": "2s"}
"""The journal is told of the Posts before they are measured, and of no counts after that."""


@contextmanager
def _frozen(running: Running) -> Iterator[None]:
    running.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.process.send_signal(signal.SIGCONT)


def _measure(group: Group, worker: Running) -> None:
    """Of all Posts the journal knows no counts, which the worker has."""
    group.write(POSTS)
    await_that(lambda: len(group.saved()) == POSTS, "the journal knows them")
    await_that(lambda: _asked(worker) == POSTS, "all are asked for")
    await_that(lambda: set(_shown(worker)) == set(BOARDS), "all are shown")
    time.sleep(1)
    assert not any(_counted(group))


def _counted(group: Group) -> list[bool]:
    """Of each Post whether the journal knows its counts; of those that are gone it is told at once."""
    return ["values" in saved for saved in group.saved().values()]


def _hears_of_it(worker: Running) -> None:
    await_that(
        lambda: worker.events("sightings_lost") or worker.events("sightings_kept_over_a_gap"),
        "it hears that it was expelled",
    )


def test_an_expelled_worker_that_nobody_replaced_shows_what_it_had_shown(
    broker: Broker, tmp_path: Path
) -> None:
    if broker.kind != "apache":
        pytest.skip("the embedded broker does not expel a member that is alone")
    group = Group(broker, tmp_path, **SELDOM)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as worker:
        _measure(group, worker)
        shown = _shown(worker)
        sandbox.kill()
        with _frozen(worker):
            time.sleep(1.5 * broker.session_timeout)
        _hears_of_it(worker)
        await_that(lambda: len(worker.events("journal_read")) == 8, "all four are taken up again")
        worker.await_that("/readyz", "owns 4 of 4")
        time.sleep(1)
        assert not any(_counted(group))
        assert _shown(worker) == shown
        assert _asked(worker) == POSTS
        assert worker.stop(15) == 0, worker.log.read_text()
    assert sum(_counted(group)) > POSTS / 2, "and hands all of it over"


def test_what_another_erased_meanwhile_does_not_come_back(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path, **SELDOM)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as first:
        _measure(group, first)
        erased = int(_shown(first)["all/favorites"][0][0])
        with group.worker(sandbox) as other:
            other.await_that("/readyz", "owns 2 of 4")
            with _frozen(first):
                other.await_that("/readyz", "owns 4 of 4")
                group.delete(erased)
                await_that(lambda: erased not in group.saved(), "it is erased from the journal")
            _hears_of_it(first)
            for worker in (first, other):
                worker.await_that("/readyz", "owns 2 of 4")
            await_that(
                lambda: sum(one.metric("toptweets_tracked_posts") for one in (first, other)) == POSTS - 1,
                "the others are there",
            )
            time.sleep(1)
            for worker in (first, other):
                assert str(erased) not in {one[0] for board in _shown(worker).values() for one in board}
            assert erased not in group.saved()
            assert other.stop(10) == 0, other.log.read_text()
        assert first.stop(10) == 0, first.log.read_text()
