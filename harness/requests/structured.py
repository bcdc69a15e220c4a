"""An answer that was held to a schema, as data."""

from __future__ import annotations

import json
from typing import Any

from harness.errors import EngineError
from harness.records import Sample

_CUT_ADVICE = "raise it, or let the schema bound the answer (maxLength and pattern of texts, maxItems of lists)"


def data_of(sample: Sample, name: str) -> Any:
    """What the JSON of an answer holds: dict, list, str, …

    Args:
        name: of the version that answered, for the error.

    Raises:
        EngineError: it is no JSON, or a number that was cut at max_tokens, which may have had more digits.
    """
    begins = repr(sample.text[:200])
    cut = f" It was cut at max_tokens: {_CUT_ADVICE}." if sample.truncated else ""
    try:
        data = json.loads(sample.text)
    except ValueError as error:
        raise EngineError(f"{name} answered no JSON for a schema ({error}): {begins}.{cut}") from None
    # Whatever else JSON holds shows its own end.
    if sample.truncated and isinstance(data, int | float) and not isinstance(data, bool):
        raise EngineError(f"{name} answered a number that may have more digits: {begins}.{cut}")
    return data
