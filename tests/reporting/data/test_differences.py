"""What two corpora differ in, as lines that fit and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.records.report_json import plain
from harness.reporting.corpora import CorpusDifference, difference_view
from harness.reporting.shared.grid import folded
from harness.stages.data.drift.differences import (
    AloneDocument,
    ChangedOption,
    DocumentDifferences,
    RecipeDifference,
)
from harness.stages.data.drift.drift import Drift, DriftTable, Move

RECIPES = RecipeDifference(
    False, ("pii",), ("url", "c4"), (ChangedOption("minhash", "buckets", 14, 20),), ("exact",), True, ("words", "small")
)
SAME = RecipeDifference(True, (), (), (), (), False)
DOCUMENTS = DocumentDifferences(
    1200,
    (
        *(AloneDocument(f"d{n}", "gopher_quality", "gopher_below_alpha_threshold") for n in range(1100)),
        AloneDocument("x", None, None),
    ),
    (AloneDocument("y", "exact", None),),
    ("changed-1", "changed-2", "changed-3"),
)
NOTHING = DocumentDifferences(5, (), (), ())


def drift(column, value, low, high, p_value):
    return Drift(
        column, "bits", "what a pair of words tells of its version", value, 0.01, low, high, p_value, (value, value)
    )


MOVED = replace(drift("language", 0.0015, 0.0, 0.0032, 0.83), moves=(Move("de", 0.1, 0.021),))
TABLE = DriftTable(
    (
        drift("length", -0.0753, -0.112, -0.039, 0.0002),
        MOVED,
    ),
    frozenset({"length"}),
    0.95,
)


def lines(width=80, recipes=RECIPES, documents=DOCUMENTS, table=TABLE, encoding="utf-8"):
    difference = CorpusDifference(("raw", "clean"), recipes, documents, table)
    return list(folded(difference_view(difference), width, encoding))


def test_recipes_documents_and_drift_are_told():
    text = "\n".join(lines())
    for part in (
        "they begin with different documents",
        "raw alone has pii",
        "clean alone has url, c4",
        "minhash: buckets = 14 in raw, 20 in clean",
        "other packages, or other code, in exact",
        "the steps that both have stand in another order",
        "tokens are counted by words in raw, by small in clean",
        "1,200 documents in both, 3 of them with another text, such as changed-1,",
        "1,101 in raw alone, such as d0, d1",
        "gopher_quality: gopher_below_alpha_threshold  1,100",
        "never came into clean                             1",
        "1 in clean alone, such as y",
        "drift of clean from raw",
        "  length    -0.075  [-0.112, -0.039]  < 0.001  drift",
        "  language  0.0015  [0.0000, 0.0032]    0.830",
        "language: de 10.0 % -> 2.1 %",
    ):
        assert part in text, part


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_fit(width):
    assert max(map(len, lines(width))) <= width


def test_what_is_the_same_is_said():
    text = "\n".join(lines(recipes=SAME, documents=NOTHING))
    assert "recipe\n  the same\n" in text
    assert "5 documents in both, all alike" in text


def test_why_drift_is_not_told_is_said():
    assert lines(table="The candidate has 5 documents.")[-1] == "  The candidate has 5 documents."


def test_json_has_every_document_and_figure():
    document = json.loads(json.dumps(plain(CorpusDifference(("raw", "clean"), RECIPES, DOCUMENTS, TABLE).as_json())))
    assert document["recipe"]["options"] == [{"step": "minhash", "option": "buckets", "first": 14, "second": 20}]
    assert len(document["documents"]["first_alone"]) == 1101
    assert document["documents"]["first_alone"][-1] == {"id": "x", "step": None, "reason": None}
    assert [each["shown"] for each in document["drift"]["columns"]] == [True, False]
    assert document["drift"]["columns"][0]["low"] == -0.112
    assert CorpusDifference(("a", "b"), SAME, NOTHING, "Too few.").as_json()["drift"] is None
