"""The files of a report, each written whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import orjson

from worker.report.csv_files import append_tally, results_csv, series_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.report.document import Document

FORMATS: Final = ("csv", "json", "html")


def write_outputs(document: Document, out: Path, formats: Sequence[str], *, append: bool) -> None:
    """Write the report into this folder in each of the formats; ``append`` also goes on with the daily tally.

    Raises:
        OSError: it cannot be written.
    """
    tally = None
    if append:
        path = out / "tally.csv"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        tally = append_tally(before, document)
        write_whole(path, tally.encode())
    if "json" in formats:
        write_whole(out / "report.json", orjson.dumps(document) + b"\n")
    if "csv" in formats:
        write_whole(out / "results.csv", results_csv(document).encode())
        if "series" in document:
            write_whole(out / "series.csv", series_csv(document).encode())
    if "html" in formats:
        from worker.report.page import page  # noqa: PLC0415 -- only where one is wanted

        write_whole(out / "report.html", page(document, tally).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file such that a reader sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    os.replace(beside, path)  # noqa: PTH105 -- Path.replace says the same, and reads as a text's
