"""Cases are found in documents, where they stand, by the rule of Brown et al. and by those for what is shorter."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.records import Case
from harness.stages.case_files import FiledCase
from harness.stages.data.overlap.contamination import RULE, OverlapRule, answers_of, find_contamination, texts_of

LONG = "On Saturdays the old library by the river is open from ten in the morning until four, and closed on Sundays."
QUESTION = "How many books may a child of this town borrow?"


def case(identity="a", file="evals/x/cases.jsonl", **fields):
    return FiledCase(identity, file, Case({"id": identity, **fields}))


def look(texts, *cases, rule=RULE):
    documents = [(f"d{number}", text) for number, text in enumerate(texts)]
    return find_contamination(documents, cases, rule)


def filler(seed, n=60):
    rng = np.random.default_rng(seed)
    return " ".join(f"w{number}" for number in rng.integers(0, 5000, n))


def test_a_long_text_is_found_where_it_stands():
    start = filler(1) + ". "
    found = look([filler(2), f"{start}{LONG} {filler(3)}"], case(passage=LONG))["a"]
    assert found.is_contaminated
    place = found.places[0]
    assert (place.field, place.document, place.offset) == ("passage", "d1", len(start))
    assert place.text == "On Saturdays the old library by the river is open from ten in"
    assert place.words == 21
    assert "passage in document d1, from character" in str(found)


def test_thirteen_words_in_a_row_count_and_twelve_do_not():
    words = LONG.split()
    assert look([" ".join(words[3:16])], case(passage=LONG))["a"].is_contaminated
    assert not look([" ".join(words[3:15]) + " other " + " ".join(words[16:])], case(passage=LONG))["a"].is_contaminated


@pytest.mark.parametrize(
    "written",
    [
        LONG.upper(),
        LONG.replace(" ", "\n"),
        LONG.replace(" ", " \r\n> "),
        "* " + LONG.replace(",", " --"),
        LONG.replace("library", "li-\nbrary").replace("morning", "mor\u00ad\r\n  ning"),
        LONG.replace("open", "\uff4fpen"),
        "“" + LONG.replace(" ", "\u00a0") + "”",
    ],
)
def test_case_punctuation_and_layout_make_no_difference(written):
    assert look([f"{filler(1)} {written}"], case(passage=LONG))["a"].is_contaminated


def test_rewording_is_out_of_reach():
    reworded = "The library near the river opens at ten on a Saturday and shuts at four; on Sunday it stays closed."
    assert look([reworded], case(passage=LONG))["a"].state == "clean"


def test_what_more_than_ten_documents_have_is_boilerplate():
    ten = [f"{filler(seed)} {LONG}" for seed in range(10)]
    assert len(look(ten, case(passage=LONG))["a"].places) == 10
    eleven = look([*ten, LONG], case(passage=LONG))["a"]
    assert eleven.state == "clean"
    assert eleven.n_boilerplate == 9
    assert str(eleven) == "clean; 9 of its n-grams are boilerplate"


def test_boilerplate_in_a_case_does_not_hide_what_is_its_own():
    notice = "All rights reserved; no part of this page may be copied without the written consent of its owner."
    cases = [case("a", prompt=f"{notice} {LONG}"), case("b", prompt=f"{notice} And what else?")]
    found = look([*(f"{filler(seed)} {notice}" for seed in range(30)), LONG], *cases)
    assert [found["a"].state, found["b"].state] == ["contaminated", "clean"]


def test_what_more_than_ten_texts_of_a_file_share_is_their_template():
    template = "Read the following record and tell in one word which of the towns that it names is meant"
    cases = [case(str(i), prompt=f"{template} {filler(i, 20)}") for i in range(12)]
    found = look([template, cases[3].case["prompt"]], *cases)
    assert [each.id for each in found.contaminated] == ["3"]
    assert [each.document for each in found["3"].places] == ["d1"]


def test_a_question_that_many_cases_ask_is_no_template():
    cases = [case(str(i), prompt=LONG, answer=f"answer {i}") for i in range(12)]
    assert len(look([LONG], *cases).contaminated) == 12


def test_a_text_of_eight_to_twelve_words_must_be_there_whole():
    assert look([f"{filler(1)} {QUESTION}"], case(prompt=QUESTION))["a"].is_contaminated
    cut = QUESTION.replace(" borrow?", "")
    assert not look([f"{filler(1)} {cut}"], case(prompt=QUESTION))["a"].is_contaminated


def test_a_shorter_question_counts_with_its_answer():
    peru = case(prompt="What is the capital of Peru?", expected="Lima")
    found = look([f"{filler(1)} What is the capital of Peru? It is Lima."], peru)["a"]
    assert found.places[0].with_answer
    assert found.places[0].text == "What is the capital of Peru?"
    assert look(["Who knows what is the capital of Peru? Nobody does."], peru)["a"].state == "clean"
    assert look(["Lima has ten million inhabitants."], peru)["a"].state == "clean"
    far = "What is the capital of Peru? " + filler(1, 13) + " Lima"
    assert look([far], peru)["a"].state == "clean"


def test_a_question_with_its_answer_counts_however_often_it_is_there():
    texts = ["What is the capital of Peru? Lima!"] * 30
    assert look(texts, case(prompt="What is the capital of Peru?", expected="Lima"))["a"].is_contaminated


def test_copies_of_a_document_are_one_document():
    copies = look([LONG] * 30, case(passage=LONG))["a"]
    assert copies.is_contaminated
    assert [place.document for place in copies.places] == ["d0"]


def test_a_long_question_with_its_answer_counts_however_often_it_is_there():
    question = f"{LONG} What is that library?"
    asked = case(prompt=question, expected="Old")
    texts = [f"{filler(seed)} {question}" for seed in range(30)]
    assert look(texts, asked)["a"].state == "clean"
    found = look([f"{text} It is old." for text in texts], asked)["a"]
    (place,) = found.places
    assert (place.with_answer, place.text, place.words) == (True, question, len(question.split()))
    other = question.replace("Saturdays", "Mondays")
    assert (
        look([f"{text} It is old." for text in (t.replace(question, other) for t in texts)], asked)["a"].state
        == "clean"
    )
    end = " ".join(question.split()[-13:])
    assert look([f"{end} Old {seed}" for seed in range(30)], asked)["a"].state == "clean"


def test_the_number_of_a_choice_stands_for_its_text():
    spider = case(question="How many legs does a spider have?", choices=["ten", "eight"], answer=1)
    assert look(["How many legs does a spider have? Eight."], spider)["a"].is_contaminated
    assert not look(["How many legs does a spider have? Ten."], spider)["a"].is_contaminated


def test_a_long_answer_alone_is_found():
    assert look([LONG], case(prompt="When is it open?", expected=LONG))["a"].places[0].field == "expected"


def test_a_case_without_words_enough_is_too_short():
    assert look([LONG], case(text="Hello , world ."))["a"].state == "too short"
    assert look([LONG], case(text="…"), case("b"))["b"].state == "too short"


def test_examples_and_ids_are_not_looked_for():
    shown = case(prompt="And now?", examples=[{"role": "user", "content": LONG}])
    assert look([LONG], shown)["a"].state == "too short"


@pytest.mark.service
@pytest.mark.parametrize("seed", range(3))
def test_as_a_search_of_every_gram_by_hand_finds(seed):
    """Words of a small vocabulary, so that overlap by chance is frequent."""
    rng = np.random.default_rng(seed)
    rule = OverlapRule(words=5, fewest=3, most_documents=3)
    texts = [" ".join(map(str, rng.integers(0, 4, 60))) for _ in range(40)]
    cases = [case(str(i), file=str(i), prompt=" ".join(map(str, rng.integers(0, 4, 7)))) for i in range(60)]
    found = look(texts, *cases, rule=rule)

    def grams(text, n=5):
        words = text.split()
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    for each in cases:
        own = grams(each.case["prompt"])
        have = {gram: [number for number, text in enumerate(texts) if gram in grams(text)] for gram in own}
        expected = {f"d{number}" for numbers in have.values() if len(numbers) <= 3 for number in numbers}
        assert {place.document for place in found[each.id].places} == expected


@pytest.mark.parametrize(
    "leaked",
    ["図書館は毎週土曜日の朝十時から午後四時まで開いています。", "老图书馆星期六从早上十点开到下午四点,星期天不开。"],
)
def test_a_text_without_spaces_is_found(leaked):
    """It was one word, and so too short to be looked for."""
    found = look([f"{filler(1)} 前文。{leaked}後文。"], case(prompt=leaked))["a"]
    assert found.is_contaminated
    assert found.places[0].text in leaked
    other = leaked[:12] + "別" + leaked[13:]
    assert look([other[:20]], case(prompt=leaked))["a"].state == "clean"


def test_a_case_that_is_too_short_is_skipped_and_does_not_count_as_clean():
    """It scored 1, so that the evaluation was green for cases that nobody can look for."""
    body = runpy.run_path(str(Path(__file__).parents[4] / "suites/customization/test_adapter.py"))["test_held_out"]
    short = case(prompt="Yes or no?")
    searched = SimpleNamespace(contamination=lambda _: look(["Yes or no?"], short), trained_ids=frozenset())
    with pytest.raises(pytest.skip.Exception, match="too few words"):
        body(searched, short)


def test_texts_are_named_by_their_place():
    case = {"id": "a", "passages": ["x", "y"], "attacked": {"order": "z"}, "number": 3, "examples": [{"content": "no"}]}
    assert list(texts_of(case)) == [("passages[0]", "x"), ("passages[1]", "y"), ("attacked.order", "z")]


def test_answers_are_texts_numbers_lists_and_choices():
    assert answers_of({"answers": ["Lima", "Callao"], "target": 0.5}) == ["Lima", "Callao", "0.5"]
    assert answers_of({"answer": True}) == []
    assert answers_of({"choices": ["a", "b"], "answer": 7}) == ["7"]
