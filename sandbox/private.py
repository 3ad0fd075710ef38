"""The metrics that only a Post's owner may see: how large they get, and what they are made of.

Promises, at any moment and so over any period: ``engagements`` holds all its parts and some of no metric of
their own; ``impressions`` holds all engagements and media views; ``media_views`` holds the video views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from sandbox.world import BoolArray, FloatArray

ENGAGED: Final = (
    "media_engagements",
    "url_clicks",
    "hashtag_clicks",
    "detail_expands",
    "permalink_clicks",
    "app_install_attempts",
    "app_opens",
    "email_tweet",
    "user_follows",
    "user_profile_clicks",
)
"""The parts of ``engagements`` that only the owner may see."""

PRIVATE: Final = ("impressions", "engagements", "media_views", *ENGAGED)

DRAWS: Final = 16
"""How many draws of its own a Post needs for these metrics."""

_PUBLIC_ENGAGED: Final = slice(0, 4)  # favorites, retweets, replies, quote tweets: all but video views
_VIDEO_VIEWS: Final = 4
_PHOTOS: Final = 0.3  # shares of all Posts
_LINKS: Final = 0.4
_APPS: Final = 0.03


def private_sizes(draws: FloatArray, favorites: FloatArray, *, has_video: BoolArray) -> FloatArray:
    """What the first wave of each comes to. Shape (3 + ``ENGAGED``, Posts).

    The first three are impressions without engagement or media view, views of media other than videos, and
    engagements that no metric tells.
    """
    has_media = has_video | (draws[0] < _PHOTOS)
    has_link, has_app = draws[1] < _LINKS, draws[2] < _APPS
    return np.stack(
        (
            favorites * (20.0 + 180.0 * draws[3]),
            np.where(has_media, favorites * (5.0 + 20.0 * draws[4]), 0.0),
            favorites * (0.2 * draws[5]),
            np.where(has_media, favorites * (0.3 + 1.5 * draws[6]), 0.0),
            np.where(has_link, favorites * (0.2 + 2.0 * draws[7]), 0.0),
            favorites * (0.1 * draws[8]),
            favorites * (0.5 + 2.0 * draws[9]),
            favorites * (0.05 * draws[10]),
            np.where(has_app, favorites * (0.2 * draws[11]), 0.0),
            np.where(has_app, favorites * (0.5 * draws[12]), 0.0),
            favorites * (0.01 * draws[13]),
            favorites * (0.03 * draws[14]),
            favorites * (0.2 + 0.6 * draws[15]),
        )
    )


def private_gains(public: FloatArray, own: FloatArray) -> FloatArray:
    """The metrics ``PRIVATE`` from whole gains. Shapes: (times, metrics, Posts).

    ``public`` has the columns of ``METRICS``, ``own`` those of ``private_sizes``. Sums of whole numbers, so
    that what holds at each moment holds over each period too.
    """
    quiet, other_media, untold = own[:, 0], own[:, 1], own[:, 2]
    media_views = public[:, _VIDEO_VIEWS] + other_media
    engagements = public[:, _PUBLIC_ENGAGED].sum(axis=1) + own[:, 3:].sum(axis=1) + untold
    impressions = engagements + media_views + quiet
    return np.concatenate((np.stack((impressions, engagements, media_views), axis=1), own[:, 3:]), axis=1)
