"""A model's vocabulary: its type, its special tokens, and at which of them an answer ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.models.files.saved import read_json
from harness.models.weights.gguf_tokenizer import SENTENCEPIECE

_KINDS = {SENTENCEPIECE: "SPM", "gpt2": "BPE", "bert": "WPM", "t5": "UGM", "rwkv": "RWKV"}
"""GGUF's names of vocabularies → llama.cpp's."""
_MODELS = {"BPE": "gpt2", "Unigram": "t5", "WordPiece": "bert"}
_NAMES = {"bos": "bos", "eos": "eos", "eot": "eot", "eom": "eom", "unknown": "unk"} | {
    "seperator": "sep",
    "padding": "pad",
    "mask": "mask",
}
"""GGUF's names of special tokens, of which one is spelled so → the others', in llama.cpp's order."""
_ENDS = frozenset(
    {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "</s>", "<eos>"}
)
"""Texts of tokens at which an answer ends, whatever names them."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a vocabulary; its piece is "Ċ" for a line end in a byte-level one."""

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


def read_vocabulary(settings: Mapping[str, Any], tokens: tuple[str, ...], stops: tuple[int, ...]) -> Vocabulary:
    """The vocabulary of a model's file, of which these are parts."""

    def of(name: str, default: Any = None) -> Any:
        return settings.get(f"tokenizer.ggml.{name}", default)

    raw = [text.encode("utf-8", "surrogateescape") for text in tokens]
    numbers = {name.upper(): of(f"{key}_token_id", -1) for key, name in _NAMES.items()}
    ids = {name: int(number) for name, number in numbers.items() if 0 <= number < len(raw)}
    ends = {number for number, text in enumerate(tokens) if text in _ENDS}
    ends |= {each for each in (*stops, *(ids.get(name, -1) for name in ("EOS", "EOT", "EOM"))) if 0 <= each < len(raw)}

    def token(number: int) -> Token:
        return Token(number, raw[number].decode("utf-8", "backslashreplace"))

    return Vocabulary(
        kind=_KINDS.get(of("model"), "no vocab"),
        n_tokens=len(raw),
        n_merges=len(of("merges", ())),
        special=MappingProxyType({name: token(number) for name, number in ids.items()}),
        ends=tuple(map(token, sorted(ends))),
        add_bos=bool(of("add_bos_token", of("model") == SENTENCEPIECE)),
        add_eos=bool(of("add_eos_token", False)),
        max_token_length=max(map(len, raw), default=0),
        pre_tokenizer=of("pre"),
        chat_template=settings.get("tokenizer.chat_template"),
    )


def read_tokenizer(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tokenizer of a folder: what GGUF has under `tokenizer.`, and its tokens.

    Args:
        config: of the model, which names special tokens that the tokenizer's own files do not.

    Raises:
        SettingsError: a file is damaged.
    """
    whole, own = read_json(folder / "tokenizer.json"), tokenizer_config(folder)
    model, around = whole.get("model") or {}, whole.get("post_processor") or {}
    kind, listed = model.get("type") or ("BPE" if "merges" in model else "WordPiece"), model.get("vocab") or {}
    ids = dict(listed) if isinstance(listed, dict) else {text: number for number, (text, _) in enumerate(listed)}
    # Pieces of SentencePiece are told from bytes by how they fall back.
    is_byte_level = '"ByteLevel"' in json.dumps([whole.get("pre_tokenizer"), whole.get("decoder")])
    is_pieces = kind == "BPE" and not is_byte_level and (model.get("byte_fallback") or "▁" in ids)
    fields: dict[str, Any] = {
        "chat_template": next(iter(chat_templates(folder, own).values()), None),
        "ggml.model": None if not whole else SENTENCEPIECE if is_pieces else _MODELS.get(kind),
        "ggml.merges": model.get("merges"),
        "ggml.unknown_token_id": ids.get(model.get("unk_token"), model.get("unk_id")),
    }
    ids |= {entry["content"]: entry["id"] for entry in whole.get("added_tokens") or ()}
    for key, name in _NAMES.items():
        number = ids.get(token_text(own.get(f"{name}_token")), config.get(f"{name}_token_id"))
        number = number[0] if isinstance(number, list) and number else number
        if isinstance(number, int):
            fields[f"ggml.{key}_token_id"] = number
    templates = [step.get("single") or () for step in (around, *around.get("processors", ()))]
    for name, place in (("bos", 0), ("eos", -1)):
        stated = own.get(f"add_{name}_token")
        added = any("SpecialToken" in each[place] for each in templates if len(each) > 1)
        fields[f"ggml.add_{name}_token"] = stated if isinstance(stated, bool) else added
    by_id = {number: text for text, number in ids.items()}
    tokens = tuple(by_id.get(number, "") for number in range(max(by_id, default=-1) + 1))
    return {f"tokenizer.{key}": value for key, value in fields.items() if value is not None}, tokens


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """All that is said of a folder's tokenizer beside its tokenizer.json."""
    return read_json(folder / "special_tokens_map.json") | read_json(folder / "tokenizer_config.json")


def token_text(token: Any) -> str | None:
    """The text of a token that stands as it is, or as a table with its properties."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def chat_templates(folder: Path, own: Mapping[str, Any]) -> dict[str, str]:
    """The chat templates of a folder by the file that each stands in, in the order in which transformers takes them.

    Args:
        own: what its tokenizer_config.json says, which may have several: of these the one called default.
    """
    file, named = folder / "chat_template.jinja", own.get("chat_template")
    if isinstance(named, list):
        named = next((each.get("template") for each in named if each.get("name") == "default"), None)
    templates = {
        file.name: file.read_text(encoding="utf-8") if file.is_file() else None,
        "tokenizer_config.json": named,
        "chat_template.json": read_json(folder / "chat_template.json").get("chat_template"),
    }
    return {place: text for place, text in templates.items() if isinstance(text, str)}
