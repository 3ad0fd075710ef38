"""What the planners of this worker say of how right boards are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.recall import sum_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from worker.model import Campaign, Missing
    from worker.planner import BoardGain


class Audits:
    """Each planner audits the boards that answers of its endpoint fill, for the Posts of its lane."""

    def __init__(self, planners: Collection[BoardGain]) -> None:
        self._planners = planners

    def missing(self, campaign: Campaign) -> Missing | None:
        """What all full boards of a campaign lack of the Posts of this worker. ``None``: not enough data."""
        planners = [planner for planner in self._planners if not planner.empty]
        return sum_of([planner.missing(campaign) for planner in planners]) if planners else None
