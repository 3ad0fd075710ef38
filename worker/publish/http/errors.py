"""Every error of the API as JSON: what is wrong, with which value, and what would be right."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from worker.publish.leaderboard_json import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


class ApiError(Exception):
    """An answer other than the one asked for. ``facts`` are further fields of the error."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.facts = facts


def bad_parameter(name: str, value: str, mend: str) -> ApiError:
    """400: this parameter has a value that it cannot have, and ``mend`` says which it can."""
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "bad_parameter",
        f"Parameter {name} cannot be {value!r}: {mend}.",
        parameter=name,
        value=value,
        mend=mend,
    )


def error_response(error: ApiError) -> Response:
    """The error as the client sees it."""
    body = {"error": {"code": error.code, "message": error.message, **error.facts}}
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    return Response(to_json(body), error.status, headers, "application/json")


async def on_api_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for ``ApiError``."""
    if not isinstance(error, ApiError):
        raise error
    return error_response(error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for its own errors: no such route, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        message = f"There is nothing at {request.url.path}. GET /api/openapi.json says what there is."
        return error_response(ApiError(status, "no_such_route", message))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{request.method} is not possible at {request.url.path}: use GET or HEAD."
        return error_response(ApiError(status, "method_not_allowed", message, headers=error.headers))
    code = status.phrase.lower().replace(" ", "_")
    return error_response(ApiError(status, code, error.detail, headers=error.headers))


async def on_failure(_request: Request, _error: Exception) -> Response:
    """Starlette's handler for what nobody expected. It says nothing of the inside; the server logs that."""
    message = "The worker failed to answer. Its log says why."
    return error_response(ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message))
