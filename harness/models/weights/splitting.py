"""Splittings of texts before their parts are merged, by the name that a GGUF file gives (`tokenizer.ggml.pre`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_LLAMA3 = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{%s}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class Splitting:
    """The rules by which a byte-level tokenizer cuts a text before it merges.

    Attributes:
        patterns: each cuts what those before it left in one piece: what it matches, and what stands between.
        composes: whether characters are composed first (NFC), as the tokenizers that this name stands for do.
        keeps_words: whether a part that is a token is one, whatever its merges are.
    """

    patterns: tuple[str, ...]
    composes: bool = False
    keeps_words: bool = False


DEFAULT = "default"
"""Name in a file that does not know how its texts are cut; llama.cpp warns of it."""


def _known() -> Iterator[tuple[str, Splitting]]:
    families = {
        "gpt-2 phi-2 mpt olmo jais": Splitting((_GPT2,)),
        "smollm starcoder refact command-r codeshell exaone minerva-7b": Splitting((r"\p{N}", _GPT2)),
        "llama-bpe llama3 llama-v3 falcon3 pixtral dbrx smaug-bpe": Splitting((_LLAMA3 % "1,3",), keeps_words=True),
        "qwen2 deepseek-r1-qwen": Splitting((_LLAMA3 % "1",), composes=True),
        "stablelm2": Splitting((_LLAMA3 % "1",)),
        "falcon": Splitting((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]")),
        DEFAULT: Splitting((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    }
    for names, splitting in families.items():
        yield from ((name, splitting) for name in names.split())


SPLITTINGS: Mapping[str, Splitting] = dict(_known())
"""By the name in the file.

Source: the patterns are those of ggml-org/llama.cpp, llm_tokenizer_bpe; NFC is that of the tokenizers of Qwen2.
"""


def byte_level(splitting: Splitting) -> Any:
    """The pre-tokenizer of the library `tokenizers`: cuts a text, and turns its bytes into a vocabulary's signs."""
    from tokenizers import Regex, pre_tokenizers

    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in splitting.patterns]
    return pre_tokenizers.Sequence([*cuts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
