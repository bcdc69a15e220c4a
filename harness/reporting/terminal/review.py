"""The review queue in the terminal: progress and agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.reporting.shared.figures import duration, plural
from harness.reporting.shared.text import Block, printable
from harness.review.agreement import AgreementReport, Coefficient, JudgeMatrix
from harness.review.queue import BatchOrigin
from harness.store.review.store import BatchProgress

_MOST_CELLS = 60
_MOST_DIFFERING = 10


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch: how far it is, where it comes from, and what lies ahead of one that a gate decides.

    Attributes:
        labels_needed: about how many more decide it, where anything tells.
        held_back: labels that are in and do not count yet, with what they wait for.
        problem: why it can't be decided.
        command: writes the report of a decided one; empty where there is none.
        agreement: None where it was not asked for.
    """

    progress: BatchProgress
    origin: BatchOrigin
    labels_needed: int | None
    held_back: str | None
    problem: str | None
    command: str
    agreement: AgreementReport | None


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Batches, and the address or command at which they are labelled."""

    batches: tuple[BatchStatus, ...]
    serve: str

    def as_json(self) -> list[dict[str, Any]]:
        """The batches alone, each with the keys of its progress."""
        return [
            {
                **asdict(each.progress),
                "created": each.origin.created,
                "run": each.origin.run_id,
                "candidate": each.origin.candidate,
                "labels_needed": each.labels_needed,
                "held_back": each.held_back,
                "problem": each.problem,
                "agreement": each.agreement,
            }
            for each in self.batches
        ]


def view(status: QueueStatus) -> Iterator[Block]:
    """Say how far each batch is, and how far people and the judge agree in it."""
    if not status.batches:
        yield "The review queue is empty. A gate fills it where a marker has `review=`."
    for number, batch in enumerate(status.batches):
        yield from [""] if number else []
        yield from _progress(batch)
    for batch in status.batches:
        if batch.agreement is not None:
            yield ""
            yield from _agreement(batch.agreement)
    if any(each.progress.left for each in status.batches):
        yield from ("", f"next    {status.serve}")


def _progress(batch: BatchStatus) -> Iterator[str]:
    each = batch.progress
    yield f"batch {each.batch_id}  {printable(each.title, _MOST_CELLS)}"
    yield f"  {printable(each.evaluation_id, _MOST_CELLS)}"
    yield f"  {printable(str(batch.origin), 90)}"
    counts = f"{each.n_done:,} done, {each.n_open:,} open, {each.n_disputed:,} disputed, {each.n_flagged:,} flagged"
    yield f"  {each.n_items:,} items: {counts}" + (f", {each.n_excluded:,} excluded" if each.n_excluded else "")
    rest = ""
    if each.left_s is not None and each.left:
        rest = f", about {duration(each.left_s, whole=True)} for one reviewer"
    names = ", ".join(f"{printable(who, 30)} {n:,}" for who, n in each.holders.items())
    held = f"; {plural(each.held, 'item')} with reviewers now ({names})" if each.held else ""
    wanted = f", {each.left:,} still wanted{rest}" if each.closed is None else ""
    yield f"  {plural(each.labels, 'label')} in{wanted}{held}"
    if each.closed is not None:
        yield f"  closed: {each.closed_reason or ''}"
        yield from [f"  the report and the exit code: {batch.command}"] if batch.command else []
    else:
        if batch.labels_needed is not None:
            yield f"  about {plural(batch.labels_needed, 'label')} left until it is decided"
        yield from [f"  {batch.held_back}"] if batch.held_back is not None else []
        yield from [f"  can't be decided: {batch.problem}"] if batch.problem is not None else []
    for person in each.reviewers:
        done = f"{person.labels:,} labelled, {person.skips:,} skipped, {person.flags:,} flagged"
        done += f", {person.adjudications:,} adjudicated" if person.adjudications else ""
        done += f", {person.exclusions:,} excluded" if person.exclusions else ""
        yield f"    {printable(person.reviewer, 30)}: {done}"


def _agreement(report: AgreementReport) -> Iterator[Block]:
    """Agreement of reviewers, and of the judge with them."""
    both, differing = f"{report.n_overlapping:,} of {report.n_items:,} items", f"{report.n_differing:,} of them"
    yield f"agreement   {both} have two labels or more, {differing} differing"
    if report.n_overlapping:
        yield _coefficient(report.people)
    yield from (
        [f"{plural(report.n_bad, 'label')} of both answers as bad, which counts as a tie"] if report.n_bad else []
    )
    for question in report.questions:
        yield f"{printable(question.title, 30)}: {', '.join(f'{name} {n:,}' for name, n in question.counts.items())}"
        yield _coefficient(question.people)
    if report.judge is None:
        yield "No item with a score by a judge has a label that counts yet."
    else:
        yield from _matrix(report.judge)


def _coefficient(each: Coefficient) -> tuple[str, str]:
    if (alpha := each.estimate) is None:
        return "", f"No Krippendorff's alpha. {each.problem}"
    bounds = f"[{alpha.low:.2f}, {alpha.high:.2f}]"
    return "", f"Krippendorff's alpha {alpha.value:.2f} {bounds}   ({plural(alpha.n_units, 'item')})"


def _matrix(matrix: JudgeMatrix) -> Iterator[Block]:
    """People and judge on the form's scale, and the items that they differ on most."""
    yield f"judge against people: {matrix.n_same:,} of {plural(matrix.n_items, 'score')} are the same"
    names = [printable(point, 24) for point in matrix.points]
    counts = [(f"  {name}", "", *(f"{n:,}" for n in row)) for name, row in zip(names, matrix.counts, strict=True)]
    yield [("  people", "judge:", *names), *counts]
    if matrix.n_between:
        yield f"  {plural(matrix.n_between, 'score')} of the judge between two points, counted at the nearer one"
    exact = matrix.exact
    share = f"{exact.value:.2f} [{exact.low:.2f}, {exact.high:.2f}]"
    yield f"  exact agreement {share}   (weighted by probability, {plural(exact.n, 'item')})"
    yield _coefficient(matrix.ordinal)
    for each in matrix.differing[:_MOST_DIFFERING]:
        case = printable(each.case_id, _MOST_CELLS)
        yield f"  differ on {case}: people {names[each.people]}, judge {names[each.judge]}"
    if (more := len(matrix.differing) - _MOST_DIFFERING) > 0:
        yield f"  and on {more:,} more (--json has all)"
