"""The journal is read as a worker would restore it: late words of a former owner are nothing."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from benchmarks.chaos.looking import Journal, journal_of


class Record(NamedTuple):
    partition: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def saved(post_id: int, by: str, partition: int = 0) -> Any:
    return Record(partition, b"%d" % post_id, json.dumps({"v": 1, "by": by}).encode(), [])


def retired(post_id: int, by: str, partition: int = 0) -> Any:
    return Record(partition, b"%d" % post_id, None, [("by", by.encode())])


def claim(by: str, partition: int = 0) -> Any:
    return Record(partition, b"claim", json.dumps({"v": 1, "by": by, "turn": 1}).encode(), [])


def test_the_last_record_of_each_post_holds() -> None:
    records = [saved(1, "a"), saved(2, "a"), retired(1, "a"), retired(3, "a"), saved(3, "a")]
    assert journal_of(records) == Journal(living=frozenset({2, 3}), retired=frozenset({1}))


def test_after_a_claim_only_its_writer_counts() -> None:
    records = [saved(1, "a"), claim("b"), retired(1, "a"), saved(2, "a"), saved(3, "b")]
    assert journal_of(records) == Journal(living=frozenset({1, 3}), retired=frozenset())


def test_a_claim_is_of_its_partition_alone() -> None:
    records = [claim("b"), saved(1, "a", partition=1), saved(2, "a")]
    assert journal_of(records) == Journal(living=frozenset({1}), retired=frozenset())
