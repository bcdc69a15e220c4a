"""Files of a version's tokenizer: where they lie, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.description.tokenizer_settings import chat_templates, read_json
from harness.models.weights.gguf_tokenizer import build_backend, read_vocabulary
from harness.models.weights.weights import made_folder, tokenizer_path, weights_source

SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """The content of a tokenizer's files.

    Attributes:
        source: the folder, or the GGUF file.
        backend: the tokenizer of the library `tokenizers`.
        special_tokens: that have a name, such as `bos_token`.
        templates: of chats, by where each stands; the first is the one that counts.
        cleans_up: whether it says that spaces before signs are removed when tokens become text again.
    """

    source: Path
    backend: Any
    special_tokens: Mapping[str, str]
    templates: Mapping[str, str]
    cleans_up: bool = False


def read_tokenizer_files(options: Mapping[str, Any], root: Path) -> TokenizerFiles:
    """The tokenizer that a version's settings name: `tokenizer`, or else that of its `weights`.

    Nothing of torch or transformers is imported, and no weight is read.

    Raises:
        SettingsError: it is not there, or can't be read.
    """
    replaced = tokenizer_path(options, root)
    if replaced is not None:
        return _of_folder(replaced)
    source = weights_source(options, root)
    if not source.is_gguf:
        return _of_folder(source.path)
    found = _of_gguf(source.path)
    if found is not None:
        return found
    folder = made_folder(options, root)
    if folder is None:
        raise SettingsError(
            f"{source.path} has a tokenizer that is only known once the file was converted, which the first gate with "
            "it does."
        )
    return _of_folder(folder)


def _of_gguf(path: Path) -> TokenizerFiles | None:
    """The tokenizer of a GGUF file; None where it is of a kind that transformers alone converts."""
    try:
        vocabulary = read_vocabulary(path)
        if not vocabulary.is_buildable:
            return None
        backend = build_backend(vocabulary)
    except ValueError as error:
        raise SettingsError(f"The tokenizer of {path} can't be read: {error}.") from None
    template = vocabulary.settings.get("tokenizer.chat_template")
    return TokenizerFiles(
        source=path,
        backend=backend,
        special_tokens={f"{name}_token": text for name, text in vocabulary.special_tokens.items()},
        templates={} if template is None else {path.name: template},
    )


def _of_folder(folder: Path) -> TokenizerFiles:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise SettingsError(
            f"{folder} has no tokenizer.json. transformers writes one: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    try:
        backend = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - the library raises nothing more particular
        raise SettingsError(f"{file} can't be read: {error}.") from None
    # Lengths that training left in the file: no engine cuts or fills a text by them.
    backend.no_truncation()
    backend.no_padding()
    config = read_json(folder / "tokenizer_config.json")
    mapped = read_json(folder / "special_tokens_map.json")
    special = {name: _content(config.get(name, mapped.get(name))) for name in SPECIAL}
    return TokenizerFiles(
        source=folder,
        backend=backend,
        special_tokens={name: text for name, text in special.items() if text is not None},
        templates=chat_templates(folder, config),
        cleans_up=bool(config.get("clean_up_tokenization_spaces", False)),
    )


def _content(token: Any) -> str | None:
    """The text of a token that stands as it is, or as a table with its properties."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None
