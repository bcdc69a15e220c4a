"""Rubrics to judge by."""

from __future__ import annotations

from textwrap import dedent

from harness.scoring.judging.rubric import Rubric, read_rubric

SUMMARY = """\
# Faithful summary

## Criteria

A summary says what the text says, in fewer words.

## Steps

1. List what the summary claims.
2. Check each claim against the text,
   and count those that it supports.

## Scale

- 1: nothing of it is in the text
- 3: some claims are not in the text
- 5: every claim is in the text
"""


def rubric(text: str = SUMMARY, **sections: str) -> Rubric:
    """A rubric; `Input="- a"` adds or replaces a section, and "" takes it out."""
    return read_rubric(with_sections(text, **sections), "rubric.md")


def with_sections(text: str = SUMMARY, **sections: str) -> str:
    """The text of a rubric with some sections changed."""
    parts = dict(part.split("\n", 1) for part in text.split("## ")[1:])
    parts |= {name: f"\n{dedent(content)}\n" for name, content in sections.items()}
    return text.split("## ")[0] + "".join(f"## {name}\n{content}" for name, content in parts.items() if content.strip())
