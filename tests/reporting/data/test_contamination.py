"""What a corpus holds of cases, as lines that fit and as JSON."""

from __future__ import annotations

import json

import pytest

from harness.records.report_json import plain
from harness.reporting.corpora import Contaminated, contamination_view
from harness.reporting.shared.grid import folded
from harness.stages.data.overlap.contamination import RULE, CaseOverlap, Contamination, FoundPlace

PLACES = tuple(
    FoundPlace("prompt", f"d{n}", 40 + n, "What is the\ncapital of Peru?", 6, with_answer=n == 0) for n in range(5)
)
CASES = (
    CaseOverlap("foundation/capitals/peru", "foundation/capitals/cases.jsonl", "contaminated", PLACES),
    CaseOverlap("foundation/capitals/chad", "foundation/capitals/cases.jsonl", "clean", (), 4),
    CaseOverlap("foundation/pieces/words", "foundation/pieces/cases.jsonl", "too short"),
)
FOUND = Contamination(RULE, 4000, {each.id: each for each in CASES})


def lines(width=80, found=FOUND):
    return list(folded(contamination_view(Contaminated("clean", "f00", found)), width))


def test_cases_are_counted_and_each_contaminated_one_is_shown_with_its_places():
    assert lines() == [
        "clean: 3 cases looked for in 4,000 documents",
        "  1 contaminated, 1 clean, 1 too short to tell",
        "",
        "  foundation/capitals/peru",
        "    6 words of prompt in document d0, from character 40: “What is the capital of",
        "    Peru?”, with its answer",
        "    6 words of prompt in document d1, from character 41: “What is the capital of",
        "    Peru?”",
        "    6 words of prompt in document d2, from character 42: “What is the capital of",
        "    Peru?”",
        "    and 2 more places",
        "",
        "  1 case with words in a row that more than 10 documents have, which do not",
        "  count",
    ]


@pytest.mark.parametrize("width", [50, 80, 120])
def test_lines_fit(width):
    assert max(map(len, lines(width))) <= width


def test_json_has_every_case_and_place():
    document = json.loads(json.dumps(plain(Contaminated("clean", "f00", FOUND).as_json())))
    assert (document["contaminated"], document["clean"], document["too_short"]) == (1, 1, 1)
    assert document["rule"]["words"] == 13
    assert document["cases"][0]["places"][0]["offset"] == 40
