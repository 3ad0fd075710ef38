"""Who asks: the app alone by its bearer token, or one of the accounts by OAuth 1.0a."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.messages import RefusedError, refused
from sandbox.oauth import NotAuthenticatedError
from sandbox.tokens import UNAUTHENTICATED

if TYPE_CHECKING:
    from sandbox.accounts import Account
    from sandbox.messages import Request
    from sandbox.oauth import OAuth
    from sandbox.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. Without an ``account`` it is the app's own."""

    account: Account | None

    @property
    def name(self) -> str:
        """How the statistics name it: the account's ID, or ``bearer``."""
        return str(self.account.account_id) if self.account else "bearer"


def authenticate(request: Request, tokens: Tokens, oauth: OAuth, now: float) -> Caller:
    """Whose request this is, at ``now`` (epoch seconds).

    Raises:
        RefusedError: 401; its credentials are missing or do not hold.
    """
    if request.header("authorization").partition(" ")[0].lower() == "oauth":
        try:
            return Caller(oauth.verify(request, now))
        except NotAuthenticatedError as fault:
            raise refused(401, f"Your account could not be authenticated. Reason: {fault}") from None
    if tokens.holds(request):
        return Caller(None)
    raise RefusedError(UNAUTHENTICATED)
