"""The planted leaks are what their README says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from harness.stages.case_files import filed_cases
from harness.stages.data.overlap.contamination import find_contamination

KINDS = ("exact", "lines", "answer", "short", "partly", "reworded", "boilerplate", "near", "unanswered", "nothing")
EACH = 12
"""Cases of each kind."""
FOLDER = Path(__file__).parents[2] / "evals" / "data" / "contamination"


def documents():
    rows = map(json.loads, (FOLDER / "documents.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["id"], row["text"]) for row in rows]


def test_there_are_as_many_of_each_kind_and_no_story_twice():
    cases = filed_cases(FOLDER, ())
    assert Counter(each.case.kind for each in cases) == Counter(
        dict.fromkeys(
            KINDS,
            EACH,
        )
    )
    told = [json.dumps({name: each.case[name] for name in each.case if name not in ("id", "kind")}) for each in cases]
    assert len(set(told)) == len(cases)


def test_kinds_that_give_a_case_away_are_found_and_the_others_are_not():
    """60 of 60 in reach, 0 of 12 rewordings, 0 of 48 that only look so: as the README has it."""
    cases = filed_cases(FOLDER, ())
    found = find_contamination(documents(), cases)
    states = Counter((each.file.partition("/")[0], found[each.id].state) for each in cases)
    assert states == {
        ("leaked", "contaminated"): 5 * EACH,
        ("clean", "clean"): 4 * EACH,
        ("reworded", "clean"): EACH,
    }
    for each in cases:
        assert {place.document for place in found[each.id].places} <= {f"planted/{each.case.id}"}


def test_notices_are_boilerplate_in_the_cases_that_have_them():
    found = find_contamination(documents(), filed_cases(FOLDER, ()))
    marked = [each.id for each in found.values() if each.n_boilerplate]
    assert marked == [f"clean/boilerplate-{number:02}" for number in range(1, EACH + 1)]
