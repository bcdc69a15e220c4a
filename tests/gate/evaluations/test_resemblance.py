"""Copies among cases and cases that resemble each other, with the field that groups them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.gate.evaluations.resemblance import find_copies, find_near
from harness.records import Case


def cases(*rows: dict[str, Any]) -> list[Case]:
    return [Case({"id": f"c{i}", **row}) for i, row in enumerate(rows)]


def test_copies_are_equal_after_case_folding_and_white_space_in_all_fields_but_the_id() -> None:
    question = {"prompt": "What is the capital of Peru?", "expected": ["Lima"]}
    copy = {"prompt": " what is the\tcapital  of PERU?\n", "expected": ["lima"]}
    found = find_copies(cases(question, {"prompt": "Another one"}, copy))
    assert found is not None
    assert (found.labels, found.n_distinct, found.example) == (("c0", "c1", "c0"), 2, ("c0", "c2"))
    for change in ({"prompt": "What is the capital of Chad?"}, {"expected": ["Quito"]}, {"row": 1}):
        assert find_copies(cases(question, {**question, **change})) is None


@pytest.mark.parametrize(
    "row", [{"prompt": "Hi"}, {"prompt": "Say hello"}, {}, {"n": 5}, {"text": "What is it?", "x": {1, 2}}]
)
def test_short_texts_and_what_has_no_json_form_are_no_copies(row: dict[str, Any]) -> None:
    assert find_copies(cases(row, row)) is None


def of_documents(**fields: str) -> list[dict[str, Any]]:
    """Sixty questions on twelve documents, with other fields of each."""
    return [
        {
            "prompt": f"What is said of matter{i} in this text?",
            "passage": " ".join(f"word{i % 12}-{k}" for k in range(20)),
            "expected": f"answer {i % 12}",
            **{name: value.format(i=i, document=i % 12, half=i % 2) for name, value in fields.items()},
        }
        for i in range(60)
    ]


def test_cases_that_resemble_each_other_are_told_with_the_field_that_makes_the_most_groups_of_them() -> None:
    fields = {"topic": "all of them", "half": "{half}", "document": "d{document}", "row": "row {i}"}
    for named, known in (("document", {"prompt", *fields}), ("half", {"prompt", "half"}), ("", {"prompt", "row"})):
        rows = [{name: row[name] for name in ("text", *row) if name in known} for row in of_documents(**fields)]
        texts = [{**row, "texts": [each["passage"]]} for row, each in zip(rows, of_documents(), strict=True)]
        found = find_near(cases(*({**row, "texts": [*row["texts"], f"note {i}"]} for i, row in enumerate(texts))))
        assert found is not None
        assert (found.n, found.example, found.field) == (48, ("c0", "c12"), named)


def test_what_is_expected_is_named_where_no_other_field_groups_them() -> None:
    with_id, without = (
        of_documents(document="d{document}"),
        [{**row, "passage": [row["passage"]]} for row in of_documents()],
    )
    assert getattr(find_near(cases(*with_id)), "field", None) == "passage"
    found = find_near(cases(*({**row, "passage": [*row["passage"], str(i)]} for i, row in enumerate(without))))
    assert found is not None
    assert found.field == "expected"


def test_a_template_that_all_cases_have_is_no_likeness_and_a_pair_of_many_is_not_told() -> None:
    lands = [f"Land{i}" for i in range(40)]
    capitals = [{"prompt": f"What is the capital of {land}?"} for land in lands]
    assert find_near(cases(*capitals)) is None
    assert find_near(cases(*capitals, {"prompt": "What, then, is the capital of Land7?"})) is None
    assert find_near(cases({"n": 1}, {"n": 1})) is None
    assert find_near([]) is None
