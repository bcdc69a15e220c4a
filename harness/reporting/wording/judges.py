"""Notes on the judges that a reader needs before trusting their scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.records import Estimate, JudgeSummary, Verdict
from harness.reporting.shared.figures import count, figure, interval, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

_EVALUATIONS = 3


def judge_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """A sentence for each thing to know of a judge.

    Args:
        verdicts: of a run, one of each evaluation.
    """
    judged = [verdict for verdict in verdicts if verdict.judges]
    names = display_names(verdict.id for verdict in verdicts)
    notes = list(_malformed([verdict for verdict in judged if not verdict.errors]))
    for verdict in judged[:_EVALUATIONS]:
        told = [text for judge in verdict.judges for text in _told(judge)]
        where = f" in {printable(names[verdict.id], 60, cut='middle', encoding=encoding)}" if len(judged) > 1 else ""
        notes += [f"{text}{where}" for text in told]
    more = sum(any(_is_told(judge) for judge in verdict.judges) for verdict in judged[_EVALUATIONS:])
    if more:
        notes.append(f"how the judges of {plural(more, 'further evaluation')} agree with themselves is in report.json")
    return notes


def _malformed(judged: Sequence[Verdict]) -> Iterator[str]:
    """The answers that followed no form, of each judge in all evaluations together; errors tell of theirs."""
    for name in sorted({judge.name for verdict in judged for judge in verdict.judges}):
        given = [judge for verdict in judged for judge in verdict.judges if judge.name == name]
        malformed = sum(judge.n_malformed for judge in given)
        if malformed:
            total = count(sum(judge.n_answers for judge in given))
            yield f"judge {name}: {count(malformed)} of {total} answers did not follow the form or scale asked for"


def _is_told(judge: JudgeSummary) -> bool:
    return judge.noise is not None or judge.flip is not None


def _told(judge: JudgeSummary) -> Iterator[str]:
    if judge.noise is not None:
        yield f"judge {judge.name} varies by {figure(judge.noise)} on one answer (standard deviation of its repeats)"
    if judge.flip is not None:
        first = "" if judge.first_wins is None else f", and the one shown first won {_shown(judge.first_wins)}"
        yield f"judge {judge.name}: the order of the answers changed {_shown(judge.flip)} of its preferences{first}"


def _shown(estimate: Estimate) -> str:
    return f"{figure(estimate.value)} {interval(estimate.low, estimate.high)}"
