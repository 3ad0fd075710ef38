"""Application-only authentication: a bearer token for consumer key and secret, and whether it holds."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote_to_bytes

from sandbox.messages import Answer, errors

if TYPE_CHECKING:
    from sandbox.messages import Request
    from sandbox.settings import SandboxSettings

UNAUTHENTICATED: Final = errors(
    401, "Your account could not be authenticated. Reason: Bearer token was not passed or is not valid"
)
"""How a request without a token that holds is answered."""

_UNVERIFIED: Final = Answer(
    403,
    {
        "errors": [
            {"code": 99, "message": "Unable to verify your credentials", "label": "authenticity_token_error"}
        ]
    },
)
_WRONG_GRANT: Final = Answer(
    400,
    {
        "errors": [
            {
                "code": 170,
                "message": "Missing required parameter: grant_type",
                "label": "forbidden_missing_parameter",
            }
        ]
    },
)


class Tokens:
    """Owns the one bearer token that holds at a time. It never expires, but it can be revoked."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._credentials = f"{settings.consumer_key}:{settings.consumer_secret}".encode()
        self._first = settings.bearer_token
        self.revoked = 0
        """How many tokens were revoked so far."""

    @property
    def current(self) -> str:
        """The token that holds now."""
        return f"{self._first}-{self.revoked}" if self.revoked else self._first

    def revoke(self) -> None:
        """Make the current token worthless. The next one is given out by ``issue`` only."""
        self.revoked += 1

    def holds(self, request: Request) -> bool:
        """Whether the request carries the token that holds."""
        scheme, _, token = request.header("authorization").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), self.current.encode()
        )

    def issue(self, request: Request) -> Answer:
        """Answer ``POST /oauth2/token``: the same token each time, until it is revoked.

        Source: X's authentication guide, application-only. Error codes as its ``/oauth2/token`` gives them.
        """
        if not self._verified(request.header("authorization")):
            return _UNVERIFIED
        form = parse_qs(request.body.decode("latin-1"))
        if form.get("grant_type") != ["client_credentials"]:
            return _WRONG_GRANT
        return Answer(200, {"token_type": "bearer", "access_token": self.current})

    def _verified(self, authorization: str) -> bool:
        """Whether these are key and secret; percent-encoded, as the guide asks, or plain, as clients send."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        # Both are always compared, so that the time says nothing.
        plain = hmac.compare_digest(given, self._credentials)
        quoted = hmac.compare_digest(unquote_to_bytes(given), self._credentials)
        return plain or quoted
