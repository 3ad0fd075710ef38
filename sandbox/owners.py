"""``/sandbox/accounts``, ``/sandbox/owner`` and ``/sandbox/tokens/revoke``: accounts for a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from sandbox.accounts import Accounts
from sandbox.messages import Answer, errors
from sandbox.queries import read_ids, read_query

if TYPE_CHECKING:
    from sandbox.engagement import Engagement
    from sandbox.messages import Request
    from sandbox.settings import SandboxSettings


def listed(settings: SandboxSettings, accounts: Accounts) -> dict[str, object]:
    """The app's credentials and those of each account: all that a client needs to sign requests."""
    return {
        "consumer_key": settings.consumer_key,
        "consumer_secret": settings.consumer_secret,
        "accounts": [
            {
                "account_id": str(account.account_id),
                "handle": account.handle,
                "token": account.token,
                "token_secret": account.secret,
            }
            for account in accounts.all
        ],
    }


def accounts_as_json(settings: SandboxSettings) -> str:
    """The same as text, for a command that prints it: it holds secrets, of accounts that guard nothing."""
    accounts = Accounts(settings.seed, settings.accounts, settings.owned)
    return orjson.dumps(listed(settings, accounts), option=orjson.OPT_INDENT_2).decode()


def owners(accounts: Accounts, request: Request) -> Answer:
    """Whose the Posts ``ids`` are: each one's author, and the handle where it is one of the accounts."""
    query, faults = read_query(request, ("ids",))
    if faults:
        return errors(400, *faults)
    ids = read_ids(query)
    if isinstance(ids, Answer):
        return ids
    handles = {account.account_id: account.handle for account in accounts.all}
    authors = accounts.authors(np.array(ids, dtype=np.int64)).tolist()
    return Answer(
        200,
        {
            "posts": {
                str(post_id): {"author_id": str(author), "handle": handles.get(author)}
                for post_id, author in zip(ids, authors, strict=True)
            }
        },
    )


def revoke(api: Engagement, request: Request) -> Answer:
    """Make the bearer token worthless or, with ``account``, the token of that account, for good."""
    query, faults = read_query(request, ("account",))
    if faults:
        return errors(400, *faults)
    if "account" not in query:
        api.tokens.revoke()
        return Answer(200, {"revoked": api.tokens.revoked})
    if not api.oauth.revoke(query["account"]):
        return errors(404, "account: there is none of this ID whose token holds")
    return Answer(200, {"revoked": query["account"]})
