"""The Posts that a report is of: read from files, each once, with the campaigns and authors that name it."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from worker.formats.files import read_in_blocks
from worker.formats.lines import PlainIds
from worker.model import Sighting, Unreadable
from worker.report.job import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.formats.rules import ReadingRules
    from worker.model import IntArray, PostId, Timestamp


STANDARD_INPUT: Final = "-"
_COMPLAINTS_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Posts:
    """The Posts, in columns. ``ids``: each once, the oldest first; a Post's row is its place there.

    ``campaigns`` and ``authors``: the rows of the Posts of each, in order; a Post may be in several.
    ``given`` counts every time that a Post was named. ``unreadable``: places that could not be read, with
    why; of very many only the first are kept, and ``unreadable_count`` has them all.
    """

    ids: IntArray
    campaigns: Mapping[str, IntArray] = field(default_factory=dict)
    authors: Mapping[str, IntArray] = field(default_factory=dict)
    given: int = 0
    skipped: int = 0
    unreadable: Sequence[str] = ()
    unreadable_count: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, post_ids: Iterable[PostId] | IntArray) -> IntArray:
        """The rows of these Posts, all of which are here."""
        wanted = post_ids if isinstance(post_ids, np.ndarray) else np.fromiter(post_ids, dtype=np.int64)
        return np.searchsorted(self.ids, wanted).astype(np.int64, copy=False)


class Inbox:
    """Reads files, one after the other, and says in the end which Posts they name."""

    def __init__(self, at: Timestamp, rules: ReadingRules) -> None:
        self._at = at
        self._rules = rules
        self._blocks: list[IntArray] = []
        self._single: list[PostId] = []
        self._campaigns: defaultdict[str, list[PostId]] = defaultdict(list)
        self._authors: defaultdict[str, list[PostId]] = defaultdict(list)
        self._spellings: dict[str, str] = {}
        self._others: Counter[str] = Counter()
        self._complaints: list[str] = []

    def read(self, stream: BinaryIO, name: str) -> None:
        """Read a file of any shape. What cannot be read is kept to be told; it raises nothing.

        Raises:
            OSError: the stream itself cannot be read.
        """
        for record in read_in_blocks(stream, name, at=self._at, rules=self._rules):
            if isinstance(record, PlainIds):
                self._blocks.append(record.post_ids)
            elif isinstance(record.reading, Sighting):
                self._add(record.reading)
            elif isinstance(record.reading, Unreadable):
                self._others["unreadable"] += 1
                if len(self._complaints) < _COMPLAINTS_KEPT:
                    self._complaints.append(f"{record.place}: {record.reading.detail}")
            else:
                self._others["skipped"] += 1

    def posts(self) -> Posts:
        """All that was read, each Post once."""
        self._blocks.append(np.array(self._single, dtype=np.int64))
        every = np.concatenate(self._blocks)
        ids = np.unique(every)
        return Posts(
            ids,
            campaigns=_rows(ids, self._campaigns),
            authors=_rows(ids, self._authors),
            given=len(every),
            skipped=self._others["skipped"],
            unreadable=tuple(self._complaints),
            unreadable_count=self._others["unreadable"],
        )

    def _add(self, sighting: Sighting) -> None:
        self._single.append(sighting.post_id)
        for campaign in sighting.campaigns:
            self._campaigns[campaign].append(sighting.post_id)
        if sighting.author:
            # Handles do not differ by case: as it was written first is as it is shown.
            author = self._spellings.setdefault(sighting.author.casefold(), sighting.author)
            self._authors[author].append(sighting.post_id)


def _rows(ids: IntArray, named: Mapping[str, list[PostId]]) -> dict[str, IntArray]:
    return {
        name: np.searchsorted(ids, np.unique(np.array(post_ids, dtype=np.int64))).astype(np.int64)
        for name, post_ids in sorted(named.items())
    }


def find_files(names: Iterable[str], leave_out: Path | None = None) -> Iterator[Path | None]:
    """The files to read, those of folders in the order of their names; ``None`` is the standard input.

    ``leave_out``: a folder that is not looked into, since our own results stand there.

    Raises:
        UsageError: there is no such file or folder.
    """
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            yield None
        elif path.is_dir():
            yield from (found for found in _files_in(path) if not _is_in(found, leave_out))
        elif path.exists():
            yield path
        else:
            raise UsageError(f"no such file or folder: {name}")


def read_all(files: Iterable[Path | None], inbox: Inbox) -> Posts:
    """Read files into the inbox.

    Raises:
        UsageError: one of them cannot be opened or read.
    """
    for path in files:
        try:
            if path is None:
                inbox.read(sys.stdin.buffer, "standard input")
            else:
                with path.open("rb") as stream:
                    inbox.read(stream, str(path))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    return inbox.posts()


def _files_in(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _is_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder.resolve())
