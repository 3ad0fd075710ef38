"""``top-tweets budget --from-topic`` on a real broker: it finds what is on the topic, and leaves no trace."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from tests.tools.kafka_records import read_all
from tests.unit.settings.environment import set_environment
from worker.connections import KafkaConnections
from worker.embedded import embedded_broker
from worker.model import Timestamp, first_post_id
from worker.settings import Settings
from worker.simulate.own_topic import OwnTopic
from worker.topic_reading import TopicError

if TYPE_CHECKING:
    from tests.tools.brokers import Broker

HOUR: Final = 3600.0
SMALL: Final = ("--window=6h", "--top=3", "--hours=1", "--seeds=2", "--jobs=1", "--recall=0.8")


class Stream:
    """An input topic of three partitions, and a clock that stands still."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.now = float(round(time.time()))
        self._partitions = itertools.cycle((0, 2, 1, 1))
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False)

    def write(self, value: bytes, hours_ago: float, *campaigns: str) -> None:
        self._producer.send(
            self.topic,
            value,
            partition=next(self._partitions),
            headers=[("campaign", name.encode()) for name in campaigns],
            timestamp_ms=round((self.now - hours_ago * HOUR) * 1000),
        )

    def id_of(self, number: int, hours_ago: float) -> int:
        return first_post_id(Timestamp(self.now - hours_ago * HOUR)) + number

    def flush(self) -> None:
        self._producer.flush(timeout=30)

    def close(self) -> None:
        self._producer.close(timeout=30)


@pytest.fixture(scope="module")
def stream(broker: Broker) -> Stream:
    """For 30 hours 60 Posts an hour, three in four of spring, one of autumn; some are retweeted for long."""
    with closing(Stream(broker.bootstrap, broker.create_topic(partitions=3))) as stream:
        for number in range(30 * 60):
            hours_ago = 30 - number / 60
            post_id = stream.id_of(number, hours_ago)
            campaign = "autumn" if number % 4 == 0 else "spring"
            stream.write(b"%d" % post_id, hours_ago, campaign)
            for later in range(1, 13 if number % 10 == 0 else 1):
                retweet = {"id": str(post_id + 1), "retweeted_status": {"id_str": str(post_id)}}
                if later < hours_ago:
                    stream.write(json.dumps(retweet).encode(), hours_ago - later, campaign, "shared")
        for _ in range(5):
            stream.write(b"no Post", 2.0)
        return stream


