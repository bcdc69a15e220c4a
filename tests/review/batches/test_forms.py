"""The forms by which people are asked come from the rubric that the judge goes by."""

import pytest

from harness.errors import RubricError
from harness.records.review import PREFERENCES, FormQuestion, LabelChoice
from harness.review.batches.population import preference_form, rating_form
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


def test_reviewers_are_asked_the_questions_of_a_rubric_besides() -> None:
    asked = "\n## Questions\n\n- Tone: rude, neutral , friendly\n- **Helpful**: no, yes\n"
    rubric = read_rubric(RUBRIC + asked, "rubric.md")
    for form in (rating_form(rubric), preference_form(rubric)):
        assert form.questions == (
            FormQuestion("Tone", ("rude", "neutral", "friendly")),
            FormQuestion("Helpful", ("no", "yes")),
        )


@pytest.mark.parametrize("line", ["- Tone: rude", "- Tone: rude, rude", "- Tone", "- Tone: a, b\n- Tone: c, d", "rude"])
def test_a_question_without_two_answers_is_refused(line: str) -> None:
    with pytest.raises(RubricError, match=r"rubric.md, `## Questions`: .*`- Tone: rude, neutral, friendly`"):
        read_rubric(f"{RUBRIC}\n## Questions\n\n{line}\n", "rubric.md")
