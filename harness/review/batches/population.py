"""What of a stored run can be reviewed: its answers, or pairs of them, with their scores; and by what form."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.errors import SettingsError
from harness.records import Messages, Request, Role, Sample, ScoreRow, Shown, answer_turns
from harness.records.review import PREFERENCES, Answer, Form, FormKind, FormQuestion, Item, LabelChoice
from harness.records.tool_calls import turns_in_words, with_calls, words_of
from harness.scoring.judging.prompts import harmless
from harness.scoring.judging.rubric import Rubric
from harness.statistics.arrays import FloatArray
from harness.store import RunInfo, Store

_NO_SCORE, _NO_ANSWER, _NO_PARTNER = "without a score", "without a stored answer", "without a partner"


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
    questions = tuple(FormQuestion(title, answers) for title, answers in rubric.questions)
    return Form(kind, rubric.title, rubric.criteria, rubric.guidelines, choices, rubric.digest, questions)


@dataclass(frozen=True, slots=True)
class Population:
    """Items that could be drawn, each under its case and sample.

    Attributes:
        left_out: how many could not, by the reason.
    """

    items: dict[tuple[str, int], Item] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, row: ScoreRow, answers: tuple[Answer, ...] | None, asked: Messages, shown: Shown, lack: str) -> None:
        """Add the answers that a score is of; where it has no value, or none is stored, count what is lacking."""
        if row.value is None or answers is None:
            self.left_out[lack] += 1
            return
        messages = (*asked, *_further_fields(shown, asked))
        self.items[row.case_id, row.sample_index] = Item(
            secrets.token_hex(8), "", row.case_id, messages, answers, shown.reference, judge_score=row.value
        )

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases that have an item."""
        return tuple(dict.fromkeys(case for case, _ in self.items))

    def table(self, cases: Sequence[str]) -> FloatArray:
        """The scores of the items, (n_cases, n_samples), NaN where there is none."""
        rows = {case: row for row, case in enumerate(cases)}
        scores = np.full((len(cases), 1 + max(sample for _, sample in self.items)), np.nan)
        for (case, sample), item in self.items.items():
            if case in rows and item.judge_score is not None:
                scores[rows[case], sample] = item.judge_score
        return scores


def populations(store: Store, run: RunInfo, plan: ReviewPlan) -> tuple[Population, ...]:
    """The pairs of a run, or the answers of each version that single ones are drawn of.

    Reviewers see the reference that the judge was shown, and the fields of the case that the question lacks. Where
    nothing is stored of what it was shown beside an answer, what it was shown beside another one to the case counts:
    else what an item lacks would tell which version answered.

    Raises:
        SettingsError: there are no pairs without a baseline, or the scores are none in [0, 1].
    """
    if plan.form.is_pair and not run.spec.get("baseline"):
        raise SettingsError(
            f"Run {run.run_id} has no baseline, so that there are no pairs. Review single answers, or run the gate "
            "with --baseline."
        )
    roles: tuple[Role, ...] = ("candidate", "baseline") if plan.form.is_pair else plan.roles
    rows = {role: _rows(store, run, plan, role) for role in roles}
    answers = _Answers(store, run, [row for of_role in rows.values() for row in of_role])
    if plan.form.is_pair:
        return (_pairs(answers, rows["candidate"], rows["baseline"]),)
    return tuple(_singles(answers, rows[role], f"{plan.evaluation_id}, {plan.metric}") for role in roles)


def _singles(answers: _Answers, rows: Sequence[ScoreRow], where: str) -> Population:
    population = Population()
    for row in rows:
        if row.value is not None and not 0 <= row.value <= 1:
            raise SettingsError(
                f"{where}: {row.value:.6g} is a measure, not a score in [0, 1] that people could be asked about."
            )
        answer, asked = answers.of(row) or (None, ())
        lack = _NO_SCORE if row.value is None else _NO_ANSWER
        population.add(row, None if answer is None else (answer,), asked, answers.shown(row), lack)
    return population


def _pairs(answers: _Answers, ours: Sequence[ScoreRow], theirs: Sequence[ScoreRow]) -> Population:
    """Answers of candidate and baseline to the same case. The question is the baseline's, the known version's.

    Where both have scores, the higher one is preferred. Where the body had them compared, its score says which, and the
    other answer is stored with it.
    """
    partners = {(row.case_id, row.sample_index): row for row in theirs}
    population = Population()
    for row in ours:
        partner = partners.get((row.case_id, row.sample_index))
        first = answers.of(row)
        second = answers.compared(row) if not theirs else None if partner is None else answers.of(partner)
        preferred = row.value if not theirs else _preferred(row, partner)
        has_partner = partner is not None if theirs else second is not None
        lack = _NO_PARTNER if not has_partner else _NO_SCORE if preferred is None else _NO_ANSWER
        asked, both = _side_by_side(first, second) if first is not None and second is not None else ((), None)
        scored = replace(row, value=preferred if has_partner else None)
        population.add(scored, both, asked, answers.shown(row), lack)
    return population


