"""The fixture `weights`: the weights of a version as their files have them, and what its engine makes of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from harness.errors import NotInLineageError
from harness.models.description.description import WeightsDescription, describe_weights
from harness.models.tokenization.loaded import LoadedTokenizer
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version
from harness.models.weights.weights import check_weights, made_folder
from harness.stages.lineage import StageContext


class Weights:
    """The weights of a version. What is asked for is read then, and no tensor of it.

    Attributes:
        version: its name.
    """

    def __init__(self, version: Version, context: StageContext) -> None:
        self.version = version.name
        self._engine = version.settings.engine
        self._options = version.settings.engine_options
        self._root = context.settings.root

    @functools.cached_property
    def description(self) -> WeightsDescription:
        """The weights as the heads of their files describe them, and as `steelyard describe` shows them."""
        return describe_weights(self._options, self._root, self._engine)

    @functools.cached_property
    def tokenizer(self) -> VersionTokenizer:
        """The tokenizer as its files define it."""
        return load_tokenizer(self._options, self._root)

    @functools.cached_property
    def moved_tokens(self) -> dict[int, str]:
        """Number → piece of the tokens that the weights learnt by another number.

        They are told by the vocabulary that the weights came with, where the version's is replaced or converted, and by
        the order of its merges.
        """
        plain = {name: value for name, value in self._options.items() if name != "tokenizer"}
        own, used, made = load_tokenizer(plain, self._root), self.tokenizer, made_folder(self._options, self._root)
        if made is not None and plain == self._options:
            used = load_tokenizer({"tokenizer": str(made)}, self._root)
        pairs = enumerate(zip_longest(own.pieces, used.pieces))
        other = {number for number, (theirs, ours) in pairs if theirs is not None and theirs != ours}
        pieces = dict(enumerate(used.pieces))
        return {number: pieces.get(number) or "no token" for number in sorted(other | used.out_of_order)}

    @functools.cached_property
    def loaded(self) -> LoadedTokenizer:
        """The tokenizer as the version's engine loads it; no engine is started for it."""
        return LoadedTokenizer(self._engine, self._options, self._root)

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """A chat as the text that the model is given, by the template in the files."""
        return self.tokenizer.chat(messages)

    def close(self) -> None:
        """End the process that holds the loaded tokenizer, if there is one."""
        if "loaded" in vars(self):
            self.loaded.close()


def load_weights(version: Version, context: StageContext) -> Weights:
    """The weights of a version. Raises as `own_options` does."""
    own_options(version, context)
    return Weights(version, context)


def own_options(version: Version, context: StageContext) -> Mapping[str, Any]:
    """The settings of a version's own weights. Raises NotInLineageError, or SettingsError: they can't be read."""
    options = version.settings.engine_options
    if "weights" not in options:
        raise NotInLineageError(version.name, "weights", 'weights and engine = "vllm" or "transformers"')
    check_weights(options, context.settings.root)
    return options
