"""The planted leaks are what their generator makes, and what their README says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from harness.stages.case_files import filed_cases
from harness.stages.data.overlap.contamination import find_contamination
from tests.corpora.leaks import EACH, NOTICES, SLOTS, STORIES, make_leaks, write_leaks

KINDS = ("exact", "lines", "answer", "short", "partly", "reworded", "boilerplate", "near", "unanswered", "nothing")
FOLDER = Path(__file__).parents[2] / "evals" / "data" / "contamination"


def documents():
    rows = map(json.loads, (FOLDER / "documents.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["id"], row["text"]) for row in rows]


def test_files_are_those_of_the_generator(tmp_path):
    write_leaks(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jsonl"))
    assert len(written) == 4
    assert [path for path in written if (tmp_path / path).read_bytes() != (FOLDER / path).read_bytes()] == []


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


@pytest.mark.service
@pytest.mark.parametrize("seed", range(5))
def test_another_seed_makes_others_that_are_found_as_well(seed):
    leaks = make_leaks(seed)
    from harness.records import Case
    from harness.stages.case_files import FiledCase

    cases = [FiledCase(f"{name}/{row['id']}", name, Case(row)) for name, rows in leaks.cases.items() for row in rows]
    found = find_contamination([(row["id"], row["text"]) for row in leaks.documents], cases)
    wrong = [each.id for each in cases if found[each.id].is_contaminated != each.id.startswith("leaked")]
    assert wrong == []


def test_a_rewording_has_no_eight_words_of_its_story():
    """Filled with the same words, so that only the wording differs."""
    words = {name: f"<{name}>" for name in SLOTS}
    for story in STORIES:
        one, other = (text.format(**words).split() for text in (story.text, story.reworded))
        grams = [{tuple(text[i : i + 8]) for i in range(len(text) - 7)} for text in (one, other)]
        assert not grams[0] & grams[1]


def test_a_notice_is_longer_than_what_is_looked_for():
    assert all(len(notice.split()) >= 20 for notice in NOTICES)
