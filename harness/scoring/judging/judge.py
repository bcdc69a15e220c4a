"""The judges as one test body sees them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import CheckError, JudgeError
from harness.records import Case, Sample, Score, ScoringRule, Shown
from harness.requests import Model, Trace
from harness.requests.bridge import settle
from harness.scoring.checks.given import answer_text
from harness.scoring.judging import asking, combining
from harness.scoring.judging.asking import CHOICES, MOST_REPEATS, JudgeQuestion, all_of
from harness.scoring.judging.prompts import Judged, material, preference_messages, rating_messages
from harness.scoring.judging.rubric import Rubric, Rubrics
from harness.scoring.registered import registered

AnyCase = Case | Mapping[str, Any]


class Judge:
    """One judging version, or a panel of several, that scores answers by a rubric or a metric of deepeval.

    In an `async def` body every method is awaited, and so the types say. In a `def` body the same methods give their
    results directly.

    >>> # async def test_summaries(model, case, judge):
    >>> #     return await judge.rate(await model.ask(case.prompt), rubric="evals/…/rubric.md", case=case)
    """

    __slots__ = ("_case_id", "_models", "_rubrics", "_trace")

    def __init__(self, models: Sequence[Model], rubrics: Rubrics, case_id: str, trace: Trace) -> None:
        self._models = tuple(models)
        self._rubrics = rubrics
        self._case_id = case_id
        self._trace = trace

    @property
    def name(self) -> str:
        """The names of the judging versions."""
        return ", ".join(model.name for model in self._models)

    def __repr__(self) -> str:
        return f"<judge {self.name}>"

    def rate(
        self,
        answer: str | Sample,
        *,
        rubric: str | Path,
        case: AnyCase | None = None,
        reference: Any = None,
        repeats: int = 1,
        weighted: bool = False,
    ) -> Coroutine[Any, Any, Score]:
        """The score of an answer by a rubric, mapped from the rubric's scale to [0, 1].

        Args:
            answer: what is judged: a text, or a transcript, which the judge is shown turn by turn.
            rubric: path of the rubric, looked for like a file of cases.
            case: whose fields the judge is shown: those that the rubric names, else `prompt`.
            reference: a right answer; default: the field of the case that the rubric names, if it names one.
            repeats: how often each judge is asked; the mean counts.
            weighted: weigh the scale's scores by their probabilities instead of taking the one that was drawn. Needs
                an engine with log probabilities, and a scale of single digits.

        Returns:
            harness.Score, with the judge's reason.

        Raises:
            RubricError: a rubric that is missing, malformed, or not for this case.
            CheckError: an answer that is no text, or no number of repeats.
            JudgeError: a judge's answer, and one more, did not follow the form or the scale.
            EngineError: a judge could not answer.
        """
        judged, repeats = _judged(answer, "judge.rate"), _checked(repeats, "judge.rate")
        wanted = self._rubrics.get(rubric)
        wanted.check_scale(weighted=weighted)
        shown = material(wanted, case, reference)
        messages = rating_messages(wanted, shown, self._case_id, judged)
        question = JudgeQuestion(messages, "score", {score: float(score) for score in wanted.scores}, weighted)
        combine = functools.partial(combining.rating, wanted)
        return self._settle("rate", self._ask([question], repeats, wanted, shown, combine))

    def prefer(
        self,
        first: str | Sample,
        second: str | Sample,
        *,
        rubric: str | Path,
        case: AnyCase | None = None,
        reference: Any = None,
        repeats: int = 1,
    ) -> Coroutine[Any, Any, Score]:
        """Compare two answers: 1 where the first is the better one, 0.5 for a tie, 0 where it is the worse.

        Each judge sees both orders, and the mean of them counts: a judge that always prefers what stands first gives
        0.5. How often the order changed a judge's mind is in the report.

        Args:
            first, second: what is compared, such as the candidate's answer and the baseline's: texts, or transcripts.
            rubric, case, reference, repeats: as in `rate`; a rubric for preferences needs no scale.

        Returns:
            a harness.Score, with the judge's reason. Its `flip` is 1 where the two orders disagreed, else 0, and its
            `first_wins` how often what stood first was preferred; means, where there are repeats or several judges.

        Raises:
            as `rate`
        """
        answers = _judged(first, "judge.prefer"), _judged(second, "judge.prefer")
        repeats = _checked(repeats, "judge.prefer")
        wanted = self._rubrics.get(rubric)
        shown = material(wanted, case, reference)
        orders = [
            JudgeQuestion(preference_messages(wanted, shown, self._case_id, *pair), "choice", CHOICES)
            for pair in (answers, answers[::-1])
        ]
        work = self._ask(orders, repeats, wanted, replace(shown, compared=answers), combining.preference)
        return self._settle("prefer", work)

    def measure(
        self,
        metric: Any,
        *,
        input: str | None = None,  # noqa: A002 - deepeval's word for it
        output: str | Sample | None = None,
        expected: str | None = None,
        context: str | Sequence[str] | None = None,
        **more: Any,
    ) -> Coroutine[Any, Any, Score]:
        """The score that a metric of deepeval gives an answer, with the judge as its model.

        Args:
            metric: a metric class of deepeval, its name ("FaithfulnessMetric"), or a function that takes `model=` and
                gives a metric.
            input: what the answer was asked with.
            output: the answer; for a metric of conversations a transcript.
            expected: what the answer should be, or what a conversation should come to.
            context: passages that the answer is held to, for metrics of `context` and of `retrieval_context`.
            more: `retrieval_context`, passages that a retriever found, where they are others than `context`; `tools`
                and `expected_tools`, which were called and which should have been: names, `sample.tool_calls`, or
                deepeval's `ToolCall`; of a conversation `scenario`, `user_description` and `chatbot_role`. Any other
                is an option of the metric's class, such as `include_reason=False`.

        Returns:
            harness.Score, with the metric's reason. An empty answer scores 0 where the metric looks at the answer.

        Raises:
            CheckError: no such metric, one that judges no text, what it needs is missing, or no deepeval.
            JudgeError: a judge's answer, and one more, was none that deepeval can use, or the score is outside [0, 1].
            EngineError: a judge could not answer.
        """
        given = {"input": input, "output": output, "expected": expected, "context": context, **more}
        return self._settle("measure", self._measure(metric, given))

    def _settle(self, method: str, work: Coroutine[Any, Any, Score]) -> Coroutine[Any, Any, Score]:
        """The work, to be awaited; in a `def` body its result."""
        self._trace.made.append((f"judge.{method}", work))
        result: Coroutine[Any, Any, Score] = settle(work)
        return result

    def _rule(self, name: str) -> ScoringRule:
        self._trace.judged_by = by = ScoringRule(tuple(model.fingerprint for model in self._models), name)
        return by

    async def _ask(
        self,
        questions: Sequence[JudgeQuestion],
        repeats: int,
        rubric: Rubric,
        shown: Shown,
        combine: Callable[..., Score],
    ) -> Score:
        """Ask each judge all questions; whatever it did is noted, also when it gave no judgement."""
        by = self._rule(rubric.digest)
        self._trace.shown[by] = shown
        asked = [replace(question, repeat=repeat) for repeat in range(repeats) for question in questions]
        answers = await all_of(asking.ask(model, asked) for model in self._models)
        rated_by = None if combine is combining.preference else rubric
        self._trace.judgements += [combining.judgement(each, rated_by) for each in answers]
        silent = next((each for each in answers if None in each.answers), None)
        if silent is not None:
            problem = f"judge {silent.judge} gave no judgement, asked twice: {silent.problems[-1]}"
            raise self._noted(JudgeError(problem))
        return combine(answers, by)

    def _noted(self, error: JudgeError) -> JudgeError:
        self._trace.error = self._trace.error or error
        return error

    async def _measure(self, metric: Any, given: Mapping[str, Any]) -> Score:
        measure = registered("deepeval").measure
        panel = await all_of(measure(model, metric, given) for model in self._models)
        self._trace.judgements += [measured.judgement for measured in panel]
        by = self._rule(panel[0].rule)
        error = next((measured.error for measured in panel if measured.error is not None), None)
        if error is not None:
            raise self._noted(error)
        return combining.measurement(panel, by)


def _judged(answer: str | Sample, check: str) -> Judged:
    """The text, or the turns of a transcript."""
    return answer.messages if isinstance(answer, Sample) and answer.messages else answer_text(answer, check)


def _checked(repeats: Any, check: str) -> int:
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= MOST_REPEATS:
        raise CheckError(f"{check}: repeats = {repeats!r} is not how often to ask; write 1 to {MOST_REPEATS}.")
    return repeats
