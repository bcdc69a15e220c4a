"""Cases are drawn with equal, known probabilities, without personal data, and the same ones each time."""

import json

import numpy as np
import pytest

from harness.errors import CaseError
from harness.gate.traffic.drawing import add_case, draw_cases
from harness.gate.traffic.traces import Traces

LANGUAGES = ["de"] * 60 + ["en"] * 30 + ["fi"] * 10


@pytest.fixture
def traces(tmp_path):
    def made(prefix="", n=100, **fields):
        lines = [
            {"id": f"{prefix}{i}", "time": i + 1, "prompt": f"Where is the parcel {i}?", "output": "There.",
             "language": LANGUAGES[i % 100], **fields}
            for i in range(n)
        ]  # fmt: skip
        path = tmp_path / "traces.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
        return Traces([path])

    return made


def test_each_stratum_has_its_share_and_each_case_its_probability(traces):
    cases, total = draw_cases(traces(), 20, "language")
    counts = {name: sum(each["language"] == name for each in cases) for name in ("de", "en", "fi")}
    assert (counts, total) == ({"de": 12, "en": 6, "fi": 2}, 100)
    assert {each["probability"] for each in cases} == {0.2}
    assert draw_cases(traces(), 20, "language") == (cases, total)


def test_a_field_that_no_sample_has_is_refused(traces):
    with pytest.raises(CaseError, match=r"--by: No field named 'langage'\. Fields: language\. Did you mean 'language'"):
        draw_cases(traces(), 20, "langage")


def test_every_sample_is_drawn_as_often_as_its_probability_says(traces):
    """Over 150 sets of ids: 7 of 30 each; the standard error of a share is 0.035."""
    drawn = np.zeros(30)
    for trial in range(150):
        for each in draw_cases(traces(f"{trial}-", 30), 7, None)[0]:
            drawn[int(each["id"].partition("-")[2])] += 1
    assert drawn.sum() == 150 * 7
    assert abs(drawn / 150 - 7 / 30).max() < 0.14


def test_all_are_drawn_of_fewer_than_asked_for_and_none_of_none(traces):
    cases, total = draw_cases(traces(n=3), 10, None)
    assert ([each["probability"] for each in cases], total) == ([1.0] * 3, 3)
    assert draw_cases(traces(n=0), 10, None) == ([], 0)


def test_personal_data_is_replaced_everywhere_but_in_the_id(traces):
    (case,), _ = draw_cases(
        traces(n=1, prompt="I am ann@shop.org", output="Hi ann@shop.org", notes=["ann@shop.org"]), 1, None
    )
    assert "ann@shop.org" not in json.dumps(case)
    assert (case["prompt"], case["notes"]) == ("I am email@example.com", ["email@example.com"])


def test_what_resembles_or_is_of_one_session_is_a_cluster(tmp_path):
    texts = ["How do I return the blue lamp today?", "How do I return the blue lamp now?", "What does a tent weigh?",
             "Which of these shoes are waterproof?"]  # fmt: skip
    lines = [{"id": str(i), "time": 1, "prompt": text, "output": "x", "session": "s" if i > 1 else None}
             for i, text in enumerate(texts)]  # fmt: skip
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    cases, _ = draw_cases(Traces([tmp_path / "t.jsonl"]), 4, None)
    assert [each["cluster"] for each in cases] == ["0", "0", "2", "2"]
    assert all("session" not in each for each in cases)


def test_a_case_is_added_once_under_its_id(tmp_path):
    path = tmp_path / "new" / "cases.jsonl"
    assert [add_case({"id": name, "prompt": "ä"}, path) for name in ("a", "b")] == [1, 2]
    assert [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()] == ["a", "b"]
    with pytest.raises(CaseError, match="has a case 'b' already"):
        add_case({"id": "b"}, path)
    with pytest.raises(CaseError, match=r"no file of JSON lines"):
        add_case({"id": "c"}, tmp_path / "cases.csv")
