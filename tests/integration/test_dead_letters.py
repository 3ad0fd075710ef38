"""``top-tweets dead-letters`` as a command, on a real broker."""

from __future__ import annotations

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
from kafka import KafkaAdminClient, TopicPartition

from tests.tools.brokers import running_broker
from tests.tools.kafka_records import Writer, latest, read_all
from tests.tools.live_worker import (
    Running,
    await_that,
    quick_settings,
    running_sandbox,
    running_worker,
)
from tests.unit.intake.fakes import FakeRecord
from worker.intake.dead_letters import dead_letter
from worker.model import Source, Timestamp, Unreadable, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.tools.brokers import Broker, Kind

MANY: Final = 20_000
Own = list[tuple[str, bytes]]


class Letters:
    """A group with a dead-letter topic, and an input topic of two partitions that its letters came from."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.input = broker.create_topic(partitions=2)
        self.topic = broker.create_topic(f"{self.group}.dead-letters")

    def write(self, *letters: tuple[bytes | None, bytes | None, Own], reason: str = "no_id") -> None:
        """Letters as the worker writes them, of records (key, value, headers) of partition 1."""
        with closing(Writer(self.broker.bootstrap)) as writer:
            for number, (key, value, headers) in enumerate(letters):
                source = Source(self.input, 1, 100 + number)
                record = FakeRecord(value, key=key, headers=headers)
                parcel = dead_letter(self.topic, record, source, Unreadable(reason, "nothing there."))
                writer.send(self.topic, [parcel.value], key=parcel.key, headers=parcel.headers or [])

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "worker", "dead-letters", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "TOPTWEETS_KAFKA__GROUP": self.group,
        }
        return {name: text for name, text in os.environ.items() if not name.startswith("TOPTWEETS_")} | ours

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def read(self, topic: str = "") -> list[Any]:
        return read_all(self.broker.bootstrap, topic or self.input)


@pytest.fixture
def letters(broker: Broker) -> Letters:
    return Letters(broker)


def shapes(records: Sequence[Any]) -> list[tuple[int, bytes | None, bytes | None, Own]]:
    return [(one.partition, one.key, one.value, list(one.headers)) for one in records]


RECORDS: Final[list[tuple[bytes | None, bytes | None, Own]]] = [
    (b"k", b'{"a": 1}', [("campaign", b"spring"), ("reason", b"mine")]),
    (None, b"\xff\x00", []),
    (b"x", None, [("campaign", b"\xff")]),
    (b"x", b"", []),
]


def test_letters_are_listed_counted_and_shown(letters: Letters) -> None:
    letters.write(*RECORDS)
    letters.write((b"z", b"[]", []), reason="wrong_shape")
    listed = letters.run("list", "--json")
    assert listed.returncode == 0, listed.stderr
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [one["offset"] for one in found] == [0, 1, 2, 3, 4]
    assert [one["value_start"] for one in found] == ['{"a": 1}', "\ufffd\x00", None, "", "[]"]
    assert found[0]["source"] == {"topic": letters.input, "partition": 1, "offset": 100}

    table = letters.run("list", "--limit", "2").stdout.splitlines()
    assert len(table) == 3
    assert table[0].split()[:5] == ["when", "offset", "replayed", "reason", "source"]

    counted = letters.run("list", "--count", "--since", "1h")
    assert counted.stdout.split() == ["4", "no_id", "1", "wrong_shape"]
    assert letters.run("list", "--count", "--until", "1h").stdout == ""
    assert letters.run("list", "--count", "--offset", "3-4").stdout.split() == [
        *("1", "no_id", "1", "wrong_shape")
    ]

    shown = letters.run("show", "1", "4").stdout
    assert "value    /wA= (base64 of 2 bytes)" in shown
    assert "Send each Post of the list as a record of its own." in shown
    (whole,) = (
        json.loads(line) for line in letters.run("show", "--json", "--offset", "0").stdout.splitlines()
    )
    assert whole["headers"] == [
        {"name": "campaign", "text": "spring"},
        {"name": "reason", "text": "mine"},
    ]
    missing = letters.run("show", "99")
    assert (missing.returncode, missing.stdout) == (3, "")


def test_of_letters_that_are_not_there_it_says_so_and_shows_the_others(letters: Letters) -> None:
    letters.write(*RECORDS)
    shown = letters.run("show", "--json", "1", "99", "2-3", "50-60")
    assert [json.loads(line)["offset"] for line in shown.stdout.splitlines()] == [1, 2, 3]
    assert (shown.returncode, shown.stderr) == (3, "dead-letters: there is no letter 99, 50-60\n")
    assert letters.run("show", "1", "2").returncode == 0
    assert letters.run("show", "1", "99", "--limit", "1").returncode == 0, (
        "what a limit left out may be there"
    )


def test_what_was_replayed_is_told_and_can_be_left_out(letters: Letters) -> None:
    letters.write(*RECORDS)
    letters.write((b"z", b"[]", []), reason="wrong_shape")
    assert letters.run("replay", "--offset", "0-1").returncode == 0

    listed = letters.run("list", "--json").stdout.splitlines()
    assert [json.loads(line)["replayed"] for line in listed] == [True, True, False, False, False]
    table = [line.split()[1:3] for line in letters.run("list").stdout.splitlines()[1:]]
    assert table == [["0", "yes"], ["1", "yes"], ["2", "no"], ["3", "no"], ["4", "no"]]
    assert "replayed yes" in letters.run("show", "0").stdout

    still_open = letters.run("list", "--open", "--json", "--limit", "2").stdout.splitlines()
    assert [json.loads(line)["offset"] for line in still_open] == [2, 3]
    assert letters.run("list", "--count").stdout.split() == [
        "4",
        "no_id",
        "(2",
        "replayed)",
        "1",
        "wrong_shape",
    ]
    assert letters.run("list", "--count", "--open").stdout.split() == ["2", "no_id", "1", "wrong_shape"]
    counted = [json.loads(line) for line in letters.run("list", "--count", "--json").stdout.splitlines()]
    assert counted[0] == {"reason": "no_id", "count": 4, "replayed": 2}


def test_records_go_back_as_they_were_and_once(letters: Letters) -> None:
    letters.write(*RECORDS)
    dry = letters.run("replay", "--dry-run")
    assert dry.stdout.startswith("4 dead letters would be replayed")
    assert letters.read() == []

    done = letters.run("replay")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"4 dead letters replayed (4 to {letters.input}); 0 replayed before, 0 that cannot be\n"
    )
    sent = [(1, key, value, headers) for key, value, headers in RECORDS]
    assert shapes(letters.read()) == sent

    second = letters.run("replay")
    assert (second.returncode, len(letters.read())) == (0, 4)
    assert second.stdout.startswith("0 dead letters replayed; 4 replayed before")
    again = letters.run("replay", "--again", "--offset", "2")
    assert again.returncode == 0, again.stderr
    assert shapes(letters.read()) == [*sent, sent[2]]


def test_a_limit_goes_on_where_the_last_replay_ended(letters: Letters) -> None:
    letters.write(*((None, b"%d" % number, []) for number in range(5)))
    for _ in range(3):
        assert letters.run("replay", "--limit", "2").returncode == 0
    assert [one.value for one in letters.read()] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_cannot_be_replayed_is_told_and_the_rest_is_replayed(letters: Letters) -> None:
    letters.write((b"k", b"x" * 1_200_000, []), (b"k", b"whole", []))
    with closing(Writer(letters.broker.bootstrap)) as writer:
        writer.send(letters.topic, [b"of somebody else"])
    done = letters.run("replay")
    assert done.returncode == 3
    first, second = done.stderr.splitlines()
    assert first == "0: not replayed: its value was too long to keep"
    assert second.startswith("2: not replayed: it is no dead letter of this worker")
    assert [one.value for one in letters.read()] == [b"whole"]
    gone = letters.run("replay", "--again", "--to", "no-such-topic", "--offset", "1")
    assert gone.returncode == 3
    assert gone.stderr == "1: not replayed: topic no-such-topic is not there; --to names another\n"


def test_another_topic_can_be_named(letters: Letters) -> None:
    letters.write(*RECORDS)
    other = letters.broker.create_topic()
    assert letters.run("replay", "--to", other, "--offset", "0").returncode == 0
    assert shapes(letters.read(other)) == [(0, *RECORDS[0])]
    assert letters.read() == []


def test_a_group_without_letters_is_told(letters: Letters) -> None:
    assert letters.run("list", "--count").stdout == ""
    assert letters.run("replay").stdout.startswith("0 dead letters replayed")
    letters.group = "nobody"
    done = letters.run("list")
    assert done.returncode == 1
    assert "there is no topic nobody.dead-letters on these brokers" in done.stderr


def test_an_interrupted_replay_goes_on_and_sends_nothing_twice(letters: Letters) -> None:
    with closing(Writer(letters.broker.bootstrap)) as writer:
        record = FakeRecord(b"{}")
        parcel = dead_letter(letters.topic, record, Source(letters.input, 0, 0), Unreadable("no_id", ""))
        values = [b"%d" % number for number in range(MANY)]
        writer.send(letters.topic, values, headers=parcel.headers or [])
    with subprocess.Popen(
        letters.command("replay"),
        env=letters.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        await_that(letters.read, "the first is replayed")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.startswith(b"interrupted: ")
    assert b"Traceback" not in said
    before = len(letters.read())
    assert before < MANY
    done = letters.run("replay")
    assert done.returncode == 0, done.stderr
    assert f"; {before:,} replayed before" in done.stdout
    assert [one.value for one in letters.read()] == values


def test_marks_of_letters_that_are_gone_are_taken_out(letters: Letters) -> None:
    if letters.broker.kind != "apache":
        pytest.skip("Tansu keeps every record")
    letters.write(*RECORDS)
    assert letters.run("replay").returncode == 0
    marks = f"{letters.group}.replayed"
    assert latest(letters.broker.bootstrap, marks).keys() == {b"0:0", b"0:1", b"0:2", b"0:3"}
    with closing(KafkaAdminClient(bootstrap_servers=letters.broker.bootstrap)) as admin:
        admin.delete_records({TopicPartition(letters.topic, 0): 3})
    letters.write((b"new", b"new", []))
    done = letters.run("replay")
    assert done.stdout.startswith(f"1 dead letter replayed (1 to {letters.input}); 1 replayed before")
    assert latest(letters.broker.bootstrap, marks).keys() == {b"0:3", b"0:4"}


def test_brokers_that_go_away_end_it_with_a_sentence(kind_of_broker: Kind) -> None:
    with running_broker(kind_of_broker) as broker:
        letters = Letters(broker)
        with closing(Writer(broker.bootstrap)) as writer:
            record = FakeRecord(b"{}")
            parcel = dead_letter(letters.topic, record, Source(letters.input, 0, 0), Unreadable("no_id", ""))
            writer.send(letters.topic, [b"x" * 100] * 2 * MANY, headers=parcel.headers or [])
        with subprocess.Popen(
            letters.command("replay"),
            env=letters.environment | {"TOPTWEETS_KAFKA__REQUEST_TIMEOUT": "2s"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            await_that(letters.read, "the first is replayed")
            broker.stop()
            said, complained = process.communicate(timeout=60)
    assert process.returncode == 1, complained
    assert said == b""
    lines = complained.decode().splitlines()
    assert len(lines) == 2, complained
    account, why = lines
    assert account.endswith(". The same command goes on.")
    assert why.startswith("dead-letters: ")
    assert "Traceback" not in why


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def test_mended_settings_make_replayed_records_count(
    letters: Letters, sandbox: Running, tmp_path: Path
) -> None:
    post = first_post_id(Timestamp(time.time() - 3600))
    with closing(Writer(letters.broker.bootstrap)) as writer:
        hidden, hopeless = b'{"deep": {"post": "%d"}}' % post, b"{}"
        writer.send(letters.input, [hidden, hopeless], key=b"k", headers=[("campaign", b"spring")])
    settings = quick_settings(letters.broker, letters.group)
    where = letters.broker.bootstrap, letters.input, sandbox.address
    with running_worker(tmp_path, *where, settings) as worker:
        await_that(lambda: len(letters.read(letters.topic)) == 2, "both are dead letters")
        assert worker.stop(10) == 0, worker.log.read_text()
    with running_worker(tmp_path, *where, settings | {"INTAKE__ID_PATH": "deep.post"}) as worker:
        done = letters.run("replay", "--reason", "no_id", "--source", letters.input)
        assert done.returncode == 0, done.stderr
        await_that(lambda: worker.get(f"/api/posts/{post}").is_success, "the Post is tracked")
        assert worker.json(f"/api/posts/{post}")["campaigns"] == ["all", "spring"]
        # What is still unreadable is a new letter, which is not replayed by itself.
        await_that(lambda: len(letters.read(letters.topic)) == 3, "one is a dead letter again")
        assert worker.stop(10) == 0, worker.log.read_text()
