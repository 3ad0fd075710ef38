"""Real cascades as Posts: each a curve that was seen, thinned to a size drawn from a heavy tail."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.model import FloatArray

_GZIP: Final = b"\x1f\x8b"


class CascadesError(Exception):
    """The file cannot be used. The text names it, the line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large Posts become: a Pareto distribution from ``least`` on, with this ``tail`` index.

    The chance of a size above x is (least / x) ** tail. Below 1.2 or so, a few Posts have most of the counts.
    ``most_in_all``: where all that are drawn come to more, each is smaller by as much; every count takes
    memory.
    """

    least: float = 2.0
    tail: float = 1.1
    most_in_all: float = math.inf

    def draw(self, chance: np.random.Generator, count: int) -> FloatArray:
        """So many sizes."""
        sizes: FloatArray = self.least * (1.0 - chance.random(count)) ** (-1.0 / self.tail)
        return sizes * min(1.0, self.most_in_all / max(float(sizes.sum()), 1.0))


def read_cascades(path: Path) -> list[FloatArray]:
    """The ages in seconds at which each cascade grew by one, ascending, one array a line of the file.

    The file has a JSON object a line, gzip or not, with ``retweet_s``; other fields are not looked at.

    Raises:
        CascadesError: the file cannot be read, or has a line that is no cascade, or none at all.
    """
    try:
        found = [_cascade(line, f"{path}:{number}") for number, line in _lines(path) if line.strip()]
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise CascadesError(f"{path} cannot be read: {why}") from error
    if not found:
        raise CascadesError(f"{path} has no cascade: give a JSON object a line, with retweet_s")
    return found


def thinned(
    cascades: Sequence[FloatArray], sizes: FloatArray, picks: Sequence[int], chance: np.random.Generator
) -> list[FloatArray]:
    """A history for each pick: the cascade's, every event kept with the chance that gives its size."""
    histories = []
    for pick, size in zip(picks, sizes.tolist(), strict=True):
        ages = cascades[pick]
        kept = chance.binomial(len(ages), min(1.0, size / len(ages)))
        # Drawn with a sort of positions only: most histories keep a handful of thousands.
        histories.append(ages[np.sort(chance.choice(len(ages), kept, replace=False, shuffle=False))])
    return histories


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as plain:
        packed = plain.read(2) == _GZIP
    with gzip.open(path) if packed else path.open("rb") as lines:
        yield from enumerate(lines, start=1)


def _cascade(line: bytes, where: str) -> FloatArray:
    try:
        found: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise CascadesError(f"{where} is not JSON: {error}") from error
    ages = found.get("retweet_s") if isinstance(found, dict) else None
    if not isinstance(ages, list) or not ages:
        raise CascadesError(f"{where} has no list of seconds under retweet_s")
    try:
        times = np.array(ages, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CascadesError(f"{where}: retweet_s has something that is no number") from error
    if times.ndim != 1 or not np.isfinite(times).all() or (times < 0).any() or (np.diff(times) < 0).any():
        raise CascadesError(f"{where}: retweet_s must be seconds from 0 on, ascending")
    return times
