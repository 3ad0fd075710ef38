"""HTTP over a real socket: answers that come in drops, lie, break off or never end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import ssl
import traceback
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.engagement.fakes import gives_up
from worker.engagement import HttpTransport, Reply, StoppedError, TransientError, Transport
from worker.engagement.lean import LeanTransport, make_transport
from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

TIMEOUT = Seconds(0.3)
CANARY = "canary-81b2"

Result = TypeVar("Result")
KINDS: dict[str, Callable[[Seconds, int], Transport]] = {"now": HttpTransport}
"""The transport at test. All of them keep the same promises."""


@pytest.fixture(params=[HttpTransport, LeanTransport], autouse=True)
def _each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "now", request.param)


def answer(body: bytes, *headers: str, length: int | None = None, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def drops(data: bytes, wait: float) -> AsyncIterator[bytes]:
    for byte in data:
        yield bytes([byte])
        await asyncio.sleep(wait)


async def silence() -> AsyncIterator[bytes]:
    await asyncio.sleep(60)
    yield b""


def over_a_socket(
    pieces: Callable[[], AsyncIterator[bytes]],
    work: Callable[[Transport, str], Coroutine[Any, Any, Result]],
    timeout: Seconds = TIMEOUT,
) -> Result:
    """What ``work`` makes of a server that sends these pieces for each request and hangs up."""

    async def served() -> Result:
        talking: set[asyncio.Task[None]] = set()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talking.add(asyncio.current_task())  # type: ignore[arg-type]
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                assert b"accept-encoding: gzip" in head.lower()
                async for piece in pieces():
                    writer.write(piece)
                    await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = KINDS["now"](timeout, 2)
        try:
            async with asyncio.timeout(10):
                return await work(transport, f"http://127.0.0.1:{port}/insights")
        finally:
            await transport.close()
            server.close()
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)

    return asyncio.run(served())


def failure(pieces: Callable[[], AsyncIterator[bytes]], timeout: Seconds = TIMEOUT) -> TransientError:
    error = over_a_socket(pieces, lambda transport, url: gives_up(transport.post(url, b"{}", {})), timeout)
    assert isinstance(error, TransientError)
    return error


def reply_to(pieces: Callable[[], AsyncIterator[bytes]]) -> Reply:
    return over_a_socket(pieces, lambda transport, url: transport.post(url, b"{}", {}))


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "503 Service Unavailable"])
def test_a_gzipped_answer_is_unpacked_whatever_its_status(status: str) -> None:
    packed = gzip.compress(b'{"a": 1}')
    got = reply_to(
        lambda: once(answer(packed, "Content-Encoding: gzip", "X-Per-Minute-Limit: 5", status=status))
    )
    assert got.status == int(status[:3])
    assert got.body == b'{"a": 1}'
    assert got.headers["x-per-minute-limit"] == "5"


def test_a_plain_answer_is_taken_as_it_is() -> None:
    assert reply_to(lambda: once(answer(b"plain"))).body == b"plain"


def test_an_answer_that_is_not_the_gzip_it_says_is_unreadable() -> None:
    assert failure(lambda: once(answer(b'{"a": 1}', "Content-Encoding: gzip"))).status == "unreadable"


def test_gzip_that_stops_early_is_not_taken_for_whole() -> None:
    packed = gzip.compress(b'{"a": "' + bytes(range(65, 91)) * 50 + b'"}')

    async def body_or_error(transport: Transport, url: str) -> bytes:
        try:
            return (await transport.post(url, b"{}", {})).body
        except TransientError as error:
            return error.status.encode()

    cut = over_a_socket(lambda: once(answer(packed[:-20], "Content-Encoding: gzip")), body_or_error)
    assert not cut.endswith(b"}")


def test_a_small_answer_that_unpacks_to_more_than_memory_should_hold_is_unreadable() -> None:
    packed = gzip.compress(b" " * 50_000_000)
    assert len(packed) < 100_000
    # To unpack as much as is allowed takes a while on a machine with other work.
    refused = failure(lambda: once(answer(packed, "Content-Encoding: gzip")), timeout=Seconds(8.0))
    assert refused.status == "unreadable"


def test_an_answer_in_drops_is_bounded_in_total() -> None:
    """Each drop comes in time; all of them would take a minute."""
    assert failure(lambda: drops(answer(b"x" * 1000), 0.05)).status == "timeout"


def test_a_header_in_drops_is_bounded_in_total() -> None:
    assert failure(lambda: drops(answer(b"", f"X-Long: {'x' * 1000}"), 0.05)).status == "timeout"


def test_no_answer_is_a_timeout() -> None:
    assert failure(silence).status == "timeout"


def test_a_connection_that_is_cut_is_told_as_such() -> None:
    assert failure(lambda: once(b"")).status == "connection"
    assert failure(lambda: once(b"HTTP/1.1 200")).status == "connection"
    assert failure(lambda: once(answer(b"half", length=8))).status == "connection"


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\x00\xff\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/9.9 x\r\n\r\n"]
)
def test_what_is_no_http_is_a_failed_connection(garbage: bytes) -> None:
    assert failure(lambda: once(garbage)).status == "connection"


def test_a_redirect_is_not_followed() -> None:
    got = reply_to(lambda: once(answer(b"", "Location: http://127.0.0.1:1/", status="302 Found")))
    assert got.status == 302


def test_after_a_timeout_the_connection_is_free_again() -> None:
    turns = [silence(), silence(), silence(), once(answer(b"at last"))]

    async def several(transport: Transport, url: str) -> bytes:
        for _ in range(3):
            error = await gives_up(transport.post(url, b"{}", {}))
            assert isinstance(error, TransientError)
            assert error.status == "timeout"
        return (await transport.post(url, b"{}", {})).body

    assert over_a_socket(lambda: turns.pop(0), several) == b"at last"


def test_nobody_there_is_a_failed_connection() -> None:
    async def refused(transport: Transport, _: str) -> TransientError:
        error = await gives_up(transport.post("http://127.0.0.1:1/x", b"", {}))
        assert isinstance(error, TransientError)
        return error

    assert over_a_socket(silence, refused).status == "connection"


@pytest.mark.parametrize("url", ["http://", "http://[::1", "nothing", "ftp://127.0.0.1/"])
def test_an_address_that_is_none_stops_and_says_what_to_check(url: str) -> None:
    error = over_a_socket(silence, lambda transport, _: gives_up(transport.post(url, b"", {})))
    assert isinstance(error, StoppedError)
    assert "engagement.url" in str(error)


@pytest.mark.parametrize("token", [f"{CANARY}\nX: y", f"{CANARY}\x00"])
def test_a_token_that_cannot_be_sent_is_in_no_error(token: str) -> None:
    async def sent(transport: Transport, url: str) -> str:
        error = await gives_up(transport.post(url, b"{}", {"Authorization": f"Bearer {token}"}))
        return "".join(traceback.format_exception(error)) + repr(error)

    assert CANARY not in over_a_socket(silence, sent)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    assert reply_to(lambda: once(b"HTTP/1.1 200 OK\r\n\r\nall of it")).body == b"all of it"


def test_an_answer_in_chunks_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n6\r\n of it\r\n0\r\n\r\n"
    assert reply_to(lambda: once(chunked)).body == b"all of it"
    assert failure(lambda: once(chunked[:-9])).status == "connection"


def test_what_an_answer_took_is_freed_without_the_collector() -> None:
    async def leftovers(transport: Transport, url: str) -> list[object]:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                assert (await transport.post(url, b"{}", {})).body == b"{}"
            return [one for one in gc.get_objects() if isinstance(one, httpx.Response)]
        finally:
            gc.enable()

    packed = answer(gzip.compress(b"{}"), "Content-Encoding: gzip", "Connection: close")
    assert over_a_socket(lambda: once(packed), leftovers) == []


def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    async def several(transport: Transport, url: str) -> list[bytes]:
        return [(await transport.post(url, b"{}", {})).body for _ in range(3)]

    assert over_a_socket(lambda: once(answer(b"x", "Connection: close")), several) == [b"x"] * 3


def test_where_there_is_a_proxy_the_client_that_knows_proxies_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert isinstance(asyncio.run(_made()), LeanTransport)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(asyncio.run(_made()), HttpTransport)


async def _made() -> Transport:
    transport = make_transport(TIMEOUT, 1)
    await transport.close()
    return transport


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@pytest.mark.parametrize("known", [True, False])
def test_over_tls_only_a_certificate_that_is_trusted_is_talked_to(
    known: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate, private = _certificate(tmp_path)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            # To the end: a close with something unread cuts the answer off.
            await reader.readexactly(2)
            writer.write(answer(b"safe"))
            await writer.drain()
        writer.close()

    async def ask() -> bytes | str:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        transport = KINDS["now"](Seconds(5.0), 1)
        try:
            return (await transport.post(f"https://127.0.0.1:{port}/x", b"{}", {})).body
        except TransientError as error:
            return error.status
        finally:
            await transport.close()
            server.close()

    assert asyncio.run(ask()) == (b"safe" if known else "connection")


@pytest.mark.parametrize(
    "stray",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTALE",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"EVIL",
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_nobody_asked_for_is_never_the_answer_to_the_next_request(stray: bytes, late: bool) -> None:
    """Whether it comes with an answer or after it, on a connection that stays open."""

    async def work() -> list[bytes]:
        asked = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            try:
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(2)
                    asked += 1
                    right = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % asked
                    writer.write(right if late else right + stray)
                    await writer.drain()
                    if late:
                        writer.write(stray)
            except (ConnectionError, asyncio.IncompleteReadError):
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        transport = LeanTransport(TIMEOUT, 1)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        told: list[bytes] = []
        try:
            async with asyncio.timeout(10):
                while len(told) < 5:
                    try:
                        told.append((await transport.post(url, b"{}", {})).body)
                    except TransientError:
                        continue
        finally:
            await transport.close()
            server.close()
        return told

    told = asyncio.run(work())
    assert all(body.isdigit() for body in told)
    assert sorted(set(told)) == told


def test_an_answer_without_a_body_may_say_that_it_is_gzip() -> None:
    got = reply_to(lambda: once(answer(b"", "Content-Encoding: gzip", "Retry-After: 3", status="429 Slow")))
    assert (got.status, got.body, got.headers["retry-after"]) == (429, b"", "3")
