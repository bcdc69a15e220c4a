"""Characters that count as a word each: of Chinese and Japanese, which put no spaces between words."""

from __future__ import annotations

WORD_CHARACTERS = (
    r"\u3005-\u3007\u303b"  # 々 〆 〇 〻
    r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d"  # Hiragana, Katakana, and Katakana of half width
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""They as ranges for a class of a regular expression: blocks of the Unicode Character Database (Blocks.txt, 16.0)."""
