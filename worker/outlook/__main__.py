"""The process that simulates: a census on standard input, a line for each run on standard output.

It makes way for everything else on the machine. When its input ends, and so when the worker does, however
that was, it ends at once.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_IDLE: Final = 19
_FIRST_TO_GO: Final = "1000"
_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")


def _make_way() -> None:
    """Take the CPU that nobody wants, and be ended in the worker's place where memory runs out."""
    os.nice(_IDLE)
    with suppress(OSError):  # it is not Linux, or a container without that file
        _OOM_SCORE.write_text(_FIRST_TO_GO, encoding="ascii")


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def main() -> None:
    """All runs, as far as the worker lets us live."""
    _make_way()
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed by whomever is no result
    census = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_input, daemon=True).start()
    # From here on: these imports take a second, in which the worker may end.
    from worker.outlook.runs import simulate  # noqa: PLC0415

    for line in simulate(census):
        results.write(line + b"\n")
        results.flush()


if __name__ == "__main__":
    main()
