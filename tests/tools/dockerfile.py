"""Reads the Dockerfile, and replays its build stage in a folder: for machines without a container engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_TIMEOUT: Final = 300
_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name (``RUN``) and all after it, on one line."""

    name: str
    text: str


def stages() -> list[list[Instruction]]:
    """The stages of the Dockerfile, each beginning with its ``FROM``."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, text = line.partition(" ")
            if name == "FROM":
                found.append([])
            found[-1].append(Instruction(name, re.sub(r"\s+", " ", text.strip())))
    return found


def environment(stage: list[Instruction]) -> dict[str, str]:
    """The variables that a stage sets."""
    words = [word for one in stage if one.name == "ENV" for word in shlex.split(one.text)]
    return dict(word.split("=", 1) for word in words)


class Replay:
    """The build stage, done in ``folder``: the image's paths lie in it, its Python is a fresh venv."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "image"
        self._base = folder / "base"
        subprocess.run([sys.executable, "-m", "venv", str(self._base)], check=True, timeout=_TIMEOUT)

    def run(self) -> None:
        """Do the instructions of the build stage one after another.

        Raises:
            AssertionError: a step failed; says which, and what it printed.
        """
        stage = stages()[0]
        home = self.image
        path = f"{self._base / 'bin'}:{os.environ['PATH']}"
        variables = {"PATH": path, "HOME": str(self.image), **environment(stage)}
        variables |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_INDEX")}
        for one in stage:
            if one.name == "WORKDIR":
                home = self._inside(one.text)
                home.mkdir(parents=True)
            elif one.name == "COPY":
                self._copy(one.text, home)
            elif one.name == "RUN":
                command = one.text.replace("/opt/", f"{self.image}/opt/")
                done = subprocess.run(
                    ["sh", "-ec", command],
                    cwd=home,
                    env=variables,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=_TIMEOUT,
                    check=False,
                )
                assert done.returncode == 0, f"RUN {one.text}\n{done.stdout[-_TAIL:]}"

    def _inside(self, path: str) -> Path:
        return self.image / path.lstrip("/")

    def _copy(self, text: str, home: Path) -> None:
        *sources, target = text.split()
        for source in sources:
            assert reaches_the_builder(source), f"{source} is kept out by .dockerignore"
            origin = ROOT / source
            if origin.is_dir():
                skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(origin, home / target, ignore=skipped)
            else:
                shutil.copy(origin, home / target)


def reaches_the_builder(path: str) -> bool:
    """Whether .dockerignore, which allows paths one by one, allows this one."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    return any(path == one or path.startswith(f"{one}/") for one in allowed)
