"""``docs/formats.md`` tells the truth: its lists are complete, and its examples are read as it says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from tests.unit.formats.messages import POST_ID, read
from worker.formats.reasons import Reason
from worker.formats.rules import CampaignSource, ReadingRules
from worker.formats.table import ID_COLUMNS, NAME_COLUMNS
from worker.formats.wire import decode
from worker.model import Sighting, Skip, Tombstone
from worker.settings.sections import Intake

PAGE = Path(__file__, "../../../../docs/formats.md").resolve().read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}")[1].split("\n## ")[0]


def rows(heading: str) -> dict[str, str]:
    """First cell without its marks, and the last, of each row of the section's table."""
    cells = [line.strip("|").split(" | ") for line in section(heading).splitlines() if line.startswith("| ")]
    return {row[0].strip(" `"): row[-1].strip() for row in cells[1:]}


def examples(heading: str) -> list[str]:
    return [code for cell in rows(heading).values() for code in re.findall(r"`([^`]+)`", cell)]


def test_every_reason_is_listed_with_its_meaning() -> None:
    assert rows("Reasons for dead letters") == {reason.value: reason.meaning for reason in Reason}


def test_every_skip_is_listed() -> None:
    assert set(rows("Skips")) == set(get_args(get_type_hints(Skip)["reason"]))


def test_every_source_of_campaigns_is_listed() -> None:
    assert set(rows("Campaigns")) == set(get_args(CampaignSource))


def test_every_header_of_an_id_column_is_listed() -> None:
    listed = re.findall(
        r"`(\w+)`", section("Files").split("named by its header:")[1].split("in this order")[0]
    )
    assert tuple(listed) == ID_COLUMNS


def test_every_column_of_names_is_listed() -> None:
    listed = section("Files").split("**Other columns**")[1].split("in any case")[0]
    assert tuple(re.findall(r"`(\w+)`", listed)) == NAME_COLUMNS


def test_every_rule_it_names_is_a_setting_of_intake() -> None:
    rules = {rule.name for rule in dataclasses.fields(ReadingRules)}
    assert rules & set(re.findall(r"`(\w+)`", PAGE)) <= set(Intake.model_fields)


@pytest.mark.parametrize("example", examples("Records"))
def test_examples_of_records_are_sightings(example: str) -> None:
    reading = read(example.encode(), id_path="payload.tweet.id")
    assert isinstance(reading, Sighting)
    assert reading.post_id == POST_ID


@pytest.mark.parametrize("example", [code for code in examples("Tombstones") if code.startswith("{")])
def test_examples_of_notices_are_tombstones(example: str) -> None:
    assert read(example.encode()) == Tombstone(POST_ID)  # type: ignore[arg-type]


def test_the_example_of_the_wire_is_decoded() -> None:
    value = section("The topic").split("```json\n")[1].split("\n```")[0]
    assert isinstance(decode(b"5", value.encode()), Sighting)
