"""Bearer tokens: given, or fetched with the app's consumer key and secret."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Protocol

import orjson
from authlib.oauth2.auth import ClientAuth

from worker.engagement.errors import StoppedError, TransientError

if TYPE_CHECKING:
    from worker.engagement.transport import Reply, Transport

_GRANT: Final = b"grant_type=client_credentials"
_FORM: Final = "application/x-www-form-urlencoded;charset=UTF-8"
_PRINTABLE: Final = r"[!-~]+"
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500


class Credentials(Protocol):
    """Where the bearer token comes from."""

    async def token(self) -> str:
        """The token to use now.

        Raises:
            TransientError: it could not be fetched this time.
            StoppedError: it will not be given, whatever is tried.
        """

    def reject(self, token: str) -> bool:
        """The API refused this token; whether there is another, or one may be had by asking again."""


class FixedToken:
    """A token from the settings: there is no other."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """See ``Credentials.token``."""
        return self._token

    def reject(self, token: str) -> bool:  # noqa: ARG002 -- there is one token only
        """See ``Credentials.reject``."""
        return False


class AppOnlyAuth:
    """Fetches a token with the consumer key and secret, keeps it, and fetches another when it is refused.

    However many requests wait for a token or had theirs refused, it is fetched once for all of them.

    Source: the API's application-only authentication: HTTP Basic, ``grant_type=client_credentials``; the
    token does not expire but can be invalidated.
    """

    def __init__(self, url: str, key: str, secret: str, transport: Transport) -> None:
        self._url = url
        self._auth = ClientAuth(key, secret, "client_secret_basic")
        self._transport = transport
        self._current: str | None = None
        self._fetching = asyncio.Lock()

    async def token(self) -> str:
        """See ``Credentials.token``."""
        async with self._fetching:
            if self._current is None:
                headers = {"Content-Type": _FORM, "Accept": "application/json"}
                _, headers, _ = self._auth.prepare("POST", self._url, headers, _GRANT.decode())
                self._current = self._read(await self._transport.post(self._url, _GRANT, headers))
            return self._current

    def reject(self, token: str) -> bool:
        """See ``Credentials.reject``."""
        if token == self._current:
            self._current = None
        return True

    def _read(self, reply: Reply) -> str:
        if reply.status == _TOO_MANY or reply.status >= _SERVER_ERRORS:
            raise TransientError(str(reply.status), "the token service is not available")
        if reply.status != _OK:
            raise StoppedError(
                f"the token service answered {reply.status}: check engagement.consumer_key and "
                "engagement.consumer_secret, and engagement.token_url"
            )
        try:
            answer = orjson.loads(reply.body)
        except orjson.JSONDecodeError as error:
            raise TransientError("unreadable", "the token service's answer is not JSON") from error
        token = answer.get("access_token") if isinstance(answer, dict) else None
        kind = answer.get("token_type", "bearer") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not isinstance(kind, str) or kind.lower() != "bearer":
            raise StoppedError("the token service gave no bearer token: check engagement.token_url")
        if not re.fullmatch(_PRINTABLE, token):
            raise StoppedError(
                "the token service gave a token that no header holds: check engagement.token_url"
            )
        return token
