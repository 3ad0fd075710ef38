"""OAuth 1.0a with HMAC-SHA1, from the server's side: is this request signed by whom it says?

Source: RFC 5849, section 3, and the draft "OAuth Request Body Hash 1.0". Nothing is shared with any client's
code, so that a fault in one cannot hide in the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import deque
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sandbox.accounts import Account
    from sandbox.messages import Request

TIMESTAMP_WINDOW: Final = 300
"""Seconds that a request's timestamp may be off, either way."""

_PARAMETER: Final = re.compile(r'\s*([^\s=",]+)\s*=\s*"([^"]*)"\s*')
_NEEDED: Final = (
    *("oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_signature"),
    *("oauth_timestamp", "oauth_nonce"),
)
_MAX_DIGITS: Final = 12
_MAX_NONCE: Final = 256
_DEFAULT_PORT: Final = ":80"


class NotAuthenticatedError(Exception):
    """The request is not who it says it is; the text says why, as the API's reason."""


class OAuth:
    """Verifies requests of one app's accounts. Owns the nonces it has seen.

    Memory: one nonce for each request that was signed right in the last ten minutes; none for the others.
    """

    def __init__(self, consumer_key: str, consumer_secret: str, accounts: Iterable[Account]) -> None:
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._accounts: dict[str, Account] = {account.token: account for account in accounts}
        self._seen: set[tuple[str, str, str]] = set()
        self._order: deque[tuple[float, tuple[str, str, str]]] = deque()

    def verify(self, request: Request, now: float) -> Account:
        """The account in whose name the request came, at ``now`` (epoch seconds).

        Raises:
            NotAuthenticatedError: anything about it is missing, malformed, unknown, stale, used or wrong.
        """
        given = read_authorization(request.header("authorization"))
        _check_form(given, now)
        if not _same(given["oauth_consumer_key"], self._consumer_key):
            raise NotAuthenticatedError("The consumer key is unknown")
        account = self._accounts.get(given["oauth_token"])
        if account is None:
            raise NotAuthenticatedError("The token is unknown or was revoked")
        if "oauth_body_hash" in given and not _same(given["oauth_body_hash"], body_hash(request.body)):
            raise NotAuthenticatedError("oauth_body_hash does not fit the body")
        right = signature(base_string(request, given), self._consumer_secret, account.secret)
        if not _same(given["oauth_signature"], right):
            raise NotAuthenticatedError("The signature is wrong")
        self._use_up((account.token, given["oauth_timestamp"], given["oauth_nonce"]), now)
        return account

    def revoke(self, account_id: str) -> bool:
        """Make an account's token worthless; whether there was one."""
        tokens = [token for token, account in self._accounts.items() if str(account.account_id) == account_id]
        for token in tokens:
            del self._accounts[token]
        return bool(tokens)

    def _use_up(self, nonce: tuple[str, str, str], now: float) -> None:
        # A timestamp may lie ahead as far as behind: after twice the window it is refused by its age.
        while self._order and self._order[0][0] < now - 2 * TIMESTAMP_WINDOW - 1:
            self._seen.discard(self._order.popleft()[1])
        if nonce in self._seen:
            raise NotAuthenticatedError("The nonce was used before")
        self._seen.add(nonce)
        self._order.append((now, nonce))


def read_authorization(header: str) -> dict[str, str]:
    """The parameters of an ``Authorization: OAuth …`` header, decoded; without ``realm``.

    Raises:
        NotAuthenticatedError: it is no such header, or names a parameter twice.
    """
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        raise NotAuthenticatedError("Neither a bearer token nor OAuth parameters were passed")
    found: dict[str, str] = {}
    for piece in rest.split(","):
        match = _PARAMETER.fullmatch(piece)
        if match is None:
            raise NotAuthenticatedError("The OAuth parameters are malformed")
        name, value = (_decoded(text) for text in match.groups())
        if name in found:
            raise NotAuthenticatedError(f"{name[:64]} was passed more than once")
        found[name] = value
    found.pop("realm", None)
    return found


def base_string(request: Request, given: Mapping[str, str]) -> bytes:
    """What is signed: method, address without query, and all parameters but the signature, in order.

    Text of a form in the body is signed too (RFC 5849, 3.4.1.3.1); a body of JSON is not.
    """
    pairs = [(name, value) for name, value in given.items() if name != "oauth_signature"]
    pairs += _pairs(request.query)
    if (
        request.header("content-type").partition(";")[0].strip().lower()
        == "application/x-www-form-urlencoded"
    ):
        pairs += _pairs(request.body.decode("latin-1"))
    address = f"http://{request.header('host').lower().removesuffix(_DEFAULT_PORT)}{quote(request.path)}"
    return "&".join(map(_quoted, (request.method.upper(), address, _normalised(pairs)))).encode()


def signature(base: bytes, consumer_secret: str, token_secret: str) -> str:
    """HMAC-SHA1 of a base string under both secrets, in base64."""
    key = f"{_quoted(consumer_secret)}&{_quoted(token_secret)}".encode()
    return base64.b64encode(hmac.digest(key, base, "sha1")).decode()


def body_hash(body: bytes) -> str:
    """What ``oauth_body_hash`` is for this body."""
    return base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def _check_form(given: Mapping[str, str], now: float) -> None:
    """What can be said without any secret."""
    missing = [name for name in _NEEDED if not given.get(name)]
    if missing:
        raise NotAuthenticatedError(f"{', '.join(missing)} missing")
    if given.get("oauth_version", "1.0") != "1.0":
        raise NotAuthenticatedError("oauth_version must be 1.0")
    if given["oauth_signature_method"] != "HMAC-SHA1":
        raise NotAuthenticatedError("oauth_signature_method must be HMAC-SHA1")
    if len(given["oauth_nonce"]) > _MAX_NONCE:
        raise NotAuthenticatedError(f"oauth_nonce is longer than {_MAX_NONCE} characters")
    text = given["oauth_timestamp"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise NotAuthenticatedError("oauth_timestamp must be in whole seconds since 1970")
    if abs(int(text) - now) > TIMESTAMP_WINDOW:
        raise NotAuthenticatedError("The timestamp is out of bounds")


def _normalised(pairs: Sequence[tuple[str, str]]) -> str:
    """All pairs encoded, sorted by name and then value, and joined (RFC 5849, 3.4.1.3.2)."""
    return "&".join(f"{name}={value}" for name, value in sorted((_quoted(n), _quoted(v)) for n, v in pairs))


def _pairs(form: str) -> list[tuple[str, str]]:
    return parse_qsl(form, keep_blank_values=True, errors="surrogateescape")


def _decoded(text: str) -> str:
    # Header text is latin-1 for the wire; what is percent-encoded in it is UTF-8.
    return unquote_to_bytes(text.encode("latin-1", "replace")).decode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    """Percent-encoded as RFC 5849, 3.6 wants it: all but letters, digits and ``-._~``."""
    return quote(text.encode("utf-8", "surrogateescape"), safe="")


def _same(one: str, other: str) -> bool:
    """Whether two texts are equal; how long it takes says nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
