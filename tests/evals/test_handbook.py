"""The handbook and its questions keep what their page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.stages.case_files import filed_cases
from harness.stages.data.overlap.contamination import find_contamination

EVALS = Path(__file__).parents[2] / "evals"
HANDBOOK = EVALS / "customization" / "handbook"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HANDBOOK / name).read_text(encoding="utf-8").splitlines()]


def test_there_are_as_many_as_the_page_says() -> None:
    page = (HANDBOOK / "README.md").read_text(encoding="utf-8")
    counts = [len(lines(name)) for name in ("passages.jsonl", "queries/cases.jsonl", "inflected/cases.jsonl")]
    assert counts == [80, 75, 16]
    assert "80 passages" in page
    assert "91 questions" in page
    assert len({line["id"] for line in lines("passages.jsonl")}) == 80


@pytest.mark.parametrize("name", ["queries/cases.jsonl", "inflected/cases.jsonl"])
def test_the_passage_that_answers_holds_the_answer_and_not_the_other(name: str) -> None:
    texts = {line["id"]: line["text"] for line in lines("passages.jsonl")}
    for query in lines(name):
        assert set(query["relevant"]) <= set(texts)
        (gold,) = (texts[each] for each, grade in query["relevant"].items() if grade == 2)
        assert query["expected"] in gold, query["id"]
        assert query["other"] not in gold, query["id"]
        assert query["expected"].lower() not in query["prompt"].lower(), "the question does not give its answer away"


def test_its_questions_are_among_the_cases_that_a_prompt_must_not_quote() -> None:
    filed = filed_cases("evals/customization", (EVALS.parent,))
    cases = [each for each in filed if each.file.startswith("handbook/")]
    assert len(cases) == 91
    shown = max((each.case for each in cases), key=lambda case: len(case.prompt))
    found = find_contamination([("system", f"Be brief. Q: {shown.prompt} A: {shown.expected}")], filed)
    assert [each.id for each in filed if found[each.id].is_contaminated] == [f"handbook/queries/{shown.id}"]


def test_the_measures_of_rankings_are_those_of_trec_eval() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    names = {"reciprocal_rank": "RR", "average_precision": "AP", "recall": "R@{k}", "precision": "P@{k}"}
    names |= {"ndcg": "nDCG@{k}", "exponential_ndcg": "nDCG@{k}"}
    for line in (EVALS / "customization" / "rankings" / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        run = {"q": {name: float(-place) for place, name in enumerate(case["ranking"])}}
        assert case["expected"].keys() == names.keys()
        for name, measure in names.items():
            parsed = ir_measures.parse_measure(measure.format(k=case["k"]))
            grades = case["relevant"]
            if name == "exponential_ndcg":  # which trec_eval has by the name of no measure, but by its grades
                grades = {each: 2**grade - 1 for each, grade in grades.items()}
            theirs = ir_measures.calc_aggregate([parsed], {"q": grades}, run)[parsed]
            assert case["expected"][name] == pytest.approx(theirs, abs=1e-6), case["id"]


def test_the_list_of_evaluations_has_both() -> None:
    page = (EVALS / "README.md").read_text(encoding="utf-8")
    for name, count in (("handbook", 91), ("rankings", 20)):
        row = rf"^\| \[customization/{name}\]\(customization/{name}/README\.md\) \| {count} \|"
        assert re.search(row, page, re.MULTILINE)