def budget(stream: Stream, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: kafka-python leaves sockets to the collector."""
    ours = {
        "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": stream.bootstrap,
        "TOPTWEETS_KAFKA__TOPIC": stream.topic,
        "TOPTWEETS_KAFKA__REQUEST_TIMEOUT": "10s",
    } | {f"TOPTWEETS_{name}": text for name, text in variables.items()}
    others = {name: text for name, text in os.environ.items() if not name.startswith("TOPTWEETS_")}
    return subprocess.run(
        [sys.executable, "-m", "worker", "budget", "--from-topic", *SMALL, *options],
        env=others | ours,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def measured(stream: Stream, hours: float, told: Any = lambda *_: None, **kafka: Any) -> Any:
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": [stream.bootstrap], "topic": [stream.topic]} | kafka}
    )
    consumer = KafkaConnections(settings.kafka).reader()
    with closing(consumer):
        return OwnTopic(consumer, settings, told).measure(Timestamp(stream.now), hours * HOUR)


def test_what_is_on_the_topic_is_found(stream: Stream) -> None:
    told: list[tuple[int, int]] = []
    found = measured(stream, 24, lambda *counts: told.append(counts))
    assert found.unreadable == 5
    assert found.new == 24 * 60
    assert found.posts > found.new
    assert found.posts_per_day == pytest.approx(24 * 60, rel=0.02)
    assert found.by_hour == pytest.approx([1.0] * 24, rel=0.1)
    assert found.campaigns["spring"] == pytest.approx(0.75, abs=0.01)
    assert found.campaigns["autumn"] == pytest.approx(0.25, abs=0.01)
    assert found.campaigns["shared"] == pytest.approx(0.1, abs=0.01)
    assert found.together(2) == found.campaigns["shared"]
    assert found.begins == stream.now - 24 * HOUR
    counts, last = [done for done, _ in told], told[-1]
    assert counts == sorted(counts)
    # A record that was written before the 24 hours may stand behind the first one within them.
    assert last[0] == last[1] == found.records


def test_a_topic_that_holds_less_is_measured_from_its_beginning(stream: Stream) -> None:
    found = measured(stream, 24 * 7)
    assert found.begins == stream.now - 30 * HOUR
    assert found.new == 30 * 60
    assert found.posts_per_day == pytest.approx(24 * 60, rel=0.02)


def test_what_comes_in_meanwhile_is_left(broker: Broker) -> None:
    """A stream that never ends would be read for ever."""
    with closing(Stream(broker.bootstrap, broker.create_topic(partitions=3))) as stream:
        for number in range(300):
            stream.write(b"%d" % stream.id_of(number, 2.0), 1.0)
        stream.flush()

        def more(_done: int, _total: int) -> None:
            for number in range(300, 330):
                stream.write(b"%d" % stream.id_of(number, 2.0), 0.0)
            stream.flush()

        found = measured(stream, 24, more, poll_records=20)
        assert (found.records, found.posts) == (300, 300)


def test_the_command_measures_simulates_and_judges_the_contract(broker: Broker, stream: Stream) -> None:
    before = len(read_all(broker.bootstrap, stream.topic))
    done = budget(stream, ENGAGEMENT__REQUESTS_PER_MINUTE="1", BOARDS__METRICS="favorites,favorites_per_hour")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("measured from ")
    assert "new Posts a day" in done.stdout
    assert "of which 5 cannot be read" in done.stdout
    assert "3 campaigns: spring 7" in done.stdout
    assert "boards that are not simulated: favorites_per_hour" in done.stdout
    assert "live Posts, 3 campaigns, top 3, by favorites, in a window of 6h" in done.stdout
    assert lines[-1].startswith("engagement.requests_per_minute is 1, which suffices: ")
    progress = done.stderr.splitlines()[-1].split()
    assert progress[0] == "read"
    assert progress[1] == progress[3]

    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        assert not [topic for topic in admin.list_topics() if topic.startswith("top-tweets.")]
        assert "top-tweets" not in str(admin.list_groups())
    assert len(read_all(broker.bootstrap, stream.topic)) == before


def test_programs_are_told_and_options_win(stream: Stream) -> None:
    done = budget(stream, "--json", "--last=3h", "--posts-per-day=400", "--campaigns=2")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["measured"]["posts_per_day"] == pytest.approx(24 * 60, rel=0.05)
    assert {one["campaign"] for one in told["measured"]["campaigns"]} == {"spring", "autumn", "shared"}
    assert told["contract"]["suffices"] is True
    assert told["contract"]["requests_per_minute"] == 60
    # Step 0 asks for each of the 100 Posts in the window twice.
    steps = [row["requests_per_minute"] for row in told["tried"]]
    assert min(abs(step - 2 * 100 / 250 / 360) for step in steps) < 1e-9


def test_topics_may_be_named_by_a_pattern(stream: Stream) -> None:
    pattern = {"KAFKA__TOPIC": "", "KAFKA__TOPIC_PATTERN": f"{stream.topic}$"}
    done = budget(stream, "--last=3h", "--json", **pattern)
    assert done.returncode == 0, done.stderr
    none = budget(stream, **(pattern | {"KAFKA__TOPIC_PATTERN": "nowhere.*"}))
    assert none.returncode == 1
    assert "no topic on these brokers matches kafka.topic_pattern 'nowhere.*'" in none.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"KAFKA__TOPIC": "nowhere"},
            "budget: there is no topic nowhere on these brokers: check kafka.topic",
        ),
        (
            {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA__REQUEST_TIMEOUT": "1s"},
            "budget: no broker answers at 127.0.0.1:1",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_exit_code_1(
    stream: Stream, variables: dict[str, str], said: str
) -> None:
    done = budget(stream, **variables)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)
    assert not done.stdout


def test_of_several_topics_the_one_that_is_missing_is_named(stream: Stream) -> None:
    done = budget(stream, KAFKA__TOPIC=f"{stream.topic},nowhere-{uuid.uuid4().hex[:8]}")
    assert done.returncode == 1
    assert "there is no topic nowhere-" in done.stderr


def test_nothing_to_measure_is_told_with_the_way_out(broker: Broker) -> None:
    with closing(Stream(broker.bootstrap, broker.create_topic(partitions=3))) as empty:
        with pytest.raises(TopicError, match=f"no record is in {empty.topic}"):
            measured(empty, 24)
        for number in range(50):
            empty.write(b"%d" % empty.id_of(number, 90), 50.0)
    with pytest.raises(TopicError, match=r"no record of the last 24h .* look further back with --last"):
        measured(empty, 24)
    done = budget(empty, "--last=3d")
    assert done.returncode == 1
    assert "of 50 Posts in the last " in done.stderr
    assert "0 were created in that time: look further back with --last, wait until" in done.stderr
    assert budget(empty, "--last=3d", "--posts-per-day=400").returncode == 0


def test_brokers_that_stop_answering_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {})
    with embedded_broker() as frozen:
        with closing(KafkaAdminClient(bootstrap_servers=frozen.bootstrap)) as admin:
            admin.create_topics({"posts": {"num_partitions": 3, "replication_factor": 1}})
        with closing(Stream(frozen.bootstrap, "posts")) as stream:
            for number in range(4000):
                padding = b'{"id": "%d", "padding": "%s"}' % (stream.id_of(number, 1.0), b"x" * 3000)
                stream.write(padding, 1.0)

        def freeze(_done: int, _total: int) -> None:
            os.kill(frozen.pid, signal.SIGSTOP)

        try:
            began = time.monotonic()
            with pytest.raises(TopicError, match="the brokers gave nothing of the input topics for 1 s"):
                measured(stream, 24, freeze, request_timeout="1s")
            assert time.monotonic() - began < 30
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
