"""The result of a comparison, for a script to ask and a notebook to show."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from harness.notebook.drawing import Plot, plotted
from harness.records import Difference, Report, Verdict, VerdictKind
from harness.reporting.shared.table import TableRow, rows
from harness.reporting.terminal.report import Layout, headline, render

_INK = {
    VerdictKind.PASSED: "#1f7138",
    VerdictKind.INCONCLUSIVE: "#a4560a",
    VerdictKind.REGRESSED: "#b3261e",
    VerdictKind.FAILED: "#b3261e",
    VerdictKind.ERROR: "#b3261e",
}
_CELL = 'style="text-align:left;vertical-align:top;padding:2px 12px 2px 0;white-space:nowrap"'
_TEXT_CELL = _CELL.replace("nowrap", "normal")


@dataclass(frozen=True, slots=True, repr=False)
class Weighing:
    """The result of a comparison.

    Of several evaluations, `verdict` is the worst, and `reason` and the figures are those of the first that has it.

    Attributes:
        report: all verdicts, as report.json has them.
        notes: what was left out, and what else to know before trusting the figures.
    """

    report: Report
    notes: tuple[str, ...] = ()

    @property
    def evaluations(self) -> tuple[Verdict, ...]:
        """The verdict of each evaluation and metric, with everything that led to it."""
        return self.report.evaluations

    @property
    def verdict(self) -> VerdictKind:
        """Passed, inconclusive, regressed, failed or error: the worst of all."""
        return self.report.verdict

    @property
    def _telling(self) -> Verdict | None:
        return max(self.evaluations, key=lambda entry: entry.verdict.severity, default=None)

    @property
    def reason(self) -> str:
        """The reason for the verdict; "" where nothing was weighed."""
        return "" if self._telling is None else self._telling.reason

    @property
    def difference(self) -> Difference | None:
        """New minus old, or minus the threshold where there is no old side, with the bounds that decided."""
        return None if self._telling is None else self._telling.difference

    @property
    def value(self) -> float:
        """The difference itself; NaN where there is none."""
        return float("nan") if self.difference is None else self.difference.value

    @property
    def low(self) -> float:
        """The one-sided lower bound of the difference; NaN where there is none."""
        return float("nan") if self.difference is None else self.difference.low

    @property
    def high(self) -> float:
        """The one-sided upper bound of the difference; NaN where there is none."""
        return float("nan") if self.difference is None else self.difference.high

    def plot(self) -> Plot:
        """The differences with their bounds and margins, the worst first; a notebook shows it, `save` writes it."""
        return plotted(self.report)

    def __repr__(self) -> str:
        return f"<Weighing {self.verdict}: {self.reason}>"

    def __str__(self) -> str:
        lines = render(self.report, Layout(verbosity=1), steps=())
        return "\n".join([*lines, *(f"note    {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """The verdicts as a table, and the plot, for a notebook."""
        shown = rows(self.report, "utf-8")
        columns = {
            "evaluation": [row.name for row in shown],
            "candidate": [row.candidate for row in shown],
            "baseline": [row.baseline for row in shown],
            "difference": [row.difference for row in shown],
            "required": [row.required for row in shown],
            "why": [_why(row) for row in shown],
        }
        filled = {title: texts for title, texts in columns.items() if any(texts)}
        head = "".join(f"<th {_CELL}>{title}</th>" for title in ("verdict", *filled))
        body = "".join(
            f'<tr><td {_CELL}><b style="color:{_INK[row.verdict.verdict]}">{row.verdict.verdict}</b></td>'
            + "".join(
                f"<td {_TEXT_CELL if title == 'why' else _CELL}>{escape(texts[place])}</td>"
                for title, texts in filled.items()
            )
            + "</tr>"
            for place, row in enumerate(shown)
        )
        notes = "".join(f"<div>{escape(note)}</div>" for note in self.notes)
        first = f'<b style="color:{_INK[self.report.verdict]}">{escape(headline(self.report))}</b>'
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div>{first}{table}{notes}{self.plot().svg}</div>"


def _why(row: TableRow) -> str:
    return "; ".join(text for text in (row.why, *row.errors) if text)
