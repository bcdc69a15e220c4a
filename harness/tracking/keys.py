"""Names and texts as MLflow takes them."""

from __future__ import annotations

import hashlib
import re

_LONGEST_KEY = 220
"""MLflow's limit is 250; the rest is room for `.difference_high` and the like."""

LONGEST_PARAMETER = 6000
LONGEST_TAG = 8000
_REFUSED = re.compile(r"[^\w./ :-]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def key(*parts: str) -> str:
    """A name made of parts, with a slash between them.

    MLflow takes letters, digits and `_-. :/`, no path that goes up or begins at the root, and 250 characters. What had
    to be changed is told apart by digits of its hash.

    >>> key("foundation/test_capitals", "score")
    'foundation/test_capitals/score'
    >>> key("test_it[a+b]", "score")
    'test_it_a_b_/score 6acf'
    """
    wanted = "/".join(parts)
    name = "/".join(filter(lambda part: part.strip("."), _REFUSED.sub("_", wanted).split("/")))
    if name and name == wanted and len(name) <= _LONGEST_KEY:
        return name
    digits = hashlib.sha256(wanted.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    return f"{name[: _LONGEST_KEY - 5] or '_'} {digits}"


def text(value: str, longest: int = LONGEST_TAG) -> str:
    """A text that every database takes: no NUL, no half of a character, and not too long."""
    clean = _UNSTORABLE.sub("\ufffd", value)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
