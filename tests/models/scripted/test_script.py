"""The table of a scripted version is read, filled up and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SettingsError
from harness.models.scripted.script import Script, load_script


def script(root: Path = Path(), **options: Any) -> Script:
    return load_script(options, root, where="version 'v'")


def probabilities(script: Script, prompt: str) -> dict[str, float]:
    outcomes = script.outcomes[prompt]
    return dict(zip(outcomes.answers, outcomes.probabilities, strict=True))


def test_one_answer_is_certain() -> None:
    assert probabilities(script(answers={"Q": "A"}), "Q") == {"A": 1.0}


def test_what_probabilities_leave_of_1_goes_to_the_default() -> None:
    read = script(answers={"Q": {"A": 0.6}}, default={"B": 0.5, "A": 0.5})
    assert pytest.approx({"A": 0.8, "B": 0.2}) == probabilities(read, "Q")


@pytest.mark.parametrize(
    ("name", "one", "many"), [("a.json", "", ""), ("a.jsonl", "answer", "answers"), ("a.jsonl", "answers", "answer")]
)
def test_a_file_says_the_same_as_a_table(tmp_path: Path, name: str, one: str, many: str) -> None:
    table = {"Q": {"A": 0.5, "B": 0.5}, "R": "C"}
    if name.endswith("l"):
        lines = [{"prompt": "Q", many: table["Q"]}, {"prompt": "R", one: "C"}]
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    else:
        (tmp_path / name).write_text(json.dumps(table))
    assert script(answers=table) == script(tmp_path, answers=name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "has nothing to say"),
        ({"answers": {"Q": {"A": 0.5}}}, r"prompt 'Q': the probabilities add up to 0\.5; .* or give a default"),
        ({"answers": {"Q": {"A": 0.9, "B": 0.2}}}, r"add up to 1\.1, more than 1"),
        ({"answers": {"Q": {"A": 0, "B": 1}}}, r"probability 0 of 'A' is not in \(0, 1\]"),
        ({"answers": {"Q": {"A": -0.5, "B": 1}}}, r"probability -0\.5"),
        ({"answers": {"Q": {"A": float("nan")}}}, "probability nan"),
        ({"answers": {"Q": {"A": True}}}, "probability True"),
        ({"answers": {"Q": {"A": "often"}}}, "probability 'often'"),
        ({"answers": {"Q": {}}}, r"\{\} is neither an answer nor a table"),
        ({"answers": {"Q": 3}}, "3 is neither an answer nor a table"),
        ({"answers": {"Q": "A"}, "default": {"B": 0.5}}, r"default: the probabilities add up to 0\.5"),
        ({"answers": "missing.json"}, r"missing\.json can't be read"),
    ],
)
def test_a_script_that_is_none_is_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        script(tmp_path, **options)
    assert "version 'v'" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "[1]", r"a\.json is not an object"),
        ("a.json", '{\n"Q": }', r"a\.json, line 2: not valid JSON"),
        ("a.json", '{"Q": {"A": 2}}', r"a\.json: prompt 'Q': the probability 2"),
        ("a.jsonl", '{"prompt": "Q", "answer": "A"}\n{"prompt": "R"}', r"a\.jsonl, line 2 needs answer"),
        ("a.jsonl", '{"prompt": "Q", "answer": "A"}\n{"prompt"', r"a\.jsonl, line 2 is no JSON"),
        (
            "a.jsonl",
            '{"prompt": "Q", "answer": "A"}\n{"prompt": "Q", "answer": "B"}',
            r"line 2: the prompt 'Q' is .*twice",
        ),
        ("a.jsonl", '{"prompt": "Q", "answer": "A", "answers": {"B": 1}}', "line 1 has both answer and answers"),
        ("a.jsonl", '{"prompt": 3, "answer": "A"}', "line 1: prompt = 3 is not a text"),
        ("a.jsonl", '["prompt", "answer"]', "line 1 is no JSON object"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=said):
        script(tmp_path, answers=name)
