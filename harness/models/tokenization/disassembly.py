"""A text as the model sees it: each token with its bytes, and where in the text it begins."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_UNKNOWN = re.compile(rb'"unk_id":\s*(\d+)')


@dataclass(frozen=True, slots=True)
class TextToken:
    """A token of a text.

    Attributes:
        offset: where it begins, in bytes of the text's UTF-8; exact also where it begins inside a character.
        id: its number in the vocabulary.
        piece: its entry in the vocabulary.
        bytes: what it stands for; without the space that some tokenizers put before a text and take away again.
        special: whether it is a control token, put around the text or written in it.
        is_around: whether the tokenizer put it there, so that it takes no byte of the text.
    """

    offset: int
    id: int
    piece: str
    bytes: bytes
    special: bool
    is_around: bool = False

    @property
    def end(self) -> int:
        """The byte at which it ends, as far as its bytes are those of the text."""
        return self.offset if self.is_around else self.offset + len(self.bytes)


@dataclass(frozen=True, slots=True)
class Disassembly:
    """The tokens of a text.

    Attributes:
        text: that was split.
        tokens: in their order.
        is_exact: whether each token's bytes are the text's at its offset, with nothing between them.
        decoded: what the tokens become when they are turned into text again.
    """

    text: str
    tokens: tuple[TextToken, ...]
    is_exact: bool
    decoded: str

    @property
    def is_lossless(self) -> bool:
        """Whether decoding gives the text back."""
        return self.is_exact and self.decoded == self.text


class PieceReader:
    """Tells the bytes that a piece of a vocabulary stands for.

    Args:
        backend: the tokenizer of the library `tokenizers`.
    """

    def __init__(self, backend: Any) -> None:
        parts = f"{_state(backend.pre_tokenizer)} {_state(backend.decoder)} {_state(backend.normalizer)}"
        self._backend = backend
        self._is_byte_level = '"ByteLevel"' in parts
        self._has_spaces = _SPACE in parts or '"Metaspace"' in parts
        self._has_bytes = '"ByteFallback"' in parts or bool(getattr(backend.model, "byte_fallback", False))
        self._continues = getattr(backend.model, "continuing_subword_prefix", None) or ""
        if type(backend.model).__name__ != "WordPiece":
            self._continues = ""

    def lost_bytes(self) -> frozenset[int]:
        """The bytes that a byte-level tokenizer has no piece for; it passes over them."""
        if not self._is_byte_level:
            return frozenset()
        return frozenset(byte for sign, byte in byte_alphabet().items() if self._backend.token_to_id(sign) is None)

    def bytes_of(self, piece: str) -> bytes:
        """The bytes of a piece that is no added token."""
        if self._is_byte_level:
            table = byte_alphabet()
            if all(sign in table for sign in piece):
                return bytes(table[sign] for sign in piece)
        if self._has_bytes and (found := _BYTE.fullmatch(piece)):
            return bytes([int(found[1], 16)])
        if self._continues:
            return piece.removeprefix(self._continues).encode()
        return (piece.replace(_SPACE, " ") if self._has_spaces else piece).encode()


def _state(part: Any) -> str:
    """A part of a tokenizer as its JSON; "" for none."""
    return "" if part is None else json.dumps(json.loads(part.__getstate__()), ensure_ascii=False)


@functools.cache
def byte_alphabet() -> dict[str, int]:
    """The byte of each sign that byte-level vocabularies write it with: itself where it can be seen, else one that
    follows U+00FF.

    Source: Radford et al. (2019), GPT-2.
    """
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in seen}
    others = (byte for byte in range(0x100) if chr(byte) not in table)
    return table | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def disassemble(text: str, encoding: Any, backend: Any, decoded: str) -> Disassembly:
    """The tokens of a text with their bytes and offsets.

    A token whose bytes follow in the text, or follow after bytes that have no token, stands there. Where the tokenizer
    changed the text first (case, accents, spaces), the library's alignment tells which characters a token comes from.

    Args:
        encoding: what the library made of the text.
        decoded: what it makes of the tokens.
    """
    added = backend.get_added_tokens_decoder()
    reader = PieceReader(backend)
    walk = _TextWalk(text, reader.lost_bytes())
    unknown = _unknown(backend)
    tokens = []
    rows = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
    for number, piece, (begin, end), is_around in rows:
        known = added.get(number)
        raw = known.content.encode() if known is not None else reader.bytes_of(piece)
        is_special = bool(is_around) or (known is not None and known.special)
        if is_around:
            offset, own = walk.place, raw
        else:
            offset, own = walk.take(raw, begin, end, is_unknown=piece == unknown)
        tokens.append(TextToken(offset, number, piece, own, is_special, bool(is_around)))
    return Disassembly(text, tuple(tokens), walk.is_exact, decoded)


def _unknown(backend: Any) -> str | None:
    """The piece that stands for what the vocabulary has no other for."""
    model = backend.model
    if type(model).__name__ == "Unigram":  # whose attributes do not tell it
        found = _UNKNOWN.search(model.__getstate__())
        return None if found is None else str(backend.id_to_token(int(found[1])))
    piece = getattr(model, "unk_token", None)
    return None if piece is None else str(piece)


class _TextWalk:
    """The way through a text, token by token.

    Args:
        lost: bytes that have no token. The library's alignment is wrong after one: it counts on as if there were none.
    """

    def __init__(self, text: str, lost: frozenset[int]) -> None:
        self._lost = lost
        self._bytes = text.encode()
        self._starts = [0, *accumulate(len(sign.encode()) for sign in text)]
        self.place = 0
        self._held = True

    @property
    def is_exact(self) -> bool:
        """Whether the tokens were all of the text, and nothing else."""
        return self._held and self.place == len(self._bytes)

    def take(self, raw: bytes, begin: int, end: int, *, is_unknown: bool) -> tuple[int, bytes]:
        """Take a token; return where it begins, and its bytes.

        Args:
            begin, end: of the characters that the library says it comes from.
        """
        told = self._starts[min(begin, len(self._starts) - 1)]
        for start in dict.fromkeys((self.place, self._behind_lost(), told)):
            for own in (raw, raw[1:]) if raw[:1] == b" " else (raw,):
                if not is_unknown and self._bytes.startswith(own, start) and (own or raw == b" "):
                    self._held = self._held and start == self.place
                    self.place = start + len(own)
                    return start, own
        self._held = False
        start, self.place = self._starts[begin], self._starts[end]
        return start, b"" if is_unknown else raw

    def _behind_lost(self) -> int:
        """Return the place of the next byte that has a token."""
        place = self.place
        while place < len(self._bytes) and self._bytes[place] in self._lost:
            place += 1
        return place


def differences(first: Sequence[TextToken], second: Sequence[TextToken]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of bytes in which two splits of one text differ, the ends being those of tokens of both.

    Where they differ in tokens put around the text, the range is empty.

    >>> a, b = TextToken(0, 1, "a", b"a", False), TextToken(1, 2, "b", b"b", False)
    >>> list(differences([a, b], [TextToken(0, 3, "ab", b"ab", False)]))
    [(0, 2)]
    """
    one, other = (
        Counter(
            (each.offset, each.end, each.bytes if each.is_around else b"")
            for each in tokens
            if each.is_around or not each.special
        )
        for tokens in (first, second)
    )
    open_until, begin = -1, -1
    for start, end, _ in sorted((one - other) | (other - one)):
        if start >= open_until and begin >= 0 and (start, end) != (begin, open_until):
            yield begin, open_until
            begin = -1
        begin = start if begin < 0 else begin
        open_until = max(open_until, end)
    if begin >= 0:
        yield begin, open_until
