"""Who owns which Post, and the credentials of those who do: a closed function of seed and Post ID."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sandbox.mixing import keys, uniforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.world import IntArray

_FIRST_ID: Final = 2_000_000_000  # accounts have IDs from here; other authors have IDs below
_STRANGERS: Final = 1_000_000_000
_SALT: Final = 0x0A_C0_0A_75  # so that who owns a Post says nothing of its counts


@dataclass(frozen=True, slots=True)
class Account:
    """A user who lets the app act for it: ``token`` and ``secret`` are those of OAuth 1.0a."""

    account_id: int
    handle: str
    token: str
    secret: str = field(repr=False)


class Accounts:
    """The accounts of one sandbox, and the author of every Post there could be.

    ``count`` accounts own the share ``owned`` (0 to 1) of all Posts, in equal parts; each of the others has
    an author that never uses the app. Different seeds have different accounts and owners.
    """

    def __init__(self, seed: int, count: int, owned: float) -> None:
        self.all: Sequence[Account] = [_account(seed, number) for number in range(count)]
        self._seed = seed ^ _SALT
        self._owned = owned
        self._ids = np.array([account.account_id for account in self.all], dtype=np.int64)

    def authors(self, post_ids: IntArray) -> IntArray:
        """The account ID of each Post's author. Shape (Posts,)."""
        owned, which = uniforms(keys(self._seed, post_ids), 2)
        strangers: IntArray = 1 + (which * _STRANGERS).astype(np.int64)
        if not self.all:
            return strangers
        theirs: IntArray = self._ids[(which * len(self.all)).astype(np.int64)]
        return np.asarray(np.where(owned < self._owned, theirs, strangers))


def _account(seed: int, number: int) -> Account:
    def drawn(what: str) -> str:
        return hashlib.sha256(f"sandbox {seed} {number} {what}".encode()).hexdigest()

    start = int(hashlib.sha256(f"sandbox {seed}".encode()).hexdigest()[:8], 16) % 1_000_000_000
    account_id = _FIRST_ID + start + number
    return Account(
        account_id=account_id,
        handle=f"sandbox_{number + 1}",
        token=f"{account_id}-{drawn('token')[:40]}",
        secret=drawn("secret")[:45],
    )
