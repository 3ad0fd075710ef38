"""Records that are nearly right: every shape the formats know, and what becomes of them on bad days."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import random

_EXOTIC: Final = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\xe2\x80\xae",
    b'"',
    b"}",
)
_BLANKS: Final = (b"", b" ", b"\n", b"\r\n", b"\t \x0b")
_NUMBERS: Final = (
    *(0, -1, 1, True, 0.5, -0.0, 1e308, -1e308, 5e-324),
    *(2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 10**400),
)
_ODD: Final[tuple[Any, ...]] = (
    None,
    [],
    {},
    "",
    " ",
    "all",
    "ALL",
    "\ud800",
    "\udfff x",
    "a\x00b",
    "\u202e",
    "x" * 500,
    "a/b",
    "/",
)
_DEPTHS: Final = (2, 50, 1023, 1024, 1025, 5000)
_LONG_KEY: Final = 200_000
_OFTEN_LONG: Final = 0.02
_NAMES: Final = ("campaign", "campaign", "Campaign", "", "x", "reason", "offset", "bytes", "ключ")


class Made(NamedTuple):
    """A record to send."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Mutator:
    """Makes records at random; the same seed gives the same ones.

    ``seeds``: key and value of right records, to begin with. ``largest``: bytes of the largest value.
    """

    def __init__(
        self, seeds: list[tuple[bytes | None, bytes | None]], chance: random.Random, largest: int
    ) -> None:
        self._seeds = seeds
        self._chance = chance
        self._largest = largest

    def record(self) -> Made:
        """The next record."""
        chance = self._chance
        key, value = chance.choice(self._seeds)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
            value = self._value(value)
        if chance.random() < 0.1:
            key = self._key(key)
        # A record needs one of the two: clients refuse what has neither.
        return Made(key, b"" if key is value is None else value, self._headers())

    def huge(self) -> Made:
        """One of the largest values there may be, and some a little longer."""
        size = self._chance.choice((self._largest // 10, self._largest - 1, self._largest, self._largest + 1))
        kind = self._chance.randrange(3)
        if kind == 0:
            return Made(None, self._chance.randbytes(size), [])
        if kind == 1:
            return Made(None, b"[" * size, [])
        head, tail = b'{"id":"%d","text":"' % self._chance.getrandbits(62), b'"}'
        return Made(None, head + b"x" * (size - len(head) - len(tail)) + tail, [])

    def _value(self, value: bytes | None) -> bytes | None:
        if value is None:
            return self._chance.choice((None, b"", b"1"))
        mutations = _LENGTHENING if self._chance.random() < _OFTEN_LONG else _MUTATIONS
        return self._chance.choice(mutations)(self, value)

    def _key(self, key: bytes | None) -> bytes | None:
        chance = self._chance
        return chance.choice(
            (
                None,
                b"",
                b"claim",
                b"/epoch",
                chance.randbytes(8),
                b"%d" % chance.getrandbits(70),
                self.flip(key or b"1"),
            )
            if chance.random() < 0.99
            else (b"k" * _LONG_KEY,)
        )

    def _headers(self) -> list[tuple[str, bytes]]:
        chance = self._chance
        if chance.random() < 0.8:
            return []
        count = chance.choice((1, 1, 2, 5, 60))
        return [
            (chance.choice(_NAMES), chance.choice((b"spring", b"", chance.randbytes(6), b"all", b"x" * 3000)))
            for _ in range(count)
        ]

    # Of bytes

    def flip(self, value: bytes) -> bytes:
        """Some bits are others."""
        changed = bytearray(value)
        for _ in range(self._chance.choice((1, 1, 2, 8))):
            if changed:
                changed[self._chance.randrange(len(changed))] ^= 1 << self._chance.randrange(8)
        return bytes(changed)

    def insert(self, value: bytes) -> bytes:
        """Something is in between."""
        at = self._chance.randint(0, len(value))
        return value[:at] + self._chance.choice((*_EXOTIC, self._chance.randbytes(3))) + value[at:]

    def cut(self, value: bytes) -> bytes:
        """An end is missing, or a piece."""
        first, last = sorted((self._chance.randint(0, len(value)), self._chance.randint(0, len(value))))
        return self._chance.choice((value[:first], value[last:], value[:first] + value[last:]))

    def splice(self, value: bytes) -> bytes:
        """The beginning of one record and the end of another."""
        other = self._chance.choice(self._seeds)[1] or b""
        return value[: self._chance.randint(0, len(value))] + other[self._chance.randint(0, len(other)) :]

    def pad(self, value: bytes) -> bytes:
        """Blanks around it, or nothing but blanks."""
        blank = self._chance.choice(_BLANKS)
        return self._chance.choice((blank + value + blank, blank))

    def nest(self, value: bytes) -> bytes:
        """It lies deep."""
        depth = self._chance.choice(_DEPTHS)
        if self._chance.random() < 0.5:
            return b"[" * depth + value + b"]" * depth
        return b'{"a":' * depth + value + b"}" * depth

    # Of documents

    def replace(self, value: bytes) -> bytes:
        """A value somewhere in the JSON is a wrong one."""
        try:
            document = json.loads(value)
        except (ValueError, RecursionError):
            return self.flip(value)
        places = list(_places(document))
        if not places:
            return self._dump(self._wrong())
        holder, name = self._chance.choice(places)
        if self._chance.random() < 0.1:
            del holder[name]
        else:
            holder[name] = self._wrong()
        return self._dump(document)

    def swell(self, value: bytes) -> bytes:
        """A text or a list in it is long."""
        try:
            document = json.loads(value)
        except (ValueError, RecursionError):
            return value * self._chance.choice((2, 20))
        places = list(_places(document))
        if places:
            holder, name = self._chance.choice(places)
            holder[name] = self._chance.choice(
                ("é" * 30_000, ["spring"] * 3000, {str(one): one for one in range(500)})
            )
        return self._dump(document)

    def _wrong(self) -> Any:  # noqa: ANN401 -- any JSON value
        return self._chance.choice(self._chance.choice((_NUMBERS, _ODD)))

    def _dump(self, document: Any) -> bytes:  # noqa: ANN401 -- any JSON value
        # As escapes, or as the bytes of half a surrogate pair that no UTF-8 has.
        if self._chance.random() < 0.8:
            return json.dumps(document, separators=(",", ":")).encode()
        return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")


_MUTATIONS: Final = (
    *(Mutator.flip, Mutator.insert, Mutator.cut, Mutator.splice, Mutator.pad),
    *(Mutator.replace, Mutator.replace, Mutator.replace),
)
_LENGTHENING: Final = (Mutator.nest, Mutator.swell)


def _places(document: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Every place in it, as what holds it and under which name."""
    stack = [document]
    while stack:
        holder = stack.pop()
        names = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for name in names:
            yield holder, name
            stack.append(holder[name])
