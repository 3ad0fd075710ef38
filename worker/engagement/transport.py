"""HTTP as the rest of the room sees it: bytes out, bytes back. The only module that knows httpx."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import httpx

from worker.engagement.errors import StoppedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.model import Seconds

_LONGEST_BODY: Final = 8_000_000
"""Bytes of an answer, unpacked, at most; 250 Posts with five counts take 40,000."""

_NOTHING: Final = httpx.ByteStream(b"")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are lower case; ``body`` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request. A test may have its own."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send and read the whole answer.

        Raises:
            TransientError: when no whole answer came: ``timeout``, ``connection``, ``unreadable``.
            StoppedError: nothing can be sent to this address.
        """

    async def close(self) -> None:
        """Close all connections."""


class HttpTransport:
    """Requests over httpx: connections kept open, at most ``connections`` of them, gzip asked for.

    ``timeout`` bounds a request as a whole, to the last byte of its answer, in seconds.
    """

    def __init__(self, timeout: Seconds, connections: int) -> None:
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=timeout,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"Accept-Encoding": "gzip", "User-Agent": "top-tweets-worker"},
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """See ``Transport.post``."""
        try:
            # httpx bounds each step alone: an answer that comes in drops would never end.
            async with asyncio.timeout(self._timeout):
                return await self._post(url, body, headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TransientError("timeout", f"no whole answer in time ({type(error).__name__})") from error
        except httpx.DecodingError as error:
            raise TransientError("unreadable", "the answer is not the gzip it says it is") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise StoppedError(
                f"{url} is no address ({error}): check engagement.url and token_url"
            ) from error
        except httpx.LocalProtocolError:
            # Its text has the header at fault, which may be the one with the token.
            raise TransientError("connection", "the request cannot be sent as it is") from None
        except httpx.TransportError as error:
            raise TransientError("connection", f"{type(error).__name__}: {error}") from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts: list[bytes] = []
        size = 0
        async with self._client.stream("POST", url, content=body, headers=dict(headers)) as response:
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > _LONGEST_BODY:
                    raise TransientError("unreadable", f"the answer is longer than {_LONGEST_BODY} bytes")
        # The response and its stream hold each other, and the unpacker's 45,000 bytes. The collector looks
        # for cycles so rarely that this would be tens of megabytes.
        response.stream = _NOTHING
        return Reply(response.status_code, response.headers, b"".join(parts))

    async def close(self) -> None:
        """See ``Transport.close``."""
        await self._client.aclose()
