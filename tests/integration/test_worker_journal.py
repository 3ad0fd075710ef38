"""A restart, a crash, a take-over: what the journal knew is not asked for again, and shown as it was."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from tests.tools.kafka_records import Writer, committed, latest, read_all
from tests.tools.live_worker import (
    Running,
    await_that,
    events_in,
    quick_settings,
    running_sandbox,
    running_worker,
    starting_worker,
)
from worker.formats.journal import CLAIM_KEY, Claim, Epoch, encode_claim, encode_retired, encode_saved
from worker.model import MetricName, PostId, SavedPost, Timestamp, first_post_id

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.brokers import Broker

PARTITIONS: Final = 4
NOBODY: Final = "127.0.0.1:1"
BOARDS: Final = ("all/favorites", "all/favorites_per_hour", "spring/favorites")
ZOMBIE: Final = "deadbeef"


class Group:
    """A group of workers on a broker, its input, and what its topics hold."""

    def __init__(self, broker: Broker, directory: Path, **settings: str) -> None:
        self.broker = broker
        self.directory = directory
        self.name = f"group-{uuid.uuid4().hex[:8]}"
        self.journal, self.sightings = f"{self.name}.journal", f"{self.name}.sightings"
        self.topic = broker.create_topic()
        self.first = PostId(first_post_id(Timestamp(time.time() - 3600)))
        self.written = 0
        self.settings = quick_settings(
            broker,
            self.name,
            **{
                "boards__metrics": "favorites,favorites_per_hour",
                "boards__top": "20",
                "intake__campaigns_from": "hashtags",
                "planner__min_interval": "1h",
                "journal__interval": "1s",
                "journal__linger": "100ms",
                **settings,
            },
        )

    def write(self, count: int) -> None:
        """New Posts, every other one in a campaign."""
        new = range(self.first + self.written, self.first + self.written + count)
        self.written += count
        tags: list[list[dict[str, str]]] = [[], [{"text": "spring"}]]
        self._send(
            {"id_str": str(one), "text": f"a text of {one}", "entities": {"hashtags": tags[one % 2]}}
            for one in new
        )

    def delete(self, post_id: int) -> None:
        self._send([{"delete": {"status": {"id": post_id, "id_str": str(post_id), "user_id": 1}}}])

    def _send(self, documents: Any) -> None:
        with closing(Writer(self.broker.bootstrap)) as writer:
            writer.send(self.topic, [json.dumps(one).encode() for one in documents])

    def worker(self, api: Running, **settings: str) -> Any:
        more = {name.upper(): value for name, value in settings.items()}
        return running_worker(
            self.directory, self.broker.bootstrap, self.topic, api.address, self.settings | more
        )

    def that_cannot(self) -> str:
        """How a worker ends that cannot run: its log, of exit code 1."""
        with starting_worker(
            self.directory, self.broker.bootstrap, self.topic, NOBODY, self.settings
        ) as worker:
            assert worker.process.wait(30) == 1, worker.log.read_text()
            return worker.log.read_text()

    def committed(self) -> int:
        offsets = committed(self.broker.bootstrap, f"{self.name}.owners", self.sightings, PARTITIONS)
        return sum(offsets.values())

    def saved(self) -> dict[int, dict[str, Any]]:
        """What the journal holds of each Post in the end."""
        records = latest(self.broker.bootstrap, self.journal)
        return {int(key): json.loads(record.value) for key, record in records.items() if key != CLAIM_KEY}

    def claimed_by(self, partition: int) -> str:
        """Whose claim of a partition is the last one in the log."""
        claims = [one for one in read_all(self.broker.bootstrap, self.journal) if one.key == CLAIM_KEY]
        return str([json.loads(one.value)["by"] for one in claims if one.partition == partition][-1])

    def into_journal(self, partition: int, key: bytes, value: bytes | None, by: str = "") -> None:
        headers = [("by", by.encode())] if by else []
        with closing(Writer(self.broker.bootstrap)) as writer:
            writer.send(self.journal, [value], key=key, headers=headers, partition=partition)


def _asked(worker: Running) -> float:
    return worker.metric("toptweets_tracked_posts", state="measured") + worker.metric(
        "toptweets_tracked_posts", state="unavailable"
    )


def _await_all(group: Group, worker: Running) -> None:
    """All that was written was asked for, is in the journal with what came of it, and is committed."""
    await_that(lambda: _asked(worker) == group.written, "all is asked for")
    await_that(lambda: group.committed() == group.written, "all is committed")
    await_that(
        lambda: sum("measured_at" in one for one in group.saved().values()) == group.written, "all is saved"
    )


def _shown(worker: Running) -> dict[str, list[tuple[str, float, object]]]:
    """Who is on the leaderboards, with which values, measured when."""
    answers = {name: worker.get(f"/api/leaderboards/{name}") for name in BOARDS}
    return {
        name: [(one["post_id"], one["value"], one["measured_at"]) for one in answer.json()["entries"]]
        for name, answer in answers.items()
        if answer.is_success
    }


def _all_shown(group: Group, worker: Running) -> dict[str, list[tuple[str, float, object]]]:
    """What it shows of all that was written, once an edition has all of it."""
    _await_all(group, worker)
    await_that(
        lambda: (
            set(_shown(worker)) == set(BOARDS)
            and worker.json("/api/leaderboards/all/favorites")["tracked_posts"] == group.written
        ),
        "all is shown",
    )
    return _shown(worker)


def _served(sandbox: Running) -> int:
    """How many different IDs it was asked for."""
    return int(sandbox.json("/sandbox/stats")["ids_served"])


def test_a_restart_asks_for_nothing_that_is_known_and_shows_it_as_it_was(
    broker: Broker, tmp_path: Path
) -> None:
    group = Group(broker, tmp_path)
    group.write(60)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as first:
        shown = _all_shown(group, first)
        assert _served(sandbox) > 50
        assert first.stop(10) == 0, first.log.read_text()
        assert first.events("journal_unfinished") == []
    assert group.committed() == 60
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as second:
        second.await_that("/readyz", "owns 4 of 4")
        await_that(lambda: _shown(second) == shown, "it shows the same")
        assert second.metric("toptweets_records_total", outcome="owned") == 0, "nothing is read again"
        assert _served(sandbox) == 0
        group.write(10)
        await_that(lambda: _asked(second) == 70, "10 more are measured")
        assert second.stop(10) == 0, second.log.read_text()


def test_a_crash_loses_nothing_that_was_committed(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path)
    group.write(60)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as first:
        shown = _all_shown(group, first)
        first.kill()
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as second:
        second.await_that("/readyz", "owns 4 of 4")
        await_that(lambda: _shown(second) == shown, "it shows the same")
        await_that(lambda: second.metric("toptweets_tracked_posts") == 60, "all are there")
        assert _served(sandbox) == 0
        assert second.stop(10) == 0, second.log.read_text()


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_worker_takes_over_what_another_knew(end: str, broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path)
    group.write(60)
    with (
        running_sandbox(tmp_path) as sandbox,
        running_sandbox(tmp_path) as other,
        group.worker(sandbox) as first,
    ):
        shown = _all_shown(group, first)
        with group.worker(other) as second:
            second.await_that("/readyz", "owns 2 of 4")
            first.await_that("/readyz", "owns 2 of 4")
            if end == "killed":
                first.kill()
            else:
                assert first.stop(10) == 0, first.log.read_text()
            second.await_that("/readyz", "owns 4 of 4")
            await_that(lambda: _shown(second) == shown, "it shows what the other showed")
            await_that(lambda: second.metric("toptweets_tracked_posts") == 60, "all are there")
            assert _served(other) == 0
            assert second.stop(10) == 0, second.log.read_text()


def test_what_a_worker_writes_that_lost_its_partition_changes_nothing(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path)
    group.write(60)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as first:
        shown = _all_shown(group, first)
        assert first.stop(10) == 0, first.log.read_text()
    places = {int(one.key): one.partition for one in read_all(broker.bootstrap, group.sightings)}
    leader, runner_up, *_ = (PostId(int(post_id)) for post_id, _, _ in shown["all/favorites"])
    stranger = PostId(group.first + 1_000_000)
    old = SavedPost(
        leader, (), Timestamp(1.0), measured_at=Timestamp(2.0), values={MetricName("favorites"): 1.0}
    )
    group.into_journal(places[leader], *encode_saved(old, ZOMBIE))
    group.into_journal(places[leader], *encode_saved(old._replace(post_id=stranger), ZOMBIE))
    key, value, _ = encode_retired(runner_up, ZOMBIE)
    group.into_journal(places[runner_up], key, value, ZOMBIE)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as second:
        second.await_that("/readyz", "owns 4 of 4")
        await_that(lambda: _shown(second) == shown, "it shows the same")

        def overwritten() -> bool:
            saved = group.saved()
            return stranger not in saved and all(
                saved.get(one, {"by": ZOMBIE})["by"] != ZOMBIE for one in (leader, runner_up)
            )

        await_that(overwritten, "what does not hold is overwritten")
        # And while it runs: before the next restart a compaction might leave nothing but this.
        group.into_journal(places[runner_up], key, value, ZOMBIE)
        await_that(lambda: runner_up in group.saved(), "it is told again")
        late = Claim(ZOMBIE, 1, Epoch(0, 0))
        group.into_journal(places[leader], *encode_claim(late, Timestamp(time.time())))
        await_that(lambda: group.claimed_by(places[leader]) != ZOMBIE, "ours is written after it")
        assert _served(sandbox) == 0
        assert second.stop(10) == 0, second.log.read_text()
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as third:
        await_that(lambda: _shown(third) == shown, "it shows the same")
        assert _served(sandbox) == 0
        assert third.stop(10) == 0, third.log.read_text()


def test_what_is_deleted_or_gone_is_erased_from_the_journal(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path, journal__linger="0s")
    group.write(300)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as worker:
        await_that(lambda: _asked(worker) == 300, "all are asked for")
        gone = worker.metric("toptweets_tracked_posts", state="unavailable")
        assert gone, "this population has none"
        await_that(
            lambda: sum(one.get("gone", False) for one in group.saved().values()) == gone, "they are saved"
        )
        for post_id, one in group.saved().items():
            assert ("text" in one) == (not one.get("gone")), (post_id, one)
        texts = [one.value for one in read_all(broker.bootstrap, group.journal) if one.value]
        assert any(b"a text of" in one for one in texts)
        group.delete(group.first)
        await_that(lambda: group.first not in group.saved(), "its last record is a tombstone")
        assert worker.stop(10) == 0, worker.log.read_text()
    with group.worker(Running(NOBODY, worker.process, worker.log)) as second:
        await_that(lambda: second.metric("toptweets_tracked_posts") == 299, "all others are restored")
        assert second.stop(10) == 0, second.log.read_text()


def test_a_journal_that_takes_nothing_stops_commits_and_nothing_else(broker: Broker, tmp_path: Path) -> None:
    if broker.kind != "apache":
        pytest.skip("Tansu has no setting of a topic that makes it refuse records")
    group = Group(broker, tmp_path)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as worker:
        group.write(20)
        await_that(lambda: group.committed() == 20, "20 are committed")
        _set(broker, group.journal, {"max.message.bytes": "1"})
        group.write(20)
        await_that(lambda: _asked(worker) == 40, "40 are measured")
        worker.await_event("journal_failing")
        assert worker.metric("toptweets_journal_errors_total") > 0
        assert group.committed() == 20
        assert worker.json("/readyz")["checks"]["journal"].startswith(
            "cannot be written, so nothing is committed: "
        )
        assert worker.get("/healthz").is_success
        _set(broker, group.journal, {"max.message.bytes": "1048588"})
        worker.await_event("journal_works_again")
        assert worker.json("/readyz")["checks"]["journal"] == "is written"
        await_that(lambda: group.committed() == 40, "40 are committed")
        await_that(lambda: len(group.saved()) == 40, "40 are saved")
        _set(broker, group.journal, {"max.message.bytes": "1"})
        group.write(20)
        await_that(lambda: _asked(worker) == 60, "60 are measured")
        await_that(lambda: len(worker.events("journal_failing")) == 2, "it fails again")
        assert worker.stop(10) == 0, worker.log.read_text()
        assert len(worker.events("journal_unfinished")) == 1
    assert group.committed() == 40, "the rest is read again"


def test_a_journal_with_another_number_of_partitions_is_refused(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path)
    broker.create_topic(group.journal, partitions=3)
    (event,) = events_in(group.that_cannot(), "cannot_run")
    assert f"topic {group.journal} has 3 partitions" in event["error"]


def test_a_record_of_a_newer_worker_ends_it_and_says_what_to_do(broker: Broker, tmp_path: Path) -> None:
    group = Group(broker, tmp_path)
    broker.create_topic(group.journal, partitions=PARTITIONS)
    group.into_journal(2, b"7", b'{"v":2,"by":"0a1b2c3d"}')
    log = group.that_cannot()
    (event,) = events_in(log, "cannot_run")
    assert event["error"].startswith(f"{group.journal}:2:0: v: 2, and this worker reads up to 1")
    assert "bring this one up to date" in event["error"]
    assert "Traceback" not in log


def test_what_no_worker_wrote_is_counted_and_told_and_the_rest_restored(
    broker: Broker, tmp_path: Path
) -> None:
    group = Group(broker, tmp_path)
    broker.create_topic(group.journal, partitions=PARTITIONS)
    for key, value in ((b"7", b'{"v":0}'), (b"8", b"nonsense"), (b"x", b"{}")):
        group.into_journal(1, key, value)
    with running_sandbox(tmp_path) as sandbox, group.worker(sandbox) as worker:
        worker.await_that("/readyz", "owns 4 of 4")
        assert worker.metric("toptweets_journal_records_refused_total") == 3
        assert len(worker.events("journal_record_refused")) == 1
        assert worker.stop(10) == 0, worker.log.read_text()


@pytest.mark.parametrize("measured", [True, False], ids=["measured", "new"])
def test_a_watchlist_smaller_than_the_journal_is_restored_too(
    measured: bool,
    broker: Broker,
    tmp_path: Path,
) -> None:
    group = Group(broker, tmp_path, boards__metrics="favorites", boards__top="5", boards__reserve="1")
    group.write(200)
    with running_sandbox(tmp_path) as sandbox:
        api = sandbox if measured else Running(NOBODY, sandbox.process, sandbox.log)
        with group.worker(api, engagement__attempts="1") as first:
            await_that(lambda: len(group.saved()) == 200, "all are saved")
            if measured:
                await_that(lambda: _asked(first) == 200, "all are measured")
            assert first.stop(10) == 0, first.log.read_text()
        with group.worker(sandbox, watchlist__max_posts="50", kafka__poll_records="7") as second:
            second.await_that("/readyz", "owns 4 of 4")
            await_that(lambda: second.metric("toptweets_tracked_posts") == 50, "it is full")
            await_that(lambda: len(group.saved()) == 50, "the others are buried")
            # What the journal tells twice, for want of compaction, may come back for a moment and go again.
            assert second.metric("toptweets_posts_retired_total", reason="evicted") >= 150
            assert second.stop(10) == 0, second.log.read_text()


def _set(broker: Broker, topic: str, configs: dict[str, str]) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
