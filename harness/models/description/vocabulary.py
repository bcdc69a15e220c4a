"""A model's vocabulary as llama.cpp tells it: its type, its special tokens, and at which of them an answer ends.

Source: ggml-org/llama.cpp, llama_vocab::impl::load and print_info.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.models.description.contents import WeightsFile

_TYPES = {"llama": "SPM", "gpt2": "BPE", "gemma4": "BPE", "bert": "WPM", "t5": "UGM", "rwkv": "RWKV"} | {
    "plamo2": "PLaMo2",
    "hybriddna": "BPE",
    "whitespace": "BPE",
}
_DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "llama": {"BOS": 1, "EOS": 2, "UNK": 0},
    "gpt2": {"BOS": 11, "EOS": 11},
    "bert": {"BOS": 101, "UNK": 100, "SEP": 102, "PAD": 0, "MASK": 103},
    "t5": {"EOS": 1, "UNK": 2, "PAD": 0},
    "plamo2": {"BOS": 1, "EOS": 2, "UNK": 0, "PAD": 3},
}
"""Special tokens that llama.cpp assumes where a GGUF file does not say them."""
_KEYS = {
    "BOS": ("bos",),
    "EOS": ("eos",),
    "EOT": ("eot",),
    "EOM": ("eom",),
    "UNK": ("unknown",),
    "SEP": ("seperator",),
    "PAD": ("padding",),
    "MASK": ("mask",),
    "FIM PRE": ("fim_pre", "prefix"),
    "FIM SUF": ("fim_suf", "suffix"),
    "FIM MID": ("fim_mid", "middle"),
    "FIM PAD": ("fim_pad",),
    "FIM REP": ("fim_rep",),
    "FIM SEP": ("fim_sep",),
}
_PRINTED = ("BOS", "EOS", "EOT", "EOM", "UNK", "SEP", "PAD", "MASK", "LF", *(key for key in _KEYS if "FIM" in key))
"""In the order in which llama.cpp prints them."""
_BY_TEXT = {
    "EOT": (
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "<｜end▁of▁sentence｜>",
        "<end_of_utterance>",
    ),
    "EOM": ("<|eom_id|>",),
    "FIM PRE": (
        *("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"),
        *("<|code_prefix|>", "<|prefix|>"),
    ),
    "FIM SUF": (
        *("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"),
        *("<|code_suffix|>", "<|suffix|>"),
    ),
    "FIM MID": (
        *("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"),
        *("<|code_middle|>", "<|middle|>"),
    ),
    "FIM PAD": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"),
    "FIM REP": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "FIM SEP": ("<|file_sep|>",),
}
"""Texts by which a token is taken for special where nothing names one."""
_ENDS = frozenset(
    {
        *_BY_TEXT["EOT"],
        *("<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>"),
        *("<turn|>", "<|tool_response>", "[e~["),
    }
)
"""Texts of tokens at which an answer ends, whatever names them."""
_ADDS_BOS = frozenset(
    {
        *("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"),
        *("tekken", "chameleon", "gemma4"),
    }
)
"""Pre-tokenizers of byte-level vocabularies that have BOS put before a text unless the file says otherwise."""


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
        special: those that the model has, by name, in the order in which llama.cpp prints them.
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
    wanted = {text.encode() for texts in _BY_TEXT.values() for text in texts} | {text.encode() for text in _ENDS}
    by_text = {text.decode(): number for number, text in enumerate(file.tokens) if text in wanted}
    numbers = _named(file, model, by_text)
    special = {name: _token(file, numbers[name]) for name in _PRINTED if name in numbers}
    pre = file.settings.get("tokenizer.ggml.pre")
    return Vocabulary(
        kind=_TYPES.get(model, "no vocab"),
        n_tokens=len(file.tokens),
        n_merges=int(file.settings.get("tokenizer.ggml.merges", 0)) if model != "llama" or _is_folder(file) else 0,
        special=MappingProxyType(special),
        ends=tuple(_token(file, number) for number in sorted(_ends(file, numbers, by_text))),
        add_bos=bool(file.settings.get("tokenizer.ggml.add_bos_token", _adds_bos(model, pre))),
        add_eos=bool(file.settings.get("tokenizer.ggml.add_eos_token", model == "t5")),
        max_token_length=max(map(len, file.tokens), default=0),
        pre_tokenizer=pre,
        chat_template=file.settings.get("tokenizer.chat_template"),
    )


def _is_folder(file: WeightsFile) -> bool:
    return file.format == "safetensors"


def _adds_bos(model: str, pre: str | None) -> bool:
    return model in ("llama", "bert") or (model in ("gpt2", "gemma4") and pre in _ADDS_BOS)


def _token(file: WeightsFile, number: int) -> Token:
    return Token(number, file.tokens[number].decode("utf-8", "backslashreplace"))


def _named(file: WeightsFile, model: str, by_text: Mapping[str, int]) -> dict[str, int]:
    """The special tokens by name: as the file says, as llama.cpp takes them to be, or by their text.

    Where several tokens have texts of one kind, llama.cpp takes the one that its hash table has first. Here it is the
    token that ends answers anyway, else the first of the list.
    """
    numbers = {} if _is_folder(file) else dict(_DEFAULTS.get(model, {}))
    if file.settings.get("tokenizer.ggml.pre") in ("glm4", "chatglm-bpe"):
        numbers.pop("BOS", None)
    for name, keys in _KEYS.items():
        stated = (file.settings.get(f"tokenizer.ggml.{key}_token_id") for key in keys)
        if known := [int(each) for each in stated if each is not None and 0 <= each < len(file.tokens)]:
            numbers[name] = known[0]
    numbers = {name: number for name, number in numbers.items() if number < len(file.tokens)}
    for name, texts in _BY_TEXT.items():
        found = [by_text[text] for text in texts if text in by_text]
        if found and name not in numbers:
            numbers[name] = numbers["EOS"] if name == "EOT" and numbers.get("EOS") in found else found[0]
    line_end = _line_end(file, model)
    if line_end is None:
        line_end = numbers.get("PAD")
    return numbers if line_end is None else numbers | {"LF": line_end}


def _line_end(file: WeightsFile, model: str) -> int | None:
    """The token of a line end: of bytes in SentencePiece, "Ċ" in a byte-level vocabulary."""
    texts = {"llama": ("<0x0A>", "\n"), "gpt2": ("Ċ", "\n"), "gemma4": ("\n", "<0x0A>"), "t5": ("\n",)}
    for text in texts.get(model, ()):
        raw = text.encode()
        if raw in file.tokens:
            return file.tokens.index(raw)
    return None


def _ends(file: WeightsFile, numbers: Mapping[str, int], by_text: Mapping[str, int]) -> Iterator[int]:
    """The tokens that end an answer, without those that end a part of one in harmony's and Gemma 4's formats."""
    named = [numbers[name] for name in ("FIM PAD", "FIM REP", "FIM SEP", "EOS", "EOT", "EOM") if name in numbers]
    ends = {*named, *(number for text, number in by_text.items() if text in _ENDS)}
    ends |= {stop for stop in file.stops if stop < len(file.tokens)}
    if {"<|return|>", "<|call|>"} <= by_text.keys() or {"<|calls|>", "<|flush|>"} <= by_text.keys():
        ends.discard(by_text.get("<|end|>", -1))
    if "<|tool_response>" in by_text:
        ends.discard(by_text.get("</s>", -1))
    yield from ends
