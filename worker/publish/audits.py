"""What leaderboards say of how right they are, together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.model import Campaign, Leaderboard
    from worker.recall import Audited


def audits_of(boards: Iterable[Leaderboard]) -> dict[Campaign, Audited]:
    """The newest audit of each campaign: each of its leaderboards holds that of its time."""
    newest: dict[Campaign, Leaderboard] = {}
    for board in boards:
        before = newest.get(board.campaign)
        if board.audit is not None and (before is None or before.as_of < board.as_of):
            newest[board.campaign] = board
    return {campaign: board.audit for campaign, board in newest.items() if board.audit is not None}
