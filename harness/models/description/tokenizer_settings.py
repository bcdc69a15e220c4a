"""Puts the tokenizer files of a folder into the words of GGUF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import SettingsError

_SPECIAL = {"bos": "bos", "eos": "eos", "unk": "unknown", "sep": "seperator", "pad": "padding", "mask": "mask"}
"""A token in transformers' words → in GGUF's, of which one is spelled so."""
_MODELS = {"BPE": "gpt2", "Unigram": "t5", "WordPiece": "bert"}


@dataclass(frozen=True, slots=True)
class TokenizerContents:
    """A folder's tokenizer.

    Attributes:
        settings: those that GGUF has under `tokenizer.`.
        tokens: as bytes, in the order of the ids; an id that no token has is an empty one.
    """

    settings: Mapping[str, Any]
    tokens: tuple[bytes, ...] = field(repr=False)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise SettingsError(f"{path} is no JSON: {error}. Fetch or save it again.") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not an object. Fetch or save it again.")
    return content


def read_tokenizer(folder: Path, config: Mapping[str, Any]) -> TokenizerContents:
    """The tokenizer of a folder.

    Args:
        config: of the model, which names special tokens that the tokenizer's own files do not.

    Raises:
        SettingsError: a file is damaged.
    """
    whole = read_json(folder / "tokenizer.json")
    own = read_json(folder / "special_tokens_map.json") | read_json(folder / "tokenizer_config.json")
    ids, settings = _vocabulary(whole) if whole else ({}, {})
    for entry in whole.get("added_tokens") or ():
        ids[entry["content"]] = entry["id"]
    settings |= dict(_special(own, config, ids))
    settings |= dict(_added(own, whole))
    settings["tokenizer.chat_template"] = next(iter(chat_templates(folder, own).values()), None)
    return TokenizerContents({key: value for key, value in settings.items() if value is not None}, _in_order(ids))


def _vocabulary(whole: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Read tokenizer.json: pieces of SentencePiece are told from bytes by how they fall back."""
    model = whole.get("model") or {}
    vocabulary = model.get("vocab") or {}
    ids = dict(vocabulary) if isinstance(vocabulary, dict) else {text: i for i, (text, _) in enumerate(vocabulary)}
    kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
    named = _MODELS.get(kind, "none")
    if kind == "BPE" and not _is_byte_level(whole) and (model.get("byte_fallback") or "▁" in ids):
        named = "llama"
    settings = {"tokenizer.ggml.model": named, "tokenizer.ggml.merges": len(model.get("merges") or ())}
    unknown = model.get("unk_token")
    settings["tokenizer.ggml.unknown_token_id"] = ids.get(unknown) if unknown is not None else model.get("unk_id")
    return ids, settings


def _is_byte_level(whole: Mapping[str, Any]) -> bool:
    return any(
        step.get("type") == "ByteLevel" for part in ("pre_tokenizer", "decoder") for step in _steps(whole.get(part))
    )


def _steps(part: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """A part of a tokenizer, or the parts that it is a sequence of."""
    if part is None:
        return
    inner = part.get("pretokenizers") or part.get("decoders") or part.get("processors")
    yield from (each for step in inner for each in _steps(step)) if inner else (part,)


def _special(
    own: Mapping[str, Any], config: Mapping[str, Any], ids: Mapping[str, int]
) -> Iterator[tuple[str, int | None]]:
    """The ids of special tokens: by the tokenizer's own words, else by the model's config."""
    for name, known in _SPECIAL.items():
        entry = own.get(f"{name}_token")
        text = entry.get("content") if isinstance(entry, dict) else entry
        number = ids.get(text) if isinstance(text, str) else None
        if number is None:
            stated: Any = config.get(f"{name}_token_id")
            number = stated[0] if isinstance(stated, list) and stated else stated
        if isinstance(number, int):
            yield f"tokenizer.ggml.{known}_token_id", number


def _added(own: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Tell whether BOS and EOS are put around a text: as is stated, or else as the tokenizer's last step does it."""
    for name, place in (("bos", 0), ("eos", -1)):
        stated = own.get(f"add_{name}_token")
        if isinstance(stated, bool):
            yield f"tokenizer.ggml.add_{name}_token", stated
            continue
        templates = [step["single"] for step in _steps(whole.get("post_processor")) if step.get("single")]
        around = [template[place] for template in templates if len(template) > 1]
        if whole:
            yield f"tokenizer.ggml.add_{name}_token", any("SpecialToken" in each for each in around)


def chat_templates(folder: Path, own: Mapping[str, Any]) -> dict[str, str]:
    """The chat templates of a folder by the file that each stands in, in the order in which transformers takes them.

    Args:
        own: what its tokenizer_config.json says, which may have several: of these the one called default.
    """
    found: dict[str, Any] = {}
    if (folder / "chat_template.jinja").is_file():
        found["chat_template.jinja"] = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    template = own.get("chat_template")
    if isinstance(template, list):
        template = next((each.get("template") for each in template if each.get("name") == "default"), None)
    found["tokenizer_config.json"] = template
    found["chat_template.json"] = read_json(folder / "chat_template.json").get("chat_template")
    return {place: text for place, text in found.items() if isinstance(text, str)}


def _in_order(ids: Mapping[str, int]) -> tuple[bytes, ...]:
    tokens = [b""] * (max(ids.values(), default=-1) + 1)
    for text, number in ids.items():
        tokens[number] = text.encode("utf-8", "surrogatepass")
    return tuple(tokens)
