"""Checks for the bodies of evaluations: each gives a score with its reason, in one line.

    return checks.contains(await model.ask(case.prompt), case.expected)

A check that can't work raises `CheckError` and is never a 0. Those that have to be waited for (`runs`, `similarity`,
`choose`, `multiple_choice`) are awaited in an `async def` body, and so the types say. In a `def` body they give their
result directly; `harness.sync_checks` are the same checks with the types for it.
"""

from harness.scoring.checks.choices import Choice, choose, multiple_choice
from harness.scoring.checks.embeddings import similarity
from harness.scoring.checks.execution import runs
from harness.scoring.checks.numbers import last_number, numeric
from harness.scoring.checks.overlap import bleu, chrf, rouge, token_f1
from harness.scoring.checks.structure import follows_schema
from harness.scoring.checks.text import contains, exact, matches, normalise, normalised

__all__ = [
    "Choice",
    "bleu",
    "choose",
    "chrf",
    "contains",
    "exact",
    "follows_schema",
    "last_number",
    "matches",
    "multiple_choice",
    "normalise",
    "normalised",
    "numeric",
    "rouge",
    "runs",
    "similarity",
    "token_f1",
]
