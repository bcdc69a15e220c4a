"""A version's tokenizer as its files define it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.tokenization.chat_template import render
from harness.models.tokenization.disassembly import Disassembly, disassemble
from harness.models.tokenization.files import TokenizerFiles, read_tokenizer_files

_CLEANED = (
    *((f" {sign}", sign) for sign in ".?!,"),
    (" ' ", "'"),
    *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")),
)
"""Pairs of texts that `clean_up_tokenization_spaces` replaces.

Source: transformers, PreTrainedTokenizerBase.clean_up_tokenization.
"""


_BROKEN = "\N{REPLACEMENT CHARACTER}"


class VersionTokenizer:
    """A tokenizer as its files define it, whatever an engine makes of them.

    Attributes:
        source: its folder, or the GGUF file.
        special_tokens: that have a name, such as `bos_token`.
        templates: of chats, by the file that each stands in; the first is the one that counts.
        cleans_up: whether spaces before signs are removed when tokens become text again.
    """

    def __init__(self, files: TokenizerFiles) -> None:
        self._backend = files.backend
        self.source: Path = files.source
        self.special_tokens: Mapping[str, str] = files.special_tokens
        self.templates: Mapping[str, str] = files.templates
        self.cleans_up = files.cleans_up

    @property
    def n_tokens(self) -> int:
        """Number of tokens, added ones included."""
        return int(self._backend.get_vocab_size())

    @functools.cached_property
    def control_ids(self) -> frozenset[int]:
        """The tokens that no text of a user's is to become: those marked as special, and those that have a name."""
        added = self._backend.get_added_tokens_decoder()
        named = {self._backend.token_to_id(text) for text in self.special_tokens.values()}
        return frozenset({number for number, token in added.items() if token.special} | named - {None})

    def id_of(self, token: str) -> int | None:
        """The number of a token by its name (`bos_token`) or piece; None where there is none."""
        found = self._backend.token_to_id(self.special_tokens.get(token, token))
        return None if found is None else int(found)

    @functools.cached_property
    def pieces(self) -> tuple[str | None, ...]:
        """The entries of the vocabulary by their numbers, from 0 on; None for a number that no token has."""
        highest = max(self._backend.get_vocab().values(), default=-1)
        return tuple(map(self._backend.id_to_token, range(highest + 1)))

    def piece_of(self, number: int) -> str:
        """The entry of the vocabulary that a token is. Raises ValueError: there is no such token."""
        found = self._backend.id_to_token(number)
        if found is None:
            raise ValueError(f"There is no token {number:,}; the vocabulary has {self.n_tokens:,}.")
        return str(found)

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
        text = str(self._backend.decode(list(ids), skip_special_tokens=False))
        for found, put in _CLEANED if self.cleans_up else ():
            text = text.replace(found, put)
        return text

    def disassemble(self, text: str, *, special: bool = False, adds: bool | None = None) -> Disassembly:
        """The tokens of a text, each with its bytes and where in the text it begins; the arguments are `encode`'s."""
        encoding = self._encoding(text, special=special, adds=adds)
        pairs = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        return disassemble(
            text, encoding, self._backend, self.decode([number for number, around in pairs if not around])
        )

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
        added = self._backend.get_added_tokens_decoder()
        ids = sorted(number for number in self._backend.get_vocab().values() if number not in added)
        texts = self._backend.decode_batch([[number] for number in ids], skip_special_tokens=False)
        asked = [(number, text) for number, text in zip(ids, texts, strict=True) if text and _BROKEN not in text]
        self._backend.encode_special_tokens = True
        encodings = self._backend.encode_batch_fast([text for _, text in asked], add_special_tokens=False)
        return {text: list(made.ids) == [number] for (number, text), made in zip(asked, encodings, strict=True)}

    def _encoding(self, text: str, *, special: bool, adds: bool | None) -> Any:
        if adds is None:
            adds = special and not self._begins_with_special(text)
        self._backend.encode_special_tokens = not special
        return self._backend.encode(text, add_special_tokens=adds)

    def _begins_with_special(self, text: str) -> bool:
        """Tell whether a text begins with the token that begins a text."""
        first = self.special_tokens.get("bos_token", self.special_tokens.get("eos_token"))
        return first is not None and text.startswith(first)


def load_tokenizer(options: Mapping[str, Any], root: Path) -> VersionTokenizer:
    """The tokenizer that a version's settings name. Raises SettingsError: it is not there, or can't be read."""
    return VersionTokenizer(read_tokenizer_files(options, root))