_Asked = tuple[Answer, Messages]
"""An answer with what was asked."""


def _side_by_side(ours: _Asked, theirs: _Asked) -> tuple[Messages, tuple[Answer, Answer]]:
    """Find the messages that both sides were asked, and the answers.

    Of conversations those are the messages that both begin with, and each answer holds the rest of its own. Otherwise
    they are the baseline's question.
    """
    (first, asked), (second, other) = ours, theirs
    n_alike = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(asked, other, strict=False))))
    in_turns = any(message.get("role") == "assistant" for message in (*asked[n_alike:], *other[n_alike:]))
    if not in_turns:
        return other, (first, second)
    return other[:n_alike], (_with_turns(first, asked[n_alike:]), _with_turns(second, other[n_alike:]))


def _with_turns(answer: Answer, turns: Messages) -> Answer:
    """An answer after the turns before it, as one text."""
    before = f"{turns_in_words(turns)}\n\nassistant: " if turns else ""
    calls_from = None if answer.calls_from is None else len(before) + answer.calls_from
    return replace(answer, text=before + answer.text, calls_from=calls_from)


def _preferred(row: ScoreRow, other: ScoreRow | None) -> float | None:
    """1 where the first score is higher, 0 where the second is, 0.5 for a tie."""
    if row.value is None or other is None or other.value is None:
        return None
    return 0.5 + 0.5 * ((row.value > other.value) - (row.value < other.value))


def _further_fields(shown: Shown, messages: Messages) -> Iterator[dict[str, str]]:
    asked = "\n".join(harmless(words_of(message)) for message in messages) if shown.fields else ""
    return ({"role": name, "content": text} for name, text in shown.fields if text not in asked)


def _rows(store: Store, run: RunInfo, plan: ReviewPlan, role: Role) -> list[ScoreRow]:
    """The scores of a version, by case and sample, of the cases that have any."""
    sets = [
        each for each in store.score_sets(run.run_id) if (each.evaluation_id, each.role) == (plan.evaluation_id, role)
    ]
    rows = [row for row in store.scores_of(sets) if row.is_of(plan.metric)]
    known = {row.case_id for row in rows if row.value is not None}
    return [row for row in rows if row.case_id in known]


class _Answers:
    """The stored answers that scores were given for, with what was asked, and what the judge was shown."""

    def __init__(self, store: Store, run: RunInfo, rows: Sequence[ScoreRow]) -> None:
        self._run = run
        self._samples = store.find({row.sample_key for row in rows if row.sample_key is not None})
        self._requests: Mapping[bytes, Request] = store.requests(self._samples)
        self._shown = {row.case_id: row.shown for row in rows if row.shown is not None}

    def shown(self, row: ScoreRow) -> Shown:
        """Return what the judge was shown beside the answer, or else beside another one to the case."""
        return row.shown or self._shown.get(row.case_id, Shown())

    def of(self, row: ScoreRow) -> _Asked | None:
        """The answer and what was asked; None where the body asked nothing, or the sample was pruned."""
        first_index = int((self._run.spec.get(row.role) or {}).get("first_index", 0))
        key = row.sample_key or b""
        sample: Sample | None = self._samples.get(key, {}).get(first_index + row.sample_index)
        if sample is None:
            return None
        request = self._requests.get(key)
        asked: Messages = ()
        if request is not None:
            asked = request.messages or ({"role": "user", "content": request.prompt or ""},)
        turns = answer_turns(() if request is None else request.messages, sample)
        return self._asked(row, (*asked, *turns), sample.text)

    def compared(self, row: ScoreRow) -> _Asked | None:
        """The other answer of a comparison, the baseline's, with what was asked; None where none is stored."""
        own = self.of(row)
        if own is None or row.shown is None or not row.shown.compared:
            return None
        first, second = row.shown.compared
        other = first if _last_words(first) != own[0].parts[0] == _last_words(second) else second
        other = (*own[1], {"role": "assistant", "content": other}) if isinstance(other, str) else other
        its_row = replace(row, role="baseline", fingerprint=self._run.spec["baseline"]["fingerprint"], sample_key=None)
        return self._asked(its_row, other, _last_words(other))

    def _asked(self, row: ScoreRow, turns: Messages, text: str) -> _Asked:
        """An answer, and all before it: what was asked as messages, and what an application did before it answered.

        System messages, which can tell one version from another, are left out.
        """
        version, calls = self._run.spec.get(row.role) or {}, turns[-1].get("tool_calls")
        answer = Answer(
            text=with_calls(text, calls),
            version=version.get("name"),
            fingerprint=row.fingerprint,
            sample_key=row.sample_key,
            sample_index=row.sample_index,
            calls_from=len(text) if calls else None,
        )
        return answer, tuple(message for message in turns[:-1] if message.get("role") != "system")


def _last_words(answer: str | Messages) -> str:
    return answer if isinstance(answer, str) else words_of({"content": answer[-1].get("content")})
