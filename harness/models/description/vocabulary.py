"""A model's vocabulary: its type, its special tokens, and at which of them an answer ends."""

from __future__ import annotations

from collections.abc import Mapping
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
    of, n_tokens = file.settings.get, len(file.tokens)
    model = str(of("tokenizer.ggml.model", "none"))
    numbers = {name: of(f"tokenizer.ggml.{key}_token_id", -1) for key, name in _NAMES.items()}
    ids = {name: int(number) for name, number in numbers.items() if 0 <= number < n_tokens}
    ends = {number for number, text in enumerate(file.tokens) if text in _ENDS}
    ends |= {ids[name] for name in ("EOS", "EOT", "EOM") if name in ids} | {
        each for each in file.stops if each < n_tokens
    }
    raw = [text.encode("utf-8", "surrogateescape") for text in file.tokens]
    tokens = {
        number: Token(number, raw[number].decode("utf-8", "backslashreplace")) for number in {*ids.values(), *ends}
    }
    return Vocabulary(
        kind=_TYPES.get(model, "no vocab"),
        n_tokens=n_tokens,
        n_merges=len(of("tokenizer.ggml.merges", ())),
        special=MappingProxyType({name: tokens[number] for name, number in ids.items()}),
        ends=tuple(tokens[number] for number in sorted(ends)),
        add_bos=bool(of("tokenizer.ggml.add_bos_token", model == SENTENCEPIECE)),
        add_eos=bool(of("tokenizer.ggml.add_eos_token", False)),
        max_token_length=max(map(len, raw), default=0),
        pre_tokenizer=of("tokenizer.ggml.pre"),
        chat_template=of("tokenizer.chat_template"),
    )
