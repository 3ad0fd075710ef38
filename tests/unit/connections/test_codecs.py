"""Producers choose how batches are packed: one that cannot be unpacked holds up all behind it."""

from __future__ import annotations

import pytest
from kafka import codec


@pytest.mark.parametrize("name", ["gzip", "snappy", "lz4", "zstd"])
def test_batches_of_every_compression_can_be_read(name: str) -> None:
    packed = getattr(codec, f"{name}_encode")(b"a batch")
    assert getattr(codec, f"{name}_decode")(packed) == b"a batch"
