"""A stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.report.document import Document


def page(document: Document, tally: str | None) -> str:  # noqa: ARG001
    """The page."""
    return ""
