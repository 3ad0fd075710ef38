"""Files of Post IDs in every format: each row, line or item is one reading; blank lines are none."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.formats.messages import AT, POST_ID, activity, native_retweet, v2_post
from worker.formats.files import read_in_blocks, read_post_ids
from worker.formats.lines import PlainIds
from worker.formats.rules import ReadingRules
from worker.model import Sighting, Unreadable

if TYPE_CHECKING:
    from worker.formats.files import FileRecord

A, B, C = POST_ID, POST_ID + 1, POST_ID + 2


def records(content: bytes | str, **options: Any) -> list[FileRecord]:
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return list(read_post_ids(stream, "posts", at=AT, **options))


def seen(content: bytes | str, **options: Any) -> list[int | str]:
    """The IDs in order, and the reason in the place of what could not be read."""
    found: list[int | str] = []
    for record in records(content, **options):
        reading = record.reading
        assert isinstance(reading, Sighting | Unreadable)
        found.append(reading.post_id if isinstance(reading, Sighting) else reading.reason)
    return found


FILES = {
    "text": f"{A}\n{B}\n{C}\n",
    "text without a last line end": f"{A}\n{B}\n{C}",
    "text from Windows": f"\ufeff{A}\r\n{B}\r\n\r\n{C}\r\n",
    "text with a header": f"tweet_ids\n{A}\n{B}\n{C}\n",
    "text in quotes": f'"tweet_ids"\n"{A}"\n"{B}"\n"{C}"\n',
    "one line with commas": f"{A},{B},{C}",
    "lines with commas": f"{A},{B}\n{C},\n",
    "CSV with a header": f'row,Tweet ID,text\n1,{A},hello\n2,{B},"a, b"\n3,{C},\n',
    "CSV with several candidates": f"id,author_id,id_str\n1.07e18,5,{A}\n1.07e18,6,{B}\n1.07e18,7,{C}\n",
    "CSV without a header": f"1,{A},hello\n2,{B},there\n3,{C},you\n",
    "CSV with semicolons": f"\ufefftext;post_id\nhello;{A}\nx;{B}\ny;{C}\n",
    "CSV that begins with a byte order mark": f"\ufeffid,text\n{A},x\n{B},y\n{C},z\n",
    "CSV with tabs": f"post-id\ttext\n{A}\thello\n{B}\tx\n{C}\ty\n",
    "CSV with line ends in cells": f'id,text\n{A},"two\nlines"\n{B},"x\n\ny"\n{C},z\n',
    "CSV with a quote never closed": f'id,text\n{A},"oops\n{B},x\n{C},y\n',
    "list of numbers": f"[{A}, {B}, {C}]",
    "list after a byte order mark": f"\ufeff[{A}, {B}, {C}]",
    "list of texts": json.dumps([str(A), str(B), str(C)]),
    "list of Posts": json.dumps([{"id_str": str(A)}, {"id": B}, v2_post() | {"data": {"id": str(C)}}]),
    "pretty list": json.dumps([{"id_str": str(A)}, {"id": B}, {"id": C}], indent=2),
    "results": json.dumps({"results": [{"id_str": str(A)}, {"id_str": str(B)}, {"id": C}], "next": "abc"}),
    "next first": json.dumps(
        {"next": "abc", "results": [{"id_str": str(A)}, {"id": B}, {"id": C}]}, indent=1
    ),
    "statuses": json.dumps({"statuses": [{"id_str": str(A)}, {"id": B}, {"id": C}], "search_metadata": {}}),
    "v2 search": json.dumps({"data": [{"id": str(A)}, {"id": str(B)}, {"id": str(C)}], "meta": {}}),
    "API request": json.dumps({"tweet_ids": [str(A), str(B), str(C)], "engagement_types": ["favorites"]}),
    "JSON Lines": f'{{"id": {A}}}\n{{"tweet_id": "{B}"}}\n\n{{"data": {{"id": "{C}"}}}}\n',
    "pages a line": f'{{"results": [{{"id": {A}}}]}}\n{{"results": []}}\n[{B}, {C}]\n',
    "text and JSON mixed": f'{A}\n{{"id": {B}}}\n"{C}"\n',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_every_format_gives_its_ids_in_order(content: str) -> None:
    assert seen(content) == [A, B, C]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_every_format_may_be_packed_with_gzip(content: str) -> None:
    assert seen(gzip.compress(content.encode())) == [A, B, C]


def test_members_of_gzip_follow_each_other_with_padding() -> None:
    packed = gzip.compress(f"{A}\n".encode()) + b"\0" * 512 + gzip.compress(f"{B}\n{C}".encode()) + b"\0" * 7
    assert seen(packed) == [A, B, C]


def test_a_large_gzip_file_comes_out_whole() -> None:
    content = "".join(f"{A + row}\n" for row in range(60_000))
    assert seen(gzip.compress(content.encode())) == list(range(A, A + 60_000))
    assert seen(gzip.compress(b"\n" * 3_000_000 + b"5")) == [5]


def test_powertrack_files_resolve_retweets_and_keep_what_came_along() -> None:
    lines = b"\n".join(json.dumps(post).encode() for post in (native_retweet(), activity(), v2_post()))
    readings = [record.reading for record in records(gzip.compress(lines))]
    assert [(type(r), getattr(r, "post_id", 0), getattr(r, "author", "")) for r in readings] == [
        (Sighting, A, "anna_k")
    ] * 3


def test_posts_of_a_v2_answer_find_author_and_original_in_its_includes() -> None:
    answer = {
        "data": [
            {"id": "7", "author_id": "77", "referenced_tweets": [{"type": "retweeted", "id": str(A)}]},
            {"id": str(B), "author_id": "77"},
        ],
        "includes": {
            "users": [{"id": "77", "username": "ben"}, {"id": "78", "username": "anna"}],
            "tweets": [{"id": str(A), "author_id": "78", "text": "Doors open"}],
        },
    }
    readings = [record.reading for record in records(json.dumps(answer))]
    assert readings == [Sighting(A, (), AT, "anna", "Doors open"), Sighting(B, (), AT, "ben")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("\n \r\n", []),
        ("tweet_ids\n", []),
        ("[]", []),
        (f"{A}\nabc\n1.07E+18\n{B}\n", [A, "not_json", "id_float", B]),
        (f"name\n{A}\n", ["not_json", A]),
        (f"id,text\n{A},x\nabc,y\n,z\n1.07006E+18,w\n", [A, "id_malformed", "id_empty", "id_float"]),
        (f"text,id\nx,{A}\nlonely\n", [A, "bad_csv"]),
        (f"title,of,it\n{A},x,y\n", ["bad_csv", A]),
        ("row,tweet,likes\n17,see link,250\n18,none,300\n", ["bad_csv"] * 3),
        ("a,b\n1,2\n", ["bad_csv"] * 2),
        (f"17,250\n18,{A}\n", ["bad_csv", A]),
        ("likes,id\n250,17\n300,18\n", [17, 18]),
        (f'{{"id": {A}}}\n{{"id": \n{{"id": {B}}}\n', [A, "not_json", B]),
        (f'{{"id": \n{{"id": {B}}}\n', ["not_json", B]),
        (f"[{A}, null, {{}}, [1], 1.5]", [A, "id_null", "no_id", "wrong_shape", "id_float"]),
        ("[1,\n2", ["not_json"]),
        (b"\xff\xfe1\x002\x00\n", ["invalid_utf8"]),
    ],
)
def test_what_cannot_be_read_takes_its_place_among_the_rest(
    content: bytes | str, expected: list[int | str]
) -> None:
    assert seen(content) == expected


def test_rows_of_nothing_but_ids_may_differ_in_length() -> None:
    assert seen(f"{A},{B}\n{C}\n{B},,{A},{C}\n") == [A, B, C, B, A, C]


def test_a_record_says_where_it_stood() -> None:
    assert [record.place for record in records(f"tweet_id\n\n{A}\nabc\n")] == ["posts line 3", "posts line 4"]
    assert [record.line for record in records(f'id,text\n{A},"two\nlines"\n{B},x\n')] == [2, 4]
    assert [record.place for record in records(f"[{A}, {B}]")] == [
        "posts line 1 item 1",
        "posts line 1 item 2",
    ]


def test_a_line_above_the_limit_is_skipped_and_said_to_be() -> None:
    long = "x" * 1_000_000
    assert seen(f"{A}\n{long}\n{B}\n", max_line_bytes=100) == [A, "line_too_long", B]
    assert seen(f"{long}\n{B}", max_line_bytes=100) == ["line_too_long", B]
    assert seen("x" * (1 << 18) + f"{A}\n{B}", max_line_bytes=100) == ["line_too_long", B]
    assert "1000000 bytes" in str(records(long, max_line_bytes=100))
    assert seen(f"id,text\n{A},{long}\n{B},x\n", max_line_bytes=100) == ["line_too_long", B]
    assert seen(json.dumps([A] * 100, indent=1), max_line_bytes=100) == ["too_big"]


def test_a_cut_gzip_file_gives_whole_lines_only_and_says_that_it_is_cut() -> None:
    packed = gzip.compress("".join(f"{A + row * 7919}\n" for row in range(5000)).encode())
    found = seen(packed[: len(packed) // 2])
    assert found[-1] == "bad_gzip"
    assert found[:-1] == [A + row * 7919 for row in range(len(found) - 1)]
    assert len(found) > 100
    assert seen(packed[:-4])[-1] == "bad_gzip"
    assert seen(packed[:10] + b"\xff" * 50) == ["bad_gzip"]
    assert seen(gzip.compress(f"{A}\n".encode()) + b"garbage") == [A, "bad_gzip"]


def test_a_pipe_that_gives_a_byte_at_a_time_is_read_the_same() -> None:
    class Trickle(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            del size
            return super().read1(1)

    for content in (f"{A}\n{B}\n".encode(), gzip.compress(f"{A}\n{B}\n".encode(), 1), b"\x1f"):
        assert [r.reading for r in read_post_ids(Trickle(content), "posts", at=AT)] == [
            r.reading for r in records(content)
        ]


def test_line_formats_are_streamed() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int | None = -1, /) -> bytes:
            del size
            return f"{A}\n".encode() * 100

    readings = read_post_ids(Endless(), "posts", at=AT)  # type: ignore[arg-type]
    assert [next(readings).line for _ in range(1000)] == list(range(1, 1001))


def in_blocks(content: bytes) -> list[int | str]:
    found: list[int | str] = []
    for record in read_in_blocks(io.BytesIO(content), "posts", at=AT):
        if isinstance(record, PlainIds):
            found += record.post_ids.tolist()
        else:
            found.append(record.reading.post_id if isinstance(record.reading, Sighting) else record.place)
    return found


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_read_in_blocks_every_format_gives_the_same_ids(content: str) -> None:
    assert in_blocks(content.encode()) == [A, B, C]
    assert in_blocks(gzip.compress(content.encode())) == [A, B, C]


def test_blocks_hold_the_plain_lines_and_leave_the_others_as_they_are() -> None:
    content = "".join(f"{A + row}\r\n" for row in range(60_000))
    (first, *blocks) = read_in_blocks(io.BytesIO(content.encode()), "posts", at=AT)
    assert not isinstance(first, PlainIds)
    assert first.line == 1
    assert all(isinstance(block, PlainIds) for block in blocks[:-1])
    assert len(blocks) < 10
    assert in_blocks(content.encode()) == list(range(A, A + 60_000))
    odd = f"{A}\nabc\n\n0{B}\n{2**64}\n{C}\n"
    assert in_blocks(odd.encode()) == [A, "posts line 2", "posts line 4", "posts line 5", C]
    many = in_blocks((odd * 9000).encode())
    assert (len(many), many[-5::4], many[-2]) == (45_000, [A, C], "posts line 53999")


@pytest.mark.parametrize("author", ["author", "Username", "screen-name"])
def test_columns_of_a_table_name_author_and_campaigns(author: str) -> None:
    header = f"{author};Campaign;likes;id;campaigns\n"
    table = header + f'@anna;"Früh, ling";7;{A};"a, b"\n;;8;{B};\nben;x;9;{C}\n'
    rules = ReadingRules(keep_author=True)
    assert [record.reading for record in records(table, rules=rules)] == [
        Sighting(A, ("Früh, ling", "a", "b"), AT, "anna"),  # type: ignore[arg-type]
        Sighting(B, (), AT),  # type: ignore[arg-type]
        Sighting(C, ("x",), AT, "ben"),  # type: ignore[arg-type]
    ]


def test_columns_with_names_follow_the_rules_and_cost_no_id() -> None:
    table = f"id,author,screen_name,campaign\n{A},,anna,spring\n{B},\xfc,ben,\xfc\nabc,anna,,spring\n"
    rules = ReadingRules(keep_author=True, campaigns_from=frozenset({"rule_tags"}))
    readings = [record.reading for record in records(table.encode("latin-1"), rules=rules)]
    assert readings[:2] == [Sighting(A, (), AT, "anna"), Sighting(B, (), AT, "ben")]  # type: ignore[arg-type]
    assert isinstance(readings[2], Unreadable)
    assert [record.reading for record in records(f"{A},author\n{B},anna\n")] == [
        Sighting(A, (), AT),  # type: ignore[arg-type]
        Sighting(B, (), AT),  # type: ignore[arg-type]
    ]
