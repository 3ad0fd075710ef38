"""Real Apache Kafka (KRaft) for the tests: one broker or several, on free ports, gone when stopped."""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.tools.kafka_jars import NotToBeHadError, java, kafka_jars
from worker.embedded import await_broker, end, free_port, start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    MoreSettings: TypeAlias = Callable[["Node"], Mapping[str, str]]

_HOST: Final = "127.0.0.1"
_LOGGING: Final = Path(__file__).parent / "kafka" / "log4j2.properties"
_START_TIMEOUT: Final = 60.0
_STOP_TIMEOUT: Final = 15.0
_PORTS_TRIED: Final = 3
_TAIL: Final = 3000
_JVM: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

_QUICK: Final = {
    "auto.create.topics.enable": "false",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.io.threads": "2",
    "num.network.threads": "2",
    "offsets.topic.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "2",
}


@dataclass(slots=True)
class Node:
    """One broker, which is a controller too. It keeps its data from ``stop`` to ``start``."""

    number: int
    port: int
    controller_port: int
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients reach it, such as ``127.0.0.1:19092``."""
        return f"{_HOST}:{self.port}"

    @property
    def properties(self) -> Path:
        """Its settings file."""
        return self.directory / "server.properties"

    def start(self) -> None:
        """Start its process, without waiting until it answers."""
        with (self.directory / "log").open("ab") as log:
            self.process = start_tied([*_command("kafka.Kafka"), str(self.properties)], log=log)

    def stop(self) -> None:
        """Let it hand over and end; kill it when that takes long."""
        if self.process is not None:
            end(self.process, _STOP_TIMEOUT)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_STOP_TIMEOUT)

    def said(self) -> str:
        """The end of what it logged."""
        return (self.directory / "log").read_bytes()[-_TAIL:].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ApacheKafka:
    """A cluster that runs. ``bootstrap`` is what a client takes: one address a broker, parted by commas."""

    cluster_id: str
    nodes: Sequence[Node]
    directory: Path

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(node.address for node in self.nodes)

    def await_ready(self, timeout: float = _START_TIMEOUT) -> None:
        """Wait until every broker answers that all of them serve.

        Raises:
            NotToBeHadError: when one ended or does not answer in time, with what it logged.
        """
        deadline = time.monotonic() + timeout
        for node in self.nodes:
            assert node.process is not None
            address = (_HOST, node.port)
            brokers = len(self.nodes)
            if not await_broker(node.process, address, self.cluster_id, brokers=brokers, deadline=deadline):
                raise NotToBeHadError(f"Apache Kafka's broker {node.number} does not run: {node.said()}")

    def stop(self) -> None:
        """End all brokers at once and remove their data. Calling it again does nothing."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def apache_kafka(brokers: int = 1, more: MoreSettings | None = None) -> Iterator[ApacheKafka]:
    """A cluster for as long as the block lasts; ``more`` gives settings of each broker beside ours."""
    cluster = start_apache_kafka(brokers, more)
    try:
        yield cluster
    finally:
        cluster.stop()


def start_apache_kafka(brokers: int = 1, more: MoreSettings | None = None) -> ApacheKafka:
    """As ``apache_kafka``, for a caller that calls ``stop`` itself.

    Raises:
        NotToBeHadError: when this machine cannot run it.
    """
    for tries_left in reversed(range(_PORTS_TRIED)):
        cluster = _formatted(brokers, more or _nothing_more)
        try:
            for node in cluster.nodes:
                node.start()
            cluster.await_ready()
        except NotToBeHadError as fault:
            cluster.stop()
            # Another process may have taken a port that was free a moment ago: try others.
            if not tries_left or "Address already in use" not in str(fault):
                raise
        except BaseException:
            cluster.stop()
            raise
        else:
            return cluster
    raise AssertionError("unreachable: the last try returns or raises")


def _formatted(brokers: int, more: MoreSettings) -> ApacheKafka:
    """A cluster that is laid out on disk and not started."""
    directory = Path(tempfile.mkdtemp(prefix="top-tweets-kafka-"))
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    nodes = [
        Node(number, free_port(), free_port(), directory / str(number)) for number in range(1, brokers + 1)
    ]
    try:
        _format(nodes, cluster_id, more)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return ApacheKafka(cluster_id, nodes, directory)


def _format(nodes: Sequence[Node], cluster_id: str, more: MoreSettings) -> None:
    for node in nodes:
        node.directory.mkdir()
        _write_properties(node, nodes, more(node))
    formatting = [_formatter(node, cluster_id) for node in nodes]
    try:
        for node, process in zip(nodes, formatting, strict=True):
            if process.wait(_START_TIMEOUT):
                raise NotToBeHadError(f"Apache Kafka's log directory was not formatted: {node.said()}")
    finally:
        for process in formatting:
            end(process)


def _formatter(node: Node, cluster_id: str) -> subprocess.Popen[bytes]:
    tool = _command("kafka.tools.StorageTool")
    with (node.directory / "log").open("ab") as log:
        return start_tied(
            [*tool, "format", "--cluster-id", cluster_id, "--config", str(node.properties)], log=log
        )


def _write_properties(node: Node, nodes: Sequence[Node], more: Mapping[str, str]) -> None:
    copies = str(min(3, len(nodes)))
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{one.number}@{_HOST}:{one.controller_port}" for one in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{_HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "log.dirs": str(node.directory / "data"),
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        **_QUICK,
        **more,
    }
    node.properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _nothing_more(_: Node) -> Mapping[str, str]:
    return {}


def _command(main: str) -> list[str]:
    return [
        *(java(), *_JVM, f"-Dlog4j2.configurationFile={_LOGGING}"),
        *("-cp", f"{kafka_jars()}/*", main),
    ]
