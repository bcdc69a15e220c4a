"""A text as the model sees it: each token with its bytes, and where in the text it begins."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Any

_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_CHARACTER = 4
"""Bytes that a character of UTF-8 has at most."""
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
        model = backend.model
        self.added = backend.get_added_tokens_decoder()
        self._is_byte_level = '"ByteLevel"' in parts
        self._has_spaces = _SPACE in parts or '"Metaspace"' in parts
        self._has_bytes = '"ByteFallback"' in parts or bool(getattr(model, "byte_fallback", False))
        is_word_piece = type(model).__name__ == "WordPiece"
        self._continues = (model.continuing_subword_prefix or "") if is_word_piece else ""
        self.unknown = getattr(model, "unk_token", None)
        if type(model).__name__ == "Unigram" and (found := _UNKNOWN.search(model.__getstate__())):
            self.unknown = backend.id_to_token(int(found[1]))  # which the model's attributes do not tell

    def bytes_of(self, number: int, piece: str) -> bytes:
        """The bytes of a token."""
        table = byte_alphabet()
        if number in self.added:
            return str(self.added[number].content).encode()
        if self._is_byte_level and all(sign in table for sign in piece):
            return bytes(table[sign] for sign in piece)
        if self._has_bytes and (found := _BYTE.fullmatch(piece)):
            return bytes([int(found[1], 16)])
        return (piece.replace(_SPACE, " ") if self._has_spaces else piece.removeprefix(self._continues)).encode()


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


def disassemble(text: str, encoding: Any, reader: PieceReader, decoded: str) -> Disassembly:
    """The tokens of a text with their bytes and offsets.

    A token whose bytes follow in the text, or follow after bytes that have no token, stands there. Where the tokenizer
    changed the text first (case, accents, spaces), the library's alignment tells which characters a token comes from.

    Args:
        encoding: what the library made of the text.
        decoded: what it makes of the tokens.
    """
    whole, starts = text.encode(), [0, *accumulate(len(sign.encode()) for sign in text)]
    tokens: list[TextToken] = []
    place, is_exact = 0, True
    rows = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
    for number, piece, (begin, end), is_around in rows:
        own = reader.bytes_of(number, piece)
        is_special = bool(is_around) or (number in reader.added and reader.added[number].special)
        if is_around:
            tokens.append(TextToken(place, number, piece, own, is_special, True))
            continue
        if own[:1] == b" " and not whole.startswith(own, place) and whole.startswith(own[1:], place):
            own = own[1:]  # without the space that is put before a text
        # Its bytes stand next, or after bytes of one character that have no token.
        offset = -1 if piece == reader.unknown else whole.find(own, place, place + _CHARACTER + len(own))
        is_exact = is_exact and offset == place
        if offset < 0:
            offset, place = starts[begin], starts[end]
            own = b"" if piece == reader.unknown else own
        else:
            place = offset + len(own)
        tokens.append(TextToken(offset, number, piece, own, is_special))
    return Disassembly(text, tuple(tokens), is_exact and place == len(whole), decoded)


@dataclass(frozen=True, slots=True)
class SplitDifference:
    """A range of bytes in which two splits of a text differ, with the tokens of both; empty for some put around."""

    begin: int
    end: int
    first: Sequence[TextToken]
    second: Sequence[TextToken]


def differences(first: Sequence[TextToken], second: Sequence[TextToken]) -> list[SplitDifference]:
    """The places in which two splits of one text differ, between tokens of both.

    >>> a, b = TextToken(0, 1, "a", b"a", False), TextToken(1, 2, "b", b"b", False)
    >>> [(each.begin, each.end) for each in differences([a, b], [TextToken(0, 3, "ab", b"ab", False)])]
    [(0, 2)]
    """
    keys, others = ([(each.offset, each.bytes, each.is_around) for each in tokens] for tokens in (first, second))
    found = []
    for tag, one, one_end, two, two_end in SequenceMatcher(None, keys, others, autojunk=False).get_opcodes():
        if tag != "equal":
            own, other = first[one:one_end], second[two:two_end]
            begin, end = min(each.offset for each in (*own, *other)), max(each.end for each in (*own, *other))
            found.append(SplitDifference(begin, end, own, other))
    return found
