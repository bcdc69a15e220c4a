"""Data inside a page: whatever a model or a person wrote, no character of it ends the script that it stands in."""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def embedded(value: Any) -> str:
    r"""JSON in ASCII without a character that means something to HTML; JSON and JavaScript read it alike.

    >>> embedded(["</script>", "<!--", "\u2028", "\ud800"])
    '["\\u003c/script\\u003e","\\u003c!--","\\u2028","\\ud800"]'
    """
    text = _encode(value)
    for character, escape in _ESCAPES.items():
        if character in text:
            text = text.replace(character, escape)
    return text
