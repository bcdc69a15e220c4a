"""The lessons of a student keep what their README says, and give no evaluation away."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from harness.stages.case_files import filed_cases
from harness.stages.data.overlap.contamination import find_contamination

ROOT = Path(__file__).parents[2]
EVALS = ROOT / "evals"
LESSONS = EVALS / "distillation" / "lessons"
_IN_A_ROW = 8


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def runs(text: str) -> set[tuple[str, ...]]:
    """All runs of so many words."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + _IN_A_ROW]) for place in range(len(words) - _IN_A_ROW + 1)}


def told(lesson: dict[str, Any]) -> str:
    prompt = lesson.get("messages", lesson.get("prompt"))
    return lesson.get("text") or f"{json.dumps(prompt)} {lesson.get('answer', '')}"


def test_there_are_as_many_as_the_page_says() -> None:
    lessons = lines(LESSONS / "lessons.jsonl")
    kinds = Counter(
        next((kind for kind in ("text", "messages") if kind in each), "") or type(each["prompt"]).__name__
        for each in lessons
    )
    assert kinds == {"text": 103 + 6, "str": 50, "list": 12, "messages": 137}
    page = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [103, 6, 50, 12, 137]
    row = r"^\| \[distillation/lessons\]\(distillation/lessons/README\.md\) \| 308 \|"
    assert re.search(row, (EVALS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_two_are_alike() -> None:
    lessons = lines(LESSONS / "lessons.jsonl")
    assert len(lessons) == len({each["id"] for each in lessons}) == len({told(each) for each in lessons})


def test_no_case_of_an_evaluation_is_in_a_lesson() -> None:
    taught = {run: lesson["id"] for lesson in lines(LESSONS / "lessons.jsonl") for run in runs(told(lesson))}
    for path in sorted(EVALS.glob("foundation/*/*.jsonl")):
        for case in lines(path):
            found = [taught[run] for run in runs(json.dumps(case)) if run in taught]
            assert not found, f"{path.parent.name} {case.get('id')}: {found[0]}"


def test_no_sum_of_the_gate_is_taught_in_either_order() -> None:
    cases = lines(EVALS / "foundation" / "arithmetic" / "cases.jsonl")
    asked = set().union(*(sums(json.dumps(case)) for case in cases))
    taught = {each: lesson["id"] for lesson in lines(LESSONS / "lessons.jsonl") for each in sums(told(lesson))}
    assert len(asked) > 150
    assert len(taught) > 200
    assert {each: taught[each] for each in asked & taught.keys()} == {}


def sums(text: str) -> set[tuple[str, ...]]:
    """The sums, products, differences and comparisons of a text; those of which the order does not matter, sorted."""
    found: set[tuple[str, ...]] = set()
    for left, sign, right in re.findall(r"(\d+) ([-+x]) (\d+)", text):
        found.add((sign, left, right) if sign == "-" else (sign, *sorted((left, right))))
    found |= {("or", *sorted(pair)) for pair in re.findall(r"(\d+) or (\d+)", text)}
    return found | {("after", number) for number in re.findall(r"comes after (\d+)", text)}


def test_no_lesson_has_the_subject_of_a_held_out_text() -> None:
    held_out = {each["id"] for each in lines(EVALS / "foundation" / "prose" / "documents.jsonl")}
    assert not held_out & {each["id"] for each in lines(LESSONS / "lessons.jsonl")}


def test_the_page_of_all_evaluations_counts_the_cases() -> None:
    page = (EVALS / "README.md").read_text(encoding="utf-8")
    for name in ("form", "costs", "quality", "prompts"):
        row = rf"^\| \[distillation/{name}\]\(distillation/{name}/README\.md\) \| (\d+) \|"
        found = re.search(row, page, re.MULTILINE)
        assert found is not None, name
        assert int(found[1]) == len(lines(EVALS / "distillation" / name / "cases.jsonl"))
        assert (EVALS / "distillation" / name / "README.md").is_file()


def test_no_lesson_gives_a_short_question_away_with_its_answer() -> None:
    """By the rule of `distillation.contamination`, which also finds questions of few words whose answer follows."""
    lessons = [
        (each["id"], each["text"] if "text" in each else written(each)) for each in lines(LESSONS / "lessons.jsonl")
    ]
    found = find_contamination(lessons, filed_cases("evals/foundation", (ROOT,)))
    assert [str(each) for each in found.contaminated] == []


def written(lesson: dict[str, Any]) -> str:
    prompt = lesson.get("messages", lesson.get("prompt"))
    asked = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    return "\n".join([*asked, lesson.get("answer", "")])
