"""What the requests of a report told, line by line in a file, so that none is ever made twice.

The first line says which job it is. Each further one is written before its request counts as done; a line
that was cut off in the writing was not, and is taken away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from worker.model import MetricName, Timestamp
from worker.report.answered import Answered
from worker.report.job import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from worker.engagement.accounts import Account
    from worker.model import IntArray
    from worker.report.job import Asked
    from worker.report.posts import Posts

VERSION: Final = 1
NAME: Final = "requests.jsonl"
_ASIDE: Final = "requests.before.jsonl"


@dataclass(frozen=True, slots=True)
class Key:
    """Names a request: a batch of the plan, and which of its queries. Batches from -1 down are of no plan."""

    batch: int
    piece: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Which job a journal is of. ``described`` is what a person can compare; ``digest`` is all of it."""

    described: Mapping[str, object]
    digest: str

    @classmethod
    def of(cls, asked: Asked, posts: Posts, owners: Mapping[Account, IntArray]) -> Identity:
        """The identity of a job: everything that its requests follow from, but the time."""
        described: dict[str, object] = {
            "endpoint": asked.endpoint.value,
            "metrics": list(asked.metrics),
            "group_by": asked.step,
            "start": asked.start,
            "end": asked.end,
            "posts": len(posts),
            "accounts": sorted(account.handle for account in owners),
        }
        digest = hashlib.blake2b(orjson.dumps(described, option=orjson.OPT_SORT_KEYS), digest_size=16)
        digest.update(posts.ids.tobytes())
        for account, rows in sorted(owners.items(), key=lambda item: item[0].handle):
            digest.update(account.handle.encode() + b"\0" + rows.tobytes())
        return cls(described, digest.hexdigest())


class Journal:
    """The journal of one job. ``at``: when the job began; its dates and its plan are as of then.

    ``told``: what was told before, in the order of the telling.
    """

    def __init__(self, descriptor: int, at: Timestamp, told: Mapping[Key, Sequence[Answered]]) -> None:
        self.at = at
        self.told = told
        self._descriptor = descriptor

    @classmethod
    def open(cls, folder: Path, identity: Identity, now: Timestamp, *, resume: bool) -> Journal:
        """The journal in this folder: of the job that was interrupted, or a new one.

        Without ``resume`` an older journal is put aside, once: it holds what was paid for.

        Raises:
            UsageError: it is of another job, or of one that is running.
        """
        path = folder / NAME
        descriptor = _locked(path)
        size = os.fstat(descriptor).st_size
        if size and not resume:
            path.replace(folder / _ASIDE)
            os.close(descriptor)
            descriptor, size = _locked(path), 0
        at, told = _read(descriptor, path, identity) if size else (None, {})
        if at is None:
            at = now
            header = {"version": VERSION, "job": identity.described, "digest": identity.digest, "at": at}
            _write(descriptor, header)
        return cls(descriptor, at, told)

    def add(self, key: Key, answered: Answered) -> None:
        """Write what a request told. When this returns, a killed process has not lost it.

        Who failed is not written: whoever resumes wants to try those again.

        Raises:
            OSError: it cannot be written.
        """
        line: dict[str, Any] = {"request": [key.batch, key.piece], "at": answered.at}
        line |= {
            "metrics": answered.metrics,
            "posts": answered.post_ids,
            "values": np.ascontiguousarray(answered.values),
        }
        for name in ("unavailable", "refused", "forbidden", "trees"):
            if listed := getattr(answered, name):
                line[name] = listed
        _write(self._descriptor, line)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UsageError(f"another report is at work in {path.parent}: use another --out") from None
    return descriptor


def _write(descriptor: int, line: Mapping[str, Any]) -> None:
    content = memoryview(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    while content:
        content = content[os.write(descriptor, content) :]


def _read(
    descriptor: int, path: Path, identity: Identity
) -> tuple[Timestamp | None, dict[Key, list[Answered]]]:
    """The moment and the answers of a journal; no moment where not even its first line is whole."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    os.ftruncate(descriptor, whole)
    lines = content[:whole].splitlines()
    told: defaultdict[Key, list[Answered]] = defaultdict(list)
    if not lines:
        return None, {}
    number = 1
    try:
        header = orjson.loads(lines[0])
        _check(header, identity, path)
        at = Timestamp(float(header["at"]))
        for number, line in enumerate(lines[1:], start=2):  # noqa: B007 -- for who reads the error
            _take(told, orjson.loads(line))
    except (KeyError, TypeError, ValueError):
        what = "is no journal of a report" if number == 1 else f"is damaged in line {number}"
        raise UsageError(f"{path} {what}: use another --out, or leave --resume out to begin anew") from None
    return at, told


def _check(header: Mapping[str, Any], identity: Identity, path: Path) -> None:
    if header["version"] != VERSION:
        raise UsageError(
            f"{path} is of version {header['version']}: finish it with the release that began it"
        )
    if header["digest"] == identity.digest:
        return
    before = header["job"]
    unlike = [
        f"{name} {_shown(before.get(name))} there and {_shown(value)} here"
        for name, value in identity.described.items()
        if before.get(name) != value
    ]
    detail = "; ".join(unlike) or "other Posts, or other owners of them"
    raise UsageError(
        f"{path} is of another job ({detail}): give what was given then, or use another --out, "
        "or leave --resume out to begin anew"
    )


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _take(told: defaultdict[Key, list[Answered]], line: Mapping[str, Any]) -> None:
    batch, piece = line["request"]
    post_ids = np.array(line["posts"], dtype=np.int64)
    metrics = tuple(map(MetricName, line["metrics"]))
    answered = Answered(
        Timestamp(float(line["at"])),
        metrics,
        post_ids,
        np.array(line["values"], dtype=np.int64).reshape(len(post_ids), len(metrics)),
        unavailable=line.get("unavailable", ()),
        refused=line.get("refused", ()),
        forbidden=line.get("forbidden", ()),
        trees=line.get("trees", ()),
    )
    told[Key(int(batch), int(piece))].append(answered)
