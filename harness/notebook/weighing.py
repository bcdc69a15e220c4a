"""The result of a comparison, for a script to ask and a notebook to show."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from harness.records import Difference, Report, Verdict, VerdictKind
from harness.reporting.terminal.report import Layout, render
from harness.reporting.wording.notes import with_notes


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
        return float(getattr(self.difference, "value", "nan"))

    @property
    def low(self) -> float:
        """The one-sided lower bound of the difference; NaN where there is none."""
        return float(getattr(self.difference, "low", "nan"))

    @property
    def high(self) -> float:
        """The one-sided upper bound of the difference; NaN where there is none."""
        return float(getattr(self.difference, "high", "nan"))

    def __repr__(self) -> str:
        return f"<Weighing {self.verdict}: {self.reason}>"

    def __str__(self) -> str:
        lines = render(with_notes(self.report), Layout(verbosity=1))
        return "\n".join([*lines, *(f"note    {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return f"<pre>{escape(str(self))}</pre>"
