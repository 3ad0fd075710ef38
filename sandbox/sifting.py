"""Which of the Posts asked for may be told of: those that are there, to who may see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.catalogue import OWNER_ONLY
from sandbox.messages import Answer, RefusedError, refused
from sandbox.shapes import forbidden_posts, id_list

if TYPE_CHECKING:
    from sandbox.accounts import Accounts
    from sandbox.asked import Asked
    from sandbox.auth import Caller
    from sandbox.catalogue import Endpoint
    from sandbox.shapes import Shapes
    from sandbox.world import IntArray, World


@dataclass(frozen=True, slots=True)
class Sifter:
    """Knows who is there and whose it is."""

    world: World
    accounts: Accounts

    def sift(
        self, asked: Asked, endpoint: Endpoint, caller: Caller, shapes: Shapes, at: int
    ) -> tuple[IntArray, dict[str, Any]] | Answer:
        """The Posts to tell of, and what to say of the others; or the whole answer, where none is left.

        Who owns a Post that is gone cannot be told any more, so such a Post forbids nothing.

        Raises:
            RefusedError: 403; these metrics, or one of these Posts, are not for this caller.
        """
        private = [name for name in asked.metrics if endpoint.series or name in OWNER_ONLY]
        if private and caller.account is None:
            raise refused(403, f"Forbidden to access metrics: {', '.join(private)}")
        post_ids = np.array(asked.post_ids, dtype=np.int64)
        gone = self.world.unavailable(post_ids, at)
        beside: dict[str, Any] = {}
        if gone.any():
            beside["errors"] = [f"{np.count_nonzero(gone)} Tweet ID(s) are unavailable"]
            beside["unavailable_tweet_ids"] = id_list(post_ids[gone], shapes)
        if gone.all():
            return Answer(400, beside)
        left = post_ids[~gone]
        if private and caller.account is not None:
            authors = self.accounts.authors(left)
            others = authors != caller.account.account_id
            if others.any():
                raise RefusedError(forbidden_posts(left[others], authors[others], shapes))
        return left, beside
