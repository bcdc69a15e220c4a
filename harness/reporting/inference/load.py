"""A load as a person reads it: a table of latencies, and what holds it up."""

from __future__ import annotations

from collections.abc import Iterator

from harness.reporting.shared.figures import count, duration
from harness.reporting.shared.text import columns, hang, printable, wrap
from harness.stages.inference.load.figures import LatencyFigures, LoadResult
from harness.stages.inference.load.plan import DOUBTS, LoadPlan

_WIDTH = 80
_HEAD = ("ms", "mean", "p50", "p90", "p95", "p99", "max", "n")
_ROWS = (
    ("first token", "ttft_s"),
    ("  from schedule", "ttft_scheduled_s"),
    ("between tokens", "itl_s"),
    ("a token (tpot)", "tpot_s"),
    ("whole answer", "e2e_s"),
    ("begun late by", "schedule_delay_s"),
)


def render_load(name: str, plan: LoadPlan, result: LoadResult, encoding: str = "utf-8") -> list[str]:
    """The result as lines of at most 80 cells.

    Args:
        name: of the version.
        encoding: of the stream that it goes to.
    """
    lines = [f"steelyard load   {printable(name, 30, encoding=encoding)}   {_loop(plan)}   seed {plan.seed}", ""]
    lines += columns([_HEAD, *((label, *_cells(getattr(result, field))) for label, field in _ROWS)])
    lines.append("")
    width = 10
    for label, text in _told(plan, result):
        lines += hang(f"{label:<{width}}", wrap(printable(text, encoding=encoding), _WIDTH - width), width)
    return lines


def _loop(plan: LoadPlan) -> str:
    """The arrivals of requests, in a few words."""
    return f"{plan.rate:g} requests/s (Poisson)" if plan.concurrency is None else f"{plan.concurrency} in flight"


def _cells(figures: LatencyFigures) -> tuple[str, ...]:
    values = (figures.mean, figures.p50, figures.p90, figures.p95, figures.p99, figures.max)
    return (*(_milliseconds(value) for value in values), count(figures.n))


def _milliseconds(value: float | None) -> str:
    """Milliseconds with three digits or so; "-" for what is not known."""
    if value is None:
        return "-"
    shown = value * 1000
    return f"{shown:,.0f}" if shown >= 99.95 else f"{shown:.1f}" if shown >= 9.995 else f"{shown:.2f}"


def _told(plan: LoadPlan, result: LoadResult) -> Iterator[tuple[str, str]]:
    """The notes below the table, each with its label."""
    yield "requests", _requests(result)
    if result.errors:
        yield "errors", ", ".join(f"{kind} {count(number)}" for kind, number in result.errors.items())
    yield "tokens", _tokens(result)
    if result.goodput_per_s is not None:
        kept = ", ".join(f"{name} {limit:g} s" for name, limit in plan.objective.items())
        yield "good", f"{result.goodput_per_s:.3g} requests/s keep {kept}"
    yield "client", f"{result.client_cpu:.0%} of a core{_others(result)}"
    server = {name: value for name, value in result.server.items() if name.endswith("_mean_s")}
    if server:
        own = ", ".join(
            f"{label} {_milliseconds(server[key])} ms"
            for key, label in (("ttft_mean_s", "first token"), ("itl_mean_s", "between tokens"))
            if key in server
        )
        yield "server", f"its own means: {own}"
    for note in result.notes:
        yield "note", note
    for reason in result.invalid_reasons:
        yield "INVALID", reason
    if result.valid:
        yield "valid", _valid(plan)


def _valid(plan: LoadPlan) -> str:
    """The things that there is no doubt about, and the doubts that the plan accepts."""
    accepted = [name for name in DOUBTS if name in plan.accept]
    others = ", ".join(name for name in DOUBTS if name not in plan.accept)
    if not accepted:
        return f"no doubt about {others}"
    return f"{', '.join(accepted)} accepted" + (f"; no doubt about {others}" if others else "")


def _requests(result: LoadResult) -> str:
    planned = "" if result.rate_planned is None else f", {result.rate_planned:.3g}/s planned"
    begun = "" if result.rate_achieved is None else f"; {result.rate_achieved:.3g}/s begun{planned}"
    return (
        f"{count(result.completed)} of {count(result.requests)} answered in {duration(result.duration_s)}, "
        f"{result.requests_per_s:.3g}/s{begun}"
    )


def _tokens(result: LoadResult) -> str:
    if result.completion_tokens is None or result.output_tokens_per_s is None:
        return "not counted by the server"
    read = "" if result.prompt_tokens is None else f", {count(result.prompt_tokens)} read"
    return f"{result.output_tokens_per_s:,.4g} output tokens/s; {count(result.completion_tokens)} written{read}"


def _others(result: LoadResult) -> str:
    others = "" if result.others_cpu is None else f"; other processes {result.others_cpu:.1f} cores"
    return others + ("" if not result.steal else f"; taken by the host {result.steal:.1%}")
