"""Requests in the name of an account, signed by a library that the sandbox does not use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from oauthlib.oauth1 import Client

from sandbox.accounts import Account, Accounts
from sandbox.settings import SandboxSettings
from tests.unit.sandbox.asking import NOON, ask_for, some_posts

if TYPE_CHECKING:
    from sandbox.messages import Request

HOST = "127.0.0.1:8080"
DEFAULTS = SandboxSettings()
ACCOUNTS = Accounts(DEFAULTS.seed, DEFAULTS.accounts, DEFAULTS.owned)
ALICE, BOB = ACCOUNTS.all[:2]


def owned_by(account: Account, posts: list[int]) -> list[int]:
    """Those of the Posts that are the account's."""
    authors = ACCOUNTS.authors(np.array(posts, dtype=np.int64)).tolist()
    return [post_id for post_id, author in zip(posts, authors, strict=True) if author == account.account_id]


POSTS_OF_ALICE = owned_by(ALICE, some_posts(250))
POSTS_OF_BOB = owned_by(BOB, some_posts(250))


def signed(request: Request, account: Account = ALICE, *, at: float = NOON, **options: Any) -> Request:
    """The request as this account's client sends it at ``at``; ``options`` are the library's."""
    client = Client(
        **{
            "client_key": DEFAULTS.consumer_key,
            "client_secret": DEFAULTS.consumer_secret,
            "resource_owner_key": account.token,
            "resource_owner_secret": account.secret,
            "timestamp": str(int(at)),
            **options,
        }
    )
    query = f"?{request.query}" if request.query else ""
    content = {"Content-Type": "application/json"}
    body = request.body.decode() or None
    _, headers, _ = client.sign(f"http://{HOST}{request.path}{query}", request.method, body, content)
    return replace(
        request, headers={"host": HOST, **{name.lower(): str(value) for name, value in headers.items()}}
    )


def ask_as_owner(  # what ask_for takes
    endpoint: str,
    ids: Any,
    metrics: Any = None,
    groupings: Any = None,
    *,
    account: Account = ALICE,
    at: float = NOON,
    **more: object,
) -> Request:
    """A signed request to an endpoint; ``more`` are other fields of the body."""
    return signed(ask_for(ids, metrics, groupings, endpoint=endpoint, **more), account, at=at)
