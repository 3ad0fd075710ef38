"""``POST /insights/engagement/totals``: the world's counts in the API's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.asked import BY_METRIC, BY_POST, Asked
from sandbox.groupings import nested, texts
from sandbox.messages import Answer
from sandbox.world import METRICS, VIDEO_VIEWS, without_video_views

if TYPE_CHECKING:
    from sandbox.world import World


def totals(world: World, asked: Asked, at: int) -> Answer:
    """The totals as of the second ``at``: 200 with what is available, or 400 where nothing is."""
    post_ids = np.array(asked.post_ids, dtype=np.int64)
    gone = world.unavailable(post_ids, at)
    content: dict[str, Any] = {}
    if gone.any():
        content["errors"] = [f"{np.count_nonzero(gone)} Tweet ID(s) are unavailable"]
        content["unavailable_tweet_ids"] = texts(post_ids[gone])
    if gone.all():
        return Answer(400, content, at=at)
    left = post_ids[~gone]
    if VIDEO_VIEWS in asked.metrics and (too_old := without_video_views(left, at)).any():
        content["unsupported_for_video_views_tweet_ids"] = texts(left[too_old])
    counts = world.counts(left, at)[:, asked.metrics]
    axes = {BY_POST: texts(left), BY_METRIC: [METRICS[column] for column in asked.metrics]}
    for name, group_by in asked.groupings.items():
        content[name] = nested(counts, axes, group_by)
    return Answer(200, content, at=at)
