"""How many connections the HTTP server has at once: at the limit, room is made or the newest is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from worker.telemetry import Telemetry

_SORRY: Final = b"Too many connections (publish.http.max_connections). Try again later.\n"
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_SORRY), _SORRY)
)


class Room:
    """The connections there are. In a full house, the one that is idle the longest makes room for a new one.

    uvicorn's own limit answers 503 to all alike, health checks over open connections among them, until some
    of the idle ones time out.
    """

    def __init__(self, limit: int, telemetry: Telemetry) -> None:
        self._limit = limit
        self._telemetry = telemetry
        # By when they were last heard of.
        self._connections: dict[Connection, None] = {}

    def enter(self, connection: Connection) -> bool:
        """A connection is made: whether there is room for it."""
        if len(self._connections) >= self._limit and not self._make_room():
            self._telemetry.http_refused.inc()
            return False
        self._connections[connection] = None
        self._tell()
        return True

    def heard(self, connection: Connection) -> None:
        """Something came in over it."""
        if connection in self._connections:
            del self._connections[connection]
            self._connections[connection] = None

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        if connection in self._connections:
            del self._connections[connection]
            self._tell()

    def _make_room(self) -> bool:
        idle = next((one for one in self._connections if one.is_idle), None)
        if idle is None:
            return False
        self.leave(idle)
        idle.transport.close()
        return True

    def _tell(self) -> None:
        self._telemetry.http_connections.set(len(self._connections))


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which is let in or refused by its ``room``."""

    room: ClassVar[Room]

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way on it."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See ``asyncio.Protocol``."""
        if self.room.enter(self):
            super().connection_made(transport)
        else:
            self.transport = transport
            transport.write(_REFUSAL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        # What still comes in after the connection was refused, or made room, is nobody's.
        if not self.transport.is_closing():
            self.room.heard(self)
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self.room.leave(self)
        super().connection_lost(exc)


def connections_in(room: Room) -> type[Connection]:
    """The protocol for uvicorn whose connections share this room."""
    attributes: dict[str, Any] = {"room": room}
    return type("ConnectionInRoom", (Connection,), attributes)
