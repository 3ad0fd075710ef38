"""The broker of deploy/compose.yaml: its settings, given to the real Apache Kafka of the same version."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import yaml
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.tools.apache_kafka import apache_kafka
from tests.tools.brokers import why_not
from tests.tools.dockerfile import ROOT
from tests.tools.require import missing
from worker.embedded import free_port

if TYPE_CHECKING:
    from tests.tools.apache_kafka import Node

_PREFIX = "KAFKA_"


def _compose_settings(node: Node) -> dict[str, str]:
    """As the image turns its environment into properties, with ports and folders of this machine."""
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    ports = {":9093": node.controller_port, ":9092": node.port, ":19092": free_port()}
    settings = {}
    for name, value in compose["services"]["kafka"]["environment"].items():
        if name.startswith(_PREFIX):
            here = value.replace("kafka:", "127.0.0.1:").replace("://:", "://127.0.0.1:")
            for inside, port in ports.items():
                here = here.replace(inside, f":{port}")
            settings[name.removeprefix(_PREFIX).lower().replace("_", ".")] = here
    return settings | {"log.dirs": str(node.directory / "data")}


@pytest.mark.kafka
def test_the_broker_of_the_compose_file_starts_and_takes_topics() -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    with (
        apache_kafka(more=_compose_settings) as cluster,
        closing(KafkaAdminClient(bootstrap_servers=cluster.bootstrap)) as admin,
    ):
        admin.create_topics([NewTopic("posts", num_partitions=8, replication_factor=-1)])
        assert "posts" in admin.list_topics()
