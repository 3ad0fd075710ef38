"""The report's two streams. Who reads them may stop, as ``| head`` does: that is no fault of the report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


class Console:
    """A stream as it is at the moment of writing. What nobody reads any more is lost, and nothing else is.

    Serves as a file too, for whoever prints into one.
    """

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        self._stream = stream

    def __call__(self, line: str) -> None:
        """Write a line."""
        self.write(f"{line}\n")
        self.flush()

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream().write(text)
        except BrokenPipeError:
            self._forget()
            return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        try:
            self._stream().flush()
        except BrokenPipeError:
            self._forget()

    def _forget(self) -> None:
        """Lead the stream nowhere: what it still holds would fail again when the process ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream().fileno())
        os.close(nowhere)


tell: Final = Console(lambda: sys.stdout)
"""Standard output: what was asked for."""

complain: Final = Console(lambda: sys.stderr)
"""Standard error: progress, and what is wrong."""
