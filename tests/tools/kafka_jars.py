"""Fetches the jars of Apache Kafka with Maven, once for a checkout, into ``.cache/kafka``."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE: Final = Path(__file__).parent
_POM: Final = _HERE / "kafka" / "pom.xml"
_CACHE: Final = _HERE.parents[1] / ".cache" / "kafka"
_LEAST_JAVA: Final = 17
_FETCH_TIMEOUT: Final = 540
_TAIL: Final = 1500


class NotToBeHadError(Exception):
    """This machine cannot run Apache Kafka; the message says why."""


def kafka_version() -> str:
    """The version that ``pom.xml`` pins."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", _POM.read_text())
    assert found is not None
    return found[1]


@functools.cache
def java() -> str:
    """The ``java`` command.

    Raises:
        NotToBeHadError: when there is none, or one too old.
    """
    command = shutil.which("java")
    if command is None:
        raise NotToBeHadError("no java on this machine")
    said = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r'version "(\d+)', said.stderr)
    if found is None or int(found[1]) < _LEAST_JAVA:
        raise NotToBeHadError(f"Apache Kafka needs Java {_LEAST_JAVA} or newer")
    return command


def kafka_jars() -> Path:
    """The folder with the jars; fetched when it is not there yet. Safe for runs at the same time.

    Raises:
        NotToBeHadError: when they cannot be fetched.
    """
    named = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    jars = _CACHE / f"{kafka_version()}-{named}"
    if not jars.is_dir():
        with _alone():
            if not jars.is_dir():
                _fetch(jars)
    return jars


@contextmanager
def _alone() -> Iterator[None]:
    """One run at a time, also among processes."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(jars: Path) -> None:
    """Into a folder beside, renamed when complete: a fetch that broke off leaves nothing to trust."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NotToBeHadError("no mvn on this machine to fetch Apache Kafka with")
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=_CACHE) as beside:
        fetched = Path(beside) / "jars"
        command = [
            *(maven, "--batch-mode", "--quiet", "--file", str(_POM), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={fetched}"),
        ]
        try:
            result = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_FETCH_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise NotToBeHadError(f"mvn did not fetch Apache Kafka within {_FETCH_TIMEOUT} s") from late
        if result.returncode or not fetched.is_dir():
            said = result.stdout.decode(errors="replace")[-_TAIL:]
            raise NotToBeHadError(f"mvn could not fetch Apache Kafka: {said}")
        os.replace(fetched, jars)  # noqa: PTH105 -- a rename, atomic within one file system
