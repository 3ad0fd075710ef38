"""``POST /insights/engagement/totals``: what Posts came to since they were created, in the API's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.catalogue import BY_METRIC, BY_POST, OWNER_ONLY, column
from sandbox.groupings import nested, texts
from sandbox.shapes import id_list
from sandbox.window import DAY, written
from sandbox.world import METRICS, VIDEO_VIEWS, ages, without_video_views

if TYPE_CHECKING:
    from sandbox.asked import Asked
    from sandbox.shapes import Shapes
    from sandbox.world import BoolArray, IntArray, World

PRIVATE_MAX_AGE: Final = 90 * DAY
"""Seconds after which totals give no ``impressions`` and ``engagements`` any more."""


def totals(world: World, asked: Asked, post_ids: IntArray, shapes: Shapes, at: int) -> dict[str, Any]:
    """The groupings asked for of Posts that may be told of, as of the second ``at``; and what they lack."""
    content: dict[str, Any] = {}
    private = [name for name in asked.metrics if name in OWNER_ONLY]
    if private and (too_old := without_private(post_ids, at)).any():
        period = f"{written(at - PRIVATE_MAX_AGE)} - {written(at)}"
        content["errors"] = [
            f"Impressions & engagements for tweets older than 90 days ({period}) are not supported"
        ]
        content["unsupported_for_impressions_engagements_tweet_ids"] = id_list(post_ids[too_old], shapes)
    if METRICS[VIDEO_VIEWS] in asked.metrics and (too_old := without_video_views(post_ids, at)).any():
        content["unsupported_for_video_views_tweet_ids"] = id_list(post_ids[too_old], shapes)
    told = all_totals(world, post_ids, at) if private else world.counts(post_ids, at)
    counts = told[:, asked.columns]
    axes = {BY_POST: texts(post_ids), BY_METRIC: asked.metrics}
    for name, group_by in asked.groupings.items():
        content[name] = nested(counts, axes, group_by)
    return content


def all_totals(world: World, post_ids: IntArray, at: int) -> IntArray:
    """The totals of every metric, private ones too. Shape (Posts, ``HISTORY``).

    ``impressions`` and ``engagements`` do not fall, and are 0 beyond ``PRIVATE_MAX_AGE``.
    """
    told: IntArray = world.history(post_ids, [at])[0]
    told[:, : len(METRICS)] = world.counts(post_ids, at)
    too_old = without_private(post_ids, at)
    for name in OWNER_ONLY:
        told[too_old, column(name)] = 0
    return told


def without_private(post_ids: IntArray, at: int) -> BoolArray:
    """Whether each Post is too old, at the second ``at``, for the totals of its private metrics."""
    return ages(post_ids, at) > PRIVATE_MAX_AGE
