"""The live page's files, read once at the start: what is not among them cannot be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from worker.publish.http.answers import etag, kept_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from worker.model import Seconds

_INDEX: Final = "index.html"
_HOUR: Final = 3600
_MINUTE: Final = 60
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    etag: str


class PageFiles:
    """Serves the page at ``/`` and what it loads at ``/page/…``."""

    def __init__(self, version: str, change_window: Seconds) -> None:
        self._files = _read_files({"version": version, "window": _length(change_window)})

    def routes(self) -> list[Route]:
        """The page, and its files."""
        return [Route("/", self.index), Route("/page/{name}", self.file)]

    async def index(self, request: Request) -> Response:
        """The page."""
        return self._answer(request, _INDEX)

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        return self._answer(request, str(request.path_params["name"]))

    def _answer(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return kept_answer(request, file.body, file.media_type, file.etag)


def _length(window: Seconds) -> str:
    """A length of time as the page writes it: ``1 h``, ``90 min``, ``15 s``."""
    for unit, name in ((_HOUR, "h"), (_MINUTE, "min")):
        if window % unit == 0:
            return f"{window / unit:g} {name}"
    return f"{window:g} s"


def _read_files(marks: Mapping[str, str]) -> dict[str, _File]:
    """The files, with ``{{name}}`` replaced by what ``marks`` has for it."""
    read: dict[str, _File] = {}
    for path in (files(__package__) / "page").iterdir():
        media_type = _MEDIA_TYPES.get("." + path.name.rpartition(".")[2])
        if media_type is not None:
            body = path.read_bytes()
            for name, text in marks.items():
                body = body.replace(b"{{%s}}" % name.encode(), escape(text).encode())
            read[path.name] = _File(body, media_type, etag(body))
    return read
