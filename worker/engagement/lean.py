"""HTTP/1.1 as this API needs it, at a fraction of a general client's cost: POSTs over connections kept open.

Parsing is httptools'. For batches of requests, where the client's own CPU is most of the time.
"""

from __future__ import annotations

import asyncio
import os
import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import httptools

from worker.engagement.errors import StoppedError, TransientError
from worker.engagement.transport import HttpTransport, Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from worker.engagement.transport import Transport
    from worker.model import Seconds

_LONGEST_BODY: Final = 8_000_000
"""Bytes of an answer, unpacked, at most."""
_ANY_GZIP: Final = zlib.MAX_WBITS | 16
_HEADER: Final = re.compile(r"[\t\x20-\x7e]*")
_FIRST_ANSWER: Final = 200
_MEND: Final = "check engagement.url and token_url"
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")

_Origin = tuple[str, int, bool]


def make_transport(timeout: Seconds, connections: int) -> Transport:
    """The lean transport; where the environment names a proxy, the one that knows proxies."""
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return HttpTransport(timeout, connections)
    return LeanTransport(timeout, connections)


class LeanTransport:
    """See ``Transport``. At most ``connections`` are open; ``timeout`` bounds a request as a whole."""

    def __init__(self, timeout: Seconds, connections: int) -> None:
        self._timeout = timeout
        self._room = asyncio.Semaphore(connections)
        self._open: dict[_Origin, list[_Connection]] = {}
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """See ``Transport.post``."""
        origin, head = _address(url)
        request = _request(head, body, headers)
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout), self._room:
                connection = await self._connection(origin)
                reply = await connection.ask(request)
        except TimeoutError as error:
            raise TransientError("timeout", "no whole answer in time") from error
        except OSError as error:
            raise TransientError("connection", f"{type(error).__name__}: {error}") from error
        finally:
            if connection is not None:
                self._keep_or_close(origin, connection)
        return reply

    async def close(self) -> None:
        """See ``Transport.close``."""
        for connections in self._open.values():
            for connection in connections:
                connection.close()
        self._open.clear()
        await asyncio.sleep(0)

    async def _connection(self, origin: _Origin) -> _Connection:
        idle = self._open.setdefault(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_free:
                return connection
            connection.close()
        host, port, secure = origin
        if secure and self._tls is None:
            self._tls = _tls()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(loop), host, port, ssl=self._tls if secure else None
        )
        return connection

    def _keep_or_close(self, origin: _Origin, connection: _Connection) -> None:
        if connection.is_free:
            self._open.setdefault(origin, []).append(connection)
        else:
            connection.close()


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, and so on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._in_body = False

    @property
    def is_free(self) -> bool:
        """Whether another request may be sent."""
        return self._answer is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Reply:
        """Send a request and wait for the whole of its answer."""
        if self._transport is None:
            raise ConnectionError("the connection was closed")
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._answer is None:
            # Nobody asked: whatever it is, the next answer must not be mistaken for it.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(TransientError("connection", f"the answer is not HTTP ({type(error).__name__})"))

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = None
        lengthless = not {"content-length", "transfer-encoding"} & self._headers.keys()
        if self._answer is not None and self._in_body and error is None and lengthless:
            self.on_message_complete()  # an answer without a length ends where the connection does
        why = str(error) if error else "by the API"
        self._fail(TransientError("connection", f"closed before the answer was whole ({why})"))

    def on_message_begin(self) -> None:
        """See ``httptools``."""
        if self._answer is None:
            self.close()
        self._headers, self._parts, self._size, self._in_body = {}, [], 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """See ``httptools``."""
        if not self._in_body:  # else it is a trailer, which says nothing of the body
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """See ``httptools``."""
        self._in_body = True

    def on_body(self, part: bytes) -> None:
        """See ``httptools``."""
        self._parts.append(part)
        self._size += len(part)
        if self._size > _LONGEST_BODY:
            self._fail(_too_long())

    def on_message_complete(self) -> None:
        """See ``httptools``."""
        status = self._parser.get_status_code()
        if status < _FIRST_ANSWER:
            return  # an interim answer: the real one follows
        keep, self._in_body = self._parser.should_keep_alive(), False
        try:
            body = _unpacked(b"".join(self._parts), self._headers.get("content-encoding", ""))
        except TransientError as error:
            self._fail(error)
            return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Reply(status, self._headers, body))
            self._answer = None
        if not keep:
            self.close()

    def _fail(self, error: TransientError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._answer = None
        self.close()


@lru_cache(16)
def _address(url: str) -> tuple[_Origin, bytes]:
    """Where to connect, and the beginning of a request.

    Raises:
        StoppedError: it is no address.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:
        raise StoppedError(f"{url} is no address ({error}): {_MEND}") from error
    if not host or parts.scheme not in ("http", "https") or not _HEADER.fullmatch(url) or " " in url:
        raise StoppedError(f"{url} is no address: {_MEND}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = parts.netloc.rpartition("@")[2]
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {named}",
        "Accept: */*",
        "Accept-Encoding: gzip",
        "Connection: keep-alive",
        "User-Agent: top-tweets-worker",
    )
    return (host, port or (443 if secure else 80), secure), "\r\n".join(lines).encode()


def _request(head: bytes, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    if not _HEADER.fullmatch(lines.replace("\r\n", "", len(headers))):
        # It is not shown: it may be the header with the token.
        raise TransientError("connection", "the request cannot be sent as it is")
    return b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, lines.encode(), len(body), body)


def _unpacked(content: bytes, encoding: str) -> bytes:
    if not content or encoding.strip().lower() not in ("gzip", "x-gzip"):
        return content
    try:
        unpacker = zlib.decompressobj(_ANY_GZIP)
        body = unpacker.decompress(content, _LONGEST_BODY)
    except zlib.error as error:
        raise TransientError("unreadable", "the answer is not the gzip it says it is") from error
    if unpacker.unconsumed_tail:
        raise _too_long()
    if not unpacker.eof:
        raise TransientError("unreadable", "the gzip of the answer is cut off")
    return body


def _too_long() -> TransientError:
    return TransientError("unreadable", f"the answer is longer than {_LONGEST_BODY} bytes")


def _tls() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 -- only where it is spoken

    import certifi  # noqa: PLC0415 -- only where TLS is spoken

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)
