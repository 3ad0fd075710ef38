"""Workers and topics as anybody can look at them: HTTP, metrics, the journal, the dead letters."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kafka import KafkaAdminClient

from benchmarks.chaos.oracle import Known, Row
from tests.tools.kafka_records import read_all
from worker.intake.forwarder import partition_of
from worker.model import PostId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.chaos.oracle import Key

_TIMEOUT: Final = 5.0
_NOT_FOUND: Final = 404
_CLAIM: Final = b"claim"


class GoneError(Exception):
    """The worker does not answer as one that is well; the text says how."""


class Window:
    """One worker, looked at over one connection; ``close`` it, or use it in ``closing``."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text at a path.

        Raises:
            GoneError: no answer.
        """
        try:
            self._http.request("GET", path)
            answer = self._http.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise GoneError(f"{self.name}{path}: {error!r}") from error

    def json(self, path: str) -> Any:  # noqa: ANN401 -- JSON
        """The JSON at a path; ``None`` where there is nothing.

        Raises:
            GoneError: no answer, or an error.
        """
        status, text = self.get(path)
        if status == _NOT_FOUND:
            return None
        if status != 200:
            raise GoneError(f"{self.name}{path}: {status} {text}")
        return json.loads(text)

    def metric(self, name: str, label: str = "") -> float:
        """The sum of a metric's series: of those with this value of a label, if one is given."""
        _, text = self.get("/metrics")
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if re.match(rf"{name}(\{{| )", line) and (not label or f'="{label}"' in line)
        )

    def boards(self) -> dict[Key, list[Row]]:
        """Every leaderboard that it serves."""
        found = {}
        for listed in (self.json("/api/leaderboards") or {}).get("leaderboards", ()):
            board = self.json(listed["url"])
            if board is not None:
                found[board["campaign"], board["metric"]] = [
                    Row(int(row["post_id"]), row["value"], _second(row["measured_at"]))
                    for row in board["entries"]
                ]
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """What workers say of a Post. ``campaigns`` is without ``all``."""

    worker: str
    known: Known
    campaigns: frozenset[str]


class Finder:
    """Finds who tracks a Post: asks the owner of its partition first, as far as that is known."""

    def __init__(self, windows: Sequence[Window], partitions: int) -> None:
        self._windows = windows
        self._partitions = partitions
        self._owner: dict[int, Window] = {}

    def first(self, post_id: int) -> Found | None:
        """What the first worker that tracks it says; ``None`` where none does."""
        partition = partition_of(PostId(post_id), self._partitions)
        owner = self._owner.get(partition)
        for window in sorted(self._windows, key=lambda one: one is not owner):
            if (found := _found(window, post_id)) is not None:
                self._owner[partition] = window
                return found
        return None

    def all(self, post_id: int) -> list[str]:
        """Every worker that tracks it."""
        return [window.name for window in self._windows if _found(window, post_id) is not None]


@dataclass(frozen=True, slots=True)
class Journal:
    """What the journal holds: the IDs that live in it, and those that are retired."""

    living: frozenset[int]
    retired: frozenset[int]


def topics_of(bootstrap: str) -> set[str]:
    """The topics there are."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        return set(admin.list_topics())


def read_journal(bootstrap: str, topic: str) -> Journal:
    """The journal as of now."""
    return journal_of(read_all(bootstrap, topic))


def journal_of(records: Iterable[Any]) -> Journal:
    """What these records come to, those of a partition in order.

    A claim begins a time in which only its writer's records hold; what stands before the first one holds.
    """
    writers: dict[int, str] = {}
    last: dict[int, bool] = {}
    for record in records:
        by = _writer(record)
        if record.key == _CLAIM:
            writers[record.partition] = by
        elif writers.get(record.partition, by) == by:
            last[int(record.key)] = record.value is not None
    living = frozenset(one for one, lives in last.items() if lives)
    return Journal(living, frozenset(last) - living)


def _writer(record: Any) -> str:  # noqa: ANN401 -- kafka-python's
    if record.value is not None:
        return str(json.loads(record.value)["by"])
    return dict(record.headers)["by"].decode()  # type: ignore[no-any-return]


def read_dead_letters(bootstrap: str, topic: str) -> set[bytes]:
    """The values of the dead letters as of now."""
    return {record.value for record in read_all(bootstrap, topic) if record.value is not None}


def missing_campaigns(found: Mapping[int, Found], campaigns: Mapping[int, Iterable[str]]) -> list[str]:
    """Posts that are not in a campaign that the brokers acknowledged."""
    return [
        f"Post {post_id} is in {sorted(one.campaigns)}, and was produced for {sorted(campaigns[post_id])}"
        for post_id, one in found.items()
        if not set(campaigns.get(post_id, ())) <= one.campaigns
    ]


def _found(window: Window, post_id: int) -> Found | None:
    post = window.json(f"/api/posts/{post_id}")
    if post is None:
        return None
    measured_at = _second(post["measured_at"]) if post["measured_at"] else None
    known = Known(post["state"], measured_at, post["counts"])
    return Found(window.name, known, frozenset(post["campaigns"]) - {"all"})


def _second(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp())
