"""reports/benchmarks/gpu.md: what ran on a GPU, on which, and what did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.bench.sampling import Figure


@dataclass(frozen=True)
class Outcome:
    """What one test came to: passed, failed or skipped, with the reason, and the figures that it recorded."""

    test: str
    outcome: str
    reason: str = ""
    figures: tuple[Figure, ...] = ()

    @property
    def command(self) -> str:
        return f"`pytest '{self.test}'`"


def devices_in_words(query: str) -> Mapping[str, str]:
    """Devices and driver, from `nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader`."""
    rows = [[cell.strip() for cell in line.split(",")] for line in query.splitlines() if line.count(",") == 2]
    names = [f"{name}, {memory}" for name, memory, _ in rows]
    counted = "; ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names))
    return {"devices": counted or "unknown: nvidia-smi is not there", "driver": rows[0][2] if rows else "unknown"}


def render(command: str, described: Mapping[str, str], outcomes: Iterable[Outcome]) -> str:
    """The page.

    Args:
        described: what it was measured on, by name: date, devices, driver, versions.
    """
    outcomes = list(outcomes)
    tally = ", ".join(
        f"{sum(each.outcome == name for each in outcomes)} {name}" for name in ("passed", "failed", "skipped")
    )
    lines = ["# On a GPU", "", f"Made by `{command}`: {tally}.", "", *(f"- {k}: {v}" for k, v in described.items())]
    lines += ["", "| what | measured | goal | beside it | command |", "|---|---|---|---|---|"]
    for each in outcomes:
        for figure in each.figures:
            state = "" if figure.met else ", **missed**"
            cells = [figure.name, f"{figure.value:.3g} {figure.unit}".strip(), figure.goal + state, figure.beside]
            lines.append(f"| {' | '.join(map(_in_a_cell, cells))} | {each.command} |")
    passed = [each.command for each in outcomes if each.outcome == "passed" and not each.figures]
    for title in ("Failed", "Skipped"):
        rows = [f"{each.command} | {_in_a_cell(each.reason)}" for each in outcomes if each.outcome == title.lower()]
        lines += _table(title, "test | why", "---|---", rows)
    lines += _table("Passed without a figure", "test", "---", passed)
    return "\n".join([*lines, ""])


def _table(title: str, head: str, rule: str, rows: list[str]) -> list[str]:
    """A section of the page; nothing without rows."""
    return ["", f"## {title}", "", f"| {head} |", f"|{rule}|", *(f"| {row} |" for row in rows)] if rows else []


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
