"""A version's tokenizer as its files define it: where they lie, and what it makes of texts."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.description.vocabulary import chat_templates, token_text, tokenizer_config
from harness.models.tokenization.chat_template import render
from harness.models.tokenization.disassembly import Disassembly, disassemble
from harness.models.weights.gguf_tokenizer import build_backend, read_vocabulary
from harness.models.weights.weights import made_folder, tokenizer_path, weights_source

_SPECIAL = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
_CLEANED = (
    *((f" {sign}", sign) for sign in ".?!,"),
    (" ' ", "'"),
    *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")),
)
"""Pairs of texts that `clean_up_tokenization_spaces` replaces.

Source: transformers, PreTrainedTokenizerBase.clean_up_tokenization.
"""
_BROKEN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class VersionTokenizer:
    """A tokenizer as its files define it, whatever an engine makes of them.

    Attributes:
        templates: of chats, by the file that each stands in; the first is the one that counts.
        cleans_up: whether spaces before signs are removed when tokens become text again.
    """

    source: Path
    backend: Any
    special_tokens: Mapping[str, str]
    templates: Mapping[str, str]
    cleans_up: bool = False

    @property
    def n_tokens(self) -> int:
        """Number of tokens, added ones included."""
        return int(self.backend.get_vocab_size())

    @functools.cached_property
    def control_ids(self) -> frozenset[int]:
        """The tokens that no text of a user's is to become: those marked as special, and those that have a name."""
        added = self.backend.get_added_tokens_decoder()
        named = {self.backend.token_to_id(text) for text in self.special_tokens.values()}
        return frozenset({number for number, token in added.items() if token.special} | named - {None})

    def id_of(self, token: str) -> int | None:
        """The number of a token by its name (`bos_token`) or piece; None where there is none."""
        number: int | None = self.backend.token_to_id(self.special_tokens.get(token, token))
        return number

    @functools.cached_property
    def pieces(self) -> tuple[str | None, ...]:
        """The entries of the vocabulary by their numbers, from 0 on; None for a number that no token has."""
        highest = max(self.backend.get_vocab().values(), default=-1)
        return tuple(map(self.backend.id_to_token, range(highest + 1)))

    def piece_of(self, number: int) -> str:
        """The entry of the vocabulary that a token is. Raises ValueError: there is no such token."""
        piece: str | None = self.backend.id_to_token(number)
        if piece is None:
            raise ValueError(f"There is no token {number:,}; the vocabulary has {self.n_tokens:,}.")
        return piece

    def encode(self, text: str, *, special: bool = False, adds: bool | None = None) -> list[int]:
        """The tokens of a text.

        Args:
            special: whether control tokens that are written in the text count as such; else all of it is text.
            adds: whether the tokens that the tokenizer puts around a text are put there. None for what engines do with
                a prompt: where `special`, unless the text begins with one. They add none to a chat.
        """
        return list(self._encoding(text, special=special, adds=adds).ids)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of a text begins and ends in it, in characters; all of it is text."""
        return list(self._encoding(text, special=False, adds=False).offsets)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens; without spaces before signs where the files say that they are to be removed."""
        text = str(self.backend.decode(list(ids), skip_special_tokens=False))
        for text_part, put in _CLEANED if self.cleans_up else ():
            text = text.replace(text_part, put)
        return text

    def disassemble(self, text: str, *, special: bool = False, adds: bool | None = None) -> Disassembly:
        """The tokens of a text, each with its bytes and where in the text it begins; the arguments are `encode`'s."""
        encoding = self._encoding(text, special=special, adds=adds)
        pairs = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        decoded = self.decode([number for number, around in pairs if not around])
        return disassemble(text, self.backend, encoding, decoded)

    def chat(self, messages: Sequence[Mapping[str, Any]], *, template: str | None = None, is_open: bool = True) -> str:
        """A chat as the text that the model is given, up to where its answer begins.

        Args:
            template: which of `templates`; None for the one that counts.
            is_open: whether an answer is to begin; not where the last message is one.

        Raises:
            SettingsError: there is none, or it refuses the messages.
        """
        if not self.templates:
            raise SettingsError(f"{self.source} has no chat template.")
        chosen = self.templates[template] if template is not None else next(iter(self.templates.values()))
        return render(chosen, messages, self.special_tokens, add_generation_prompt=is_open)

    @functools.cached_property
    def reach(self) -> dict[str, bool]:
        """For each piece of the vocabulary, whether it is met: its own text is split into that piece alone.

        Pieces that are no text of their own, for they end inside a character, and added tokens are left aside. With the
        splitting that a vocabulary was made for, all or nearly all are met.

        Source: Land and Bartolo (2024), Fishing for Magikarp: unreachable tokens.
        """
        added = self.backend.get_added_tokens_decoder()
        ids = sorted(number for number in self.backend.get_vocab().values() if number not in added)
        texts = self.backend.decode_batch([[number] for number in ids], skip_special_tokens=False)
        asked = [(number, text) for number, text in zip(ids, texts, strict=True) if text and _BROKEN not in text]
        self.backend.encode_special_tokens = True
        encodings = self.backend.encode_batch_fast([text for _, text in asked], add_special_tokens=False)
        return {text: list(made.ids) == [number] for (number, text), made in zip(asked, encodings, strict=True)}

    @functools.cached_property
    def out_of_order(self) -> frozenset[int]:
        """The tokens that stand where the order of the merges has another one: vocabularies are numbered in it.

        None where that is so of more than one in a hundred, for then the vocabulary is numbered otherwise.
        """
        merges = json.loads(self.backend.to_str())["model"].get("merges") or ()
        made = dict.fromkeys("".join(each) if isinstance(each, list) else each.replace(" ", "", 1) for each in merges)
        numbers = [number for piece in made if (number := self.backend.token_to_id(piece)) is not None]
        moved = frozenset(own for own, due in zip(numbers, sorted(numbers), strict=True) if own != due)
        return moved if 100 * len(moved) <= len(numbers) else frozenset()

    def _encoding(self, text: str, *, special: bool, adds: bool | None) -> Any:
        if adds is None:
            first = self.special_tokens.get("bos_token", self.special_tokens.get("eos_token"))
            adds = special and (first is None or not text.startswith(first))
        self.backend.encode_special_tokens = not special
        return self.backend.encode(text, add_special_tokens=adds)


