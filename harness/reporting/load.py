"""A load as a person reads it: a table of latencies, and what holds it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.text import Block, printable
from harness.stages.inference.load.figures import LatencyFigures, LoadResult
from harness.stages.inference.load.plan import DOUBTS, LoadPlan

_HEAD = ("ms", "mean", "p50", "p90", "p95", "p99", "max", "n")
_ROWS = (
    ("first token", "ttft_s"),
    ("  from schedule", "ttft_scheduled_s"),
    ("between tokens", "itl_s"),
    ("a token (tpot)", "tpot_s"),
    ("whole answer", "e2e_s"),
    ("begun late by", "schedule_delay_s"),
)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of a plan that was carried out against a version."""

    version: str
    plan: LoadPlan
    result: LoadResult

    @property
    def exit_code(self) -> int:
        """1 for a load that can't be trusted, 2 for one that was interrupted."""
        return 2 if self.result.interrupted else int(not self.result.valid)

    def as_json(self) -> dict[str, Any]:
        """The result."""
        return self.result.as_json()


def view(report: LoadReport) -> Iterator[Block]:
    """Show the latencies, and below them what was done and whether it can be trusted."""
    plan = report.plan
    arrivals = f"{plan.rate:g} requests/s (Poisson)" if plan.concurrency is None else f"{plan.concurrency} in flight"
    yield f"steelyard load   {printable(report.version, 30)}   {arrivals}   seed {plan.seed}"
    yield ""
    yield [_HEAD, *((label, *_cells(getattr(report.result, field))) for label, field in _ROWS)]
    yield ""
    yield from ((f"{label:<8}", text) for label, text in _facts(plan, report.result))


def _cells(figures: LatencyFigures) -> tuple[str, ...]:
    values = (figures.mean, figures.p50, figures.p90, figures.p95, figures.p99, figures.max)
    return (*(_milliseconds(value) for value in values), count(figures.n))


def _milliseconds(value: float | None) -> str:
    """Milliseconds with three digits or so; "-" for what is not known."""
    if value is None:
        return "-"
    shown = value * 1000
    return f"{shown:,.0f}" if shown >= 99.95 else f"{shown:.1f}" if shown >= 9.995 else f"{shown:.2f}"


def _facts(plan: LoadPlan, result: LoadResult) -> Iterator[tuple[str, str]]:
    planned = "" if result.rate_planned is None else f", {result.rate_planned:.3g}/s planned"
    begun = "" if result.rate_achieved is None else f"; {result.rate_achieved:.3g}/s begun{planned}"
    answered = f"{count(result.completed)} of {count(result.requests)} answered in {duration(result.duration_s)}"
    yield "requests", f"{answered}, {result.requests_per_s:.3g}/s{begun}"
    if result.errors:
        yield "errors", ", ".join(f"{kind} {count(number)}" for kind, number in result.errors.items())
    if result.completion_tokens is None or result.output_tokens_per_s is None:
        yield "tokens", "not counted by the server"
    else:
        read = "" if result.prompt_tokens is None else f", {count(result.prompt_tokens)} read"
        written = f"{count(result.completion_tokens)} written{read}"
        yield "tokens", f"{result.output_tokens_per_s:,.4g} output tokens/s; {written}"
    if result.goodput_per_s is not None:
        kept = ", ".join(f"{name} {limit:g} s" for name, limit in plan.objective.items())
        yield "good", f"{result.goodput_per_s:.3g} requests/s keep {kept}"
    others = "" if result.others_cpu is None else f"; other processes {result.others_cpu:.1f} cores"
    others += f"; taken by the host {result.steal:.1%}" if result.steal else ""
    yield "client", f"{result.client_cpu:.0%} of a core{others}"
    means = {"ttft_mean_s": "first token", "itl_mean_s": "between tokens"}
    own = [f"{label} {_milliseconds(result.server[key])} ms" for key, label in means.items() if key in result.server]
    if any(name.endswith("_mean_s") for name in result.server):
        yield "server", f"its own means: {', '.join(own)}"
    yield from (("note", note) for note in result.notes)
    yield from (("INVALID", reason) for reason in result.invalid_reasons)
    if result.valid:
        accepted = ", ".join(name for name in DOUBTS if name in plan.accept)
        doubtless = ", ".join(name for name in DOUBTS if name not in plan.accept)
        parts = [accepted and f"{accepted} accepted", doubtless and f"no doubt about {doubtless}"]
        yield "valid", "; ".join(filter(None, parts))
