"""HTTP/1.1 for the sandbox: bytes to requests, answers to bytes, and the faults that only a wire can have.

A protocol of its own rather than an ASGI server: cutting an answer in the middle or hanging up without one is
part of the job, and no ASGI application can do that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import unquote

import httptools

from sandbox.encoding import encode, takes_gzip
from sandbox.messages import Request, errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.messages import Answer

MAX_HEAD: Final = 64 * 1024
"""Bytes of URL and headers a request may have; beyond, 431."""

MAX_BODY: Final = 1024 * 1024
"""Bytes of body a request may have; beyond, 413."""

_MAX_WAITING: Final = 32  # pipelined requests read ahead of the answers before the connection is paused

_LINGER: Final = 2.0  # seconds that a client which was refused has to read why and close


class _Turn(NamedTuple):
    """A request that waits for its answer. ``answer`` is there already where the wire itself refuses it."""

    request: Request
    keep: bool
    answer: Answer | None = None


class Connection(asyncio.Protocol):
    """Owns one client's connection. Answers leave in the order of the requests, one after the other.

    ``handle`` makes the answer, ``clock`` gives epoch seconds. The connection stands in ``open_ones`` while
    it is open.
    """

    def __init__(
        self,
        handle: Callable[[Request], Answer],
        clock: Callable[[], float],
        open_ones: set[Connection],
    ) -> None:
        self._handle = handle
        self._clock = clock
        self._open_ones = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._turns: deque[_Turn] = deque()
        self._delayed: asyncio.TimerHandle | None = None
        self._full = False  # the client does not read what was written
        self._deaf = False  # nothing more is read from this client
        self._messages = self._head_size = 0
        self.on_message_begin()

    def close(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone, by whichever side: what still waits is dropped."""
        self._turns.clear()
        if self._delayed is not None:
            self._delayed.cancel()
        self._open_ones.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on, and answer what is complete."""
        if self._deaf:
            return
        messages = self._messages
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # nothing else is spoken here: the request is answered as if it had not asked
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours must not pass for the client's
        except httptools.HttpParserError:
            self._refuse(errors(400, "This is not an HTTP request"))
        # A head that comes whole is no longer than what one read takes; one that never ends is stopped here.
        self._head_size = self._head_size + len(data) if messages == self._messages else 0
        if self._in_head and self._head_size > MAX_HEAD:
            self._refuse(errors(431, f"URL and headers are longer than {MAX_HEAD} bytes"))
        self._go_on()

    def pause_writing(self) -> None:
        """The client reads slower than it is written to: hold the next answers back."""
        self._full = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._full = False
        self._go_on()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A new request starts."""
        self._messages += 1
        self._in_head = True
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one that comes again is joined with a comma."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """The body follows; a client that waits for leave to send it gets it."""
        self._in_head = False
        if self._headers.get("expect", "").lower() == "100-continue" and self._free and not self._turns:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body. One that is too long is read to its end all the same: the client hears why."""
        self._body_size += len(body)
        if self._body_size <= MAX_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: it takes its turn behind those that came before."""
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=unquote(path),
            query=query,
            headers=self._headers,
            body=b"".join(self._body),
        )
        too_long = self._body_size > MAX_BODY
        refusal = errors(413, f"The body is longer than {MAX_BODY} bytes") if too_long else None
        keep = self._parser.should_keep_alive() and "upgrade" not in self._headers
        self._turns.append(_Turn(request, keep, refusal))

    # Answering.

    @property
    def _free(self) -> bool:
        """Whether the next answer may leave now."""
        return self._delayed is None and not self._full and not self._transport.is_closing()

    def _go_on(self) -> None:
        """Answer the requests that wait, until one has to be held back; do not read too far ahead."""
        while self._turns and self._free:
            turn = self._turns.popleft()
            answer = turn.answer or self._handle(turn.request)
            if answer.delay:
                later = asyncio.get_running_loop().call_later
                self._delayed = later(answer.delay, self._send_late, turn, answer)
            else:
                self._send(turn, answer)
        if self._transport.is_closing():
            return
        if len(self._turns) > _MAX_WAITING:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _send_late(self, turn: _Turn, answer: Answer) -> None:
        self._delayed = None
        self._send(turn, answer)
        self._go_on()

    def _send(self, turn: _Turn, answer: Answer) -> None:
        sent = encode(
            answer,
            now=int(self._clock()),
            accepts_gzip=takes_gzip(turn.request.header("accept-encoding")),
            close=not turn.keep,
            head_only=turn.request.method == "HEAD",
        )
        cut = answer.sent < 1
        self._transport.write(sent[: int(len(sent) * answer.sent)] if cut else sent)
        if cut or not turn.keep:
            self._deaf = True
            if turn.answer is None:
                self._transport.close()  # what was written still leaves
            else:
                # More may be on its way from the client: closing now would take the answer along.
                self._transport.write_eof()
                self._delayed = asyncio.get_running_loop().call_later(_LINGER, self._transport.close)

    def _refuse(self, answer: Answer) -> None:
        """Stop reading; answer what came before, then this, then close."""
        self._deaf = True
        self._turns.append(_Turn(Request("", ""), keep=False, answer=answer))
