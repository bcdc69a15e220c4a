"""Cases that a prompt was optimised on are known again by their ids and by what they ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import CaseError
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.evaluations.resemblance import find_copies
from harness.gate.sampling.seen import SeenCases, read_seen, unmatched_notes, without_seen
from harness.records import Case

QUESTIONS = ("Which river is in Rome?", "Which river is in Ulm?", "which river is in Rome", "Which river is in Bonn?")


def evaluation(name: str = "suite.py::test_it", *, n: int = 4, **keywords: Any) -> Evaluation:
    cases = tuple(Case({"id": f"c{i}", "prompt": text}) for i, text in enumerate(QUESTIONS[:n]))
    plan = read_plan({"threshold": 0.5, "margin": 0.1, **keywords}, Settings(root=Path()), where="test")
    return Evaluation(name, plan, cases, print, lambda _: "error", copies=find_copies(cases))


def seen(*ids: str) -> SeenCases:
    return SeenCases(frozenset(ids))


def test_a_file_names_cases_by_id_and_by_what_they_ask(tmp_path: Path) -> None:
    rows = [{"id": "c7"}, {"inputs": {"question": "Which river is in ULM"}, "outputs": "Danube"}, ["no case"]]
    (tmp_path / "seen.jsonl").write_text("\n".join(map(json.dumps, rows)))
    known = read_seen(["seen.jsonl", "peru"], [tmp_path])
    assert known.ids == {"c7", "peru"}
    assert [known.has(case) for case in evaluation().cases] == [False, True, False, False]
    assert known.has(Case({"id": "x", "messages": [{"role": "user", "content": "Which river is in Ulm?"}]}))
    assert not known.has(Case({"id": "x", "prompt": "What is this?", "expected": "Danube"}))
    assert not known.has(Case({"id": "x", "prompt": ""}))


def test_what_is_no_file_and_the_id_of_no_case_is_noted(tmp_path: Path) -> None:
    (tmp_path / "seen.jsonl").write_text('{"id": "c2"}')
    here = [tmp_path]
    named = {"candidate": (["seen.jsonl", "c1"], here), "baseline": ([], here)}
    assert unmatched_notes([evaluation()], named) == ()
    (one,) = unmatched_notes([evaluation()], {"candidate": (["seen_jsonl", "c1"], here)})
    assert one.startswith("'seen_jsonl' of optimised_on is no file and the id of no case")
    unknown = {"candidate": ([f"d{i}" for i in range(7)], here), "baseline": (["d0"], here)}
    (more,) = unmatched_notes([evaluation()], unknown)
    assert more.startswith(
        "'d0', 'd1', 'd2', 'd3', 'd4' and 2 more of optimised_on are no files and the ids of no case"
    )


def test_a_file_that_has_no_case_of_the_run_is_noted(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "c9"}')
    (one,) = unmatched_notes([evaluation()], {"candidate": (["other.jsonl", "c1"], [tmp_path])})
    assert one == "'other.jsonl' of optimised_on has no case of this run, so that it leaves nothing out"


def test_a_case_that_asks_by_other_fields_is_known_by_all_of_its_texts(tmp_path: Path) -> None:
    rows = [{"message": "My parcel has not come.", "topic": "parcels"}, {"note": "It was sent on Monday."}]
    (tmp_path / "seen.jsonl").write_text("\n".join(map(json.dumps, rows)))
    known = read_seen(["seen.jsonl"], [tmp_path])
    assert known.has(Case({"id": "a", "message": "My parcel has not come!", "expected": "We will look for it."}))
    both = {"message": "My parcel has not come.", "note": "It was sent on Monday.", "topic": "parcels"}
    assert known.has(Case({"id": "a", **both}))
    assert not known.has(Case({"id": "a", **both, "note": "It was sent on Tuesday."}))
    assert not known.has(Case({"id": "a", **both, "topic": "letters"})), "it may be what tells cases apart"
    assert not known.has(Case({"id": "a", "topic": "parcels"})), "a label is no question"
    assert not known.has(Case({"id": "a", "topic": "parcels", "expected": "It was sent on Monday."}))


def test_a_folder_names_the_cases_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "evals" / "rivers").mkdir(parents=True)
    (tmp_path / "evals" / "rivers" / "train.csv").write_text("id,prompt\nc2,Which?\n")
    assert read_seen(["evals/rivers"], [tmp_path]).ids == {"c2"}


def test_files_of_the_first_folder_that_has_them_count(tmp_path: Path) -> None:
    for folder, name in (("commit", "old"), ("project", "new")):
        (tmp_path / folder / "evals/rivers").mkdir(parents=True)
        (tmp_path / folder / "evals/rivers/train.csv").write_text(f"id,prompt\n{name},Which?\n")
    (tmp_path / "project/ignored.csv").write_text("id,prompt\nhere,Which?\n")
    folders = [tmp_path / "commit", tmp_path / "project"]
    assert read_seen(["evals/rivers", "ignored.csv"], folders).ids == {"old", "here"}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"There is no case file 'sen.jsonl'"):
        read_seen(["sen.jsonl"], [tmp_path])


def test_what_either_version_has_seen_is_left_out_for_both_and_said() -> None:
    (found,) = without_seen([evaluation()], {"candidate": seen("c0", "c1"), "baseline": seen("c1")})
    assert [case.id for case in found.cases] == ["c2", "c3"]
    assert found.left_out == (
        "2 of 4 cases left out: the candidate's and the baseline's prompts were optimised on them"
    )
    (found,) = without_seen([evaluation()], {"candidate": seen("c3"), "baseline": seen("other")})
    assert found.left_out == "1 of 4 cases left out: the candidate's prompt was optimised on them"


def test_the_cases_of_an_evaluation_are_not_those_of_one_whose_name_begins_alike() -> None:
    pair = [evaluation("suite.py::test_desk", n=2), evaluation("suite.py::test_desk_two")]
    with pytest.raises(CaseError, match=r"test_desk: all 2 of its cases have been seen"):
        without_seen(pair, {"candidate": seen("c0", "c1")})


def test_copies_are_those_of_the_cases_that_are_left() -> None:
    assert evaluation().copies is not None
    (found,) = without_seen([evaluation()], {"candidate": seen("c1")})
    assert found.copies is not None
    assert found.copies.labels == ("c0", "c0", "c3")
    (found,) = without_seen([evaluation()], {"candidate": seen("c2")})
    assert found.copies is None


def test_an_evaluation_of_which_all_was_seen_is_refused() -> None:
    with pytest.raises(CaseError, match=r"test_it: all 4 of its cases have been seen: the candidate's prompt was opt"):
        without_seen([evaluation()], {"candidate": seen("c0", "c1", "c2", "c3")})


def test_of_single_cases_some_must_be_left() -> None:
    parts = [evaluation(f"suite.py::test_it[{i}]", n=1, per="case") for i in "ab"]
    other = Evaluation("suite.py::test_it[c]", parts[0].plan, (Case({"id": "z"}),), print, lambda _: "error")
    found = without_seen([*parts, other], {"candidate": seen("c0")})
    assert [len(each.cases) for each in found] == [0, 0, 1]
    assert found[0].left_out == "its case left out: the candidate's prompt was optimised on it"
    with pytest.raises(CaseError, match=r"test_it: all 2 of its cases have been seen"):
        without_seen(parts, {"candidate": seen("c0")})
