"""Where an ID went: every record of it in the topics, who claimed its partition, and what was committed."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kafka.errors import KafkaError

from tests.tools.kafka_records import committed, read_all
from worker.intake.forwarder import partition_of
from worker.model import PostId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_CLAIM: Final = b"claim"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where to look. ``partitions`` is of ``<group>.sightings``, and no less than of the input topic."""

    bootstrap: str
    group: str
    topic: str
    partitions: int

    def write_trace(self, path: Path, post_ids: Iterable[int]) -> None:
        """Add what can be found of these IDs to a file as JSON lines: first what is committed."""
        wanted = {b"%d" % one for one in post_ids}
        names = (self.topic, f"{self.group}.sightings", f"{self.group}.journal")
        records = [record for name in names for record in _records(self.bootstrap, name)]
        found, claims = _sorted_out(records, wanted, self.topic)
        lines: list[Mapping[str, object]] = [{"committed": self._committed()}]
        for key in sorted(wanted):
            partition = partition_of(PostId(int(key)), self.partitions)
            lines.append(
                {
                    "post_id": key.decode(),
                    "partition": partition,
                    "records": found[key],
                    "claims": claims[partition],
                }
            )
        with path.open("a") as out:
            out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)

    def write_partials(self, path: Path) -> None:
        """Add every record of ``<group>.partials`` to a file as JSON lines: what boards were merged of."""
        with path.open("a") as out:
            for record in _records(self.bootstrap, f"{self.group}.partials"):
                key = (record.key or b"").decode(errors="replace")
                out.write(json.dumps({"key": key, **_told(record)}, ensure_ascii=False) + "\n")

    def _committed(self) -> dict[str, dict[int, int]]:
        owners = f"{self.group}.owners"
        return {
            self.topic: _committed(self.bootstrap, self.group, self.topic, self.partitions),
            owners: _committed(self.bootstrap, owners, f"{self.group}.sightings", self.partitions),
        }


def _sorted_out(
    records: Iterable[Any], wanted: Iterable[bytes], topic: str
) -> tuple[Mapping[bytes, Sequence[object]], Mapping[int, Sequence[object]]]:
    """The records of each ID, and the claims of each partition. The input has IDs in its values."""
    found, claims = defaultdict[bytes, list[object]](list), defaultdict[int, list[object]](list)
    wanted = set(wanted)
    for record in records:
        if record.key == _CLAIM:
            claims[record.partition].append(_told(record))
        elif record.key in wanted:
            found[record.key].append(_told(record))
        elif record.topic == topic and record.value is not None:
            for key in wanted:
                if key in record.value:
                    found[key].append(_told(record))
    return found, claims


def _told(record: Any) -> Mapping[str, object]:  # noqa: ANN401 -- kafka-python's
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "written_at": record.timestamp / 1000,
        "value": None if record.value is None else record.value.decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in record.headers},
    }


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
