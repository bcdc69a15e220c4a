"""Items and labels as files: JSONL, CSV, and the formats of Label Studio and Argilla.

Each format writes and reads the same `SharedItem`s. Unless asked otherwise, an export holds nothing that unblinds: no
version, run, judge score, drawing or label, and the answers of a pair in an order that only Steelyard can tell.
"""

from __future__ import annotations

from harness.review.exchange.formats import FORMATS, ExchangeFormat, find_format, format_of
from harness.review.exchange.sharing import SharedExclusion, SharedItem, exported, import_items
from harness.review.views import GivenLabel

__all__ = [
    "FORMATS",
    "ExchangeFormat",
    "GivenLabel",
    "SharedExclusion",
    "SharedItem",
    "exported",
    "find_format",
    "format_of",
    "import_items",
]
