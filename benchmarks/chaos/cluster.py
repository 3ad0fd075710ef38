"""Apache Kafka for the chaos: each worker reaches it through links of its own, which can fail.

Clients connect to the addresses that brokers advertise, so each broker has one listener more for each
worker, and advertises the worker's link in its place.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from tests.tools.apache_kafka import ApacheKafka, apache_kafka
from worker.embedded import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.tools.apache_kafka import Node
    from tests.tools.tcp_proxy import TcpLink, TcpLinks

_HOST: Final = "127.0.0.1"


class Cluster:
    """Brokers that run, and the links of each worker to them, by the worker's number."""

    def __init__(self, kafka: ApacheKafka, links: Mapping[int, Sequence[TcpLink]]) -> None:
        self.kafka = kafka
        self.links = links

    def bootstrap_of(self, worker: int) -> str:
        """What this worker is given as its brokers."""
        return ",".join(link.address for link in self.links[worker])

    def node(self, number: int) -> Node:
        """The broker of this number."""
        return next(node for node in self.kafka.nodes if node.number == number)

    def cut(self, worker: int) -> None:
        """Reset all that this worker has with the brokers, and whatever it tries."""
        for link in self.links[worker]:
            link.cut()

    def hang(self, worker: int) -> None:
        """Swallow what this worker and the brokers send each other, until it is restored."""
        for link in self.links[worker]:
            link.hang()

    def slow(self, worker: int, seconds: float) -> None:
        """Let each piece of it wait so long."""
        for link in self.links[worker]:
            link.slow(seconds)

    def restore(self, worker: int) -> None:
        """Make its links whole again."""
        for link in self.links[worker]:
            link.restore()

    def create_topic(self, name: str, partitions: int) -> None:
        """A topic with as many copies as there are brokers, three at most."""
        copies = min(3, len(self.kafka.nodes))
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)) as admin:
            admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=copies)])

    def in_sync(self) -> bool:
        """Whether every broker has every copy, so that one of them may go."""
        try:
            with closing(
                KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap, request_timeout_ms=3000)
            ) as admin:
                topics = admin.describe_topics()
        except KafkaError:
            return False
        parts = [part for topic in topics for part in topic["partitions"]]
        return bool(parts) and all(len(part["isr_nodes"]) == len(part["replica_nodes"]) for part in parts)


@contextmanager
def running_cluster(links: TcpLinks, brokers: int, workers: int) -> Iterator[Cluster]:
    """A cluster with links for so many workers, for as long as the block lasts."""
    own = {
        worker: {number: links.open() for number in range(1, brokers + 1)} for worker in range(1, workers + 1)
    }

    def listeners(node: Node) -> Mapping[str, str]:
        # Called again with other ports when one was taken: the links follow.
        ports = {worker: free_port() for worker in own}
        for worker, port in ports.items():
            own[worker][node.number].target = (_HOST, port)
        inside = f"CONTROLLER://{_HOST}:{node.controller_port}"
        listening = [f"PLAINTEXT://{node.address}", inside]
        advertised = [f"PLAINTEXT://{node.address}"]
        for worker, port in ports.items():
            listening.append(f"WORKER{worker}://{_HOST}:{port}")
            advertised.append(f"WORKER{worker}://{own[worker][node.number].address}")
        names = ["PLAINTEXT", "CONTROLLER", *(f"WORKER{worker}" for worker in ports)]
        return {
            "listeners": ",".join(listening),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
            "inter.broker.listener.name": "PLAINTEXT",
            "min.insync.replicas": str(min(2, brokers)),
            "replica.lag.time.max.ms": "5000",
        }

    with apache_kafka(brokers, listeners) as kafka:
        yield Cluster(kafka, {worker: list(of.values()) for worker, of in own.items()})
