"""Copies among cases: what is one, and above all what is none."""

from __future__ import annotations

import random
import time

import pytest

from harness.gate.evaluations.resemblance import find_copies
from harness.records import Case

DOCUMENT = (
    "The library on Marlow Road opens at nine every weekday and closes at seven. On Saturdays it is open from ten "
    "until four and it is closed on Sundays. Adults may borrow twelve books at a time for three weeks and children may "
    "borrow six books at a time and pay no fines. "
)


def cases(*prompts: object, **fields: object) -> list[Case]:
    return [Case({"id": f"c{i}", "prompt": prompt, **fields}) for i, prompt in enumerate(prompts)]


def labels(*prompts: object) -> tuple[str, ...]:
    found = find_copies(cases(*prompts))
    return tuple(f"c{i}" for i in range(len(prompts))) if found is None else found.labels


@pytest.mark.parametrize(
    "copy",
    [
        "what is the capital of peru",
        "What is the capital  of\tPeru?\n",
        "What is the capital of Peru ?",
        "Ｗhat is the capital of Peru?",
        "What is the capital of Peru? What is the capital of Peru?",
    ],
)
def test_a_copy_differs_in_nothing_that_matters(copy: str) -> None:
    assert labels("What is the capital of Peru?", copy, "What is the capital of Chad?") == ("c0", "c0", "c2")


@pytest.mark.parametrize(
    "prompts",
    [
        [f"What is the capital of {name}?" for name in ("Peru", "Chad", "Perú", "Sudan", "South Sudan")],
        ["What is 2 + 3?", "What is 2 + 4?", "What is 2 - 3?", "What is 2 * 3?", "What is -2 + 3?", "What is 2.3?"],
        ["How much is 5! then?", "How much is 5 then?", "How much is 5² then?", "How much is 52 then?"],
        ["HELLO", "hello", "Hello!"],
        ["Is it so?", "Is it not so?"],
        ["Was it a fox?", "Was it a dog?"],
        [f"{DOCUMENT}When does it {verb} on Saturdays?" for verb in ("open", "close", "start")],
        [f"{DOCUMENT}Who {word} pays fines?" for word in ("never", "alone", "often")],
        [f"{DOCUMENT}Name the capital of{name}." for name in (" Sudan", " South Sudan", " Guinea")],
        [f"{DOCUMENT}Is it closed?", f"{DOCUMENT}Is it not closed?", f"{DOCUMENT}Is it 2 closed?"],
        [f"{DOCUMENT}Describe{size} books." for size in ("", " big", " small")],
    ],
)
def test_what_differs_in_the_word_that_matters_is_no_copy(prompts: list[str]) -> None:
    assert find_copies(cases(*prompts, expected="yes")) is None


def test_one_idle_word_makes_no_difference_in_a_long_text() -> None:
    question = f"{DOCUMENT}When does it close?"
    idle = question.replace("every weekday", "really every weekday")
    assert labels(question, idle, f"Please {question}", f"{DOCUMENT}When does it open?") == ("c0", "c0", "c0", "c3")
    assert labels(idle, f"Please {question}") == ("c0", "c0")
    assert find_copies(cases("When does it close?", "When does it really close?")) is None


def test_every_field_but_the_id_is_compared() -> None:
    prompt = "Is the claim true or false?"
    assert (
        find_copies([Case({"id": "a", "prompt": prompt, "n": 1}), Case({"id": "b", "prompt": prompt, "n": 2})]) is None
    )
    turns = [{"role": "user", "content": "Hello to you there."}, {"role": "user", "content": "Bye"}]
    others = [*turns[:1], {"role": "user", "content": "Good"}]
    found = find_copies([Case({"id": str(i), "messages": each}) for i, each in enumerate((turns, others, turns))])
    assert found is None or found.labels == ("0", "1", "0")


def test_only_what_the_body_reads_is_compared_where_that_is_known() -> None:
    rows = [Case({"id": str(i), "prompt": "What is the capital of Peru?", "row": i}) for i in range(3)]
    assert find_copies(rows) is None
    found = find_copies(rows, {"prompt"})
    assert found is not None
    assert (found.n_distinct, found.example) == (1, ("0", "1"))


def test_a_text_that_all_cases_share_does_not_tell_what_is_asked() -> None:
    """A helper may ask about the id, of which nothing is known here."""
    told = [
        Case({"id": name, "task": "Name the capital of the country.", "expected": "yes"}) for name in ("peru", "chad")
    ]
    assert find_copies(told) is None
    assert find_copies([Case({"id": "a"}), Case({"id": "b"})]) is None


def test_fields_without_a_lasting_form_make_a_case_stand_alone() -> None:
    assert find_copies(cases(object(), object(), text="What is the capital of Peru?")) is None


@pytest.mark.service
def test_ten_thousand_cases_behind_one_instruction_take_a_moment() -> None:
    """Each pair of them has a Jaccard similarity above 0.9."""
    rng = random.Random(3)
    words = ["".join(rng.choices("abcdefghij", k=6)) for _ in range(3000)]
    instruction = " ".join(words[:80])
    prompts = [
        f"{instruction} What does {one} have to do with {other}?" for one in words[:100] for other in words[:100]
    ]
    began = time.process_time()
    assert find_copies(cases(*prompts, prompts[17].upper().replace(words[17].upper(), words[17]))) is not None
    assert time.process_time() - began < 10
