"""The processes of this machine, as Linux tells of them."""

from __future__ import annotations

import os
from pathlib import Path


def children(parent: int) -> list[int]:
    """The processes that this one started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = path.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(above) == parent and state != "Z":
            found.append(int(path.parent.name))
    return found


def is_there(process: int) -> bool:
    """Whether it has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def command_line(process: int) -> str:
    """What it was started with."""
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def resident(process: int) -> int:
    """Its memory in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def niceness(process: int) -> int:
    """19 makes way for all others."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[16])
