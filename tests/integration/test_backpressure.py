"""What cannot be dealt with waits: a full Watchlist holds partitions back, a cut worker leaves its slots."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.chaos.asked import most_in_a_minute, read_requests
from benchmarks.chaos.cluster import running_cluster
from tests.tools.brokers import Broker, why_not
from tests.tools.kafka_records import Writer, committed
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from tests.tools.require import missing
from tests.tools.tcp_proxy import tcp_links
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from pathlib import Path

FIRST: Final = first_post_id(Timestamp(time.time() - 3600))
PARTITIONS: Final = 4
PATIENCE: Final = 60.0
MOST_TRACKED: Final = 50
MOST_WAITING: Final = 20


def _write(bootstrap: str, topic: str, post_ids: range) -> None:
    with closing(Writer(bootstrap)) as writer:
        writer.send(topic, [b"%d" % one for one in post_ids])


def _set_faults(sandbox: Running, **shares: float) -> None:
    answer = httpx.post(f"http://{sandbox.address}/sandbox/faults", json={"shares": shares}, trust_env=False)
    assert answer.is_success, answer.text


def _owns(worker: Running, count: int) -> None:
    await_that(lambda: f"owns {count} of" in worker.get("/readyz").text, f"it owns {count}", PATIENCE)


def _assigned(worker: Running) -> int:
    """Partitions that it was ever given, each as often as it was."""
    return sum(len(one["partitions"]) for one in worker.events("sightings_assigned"))


def _paused(worker: Running) -> bool:
    return worker.metric("toptweets_consumer_paused", consumer="sightings") == 1


def _full(worker: Running) -> bool:
    """Whether it holds back because nothing more goes into its Watchlist, not only because it is behind.

    It reads on when half of what may wait has been taken.
    """
    tracked, waiting = (
        worker.metric("toptweets_tracked_posts"),
        worker.metric("toptweets_sightings_queue_posts"),
    )
    return tracked == MOST_TRACKED and waiting >= MOST_WAITING // 2 and _paused(worker)


def test_held_back_partitions_stay_in_the_group_and_new_ones_are_held_back_too(
    broker: Broker, tmp_path: Path
) -> None:
    topic, group, posts = broker.create_topic(), f"group-{uuid.uuid4().hex[:8]}", 400
    settings = quick_settings(
        broker,
        group,
        watchlist__max_posts=str(MOST_TRACKED),
        watchlist__queue_posts=str(MOST_WAITING),
        kafka__poll_records="10",
        boards__top="5",
        boards__reserve="1",
        boards__metrics="favorites",
        engagement__retry_wait="100ms",
        engagement__retry_wait_max="500ms",
        planner__min_interval="1s",
    )
    where = tmp_path, broker.bootstrap, topic
    with running_sandbox(tmp_path, "--kept-requests=10000") as sandbox, ExitStack() as stack:
        _set_faults(sandbox, **{"503": 1.0})
        first = stack.enter_context(running_worker(*where, sandbox.address, settings))
        _owns(first, PARTITIONS)
        _write(broker.bootstrap, topic, range(FIRST, FIRST + posts))
        await_that(lambda: _full(first), "it is full", PATIENCE)
        await_that(
            lambda: sum(committed(broker.bootstrap, group, topic, 1).values()) == posts,
            "the input is read on",
        )
        held = first.metric("toptweets_records_total", outcome="owned")
        assert held < posts
        assert "the Watchlist is full of Posts never measured" in first.get("/readyz").text
        # Longer than a session: who did not heartbeat while it is paused would be out by then.
        since = time.monotonic()
        await_that(
            lambda: time.monotonic() - since > 1.5 * broker.session_timeout or not _paused(first),
            "a session passes",
        )
        assert _paused(first)
        assert first.metric("toptweets_records_total", outcome="owned") == held, "it read on"
        assert first.events("sightings_revoked") == first.events("sightings_lost") == []
        # A second one takes half of them, fills up, and goes: its partitions come to a worker that is full.
        second = stack.enter_context(running_worker(*where, sandbox.address, settings))
        # It is never ready, as it cannot read what it owns.
        await_that(lambda: _assigned(second) == PARTITIONS // 2, "it has its share", PATIENCE)
        await_that(lambda: _paused(second), "the second is paused", PATIENCE)
        await_that(lambda: _paused(first), "the first is paused again", PATIENCE)
        assert second.stop(15) == 0, second.log.read_text()
        await_that(
            lambda: _assigned(first) >= PARTITIONS + PARTITIONS // 2,
            "they come back",
            PATIENCE,
        )
        await_that(lambda: _paused(first), "the first is paused with all of them", PATIENCE)
        assert first.metric("toptweets_tracked_posts") <= MOST_TRACKED
        assert first.get("/healthz").is_success
        _set_faults(sandbox)
        owners = f"{group}.owners"
        await_that(
            lambda: (
                sum(committed(broker.bootstrap, owners, f"{group}.sightings", PARTITIONS).values()) == posts
            ),
            "all is taken",
            PATIENCE,
        )
        await_that(lambda: not _paused(first), "it resumed")
        await_that(lambda: len(_asked_for(sandbox)) == posts, "each was asked for", PATIENCE)
        assert first.events("sightings_lost") == []
        assert first.stop(15) == 0, first.log.read_text()


def test_a_worker_cut_from_the_brokers_leaves_its_slots_to_the_other_and_none_is_used_twice(
    tmp_path: Path,
) -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    limit, session = 240, 6.0
    with tcp_links() as links, ExitStack() as stack:
        cluster = stack.enter_context(running_cluster(links, brokers=1, workers=2))
        whole = Broker("apache", cluster.kafka.bootstrap, session, 1.0, compacts=True, stop=lambda: None)
        topic = whole.create_topic()
        settings = quick_settings(
            whole,
            f"group-{uuid.uuid4().hex[:8]}",
            engagement__requests_per_minute=str(limit),
            boards__metrics="favorites",
            planner__min_interval="1s",
            planner__interval_growth="0",
        )
        sandbox = stack.enter_context(running_sandbox(tmp_path, "--kept-requests=10000"))
        # A link to the API for each, so that it is known who asks.
        host, port = sandbox.address.split(":")
        ways = {number: links.open((host, int(port))) for number in (1, 2)}
        cut, other = (
            stack.enter_context(
                running_worker(tmp_path, cluster.bootstrap_of(number), topic, ways[number].address, settings)
            )
            for number in (1, 2)
        )
        for worker in (cut, other):
            _owns(worker, PARTITIONS // 2)
        _write(cluster.kafka.bootstrap, topic, range(FIRST, FIRST + 200))
        for worker in (cut, other):
            await_that(lambda worker=worker: _requests(worker) > 10, "both ask", PATIENCE)  # type: ignore[misc]  # bound at once
        cluster.cut(1)
        began = time.monotonic()
        await_that(lambda: cut.metric("toptweets_quota_requests_per_minute") == 0, "it has no slots", session)
        stopped_after = time.monotonic() - began
        assert not any(len(one["partitions"]) > PARTITIONS // 2 for one in other.events("sightings_assigned"))
        assert f"owns {PARTITIONS // 2} of" in other.get("/readyz").text, "the session had ended before"
        asked = _requests(cut)
        _owns(other, PARTITIONS)
        before = _requests(other)
        await_that(lambda: _requests(other) > before + 10, "the other asks for all")
        assert _requests(cut) == asked, "it asks without slots"
        assert cut.get("/api/leaderboards/all/favorites").json()["entries"], "it serves what it knows"
        assert stopped_after < session
        cluster.restore(1)
        for worker in (cut, other):
            _owns(worker, PARTITIONS // 2)
        before = _requests(cut)
        await_that(lambda: _requests(cut) > before, "it asks again", PATIENCE)
        with httpx.Client(trust_env=False, timeout=10) as client:
            arrivals = [request.at for request in read_requests(client, f"http://{sandbox.address}")]
        assert most_in_a_minute(arrivals) <= limit
        assert len(arrivals) > limit / 6
        for worker in (cut, other):
            assert worker.stop(15) == 0, worker.log.read_text()


def _requests(worker: Running) -> float:
    return worker.metric("toptweets_requests_total")


def _asked_for(sandbox: Running) -> set[int]:
    """The IDs that it gave an answer on."""
    with httpx.Client(trust_env=False, timeout=10) as client:
        requests = read_requests(client, f"http://{sandbox.address}")
    return {post_id for request in requests if request.answered for post_id in request.post_ids}
