"""What adapters are trained on keeps what its README says, and gives no evaluation away."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EVALS = ROOT / "evals"
SUPPORT = EVALS / "customization" / "support"
_IN_A_ROW = 8
_QUEUES = {"account", "billing", "delivery", "repairs", "returns"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def runs(text: str) -> set[tuple[str, ...]]:
    """All runs of so many words; the whole of a shorter text."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + _IN_A_ROW]) for place in range(max(1, len(words) - _IN_A_ROW + 1))}


def test_each_queue_has_as_many_as_the_page_says() -> None:
    cases, taught = lines(SUPPORT / "cases.jsonl"), lines(SUPPORT / "train.jsonl")
    assert Counter(case["expected"] for case in cases) == {f"Queue: {queue}": 12 for queue in _QUEUES}
    sorted_in = Counter(line["answer"] for line in taught if line["id"].startswith("taught-"))
    assert sorted_in == {f"Queue: {queue}": 20 for queue in _QUEUES}
    assert sum(line["id"].startswith("other-") for line in taught) == 32
    assert len(taught) == 132
    row = r"^\| \[customization/support\]\(customization/support/README\.md\) \| 60 \|"
    assert re.search(row, (EVALS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_cases_are_held_out_by_id_and_by_words_in_a_row() -> None:
    cases, taught = lines(SUPPORT / "cases.jsonl"), lines(SUPPORT / "train.jsonl")
    assert not {case["id"] for case in cases} & {line["id"] for line in taught}
    known = {run: line["id"] for line in taught for run in runs(json.dumps(line["prompt"]))}
    for case in cases:
        found = [known[run] for run in runs(case["prompt"]) if run in known]
        assert not found, f"{case['id']}: {found[0]}"


def test_no_case_of_another_evaluation_is_taught() -> None:
    asked = lines(SUPPORT / "train.jsonl")
    prompts = {line["id"]: line["prompt"] for line in asked}
    questions = {name: each if isinstance(each, str) else each[-1]["content"] for name, each in prompts.items()}
    known = {run: name for name, question in questions.items() for run in runs(question)}
    for path in sorted(EVALS.glob("foundation/*/*.jsonl")):
        for case in lines(path):
            texts = [str(case[name]) for name in ("prompt", "question", "text") if case.get(name)]
            found = [known[run] for text in texts for run in runs(text) if run in known]
            assert not found, f"{path.parent.name} {case.get('id')}: {found[0]}"