def load_tokenizer(options: Mapping[str, Any], root: Path) -> VersionTokenizer:
    """The tokenizer that a version's settings name: `tokenizer`, or else that of its `weights`.

    Nothing of torch or transformers is imported, and no weight is read.

    Raises:
        SettingsError: it is not there, or can't be read.
    """
    if (replaced := tokenizer_path(options, root)) is not None:
        return _of_folder(replaced)
    source = weights_source(options, root)
    if not source.is_gguf:
        return _of_folder(source.path)
    try:
        vocabulary = read_vocabulary(source.path)
        backend = build_backend(vocabulary) if vocabulary.is_buildable else None
    except ValueError as error:
        raise SettingsError(f"The tokenizer of {source.path} can't be read: {error}.") from None
    if backend is None:  # of a kind that transformers alone converts
        if (folder := made_folder(options, root)) is not None:
            return _of_folder(folder)
        raise SettingsError(
            f"{source.path} has a tokenizer that is only known once the file was converted, which the first gate with "
            "it does."
        )
    special = {f"{name}_token": text for name, text in vocabulary.special_tokens.items()}
    template = vocabulary.settings.get("tokenizer.chat_template")
    return VersionTokenizer(source.path, backend, special, {} if template is None else {source.path.name: template})


def _of_folder(folder: Path) -> VersionTokenizer:
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
    config = tokenizer_config(folder)
    special = {name: text for name in _SPECIAL if (text := token_text(config.get(name))) is not None}
    cleans_up = bool(config.get("clean_up_tokenization_spaces", False))
    return VersionTokenizer(folder, backend, special, chat_templates(folder, config), cleans_up)
