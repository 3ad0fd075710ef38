"""The documents tell the truth about the tree: links lead somewhere, commands and settings exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from worker.cli import app
from worker.settings.sections import ENV_NESTING, ENV_PREFIX, Settings
from worker.settings.walk import fields

ROOT = Path(__file__).parents[2]
GROUPINGS = {f"engagement.{level}" for level in ("type", "day", "hour")}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_tree_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_it_names_is_a_setting(page: Path) -> None:
    known = {ENV_PREFIX + ENV_NESTING.join(name).upper() for name, _ in fields(Settings)}
    known |= {f"{name}_FILE" for name in known} | {"TOPTWEETS_CONFIG"}
    named = set(re.findall(r"TOPTWEETS_[A-Z0-9_]*[A-Z0-9]", page.read_text()))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_it_names_in_code_exists(page: Path) -> None:
    sections = "|".join(Settings.model_fields)
    named = set(re.findall(rf"`((?:{sections})\.[a-z_.]+)`", page.read_text()))
    known = {".".join(name) for name, _ in fields(Settings)}
    # `engagement.type` is a word of the API.
    files = {name for name in named if name.endswith((".py", ".toml", ".md"))} | GROUPINGS
    assert named - files <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_it_shows_is_a_command(page: Path) -> None:
    shown = set(re.findall(r"top-tweets ([a-z]+)", page.read_text()))
    listed = CliRunner().invoke(app, ["--help"]).output
    assert {name for name in shown if not re.search(rf"\b{name}\b", listed)} == set()
