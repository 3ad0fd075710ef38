"""Durations, words and pairs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from worker.settings.types import parse_duration, parse_size, write_duration, write_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2),
        ("1.5 m", 90),
        ("1h30m", 5400),
        (" 1d 2h ", 93_600),
        ("90", 90),
        ("0.5", 0.5),
        ("0s", 0),
        (90, 90),
        (0.25, 0.25),
        (timedelta(minutes=2), 120),
    ],
)
def test_a_duration_is_a_number_and_a_unit(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "-5s",
        "5 weeks",
        "s",
        "1h30",
        "1e3s",
        "nan",
        "9" * 400 + "d",
        True,
        None,
        [],
        float("nan"),
        float("inf"),
        -1,
        10**400,
        "3661d",
    ],
)
def test_what_is_no_duration_is_refused_with_what_would_be_right(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (2.0, "2s"),
        (90.0, "90s"),
        (5400.0, "90m"),
        (172_800.0, "48h"),
        (259_200.0, "3d"),
        (0.0000001, "0.0000001s"),
        (1.5, "1500ms"),
        (0.0001, "0.0001s"),
    ],
)
def test_a_duration_is_written_short(seconds: float, written: str) -> None:
    assert write_duration(seconds) == written
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("2GiB", 2 * 2**30),
        ("512 MiB", 512 * 2**20),
        ("1.5GB", 1_500_000_000),
        ("10kB", 10_000),
        (" 64 KiB ", 65_536),
        ("17", 17),
        ("17B", 17),
        (17, 17),
        (0, 0),
    ],
)
def test_a_size_is_a_number_and_a_unit(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "much", "-1GB", "1gib", "2 G", "1e9", "9" * 400, "2000TB", -1, True, 1.5]
)
def test_what_is_no_size_is_refused_with_what_would_be_right(written: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(written)


@pytest.mark.parametrize(
    ("size", "written"), [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (2**30, "1GiB"), (5 * 2**40, "5TiB")]
)
def test_a_size_is_told_in_the_largest_unit(size: int, written: str) -> None:
    assert write_size(size) == written
