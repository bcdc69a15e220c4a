"""The output of `steelyard compare`: a gate's table, the cases that moved, and what was compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.records import Report, Step, VerdictKind
from harness.records.report_json import plain, to_json
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.names import display_names
from harness.reporting.wording.failure import KEPT
from harness.reporting.wording.notes import with_notes

if TYPE_CHECKING:
    from harness.gate.history.comparison import Comparison, ComparisonResult
    from harness.gate.history.scores import Side

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as the command shows it."""

    comparison: Comparison

    @property
    def exit_code(self) -> int:
        """That of a gate with these verdicts."""
        return self.comparison.report.exit_code

    def as_json(self) -> dict[str, Any]:
        """A comparison in the shape of report.json, with the key `comparison` for what was compared."""
        comparison, matched = self.comparison, self.comparison.matched
        compared = {
            "candidate": _side(comparison.candidate),
            "baseline": _side(comparison.baseline),
            "cases": {**plain(comparison.tally), "moved": comparison.n_moved},
            "evaluations": comparison.compared,
            "candidate_alone": matched.candidate_alone,
            "baseline_alone": matched.baseline_alone,
            "against_others": matched.against_others,
            "notes": notes(comparison),
        }
        return {**to_json(comparison_report(comparison)), "comparison": compared}


def _side(side: Side) -> dict[str, Any]:
    return {"run_id": side.weighed.run.run_id, "role": side.weighed.role, **plain(side.weighed.version)}


def facts(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Tell what was compared, below the table."""
    yield "cases ", _cases(comparison)
    ours, theirs = comparison.candidate.weighed, comparison.baseline.weighed
    yield "runs", str(ours)
    is_one = ours.run.run_id == theirs.run.run_id
    yield "", f"{theirs.version.name}, {theirs.role} of the same run" if is_one else str(theirs)
    yield from (("note", note) for note in notes(comparison))


def comparison_report(comparison: Comparison) -> Report:
    """The report with what one who compares may do next."""
    verdicts, steps = comparison.report.evaluations, []
    if any(verdict.verdict is VerdictKind.ERROR for verdict in verdicts):
        steps.append(f"run the gate again that ended in errors: {KEPT}")
    if any(verdict.samples_needed for verdict in verdicts):
        steps.append("raise --samples of a gate of both, or add cases: what is stored is not drawn again")
    return replace(with_notes(comparison.report), steps=tuple(Step("", text) for text in steps))


def notes(comparison: Comparison) -> list[str]:
    """Note what was left out, and what a reader must know before trusting the figures."""
    matched, compared = comparison.matched, comparison.compared
    others = (matched.candidate_alone, matched.baseline_alone, matched.against_others)
    names = display_names(chain((each.evaluation_id for each in compared), *others))

    def some(chosen: Iterable[str]) -> str:
        shown = [names[each] for each in chosen]
        more = f" and {count(len(shown) - _NAMED)} more" if len(shown) > _NAMED else ""
        return ", ".join(shown[:_NAMED]) + more

    def each_of(about: Callable[[ComparisonResult], str]) -> list[str]:
        texts = [f"{names[each.evaluation_id]}: {text}" for each in compared if (text := about(each))]
        more = [f"and so for {count(len(texts) - _NAMED)} more evaluations"] if len(texts) > _NAMED else []
        return [*texts[:_NAMED], *more]

    left_out = {
        "the candidate alone has scores of it": matched.candidate_alone,
        "the baseline alone has scores of it": matched.baseline_alone,
        "its bodies compare with their run's baseline, which is another one": matched.against_others,
    }
    texts = [f"left out, since {why}: {some(ids)}" for why, ids in left_out.items() if ids]
    texts += [*each_of(_unpaired), *each_of(_asked_otherwise)]
    weighed = {
        "other judges or rubrics gave the scores of one run than of the other, and a difference may be theirs; judge "
        "both in one gate": [each.evaluation_id for each in compared if each.judged_otherwise],
        "weighed as it was run, in the order drawn and only until it is decided; samples beyond that do not count": [
            each.evaluation_id for each in compared if each.is_sequential
        ],
    }
    for each in compared:
        if each.why_fixed:
            why = (
                f"sampled until it was decided, but {each.why_fixed}; all that was drawn is shown and decides nothing: "
                "no error rate allows for stopping early then"
            )
            weighed.setdefault(why, []).append(each.evaluation_id)
    return texts + [f"{some(ids)}: {text}" for text, ids in weighed.items() if ids]


def _unpaired(compared: ComparisonResult) -> str:
    parts = [
        f"{plural(number, 'case')} that the {which} alone has"
        for which, number in (("candidate", compared.candidate_alone), ("baseline", compared.baseline_alone))
        if number
    ]
    return f"left out {' and '.join(parts)}" if parts else ""


def _asked_otherwise(compared: ComparisonResult) -> str:
    if not compared.asked_otherwise:
        return ""
    if compared.asked_otherwise == compared.n_cases > 1:
        return "every case was asked in other words: templates of the versions, the cases or the test differ"
    return (
        f"asked in other words in {count(compared.asked_otherwise)} of {plural(compared.n_cases, 'case')}, such as "
        f"{compared.example!r}: they or the test may have changed"
    )


def _cases(comparison: Comparison) -> str:
    """Count the cases by what they did, and say how many of those that moved are shown."""
    tally, shown = comparison.tally, len(comparison.report.changes)
    moved = {"improved": tally.improved, "worsened": tally.worsened}
    if {verdict.plan.aim for verdict in comparison.report.evaluations} == {"same"}:
        moved = {"different": tally.improved + tally.worsened}
    numbers = {"stable": tally.stable, "flaky": tally.flaky, **moved}
    text = ", ".join(f"{count(number)} {name}" for name, number in numbers.items())
    if len(comparison.report.evaluations) > len(comparison.compared):
        text += ", counted for each metric"
    if comparison.n_moved > shown:
        text += f"; {count(shown)} of the {count(comparison.n_moved)} that moved are shown (--cases shows more)"
    return text
