"""The plan that says what of a run is to be reviewed, and the forms by which people are asked."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records import Role
from harness.records.review import PREFERENCES, Form, FormKind, LabelChoice, Question
from harness.scoring.judging.rubric import Rubric


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """The part of a run that is to be reviewed.

    Attributes:
        metric: of the evaluation.
        roles: of which versions single answers are drawn; of two, a draw is an answer of each to one case. A pair
            always is the candidate's and the baseline's.
    """

    evaluation_id: str
    metric: str
    form: Form
    roles: tuple[Role, ...] = ("candidate",)


def rating_form(rubric: Rubric) -> Form:
    """To score one answer on the rubric's scale.

    Raises:
        RubricError: the rubric has no scale.
    """
    rubric.check_scale()
    return _form("scale", rubric, tuple(LabelChoice(score, name, rubric.value(score)) for score, name in rubric.scale))


def preference_form(rubric: Rubric) -> Form:
    """To say which of two answers is the better one."""
    return _form("preference", rubric, PREFERENCES)


def _form(kind: FormKind, rubric: Rubric, choices: tuple[LabelChoice, ...]) -> Form:
    questions = tuple(Question(title, answers) for title, answers in rubric.questions)
    return Form(kind, rubric.title, rubric.criteria, rubric.guidelines, choices, rubric.digest, questions)
