"""HTTP as the rest of the room sees it: bytes out, bytes back. The only module that knows httpx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx

from worker.engagement.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.model import Seconds


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
        """

    async def close(self) -> None:
        """Close all connections."""


class HttpTransport:
    """Requests over httpx: connections kept open, at most ``connections`` of them, gzip asked for.

    ``timeout`` bounds each of connecting, sending and waiting for data, in seconds.
    """

    def __init__(self, timeout: Seconds, connections: int) -> None:
        self._client = httpx.AsyncClient(
            timeout=timeout,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"Accept-Encoding": "gzip", "User-Agent": "top-tweets-worker"},
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """See ``Transport.post``."""
        try:
            response = await self._client.post(url, content=body, headers=dict(headers))
        except httpx.TimeoutException as error:
            raise TransientError("timeout", f"no answer in time ({type(error).__name__})") from error
        except httpx.DecodingError as error:
            raise TransientError("unreadable", "the answer is not the gzip it says it is") from error
        except httpx.TransportError as error:
            raise TransientError("connection", f"{type(error).__name__}: {error}") from error
        return Reply(response.status_code, response.headers, response.content)

    async def close(self) -> None:
        """See ``Transport.close``."""
        await self._client.aclose()
