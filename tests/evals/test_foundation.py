"""The cases of the main job keep what their README says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from harness import checks
from harness.gate.baselines.recording import read_recording
from harness.gate.evaluations.cases import content_digest
from harness.stages.case_files import load_cases

ROOT = Path(__file__).parents[2]
NAMES = ("arithmetic", "capitals", "format", "vocabulary")


def cases_of(name, file="cases"):
    text = (ROOT / "evals" / "foundation" / name / f"{file}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_there_are_at_least_150_cases_and_no_two_ask_the_same(name):
    cases = cases_of(name)
    assert len(cases) >= 150
    assert len(cases) == len({case["id"] for case in cases}) == len({case["prompt"] for case in cases})
    assert cases_of(name, "few") == cases[::4]


@pytest.mark.parametrize("name", NAMES)
def test_no_example_gives_a_case_away(name):
    cases = cases_of(name)
    shown = {message["content"] for case in cases for message in case["examples"]}
    assert not shown & {case["prompt"] for case in cases}


@pytest.mark.parametrize("name", ["capitals", "vocabulary"])
def test_neither_the_question_nor_an_example_holds_the_answer(name):
    for case in cases_of(name):
        assert checks.contains(case["prompt"], case["expected"]).value == 0, case["id"]
        for message in case["examples"]:
            assert checks.contains(message["content"], case["expected"]).value == 0, case["id"]


def test_the_expected_results_of_arithmetic_are_true():
    for case in cases_of("arithmetic"):
        words = case["prompt"].rstrip("?").split()
        if words[0] == "Which":
            result = max(int(words[4].rstrip(",")), int(words[6]))
        elif "after" in words:
            result = int(words[-1]) + 1
        else:
            a, sign, b = int(words[2]), words[3], int(words[4])
            result = {"+": a + b, "-": a - b, "x": a * b}[sign]
        assert result == case["expected"], case["id"]


def test_every_format_is_shown_by_an_example_with_another_word():
    for case in cases_of("format"):
        asked, shown = case["examples"]
        assert shown["content"] != case["expected"], case["id"]
        assert asked["content"] != case["prompt"], case["id"]


def documents_of(name):
    text = (ROOT / "evals" / "foundation" / name / "documents.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_each_fact_has_four_answers_and_the_right_one_stands_anywhere():
    documents = documents_of("facts")
    assert len(documents) >= 150
    assert len({each["id"] for each in documents}) == len({each["question"] for each in documents}) == len(documents)
    assert all(len(set(each["choices"])) == 4 for each in documents)
    places = Counter(each["answer"] for each in documents)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) - min(places.values()) <= 1


def test_passages_of_prose_are_of_like_length_and_no_two_begin_alike():
    documents = documents_of("prose")
    lengths = [len(each["text"].split()) for each in documents]
    assert (min(lengths), max(lengths)) == (42, 52)
    assert len({each["id"] for each in documents}) == len({each["text"][:25] for each in documents}) == len(documents)


def test_the_recorded_baseline_is_of_these_cases():
    """Where a case or a test has changed: record it again, see reports/baselines/README.md."""
    recording = read_recording(ROOT / "reports" / "baselines" / "smollm2-released.json")
    assert len(recording.evaluations) == len(NAMES)
    for name in NAMES:
        recorded = recording.evaluations[f"suites/foundation/test_{name}.py::test_{name}"]
        assert {case: each.content for case, each in recorded.cases.items()} == {
            case.id: content_digest(case) for case in load_cases(f"evals/foundation/{name}/few.jsonl", [ROOT])
        }
