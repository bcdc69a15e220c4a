"""Finds what of a stored run can be reviewed: its answers, or pairs of them, with the scores that they were given."""

from __future__ import annotations

import itertools
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import SettingsError
from harness.records import Messages, Request, Role, Sample, ScoreRow, answer_turns
from harness.records.keys import KeyedQuestion, request_text
from harness.records.review import Answer, Item
from harness.records.tool_calls import turns_in_words, with_calls
from harness.statistics.arrays import FloatArray
from harness.store import RunInfo, Store

if TYPE_CHECKING:
    from harness.review.batches.material import JudgeMaterial
    from harness.review.batches.plans import ReviewPlan

_NO_SCORE, _NO_ANSWER, _NO_PARTNER = "without a score", "without a stored answer", "without a partner"


@dataclass(frozen=True, slots=True)
class Population:
    """Items that could be drawn, each under its case and sample.

    Attributes:
        left_out: how many could not, by the reason.
        material: what the judge was shown beside the answers.
    """

    items: dict[tuple[str, int], Item]
    left_out: Counter[str]
    material: JudgeMaterial | None = None

    def add(self, row: ScoreRow, answers: tuple[Answer, ...] | None, messages: Messages, lacking: str) -> None:
        """Add the answers that a score is of; where it has no value, or none is stored, count what is `lacking`."""
        if row.value is None or answers is None:
            self.left_out[lacking] += 1
            return
        place = row.case_id, row.sample_index
        self.items[place] = Item(secrets.token_hex(8), "", row.case_id, messages, answers, judge_score=row.value)

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases that have an item."""
        return tuple(dict.fromkeys(case for case, _ in self.items))

    def item(self, case_id: str, sample: int) -> Item:
        """An item with all that its reviewers see."""
        found = self.items[case_id, sample]
        return found if self.material is None else self.material.with_material(found)

    def table(self, cases: Sequence[str]) -> FloatArray:
        """The scores of the items, (n_cases, n_samples), NaN where there is none."""
        rows = {case: row for row, case in enumerate(cases)}
        scores = np.full((len(cases), 1 + max(sample for _, sample in self.items)), np.nan)
        for (case, sample), item in self.items.items():
            if case in rows and item.judge_score is not None:
                scores[rows[case], sample] = item.judge_score
        return scores


_Told = tuple[Answer, Messages]
"""An answer with what was asked."""


def singles(store: Store, run: RunInfo, plan: ReviewPlan, role: Role) -> Population:
    """The answers of one version.

    Raises:
        SettingsError: their scores are no scores in [0, 1].
    """
    rows = _rows(store, run, plan, role)
    answers = _Answers(store, run, rows)
    found = Population({}, Counter())
    for row in rows:
        answer = answers.of(row)
        if row.value is not None and not 0 <= row.value <= 1:
            raise SettingsError(
                f"{plan.evaluation_id}, {plan.metric}: {row.value:.6g} is a measure, not a score in [0, 1] that people "
                "could be asked about."
            )
        lacking = _NO_SCORE if row.value is None else _NO_ANSWER
        found.add(row, None if answer is None else (answer,), answers.question(row), lacking)
    return found


def pairs(store: Store, run: RunInfo, plan: ReviewPlan) -> Population:
    """Answers of candidate and baseline to the same case. The question is the baseline's, the known version's.

    Where both have scores, the higher one is preferred. Where the body compared them itself, its score says it, and the
    baseline's answer is that to the same question.

    Raises:
        SettingsError: the run has no baseline.
    """
    if not run.spec.get("baseline"):
        raise SettingsError(
            f"Run {run.run_id} has no baseline, so that there are no pairs. Review single answers, or run the gate "
            "with --baseline."
        )
    ours, theirs = (_rows(store, run, plan, role) for role in ("candidate", "baseline"))
    partners = {(row.case_id, row.sample_index): row for row in theirs} or _compared(
        store, run, ours, plan.evaluation_id
    )
    answers = _Answers(store, run, [*ours, *partners.values()])
    found = Population({}, Counter())
    for row in ours:
        other = partners.get((row.case_id, row.sample_index))
        first, second = answers.of(row), None if other is None else answers.of(other)
        asked: Messages = ()
        both: tuple[Answer, ...] | None = None
        if first is not None and second is not None and other is not None:
            sides = (first, answers.question(row)), (second, answers.question(other))
            asked, both = _side_by_side(*sides)
        preferred = row.value if not theirs else _preferred(row, other)
        lacking = _NO_PARTNER if other is None else _NO_SCORE if preferred is None else _NO_ANSWER
        found.add(replace(row, value=None if other is None else preferred), both, asked, lacking)
    return found


def _side_by_side(ours: _Told, theirs: _Told) -> tuple[Messages, tuple[Answer, Answer]]:
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


def _compared(
    store: Store, run: RunInfo, ours: Sequence[ScoreRow], evaluation_id: str
) -> dict[tuple[str, int], ScoreRow]:
    """For scores of bodies that compared both versions: whose sample answers the same question for the baseline.

    Of several generations the first one counts that has the sample, in the order in which the run went by them; the
    newest where it did not note them. A question that the baseline was asked twice in a body, or in two ways, is left
    out: which of them was compared is not stored. Conversations with the same words of the user are the same, whatever
    was answered before the last of them.
    """
    fingerprint = run.spec["baseline"]["fingerprint"]
    known = _by_question(store.review.asked(fingerprint))
    own = store.requests({row.sample_key for row in ours if row.sample_key is not None})
    places: list[list[list[bytes]]] = []
    for row in ours:
        request = own.get(row.sample_key or b"")
        asked = {} if request is None else known.get(_turns(request) or _asked(request), {})
        places.append(_of_case(asked, row.case_id, run, evaluation_id))
    samples = store.find(key for chains in places for keys in chains for key in keys)
    index = int(run.spec["baseline"].get("first_index", 0))
    found = {}
    for row, chains in zip(ours, places, strict=True):
        drawn = [[key for key in keys if index + row.sample_index in samples.get(key, {})] for keys in chains]
        first = [keys[0] for keys in drawn if keys]
        if len(first) == 1:
            other = replace(row, role="baseline", fingerprint=fingerprint, sample_key=first[0])
            found[row.case_id, row.sample_index] = other
    return found


def _by_question(asked: Iterable[tuple[bytes, Request]]) -> dict[str, dict[bytes, Request]]:
    """All that the baseline was asked, with their keys, by question, or by all that the user of a conversation said."""
    found: dict[str, dict[bytes, Request]] = {}
    for key, request in asked:
        found.setdefault(_turns(request) or _asked(request), {})[key] = request
    return found


def _of_case(asked: Mapping[bytes, Request], case_id: str, run: RunInfo, evaluation_id: str) -> list[list[bytes]]:
    """The keys of a case's draws of a question, a list for each way and time that it was asked: in the order in which
    an evaluation went by their generations.
    """
    baseline = run.spec["baseline"]
    noted: Sequence[int] | None = baseline.get("draws", {}).get(evaluation_id)
    generations = noted or range(int(baseline.get("generation", 0)), -1, -1)
    texts = {request_text(baseline["fingerprint"], request) for request in asked.values()}
    questions = [KeyedQuestion(text, occurrence, case_id) for text in texts for occurrence in (0, 1)]
    chains = [[question.key(generation) for generation in generations] for question in questions]
    return [kept for keys in chains if (kept := [key for key in keys if key in asked])]


def _turns(request: Request) -> str:
    """Give what the user of a conversation said; "" for a question that no answer came before."""
    in_turns = any(message.get("role") == "assistant" for message in request.messages)
    return json.dumps(request.user_turns, default=str) if in_turns else ""


def _asked(request: Request) -> str:
    """Give what was asked, without what belongs to a version."""
    messages = [dict(message) for message in request.messages if message.get("role") != "system"]
    return json.dumps([messages, request.prompt], sort_keys=True, default=str)


def _rows(store: Store, run: RunInfo, plan: ReviewPlan, role: Role) -> list[ScoreRow]:
    """All scores of a version, by case and sample."""
    wanted = (plan.evaluation_id, plan.metric, role)
    sets = [each for each in store.score_sets(run.run_id) if (each.evaluation_id, each.metric, each.role) == wanted]
    return [row for each in sets for row in store.scores_of([each], store.score_array(each).case_ids)]


class _Answers:
    """The stored answers that scores were given for."""

    def __init__(self, store: Store, run: RunInfo, rows: Iterable[ScoreRow]) -> None:
        keys = {row.sample_key for row in rows if row.sample_key is not None}
        self._run = run
        self._samples = store.find(keys)
        self._requests = store.requests(self._samples)

    def of(self, row: ScoreRow) -> Answer | None:
        """The answer, or None where the body asked nothing, or the sample was pruned."""
        sample = self._sample(row)
        if sample is None:
            return None
        version, calls = self._run.spec.get(row.role) or {}, self._turns(row)[-1].get("tool_calls")
        return Answer(
            text=with_calls(sample.text, calls),
            version=version.get("name"),
            fingerprint=row.fingerprint,
            sample_key=row.sample_key,
            sample_index=row.sample_index,
            calls_from=len(sample.text) if calls else None,
        )

    def question(self, row: ScoreRow) -> Messages:
        """Give what was asked as messages, and what an application did before it answered. System messages, which can
        tell one version from another, are left out.
        """
        request: Request | None = self._requests.get(row.sample_key or b"")
        if request is None:
            return ()
        asked: Messages = request.messages or ({"role": "user", "content": request.prompt or ""},)
        turns = (*asked, *self._turns(row)[:-1])
        return tuple(message for message in turns if message.get("role") != "system")

    def _sample(self, row: ScoreRow) -> Sample | None:
        index = int((self._run.spec.get(row.role) or {}).get("first_index", 0)) + row.sample_index
        return self._samples.get(row.sample_key or b"", {}).get(index)

    def _turns(self, row: ScoreRow) -> Messages:
        """The turns that a row's answer is; none where it is not stored."""
        sample, request = self._sample(row), self._requests.get(row.sample_key or b"")
        return () if sample is None else answer_turns(() if request is None else request.messages, sample)
