"""How records are read, from the settings: for the worker, and for files that are produced for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.formats.rules import ReadingRules

if TYPE_CHECKING:
    from worker.settings.sections import Intake


def reading_rules(intake: Intake) -> ReadingRules:
    """The rules that these settings say."""
    return ReadingRules(
        retweets=intake.retweets,
        id_path=intake.id_path,
        campaigns_from=frozenset(intake.campaigns_from),
        tag_campaigns=intake.tag_campaigns,
        hashtag_campaigns=intake.hashtag_campaigns,
        topic_campaigns=intake.topic_campaigns,
        keep_author=intake.keep_author,
        keep_text=intake.keep_text,
        text_length=intake.text_length,
        max_bytes=intake.max_record_bytes,
    )
