"""What goes between the wire and the answers: a request as it was read, an answer before it is encoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers: TypeAlias = "tuple[tuple[str, str], ...]"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``path`` is without the query; names of headers are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The header's value; empty when it was not sent."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    ``content`` is anything that becomes JSON, or bytes to be sent as they are under ``content_type``. ``at``
    is the epoch second of its ``Date``; ``None`` takes the time of sending. The rest is what faults do to it
    on the wire: ``delay`` seconds before it leaves, never gzip when ``plain``, and only the share ``sent`` of
    it before the connection is cut (0: not a byte, not even the status line).
    """

    status: int
    content: Any
    headers: Headers = ()
    content_type: str = "application/json;charset=utf-8"
    at: int | None = None
    delay: float = 0.0
    plain: bool = False
    sent: float = 1.0

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """The same answer with these headers besides."""
        return replace(self, headers=(*self.headers, *headers))


def errors(status: int, *texts: str) -> Answer:
    """An answer in the API's shape for errors: a list of texts."""
    return Answer(status, {"errors": list(texts)})


class RefusedError(Exception):
    """The request cannot be answered with data; ``answer`` says why, as the API does."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refused(status: int, *texts: str) -> RefusedError:
    """A refusal in the API's shape for errors."""
    return RefusedError(errors(status, *texts))
