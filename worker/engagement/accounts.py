"""The accounts that gave the app permission to see what only the owner of a Post may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its OAuth 1.0a tokens.

    ``handle`` is without the at sign; ``id``: the account's numeric ID as text, where it is known.
    """

    handle: str
    id: str | None
    token: str = field(repr=False)
    token_secret: str = field(repr=False)


class Accounts:
    """The accounts, found by the author of a Post: a handle in any case, or the ID."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._accounts = tuple(accounts)
        self._by_name = {account.handle.casefold(): account for account in self._accounts}
        self._by_name |= {account.id: account for account in self._accounts if account.id is not None}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)

    def of(self, author: str | None) -> Account | None:
        """The account of this author; ``None`` when the author is unknown or gave no permission."""
        if not author or not self._by_name:
            return None
        return self._by_name.get(author.removeprefix("@").casefold())
