"""``top-tweets produce`` as a command, on a real broker."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.brokers import Broker

POST = 2124092155387235535


def produce(
    broker: Broker, topic: str, *arguments: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "worker", "produce", *arguments]
    return subprocess.run(
        command, env=environment(broker, topic), input=given, capture_output=True, check=False, timeout=60
    )


def environment(broker: Broker, topic: str) -> dict[str, str]:
    ours = {"TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap, "TOPTWEETS_KAFKA__TOPIC": topic}
    return {name: text for name, text in os.environ.items() if not name.startswith("TOPTWEETS_")} | ours


def records(broker: Broker, topic: str, count: int) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    read = []
    for record in consumer:
        read.append((record.key, record.value, list(record.headers)))
        if len(read) == count:
            break
    consumer.close()
    return read


def test_files_of_every_kind_and_standard_input_arrive_with_their_campaign(
    broker: Broker, tmp_path: Path
) -> None:
    topic = broker.create_topic()
    (tmp_path / "a.txt").write_text(f"{POST}\n")
    (tmp_path / "b.csv").write_text(f"author,tweet_id\nann,{POST + 1}\n")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"id_str":"%d"}\n' % (POST + 2)))
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    done = produce(broker, topic, *files, "-", "--campaign", "spring", given=b"%d\n" % (POST + 3))
    assert done.returncode == 0, done.stderr
    assert b"4 Post IDs" in done.stdout
    expected = {b"%d" % (POST + number) for number in range(4)}
    read = records(broker, topic, 4)
    assert {key for key, _, _ in read} == expected
    assert all(headers == [("campaign", b"spring")] for _, _, headers in read)


def test_a_line_that_is_no_id_is_told_and_fails_the_command(broker: Broker) -> None:
    done = produce(broker, broker.create_topic(), "-", given=b"%d\nnot an id%s\n" % (POST, b"!" * 200))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert b"line 2" in line
    assert b"1 Post ID and 0 delete notices sent" in done.stdout
    assert b"1 not readable" in done.stdout


def test_an_interrupt_tells_how_many_were_sent(broker: Broker) -> None:
    topic = broker.create_topic()
    command = [sys.executable, "-m", "worker", "produce", "-"]
    with subprocess.Popen(
        command,
        env=environment(broker, topic),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin
        process.stdin.write(b"%d\n%d\n" % (POST, POST + 1))
        process.stdin.flush()
        assert len(records(broker, topic, 2)) == 2
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.startswith(b"interrupted: 2 Post IDs and 0 delete notices sent to ")
    assert b"Traceback" not in said


@pytest.mark.parametrize("name", ["nowhere.txt", "no-folder/nothing.csv"])
def test_a_file_that_is_not_there_is_named_before_anything_is_sent(broker: Broker, name: str) -> None:
    done = produce(broker, "posts", name)
    assert done.returncode == 2
    assert f"no such file: {name}".encode() in done.stderr
