"""A model's vocabulary: its type, its special tokens, and at which of them an answer ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.models.description.contents import WeightsFile
from harness.models.weights.gguf_tokenizer import SENTENCEPIECE

_TYPES = {SENTENCEPIECE: "SPM", "gpt2": "BPE", "bert": "WPM", "t5": "UGM", "rwkv": "RWKV"}
"""GGUF's names of vocabularies → llama.cpp's."""
_NAMES = {"bos": "BOS", "eos": "EOS", "eot": "EOT", "eom": "EOM", "unknown": "UNK"} | {
    "seperator": "SEP",
    "padding": "PAD",
    "mask": "MASK",
}
"""GGUF's names of special tokens, of which one is spelled so → llama.cpp's, in its order."""
_ENDS = frozenset(
    {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "</s>", "<eos>"}
)
"""Texts of tokens at which an answer ends, whatever names them."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a vocabulary.

    Attributes:
        piece: as the vocabulary has it: "Ċ" for a line end in a byte-level one.
    """

    id: int
    piece: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A model's vocabulary.

    Attributes:
        kind: as llama.cpp calls it: "BPE", "SPM", "WPM", "UGM", "RWKV", "no vocab".
        special: those that the files name, by name, in the order in which llama.cpp prints them.
        ends: the tokens at which an answer ends, by id.
        max_token_length: bytes of the longest token, as the vocabulary has it.
        pre_tokenizer: what a GGUF file calls the way in which a text is cut before it is merged.
    """

    kind: str
    n_tokens: int
    n_merges: int
    special: Mapping[str, Token] = field(hash=False)
    ends: tuple[Token, ...]
    add_bos: bool
    add_eos: bool
    max_token_length: int
    pre_tokenizer: str | None
    chat_template: str | None = field(repr=False)


def read_vocabulary(file: WeightsFile) -> Vocabulary:
    """The vocabulary of a model's file."""
    model = str(file.settings.get("tokenizer.ggml.model", "none"))
    special = {name: _token(file, number) for name, number in _special(file)}
    named = {special[name].id for name in ("EOS", "EOT", "EOM") if name in special}
    known = {text.encode() for text in _ENDS}
    by_text = {number for number, text in enumerate(file.tokens) if text in known}
    stops = {stop for stop in file.stops if stop < len(file.tokens)}
    return Vocabulary(
        kind=_TYPES.get(model, "no vocab"),
        n_tokens=len(file.tokens),
        n_merges=int(file.settings.get("tokenizer.ggml.merges", 0)),
        special=MappingProxyType(special),
        ends=tuple(_token(file, number) for number in sorted(named | by_text | stops)),
        add_bos=bool(file.settings.get("tokenizer.ggml.add_bos_token", model == SENTENCEPIECE)),
        add_eos=bool(file.settings.get("tokenizer.ggml.add_eos_token", False)),
        max_token_length=max(map(len, file.tokens), default=0),
        pre_tokenizer=file.settings.get("tokenizer.ggml.pre"),
        chat_template=file.settings.get("tokenizer.chat_template"),
    )


def _special(file: WeightsFile) -> Iterator[tuple[str, int]]:
    for key, name in _NAMES.items():
        number = file.settings.get(f"tokenizer.ggml.{key}_token_id")
        if number is not None and 0 <= number < len(file.tokens):
            yield name, int(number)


def _token(file: WeightsFile, number: int) -> Token:
    return Token(number, file.tokens[number].decode("utf-8", "backslashreplace"))
