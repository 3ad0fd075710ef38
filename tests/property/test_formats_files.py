"""Every file of every format gives all its IDs in order; no file raises."""

from __future__ import annotations

import csv
import gzip
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from worker.formats.files import read_in_blocks, read_post_ids
from worker.formats.lines import PlainIds
from worker.model import MAX_POST_ID, Sighting, Timestamp

AT = Timestamp(1763719740.125)
ids = st.lists(st.integers(1, MAX_POST_ID), min_size=1, max_size=8)
cells = st.text(
    st.characters(codec="latin-1", exclude_categories=["Cc"]) | st.sampled_from('\n,";\t'), max_size=12
)


def seen(content: bytes) -> list[int | str]:
    readings = (record.reading for record in read_post_ids(io.BytesIO(content), "posts", at=AT))
    return [reading.post_id if isinstance(reading, Sighting) else str(reading) for reading in readings]


def packed(content: str, data: st.DataObject) -> bytes:
    encoded = content.encode()
    return gzip.compress(encoded) if data.draw(st.booleans()) else encoded


@given(ids, st.sampled_from(["\n", "\r\n", "\n\n", " \n"]), st.data())
def test_text(post_ids: list[int], end: str, data: st.DataObject) -> None:
    assert seen(packed(end.join(map(str, post_ids)), data)) == post_ids


@given(ids, st.sampled_from([",", ";", "\t"]), st.data())
def test_csv_with_a_header_and_any_other_columns(
    post_ids: list[int], delimiter: str, data: st.DataObject
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    before, after = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2))
    writer.writerow([*["text"] * before, "tweet_id", *["note"] * after])
    for post_id in post_ids:
        row = [data.draw(cells) for _ in range(before + after)]
        writer.writerow([*row[:before], post_id, *row[before:]])
    assert seen(packed(file.getvalue(), data)) == post_ids


@given(
    ids,
    st.sampled_from([None, 1]),
    st.sampled_from(["results", "statuses", "data", "tweets", None]),
    st.data(),
)
def test_json_documents(
    post_ids: list[int], indent: int | None, name: str | None, data: st.DataObject
) -> None:
    posts = [
        data.draw(st.sampled_from([{"id": p}, {"id_str": str(p)}, {"id": str(p), "text": "x"}]))
        for p in post_ids
    ]
    document = posts if name is None else {"meta": {"count": 5}, name: posts}
    assert seen(packed(json.dumps(document, indent=indent), data)) == post_ids


@given(ids, st.data())
def test_json_lines(post_ids: list[int], data: st.DataObject) -> None:
    lines = [
        json.dumps(data.draw(st.sampled_from([{"id": p}, {"data": {"id": str(p)}}, [p]]))) for p in post_ids
    ]
    assert seen(packed("\n".join(lines), data)) == post_ids


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            ["5", "id,text", '"', ",", ";", "\n", "{", "}", "[", "]", '{"id": 5}', '{"data": [', "\ufeff"]
        ),
        max_size=30,
    ).map(lambda parts: "".join(parts).encode()),
    st.booleans(),
)
def test_any_bytes_are_read_to_their_end(content: bytes, cut: bool) -> None:
    seen(content)
    compressed = gzip.compress(content)
    seen(compressed[: len(compressed) // 2] if cut else compressed + content)


@given(
    st.lists(
        st.integers(0, 2**64).map(str)
        | st.sampled_from(["", " ", "ids", "7 8", "1,2", "abc", '{"id": 5}', "[5, 6]", "007", "\ufeff9"]),
        max_size=30,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_in_blocks_the_same_is_read(lines: list[str], end: str, packed_: bool) -> None:
    content = end.join(lines).encode()
    content = gzip.compress(content) if packed_ else content
    found: list[int | str] = []
    for record in read_in_blocks(io.BytesIO(content), "posts", at=AT):
        if isinstance(record, PlainIds):
            found += record.post_ids.tolist()
        else:
            reading = record.reading
            found.append(reading.post_id if isinstance(reading, Sighting) else str(reading))
    assert found == seen(content)
