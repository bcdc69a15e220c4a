"""The review queue in the terminal: progress and agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.reporting.shared.figures import duration, plural
from harness.reporting.shared.text import cells, pad, printable, wrap
from harness.review.agreement import AgreementReport, Coefficient, JudgeMatrix
from harness.review.queue import BatchOrigin
from harness.store.review.store import BatchProgress

if TYPE_CHECKING:
    from harness.gate.people.attending import Prospects

_MOST_CELLS = 60
_ORIGIN_CELLS = 90
_WIDTH = 80
_POINT_CELLS = 24
_MOST_DIFFERING = 10


def status_lines(
    progress: Sequence[BatchProgress], origins: Mapping[str, BatchOrigin], encoding: str, ahead: Prospects
) -> Iterator[str]:
    """Say how far each batch is, and what lies ahead of those that a gate decides."""
    if not progress:
        yield "The review queue is empty. A gate fills it where a marker has `review=`."
    for number, each in enumerate(progress):
        if number:
            yield ""
        yield f"batch {each.batch_id}  {printable(each.title, _MOST_CELLS, encoding=encoding)}"
        yield f"  {printable(each.evaluation_id, _MOST_CELLS, encoding=encoding)}"
        yield f"  {printable(str(origins[each.batch_id]), _ORIGIN_CELLS, encoding=encoding)}"
        yield (
            f"  {each.n_items:,} items: {each.n_done:,} done, {each.n_open:,} open, {each.n_disputed:,} disputed, "
            f"{each.n_flagged:,} flagged" + (f", {each.n_excluded:,} excluded" if each.n_excluded else "")
        )
        is_told = each.left_s is not None and each.left and each.closed is None
        rest = "" if not is_told else f", about {duration(each.left_s or 0.0, whole=True)} for one reviewer"
        names = ", ".join(f"{printable(who, 30, encoding=encoding)} {n:,}" for who, n in each.holders.items())
        held = f"; {plural(each.held, 'item')} with reviewers now ({names})" if each.held else ""
        yield f"  {plural(each.labels, 'label')} in, {each.left:,} still wanted{rest}{held}"
        if each.closed is not None:
            yield f"  closed: {printable(each.closed_reason or '', encoding=encoding)}"
        else:
            if each.batch_id in ahead.needed:
                yield f"  about {plural(ahead.needed[each.batch_id], 'label')} left until it is decided"
            for start, texts in (("", ahead.held_back), ("can't be decided: ", ahead.problems)):
                if each.batch_id in texts:
                    yield f"  {start}{printable(texts[each.batch_id], encoding=encoding)}"
        for person in each.reviewers:
            done = f"{person.labels:,} labelled, {person.skips:,} skipped, {person.flags:,} flagged"
            settled = f", {person.adjudications:,} adjudicated" if person.adjudications else ""
            settled += f", {person.exclusions:,} excluded" if person.exclusions else ""
            yield f"    {printable(person.reviewer, 30, encoding=encoding)}: {done}{settled}"


def agreement_lines(report: AgreementReport, encoding: str) -> Iterator[str]:
    """Agreement of reviewers, and of the judge with them."""
    yield (
        f"agreement   {report.n_overlapping:,} of {report.n_items:,} items have two labels or more, "
        f"{report.n_differing:,} of them differing"
    )
    if report.n_overlapping:
        yield from _coefficient(report.people)
    if report.judge is None:
        yield "No item with a score by a judge has a label that counts yet."
    else:
        yield from _matrix_lines(report.judge, encoding)


def _coefficient(each: Coefficient) -> Iterator[str]:
    if (found := each.found) is None:
        yield from (f"  {line}" for line in wrap(f"Krippendorff's alpha can't be told. {each.problem}", _WIDTH - 2))
    else:
        bounds = f"[{found.low:.2f}, {found.high:.2f}]"
        yield f"  Krippendorff's alpha {found.value:.2f} {bounds}   ({plural(found.n_units, 'item')})"


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
    exact = matrix.exact
    told = f"{exact.value:.2f} [{exact.low:.2f}, {exact.high:.2f}]"
    yield f"  exact agreement {told}   (weighted by probability, {plural(exact.n, 'item')})"
    yield from _coefficient(matrix.ordinal)
    for each in matrix.differing[:_MOST_DIFFERING]:
        case = printable(each.case_id, _MOST_CELLS, encoding=encoding)
        yield f"  differ on {case}: people {names[each.people]}, judge {names[each.judge]}"
    more = len(matrix.differing) - _MOST_DIFFERING
    if more > 0:
        yield f"  and on {more:,} more (--json has all)"
