"""Holds the answers of a model of the transformers library to a JSON schema, with xgrammar as vLLM does."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Collection, Mapping
from typing import Any


def has_schemas() -> bool:
    """Tell whether xgrammar is installed."""
    return importlib.util.find_spec("xgrammar") is not None


class SchemaCompiler:
    """Makes constraints for the answers of one model.

    Args:
        tokenizer: of the model.
        vocabulary: entries of the model's output, padding included.
        ends: tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Collection[int]) -> None:
        import xgrammar

        information = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(ends)
        )
        self._compiler = xgrammar.GrammarCompiler(information)

    def constraint(self, schema: Mapping[str, Any]) -> Any:
        """A logits processor for one call of `generate`: what the schema does not allow becomes impossible.

        Its `steps` are the logits of each step after that, before temperature.

        Raises:
            ValueError: it is no JSON schema that xgrammar knows.
        """
        from xgrammar.contrib.hf import LogitsProcessor

        class Constraint(LogitsProcessor):
            def __init__(self, grammar: Any) -> None:
                super().__init__(grammar)
                self.steps: list[Any] = []

            def __call__(self, input_ids: Any, scores: Any) -> Any:
                self.steps.append(super().__call__(input_ids, scores))
                return self.steps[-1]

        # Free white space lets a small model write line breaks until max_tokens.
        try:
            grammar = self._compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
        except RuntimeError as error:
            raise ValueError(f"the schema can't be followed: {error}") from error
        return Constraint(grammar)
