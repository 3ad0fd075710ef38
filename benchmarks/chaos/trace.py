"""Where an ID went: every record of it in our topics, who claimed its partition, and what was committed."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError

from tests.tools.kafka_records import committed, read_all
from worker.intake.forwarder import partition_of
from worker.model import PostId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_trace(
    path: Path, bootstrap: str, group: str, topic: str, post_ids: Iterable[int], partitions: int
) -> None:
    """Write what can be found of these IDs as JSON lines: the committed offsets first, then ID by ID."""
    wanted = {b"%d" % one: one for one in post_ids}
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    claims: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for name in (topic, f"{group}.sightings", f"{group}.journal"):
        for record in _records(bootstrap, name):
            told = {
                "topic": name,
                "partition": record.partition,
                "offset": record.offset,
                "written_at": record.timestamp / 1000,
                "value": None if record.value is None else record.value.decode(errors="replace"),
            }
            if record.headers:
                told["headers"] = {key: value.decode(errors="replace") for key, value in record.headers}
            if record.key == b"claim":
                claims[record.partition].append(told)
            elif record.key is not None and record.key in wanted:
                found[wanted[record.key]].append(told)
            elif name == topic and record.value is not None:
                for key, post_id in wanted.items():
                    if key in record.value:
                        found[post_id].append(told)
    with path.open("a") as out:
        offsets = {}
        for member, of, count in (
            (group, topic, partitions),
            (f"{group}.owners", f"{group}.sightings", partitions),
        ):
            offsets[f"{member} in {of}"] = _committed(bootstrap, member, of, count)
        out.write(json.dumps({"committed": offsets}) + "\n")
        for post_id in sorted(wanted.values()):
            partition = partition_of(PostId(post_id), partitions)
            line = {
                "post_id": str(post_id),
                "partition": partition,
                "records": found[post_id],
                "claims": claims[partition],
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _records(bootstrap: str, topic: str) -> list[Any]:
    try:
        return read_all(bootstrap, topic)
    except (AssertionError, KafkaError):
        return []  # there is no such topic, or it cannot be read: the rest is still worth telling


def _committed(bootstrap: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    try:
        return committed(bootstrap, group, topic, partitions)
    except KafkaError:
        return {}
