"""What reviewers see beside an answer: the reference and the fields of the case that the judge was shown."""

from __future__ import annotations

import pytest

from harness.records import NewSample, Request, Role, Sample
from harness.records.review import Form, Item
from harness.review.batches.plans import preference_form, rating_form
from harness.scoring.judging.prompts import material, preference_messages, rating_messages
from harness.scoring.judging.rubric import Rubric
from harness.store import Store
from tests.review import runs
from tests.review.conftest import PAIR, SCALE
from tests.scoring.judging.rubrics import rubric
from tests.store.rows import key_of

READ = rubric(Reference="expected", Input="- passage\n- source")


def asked(store: Store, read: Rubric, case: dict[str, object], *answers: str, fingerprint: str = "j0") -> None:
    """A judge was asked about the answers to a case, after all that it was asked before."""
    given = material(read, case, None, str(case["id"])).with_answers(*answers)
    messages = (rating_messages if len(answers) == 1 else preference_messages)(read, given)
    key = key_of(f"{read.digest}{given}", fingerprint=fingerprint)
    store.add([NewSample(key, fingerprint, 0, Request(messages=messages), Sample("{}", 0))])


def fields(number: int, **changes: object) -> dict[str, object]:
    """A case; the prompt that each version gets holds the passage and not the source."""
    given = {"passage": f"passage {number}", "source": f"book {number}", "expected": f"right {number}"}
    return {"id": f"case-{number}", **given, **changes}


def answer(number: int, role: str = "candidate") -> str:
    """As the run has it."""
    return f"same {number}" if number % 10 == 9 else f"{role} says {number}"


def items(store: Store, form: Form, roles: tuple[Role, ...] = ("candidate",)) -> list[Item]:
    run = runs.add_run(store, n_cases=20, rubric=READ.digest)
    return store.review.items(runs.add_batch(store, run, form, roles=roles, n_items=40).id)


def test_reviewers_see_what_the_judge_was_shown_and_the_prompt_lacks(store: Store) -> None:
    for number in range(20):
        for role in ("candidate", "baseline"):
            asked(store, READ, fields(number), answer(number, role))
    found = items(store, rating_form(READ), roles=("candidate", "baseline"))
    assert len(found) > 10
    for item in found:
        number = item.case_id.removeprefix("case-")
        assert item.reference == f"right {number}"
        prompt = {"role": "user", "content": f"Summarise passage {number}."}
        assert item.messages == (prompt, {"role": "source", "content": f"book {number}"})


def test_of_a_pair_the_reference_is_found_whichever_stood_first(store: Store) -> None:
    for number in range(20):
        pair = (answer(number), answer(number, "baseline"))
        asked(store, READ, fields(number), *(pair[::-1] if number % 2 else pair))
    found = items(store, preference_form(READ))
    assert {item.case_id: item.reference for item in found} == {
        item.case_id: f"right {item.case_id.removeprefix('case-')}" for item in found
    }


def test_the_same_answer_to_another_case_or_by_another_rubric_tells_nothing(store: Store) -> None:
    other = rubric(Criteria="Something else.", Reference="expected")
    for number in range(20):
        asked(store, READ, fields(number, id="case-99"), answer(number))
        asked(store, other, fields(number), answer(number))
        asked(store, READ, fields(number), answer(number), fingerprint="j1")
    assert {item.reference for item in items(store, rating_form(READ))} == {None}


def test_what_an_item_lacks_does_not_tell_which_version_answered(store: Store) -> None:
    for number in range(20):
        asked(store, READ, fields(number), answer(number))
    found = items(store, rating_form(READ), roles=("candidate", "baseline"))
    assert {item.answers[0].version for item in found} == {"small", "large"}
    assert all(item.reference == f"right {item.case_id.removeprefix('case-')}" for item in found)
    assert {len(item.messages) for item in found} == {2}


def test_a_reference_that_was_mended_counts(store: Store) -> None:
    for expected in ("a first", "mended"):
        for number in range(20):
            asked(store, READ, fields(number, expected=expected), answer(number))
    assert {item.reference for item in items(store, rating_form(READ))} == {"mended"}


@pytest.mark.parametrize("form", [SCALE, PAIR], ids=["scale", "pair"])
def test_without_a_judge_that_was_asked_there_is_none(store: Store, form: Form) -> None:
    assert {item.reference for item in items(store, form)} == {None}
