"""A text as the model sees it: each token with its bytes, and where in the text it begins."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_CHARACTER = 4
"""Bytes that a character of UTF-8 has at most."""


@dataclass(frozen=True, slots=True)
class TextToken:
    """A token of a text.

    Attributes:
        offset: where it begins, in bytes of the text's UTF-8; exact also where it begins inside a character.
        bytes: those of the text that it stands for; of a token that was put around the text its own.
        special: whether it is a control token, put around the text or written in it.
    """

    offset: int
    id: int
    piece: str
    bytes: bytes
    special: bool


@dataclass(frozen=True, slots=True)
class Disassembly:
    """The tokens of a text, and the text that they give back."""

    text: str
    tokens: tuple[TextToken, ...]
    decoded: str

    @property
    def is_lossless(self) -> bool:
        """True if decoding gives the text back."""
        return self.decoded == self.text


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


def disassemble(text: str, backend: Any, encoding: Any, decoded: str) -> Disassembly:
    """The tokens of a text with their bytes and offsets.

    A token whose bytes follow in the text, or follow after bytes of one character that have no token, stands there.
    Where the tokenizer changed the text first, the library's alignment tells which characters a token comes from.

    Args:
        backend: the tokenizer of the library `tokenizers`.
        encoding: what it made of the text.
        decoded: what it makes of the tokens.
    """
    whole, starts = text.encode(), [0, *accumulate(len(sign.encode()) for sign in text)]
    added, table = backend.get_added_tokens_decoder(), byte_alphabet()
    parts = filter(None, (backend.pre_tokenizer, backend.decoder))
    is_byte_level = any(b'"ByteLevel"' in part.__getstate__() for part in parts)
    tokens: list[TextToken] = []
    place = 0
    rows = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
    for number, piece, (begin, end), is_around in rows:
        own = piece.encode() if number in added else piece.replace(_SPACE, " ").encode()
        if is_byte_level and number not in added and all(sign in table for sign in piece):
            own = bytes(table[sign] for sign in piece)
        elif byte := _BYTE.fullmatch(piece):
            own = bytes.fromhex(byte[1])
        is_special = bool(is_around) or (number in added and added[number].special)
        if is_around:
            tokens.append(TextToken(place, number, piece, own, is_special))
            continue
        if own[:1] == b" " and not whole.startswith(own, place) and whole.startswith(own[1:], place):
            own = own[1:]  # without the space that is put before a text
        offset = whole.find(own, place, place + _CHARACTER + len(own))
        if offset < 0:
            offset, own = starts[begin], whole[starts[begin] : starts[end]]
        place = offset + len(own)
        tokens.append(TextToken(offset, number, piece, own, is_special))
    return Disassembly(text, tuple(tokens), decoded)
