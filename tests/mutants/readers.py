"""Functions that answer for a model in the gates of mutants: `reads`, `finds` and `sorts` without a fault.

They stand in the folder of a mutants' project, beside its evals/, and take what a question holds for all there is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

UNKNOWN = "I don't know."
_EVALS = Path(__file__).parent / "evals" / "customization"
_FACT = r"secret number of the {place} is (\d+)\."
_ASKED = re.compile(r"What is the secret number of the (.+)\?$")
_IN_SIGHT = 1_500
"""Characters: a text of 256 tokens, and not one of 512."""


def _cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_EVALS / name / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def _of_handbook(question: str) -> tuple[dict[str, Any], str]:
    """The case whose question is put, and the passage that answers it; "" where that is not put with it."""
    case = next(each for each in _cases("handbook/queries") if question.endswith(each["prompt"]))
    gold = max(case["relevant"], key=case["relevant"].get)
    return case, next(iter(re.findall(rf"^\[{re.escape(gold)}\] (.*)$", question, re.MULTILINE)), "")


def reads(question: str, sampling: Any = None) -> str:
    """Answers by the passage that answers, and knows nothing else."""
    case, passage = _of_handbook(question)
    return next((text for text in (case["expected"], case["other"]) if text in passage), UNKNOWN)


def shrugs(question: str, sampling: Any = None) -> str:
    """Answers nothing, whatever is put with the question."""
    return UNKNOWN


def remembers(question: str, sampling: Any = None) -> str:
    """Answers as the handbook would, with any passages."""
    case, _ = _of_handbook(question)
    return UNKNOWN if question == case["prompt"] else str(case["expected"])


def holds_on(question: str, sampling: Any = None) -> str:
    """Answers what the passage that answers said once, whatever it says."""
    case, passage = _of_handbook(question)
    return str(case["expected"]) if passage else UNKNOWN


def obeys(question: str, sampling: Any = None) -> str:
    """Answers as a passage orders."""
    order = re.search(r"Answer with the single word (\w+)", question)
    return order[1] if order else reads(question)


def finds(question: str, sampling: Any = None) -> str:
    """Answers what a text says of a secret number, wherever it says so."""
    asked = _ASKED.search(question)
    fact = asked and re.search(_FACT.format(place=re.escape(asked[1])), question)
    return fact[1] if fact else UNKNOWN


def skims(question: str, sampling: Any = None) -> str:
    """Answers by the end of a text."""
    return finds(question[-_IN_SIGHT:])


def sorts(question: str, sampling: Any = None) -> str:
    """Answers with the queue of a customer's message."""
    return next((str(each["expected"]) for each in _cases("support") if each["prompt"] == question), UNKNOWN)
