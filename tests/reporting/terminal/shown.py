"""Reports of known verdicts."""

from __future__ import annotations

from harness.reporting.terminal.report import Layout, render


def text(report, **layout):
    return "\n".join(render(report, Layout(**layout), "reports/latest/report.json"))
