"""The review queue in the terminal: batches, progress, forms, agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.records.review import Batch, Form
from harness.reporting.shared.figures import plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import cells, pad, printable, wrap
from harness.review.agreement import CUT, AgreementReport, JudgeAgreement
from harness.review.judged import Coefficient, JudgeMatrix, LabelShare
from harness.review.progress import BatchOrigin, BatchProgress

if TYPE_CHECKING:
    from harness.gate.people.attending import Prospects

_MOST_CELLS = 60
_ORIGIN_CELLS = 90
_TEXT_CELLS = 100_000
_WIDTH = 80
_POINT_CELLS = 24
_MOST_DIFFERING = 10
_METHODS = "  ranges: "


def batch_lines(
    batches: Sequence[Batch], progress: Sequence[BatchProgress], origins: Mapping[str, BatchOrigin], encoding: str
) -> Iterator[str]:
    """A table of all batches, below each where it comes from."""
    names = display_names(dict.fromkeys(batch.evaluation_id for batch in batches))
    shown = [printable(names[batch.evaluation_id], _MOST_CELLS, encoding=encoding) for batch in batches]
    width = max(len("evaluation"), *map(cells, shown))
    yield f"{'batch':<8}  {pad('evaluation', width)}  {'kind':<10}  items  labels   left"
    for batch, each, name in zip(batches, progress, shown, strict=True):
        closed = "" if batch.closed is None else f"  closed: {printable(batch.closed_reason or '', encoding=encoding)}"
        yield (
            f"{batch.id:<8}  {pad(name, width)}  {batch.form.kind:<10}  {each.n_items:>5,}  {each.labels:>6,}  "
            f"{each.left:>5,}{closed}"
        )
        yield f"{'':<8}  {printable(str(origins[batch.id]), _ORIGIN_CELLS, encoding=encoding)}"


def status_lines(progress: Sequence[BatchProgress], encoding: str, ahead: Prospects) -> Iterator[str]:
    """Say how far each batch is, and what lies ahead of those that a gate decides."""
    if not progress:
        yield "The review queue is empty; `steelyard review add RUN` fills it."
    for number, each in enumerate(progress):
        if number:
            yield ""
        yield f"batch {each.batch_id}  {printable(each.title, _MOST_CELLS, encoding=encoding)}"
        yield f"  {printable(each.evaluation_id, _MOST_CELLS, encoding=encoding)}"
        yield (
            f"  {each.n_items:,} items: {each.n_done:,} done, {each.n_open:,} open, {each.n_disputed:,} disputed, "
            f"{each.n_flagged:,} flagged" + (f", {each.n_excluded:,} excluded" if each.n_excluded else "")
        )
        is_told = each.left_s is not None and each.left and each.closed is None
        rest = "" if not is_told else f", about {_duration(each.left_s or 0.0)} for one reviewer"
        names = ", ".join(f"{printable(who, 30, encoding=encoding)} {n:,}" for who, n in each.holders.items())
        held = f"; {plural(each.held, 'item')} with reviewers now ({names})" if each.held else ""
        yield f"  {plural(each.labels, 'label')} in, {each.left:,} still wanted{rest}{held}"
        if each.batch_id in ahead.needed and each.closed is None:
            yield f"  about {plural(ahead.needed[each.batch_id], 'label')} left until it is decided"
        if each.batch_id in ahead.held_back and each.closed is None:
            yield f"  {printable(ahead.held_back[each.batch_id], _TEXT_CELLS, encoding=encoding)}"
        if each.batch_id in ahead.problems and each.closed is None:
            yield f"  can't be decided: {printable(ahead.problems[each.batch_id], _TEXT_CELLS, encoding=encoding)}"
        if each.closed is not None:
            yield f"  closed: {printable(each.closed_reason or '', encoding=encoding)}"
        for person in each.reviewers:
            done = f"{person.labels:,} labelled, {person.skips:,} skipped, {person.flags:,} flagged"
            settled = f", {person.adjudications:,} adjudicated" if person.adjudications else ""
            settled += f", {person.exclusions:,} excluded" if person.exclusions else ""
            yield f"    {printable(person.reviewer, 30, encoding=encoding)}: {done}{settled}"


def _duration(seconds: float) -> str:
    seconds = max(1.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def form_lines(form: Form, encoding: str) -> Iterator[str]:
    """Show what reviewers are asked."""
    yield printable(form.title, _TEXT_CELLS, encoding=encoding)
    for heading, text in (("Criteria", form.criteria), ("Guidelines", form.guidelines)):
        if text:
            yield from ("", heading)
            yield from (f"  {printable(line, _TEXT_CELLS, encoding=encoding)}" for line in text.splitlines())
    if form.choices:
        yield from ("", "Values")
    for choice in form.choices:
        counts = "" if choice.score is None else f"  (counts {choice.score:.3g})"
        meaning = f": {printable(choice.meaning, _TEXT_CELLS, encoding=encoding)}" if choice.meaning else ""
        yield f"  {printable(str(choice.value), encoding=encoding)}{meaning}{counts}"


def agreement_lines(report: AgreementReport, encoding: str) -> Iterator[str]:
    """Agreement of reviewers, and of the judge with them."""
    yield (
        f"batch {report.batch_id}   {report.n_overlapping:,} of {report.n_items:,} items have two labels or more, "
        f"{report.n_differing:,} of them differing"
    )
    for each in report.coefficients:
        yield from _coefficient(each, encoding)
    methods = dict.fromkeys(each.found.method for each in report.coefficients if each.found is not None)
    for number, line in enumerate(wrap("; ".join(methods), _WIDTH - len(_METHODS))) if methods else ():
        yield f"{'' if number else _METHODS:<{len(_METHODS)}}{line}"
    if report.judge is None:
        yield "No item with a score by a judge has a label that counts yet."
    else:
        if report.matrix is not None:
            yield from _matrix_lines(report.matrix, encoding)
        yield from _judge_lines(report.judge)


def _coefficient(each: Coefficient, encoding: str) -> Iterator[str]:
    name = each.name
    if each.name.startswith("Cohen"):
        name = f"{name}, {printable(' and '.join(each.reviewers), 60, encoding=encoding)}"
    if each.found is None:
        yield from (f"  {line}" for line in wrap(f"{name}: can't be told. {each.problem}", _WIDTH - 2))
    else:
        found = each.found
        yield f"  {name} {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]   ({plural(found.n_units, 'item')})"


def _matrix_lines(matrix: JudgeMatrix, encoding: str) -> Iterator[str]:
    """People and judge on the form's scale, and the items that they differ on most."""
    yield f"judge against people: {matrix.n_same:,} of {plural(matrix.n_items, 'score')} are the same"
    names = [printable(point, _POINT_CELLS, encoding=encoding) for point in matrix.points]
    first = max(len("  people"), *(cells(name) + 2 for name in names))
    widths = [max(cells(name), 6) for name in names]
    heads = "  ".join(f"{' ' * (width - cells(name))}{name}" for name, width in zip(names, widths, strict=True))
    yield f"{pad('  people', first)}   judge: {heads}"
    for name, row in zip(names, matrix.counts, strict=True):
        counts = "  ".join(f"{count:>{width},}" for count, width in zip(row, widths, strict=True))
        yield f"{pad(f'  {name}', first)}          {counts}"
    if matrix.n_between:
        yield f"  {plural(matrix.n_between, 'score')} of the judge between two points, counted at the nearer one"
    yield f"  exact agreement {_rate(matrix.exact)}"
    yield from _coefficient(matrix.ordinal, encoding)
    for each in matrix.differing[:_MOST_DIFFERING]:
        case = printable(each.case_id, _MOST_CELLS, encoding=encoding)
        yield f"  differ on {case}: people {names[each.people]}, judge {names[each.judge]}"
    more = len(matrix.differing) - _MOST_DIFFERING
    if more > 0:
        yield f"  and on {more:,} more (--json has all)"
    yield "cut into right and wrong"


def _judge_lines(judge: JudgeAgreement) -> Iterator[str]:
    yield "judge against people        judge: right  wrong"
    yield f"  people: right {judge.right_right:>26,} {judge.right_wrong:>6,}"
    yield f"  people: wrong {judge.wrong_right:>26,} {judge.wrong_wrong:>6,}"
    for name, rate in (("sensitivity", judge.sensitivity), ("specificity", judge.specificity)):
        yield f"  {name} {_rate(rate)}"
    if judge.n_ties:
        yield f"  {judge.n_ties:,} ties left out"
    yield f"  right: a score of {CUT:g} or more; of a pair, the candidate's answer is better"


def _rate(rate: LabelShare | None) -> str:
    if rate is None:
        return "can't be told yet: no such label"
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]   (weighted by probability, {plural(rate.n, 'item')})"
