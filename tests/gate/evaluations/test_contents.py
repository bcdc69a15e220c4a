"""The digests of cases: what they follow, and what has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.gate.evaluations.cases import built_digest, content_digest, question_digest
from harness.records import Case, Request


def test_a_cases_digest_follows_its_fields_in_any_order_and_nothing_else() -> None:
    one = content_digest(Case({"id": "peru", "prompt": "q", "n": 1}))
    assert one == content_digest(Case({"n": 1, "prompt": "q", "id": "peru"}))
    assert one != content_digest(Case({"id": "peru", "prompt": "q", "n": 2}))
    assert len(one or "") == 16


def test_arrays_and_dates_have_a_digest_and_objects_without_a_form_have_none() -> None:
    assert content_digest(Case({"id": "a", "x": np.arange(3)})) == content_digest(Case({"id": "a", "x": [0, 1, 2]}))
    assert content_digest(Case({"id": "a", "x": object()})) is None
    assert content_digest(Case({"id": "a", "x": {1: 2, "b": 3}})) is None


def test_what_was_asked_leaves_the_system_text_out() -> None:
    user, system = {"role": "user", "content": "q"}, {"role": "system", "content": "Be brief."}
    assert question_digest(Request(messages=(system, user))) == question_digest(Request(messages=(user,)))
    assert question_digest(Request(messages=(user,))) != question_digest(Request(prompt="q"))
    assert question_digest(None) is None


def test_what_has_no_json_form_is_told_by_its_type_and_the_rest_by_content() -> None:
    def digest(**fields: object) -> str:
        return built_digest(Case({"id": "a", **fields}))

    assert digest(x=1, y="q") == content_digest(Case({"id": "a", "x": 1, "y": "q"}))
    assert digest(file=Path("a"), prompt="q") == digest(file=Path("b"), prompt="q")
    assert digest(file=Path("a"), prompt="q") != digest(file=Path("a"), prompt="other")
    assert digest(file=Path("a")) != digest(file=object())
    assert digest(files=[Path("a"), 1]) != digest(files=[Path("a"), 2]), "what has a form inside of it counts"
    assert digest(x={1: 2, "b": 3}) == digest(x={1: 9, "b": 3}), "keys of two kinds have no order"
    rows = [built_digest(Case({"id": name, 0: name})) for name in ("a", "b")]  # type: ignore[dict-item] - pandas' names
    assert rows[0] != rows[1]
