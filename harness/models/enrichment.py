"""Enrichment of a question: the passages that a version's retriever finds, within the budget of its context."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.customization import ContextSettings
from harness.config.versions import VersionSettings
from harness.models.retrieval.retriever import Retriever, open_retriever, passages_text, put

if TYPE_CHECKING:
    from harness.models.tokenization.version_tokenizer import VersionTokenizer

CUT = " … "
"""Stands where the middle of a text was cut out."""


class Enrichment:
    """The passages and the budget of a version, whose index is built; relative paths start from `root`."""

    def __init__(self, settings: VersionSettings, root: Path) -> None:
        self._settings = settings
        self._root = root
        self._budget = settings.context

    @functools.cached_property
    def retriever(self) -> Retriever:
        """The version's retriever. Raises SettingsError: its index is not built here."""
        return open_retriever(self._settings, self._root)

    @functools.cached_property
    def tokenizer(self) -> VersionTokenizer:
        """The version's tokenizer, which counts what the budget is of. Raises SettingsError: it has none."""
        from harness.models.tokenization.version_tokenizer import load_tokenizer

        return load_tokenizer(self._settings.engine_options, self._root)

    def of(self, question: str) -> str:
        """The question as the version puts it to its model.

        With a retriever the budget is of the passages, so that the question is never cut; else it is of the question,
        which holds its own context.

        Raises:
            UsageError: the question has no word to look for, or the index or the tokenizer is not there.
        """
        if self._settings.retrieval is None:
            return self._within(question)
        passages = self._within(passages_text(self.retriever.search(question)))
        return put(self.retriever.settings.prompt, passages, question)

    def of_messages(self, messages: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        """The messages, the last text of the user's put as `of` has it."""
        enriched = list(messages)
        place = max((place for place, each in enumerate(messages) if each["role"] == "user"), default=None)
        if place is not None and isinstance(question := messages[place].get("content"), str):
            enriched[place] = {**messages[place], "content": self.of(question)}
        return tuple(enriched)

    def _within(self, text: str) -> str:
        return text if self._budget is None else within(text, self._budget, self.tokenizer)


def within(text: str, budget: ContextSettings, tokenizer: VersionTokenizer) -> str:
    """The text within a budget of tokens: its ends, its start or its end.

    Where a cut changes how the text is split into tokens, less of it is kept, so that the budget always holds.
    """
    spans = tokenizer.spans(text)
    if len(spans) <= budget.tokens:
        return text
    for kept in range(budget.tokens, 0, -1):
        tail = {"start": 0, "end": kept}.get(budget.keep, kept // 2)
        head = text[: spans[kept - tail - 1][1]] if tail < kept else ""
        end = text[spans[-tail][0] :] if tail else ""
        cut = head + (CUT if budget.keep == "ends" else "") + end
        if len(tokenizer.spans(cut)) <= budget.tokens:
            return cut
    return ""
