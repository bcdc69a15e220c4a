"""Items and labels as files: JSON lines and CSV.

Unless asked otherwise, an export holds nothing that unblinds: no version, run, judge score, drawing or label, and the
answers of a pair in an order that only Steelyard can tell.
"""

from harness.review.exchange.files import ExchangeFormat, format_of
from harness.review.exchange.sharing import SharedItem, exported, import_items

__all__ = ["ExchangeFormat", "SharedItem", "exported", "format_of", "import_items"]
