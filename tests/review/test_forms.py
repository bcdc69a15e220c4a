from pathlib import Path

import pytest

from harness.errors import LabelError, RubricError
from harness.records.review import PREFERENCES, LabelChoice
from harness.review.forms import category_form, find_rubric, preference_form, rating_form, text_form
from harness.scoring.judging.rubric import read_rubric
from tests.review.runs import RUBRIC


def test_a_rubric_gives_reviewers_its_scale_criteria_and_guidelines() -> None:
    form = rating_form(read_rubric(RUBRIC, "rubric.md"))
    assert form.choices == (
        LabelChoice(1, "wrong", 0.0),
        LabelChoice(2, "half right", 0.5),
        LabelChoice(3, "right", 1.0),
    )
    assert (form.kind, form.title, form.guidelines) == ("scale", "Faithful summary", "Read the passage first.")
    assert form.read(2) == (2, 0.5)


def test_a_rubric_without_a_scale_asks_for_preferences_alone() -> None:
    rubric = read_rubric(RUBRIC.replace("## Scale\n\n- 1: wrong\n- 2: half right\n- 3: right\n\n", ""), "rubric.md")
    with pytest.raises(RubricError, match="has no scale"):
        rating_form(rubric)
    assert preference_form(rubric).choices == PREFERENCES
    assert preference_form().title == "Which answer is better?"


def test_categories_count_for_what_is_written() -> None:
    form = category_form(["right=1", "partly = 0.5", "unclear"])
    assert form.choices == (
        LabelChoice("right", "", 1.0),
        LabelChoice("partly", "", 0.5),
        LabelChoice("unclear", "", None),
    )
    assert form.read("unclear") == ("unclear", None)


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        (["right=1"], "give two or more, each once"),
        (["right=1", "right=0"], "give two or more, each once"),
        (["right=1", "=0"], "has no name"),
        (["right=2", "wrong=0"], "counts for '2', which is no number in"),
        (["right=yes", "wrong=0"], "counts for 'yes'"),
        (["right=nan", "wrong=0"], "counts for 'nan'"),
    ],
)
def test_categories_that_are_none_are_refused(categories: list[str], said: str) -> None:
    with pytest.raises(LabelError) as refused:
        category_form(categories)
    assert said in str(refused.value)


def test_a_free_text_counts_for_nothing() -> None:
    assert text_form("What is wrong?").read(" too long ") == (" too long ", None)


def test_the_rubric_by_which_a_judge_went_is_found_by_its_digest(tmp_path: Path) -> None:
    place = tmp_path / "evals" / "evaluation" / "summaries"
    place.mkdir(parents=True)
    (place / "rubric.md").write_text(RUBRIC)
    (place / "README.md").write_text("no rubric")
    (place / "latin.md").write_bytes(b"\xff")
    digest = read_rubric(RUBRIC, "").digest
    found = find_rubric(tmp_path / "evals", digest)
    assert found is not None
    assert found.place == str(place / "rubric.md")
    assert find_rubric(tmp_path, "other") is None
    assert find_rubric(tmp_path / "nowhere", digest) is None
