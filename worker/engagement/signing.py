"""What makes a request one of the app's, or of an account's: the ``Authorization`` header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849.errors import InsecureTransportError

from worker.engagement.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.engagement.accounts import Account
    from worker.engagement.auth import Credentials
    from worker.model import Clock

_SCHEME: Final = "Bearer "


class Signer(Protocol):
    """Signs requests."""

    async def sign(self, url: str) -> str:
        """The ``Authorization`` header of a POST of JSON to this address.

        Raises:
            TransientError: there is none at present.
            StoppedError: there will be none, whatever is tried.
        """

    def refused(self, authorization: str) -> bool:
        """The API refused this header; whether another may be accepted."""


class AppSigner:
    """Application-only: a bearer token."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def sign(self, url: str) -> str:  # noqa: ARG002 -- a bearer token signs nothing
        """See ``Signer.sign``."""
        return _SCHEME + await self._credentials.token()

    def refused(self, authorization: str) -> bool:
        """See ``Signer.refused``."""
        return self._credentials.reject(authorization.removeprefix(_SCHEME))


class _AtTheTime(ClientAuth):  # type: ignore[misc]  # authlib is untyped
    """Signs as of a clock's time: authlib asks the machine's."""

    def __init__(self, clock: Clock, consumer_key: str, **others: str) -> None:
        super().__init__(consumer_key, **others)
        self._clock = clock

    def get_oauth_params(self, nonce: str, timestamp: str) -> list[tuple[str, str]]:  # noqa: ARG002 -- authlib's
        params: list[tuple[str, str]] = super().get_oauth_params(nonce, str(int(self._clock.now())))
        return params


class AccountSigner:
    """User context: OAuth 1.0a, HMAC-SHA1, with the tokens of an account.

    Source: the API's authentication guide. The body is JSON, so it is no part of what is signed (RFC 5849,
    section 3.4.1.3.1), and a nonce and the time make each signature one of its own.
    """

    def __init__(self, consumer_key: str, consumer_secret: str, account: Account, clock: Clock) -> None:
        self._auth = _AtTheTime(
            clock,
            consumer_key,
            client_secret=consumer_secret,
            token=account.token,
            token_secret=account.token_secret,
        )

    async def sign(self, url: str) -> str:
        """See ``Signer.sign``."""
        headers: Mapping[str, str]
        try:
            _, headers, _ = self._auth.sign("POST", url, {}, b"")
        except InsecureTransportError as error:
            raise StoppedError(
                f"{url}: requests of accounts are signed for https only, or for this machine's own "
                "http://127.0.0.1: check engagement.url"
            ) from error
        return headers["Authorization"]

    def refused(self, authorization: str) -> bool:  # noqa: ARG002 -- there is one token only
        """See ``Signer.refused``. The tokens do not expire: they were revoked, or are wrong."""
        return False
