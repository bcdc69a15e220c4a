"""Prove README: measure each of its claims and write reports/benchmarks/proof.md, and the table in README."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.sampling import ROOT

BENCHMARKS = ROOT / "reports" / "benchmarks"
PAGE = BENCHMARKS / "proof.md"
TABLE = re.compile(r"(<!-- proof -->\n).*?(<!-- /proof -->)", re.DOTALL)
WRONG = (
    r"^false |: false |^Steelyard.*(the same again|as good|on the threshold): red$"
    r"|^Steelyard.*0\.05 (lower|below it): green$"
)
"""The figures of gates that are wrong; those of rivals have no goal."""
Figures = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Claim:
    """A sentence of README, and what measures it.

    Attributes:
        sources: names of files in reports/benchmarks/.
        summary: of the figures of the sources, one phrase.
        wanted: by name, the figures that bear on it, all of which must meet their goals.
    """

    sentence: str
    sources: tuple[str, ...]
    summary: Callable[[Figures], str]
    wanted: str = ""


def _worst(figures: Figures) -> str:
    return (
        f"{len(figures)} simulated settings, wrong in {max(each['value'] for each in figures):.3f} of the gates at most"
    )


def _faults(figures: Figures) -> str:
    planted = [each for each in figures if each["name"].startswith("Mutants")]
    n_planted = sum(int(each["unit"].removeprefix("of ")) for each in planted)
    return f"{sum(each['value'] for each in planted)} of {n_planted} planted faults are found"


def _counts(text: str, *places: str) -> Callable[[Figures], str]:
    """Fill a text with the values of the figures whose names hold these places."""
    return lambda figures: text.format(
        *(next(each["value"] for each in figures if place in each["name"]) for place in places)
    )


CLAIMS = (
    Claim(
        "Red and green are wrong at most 5 times in 100",
        ("decisions", "reruns", "labels", "practice"),
        _worst,
        WRONG,
    ),
    Claim("Also when run again until the colour is right", ("reruns",), _worst, "^reruns, "),
    Claim(
        "A broken endpoint is an `error`, never a score",
        ("attack",),
        _counts("{} kinds of fault of an endpoint, {} scored", "that were tried", "that were scored"),
        "^Kinds of fault",
    ),
    Claim(
        "The suites here see what they say they see",
        ("mutants-data", "mutants-distillation", "mutants-customization"),
        _faults,
        "^Mutants|red gates$",
    ),
    Claim(
        "It lives with your other plugins",
        ("plugins",),
        _counts("{} plugins of pytest, {} with another verdict", "tried", "another verdict"),
        "^plugins",
    ),
)


def _documents(claim: Claim) -> list[dict[str, Any]]:
    """What was measured, a file each, with its command and its day."""
    return [json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8")) for name in claim.sources]


def figures_of(claim: Claim) -> list[dict[str, Any]]:
    """The recorded figures that bear on a claim, each with the date of its measurement."""
    every = [{**figure, "date": document["date"]} for document in _documents(claim) for figure in document["figures"]]
    is_ours = (each for each in every if each["goal"] or each["name"].startswith("Steelyard"))
    return [each for each in is_ours if re.search(claim.wanted, each["name"])]


def rows() -> list[tuple[str, str, str, str]]:
    """Sentence, figure, commands and date of each claim. A claim is not kept where any figure misses its goal."""
    table = []
    for claim in CLAIMS:
        figures = figures_of(claim)
        kept = "" if all(each["met"] for each in figures) else "**NOT KEPT**: "
        oldest = min(each["date"] for each in figures)
        commands = ", ".join(f"`{document['command']}`" for document in _documents(claim))
        table.append((claim.sentence, kept + claim.summary(figures), commands, oldest))
    return table


def written() -> dict[str, str]:
    """The page, and README with its table, by path."""
    known = rows()
    lines = [
        "# Proof",
        "",
        "Each claim of README with what measures it, by `make proof`. The blocks of README and of the site are run",
        "by `pytest tests/test_docs.py`.",
        "",
        "| claim | measured | by | on |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in known),
        "",
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = [
        "| promise | measured | on |",
        "|---|---|---|",
        *(f"| {row[0]} | {row[1]} | {row[3]} |" for row in known),
        "",
    ]
    return {
        str(PAGE.relative_to(ROOT)): "\n".join(lines),
        "README.md": TABLE.sub(lambda found: found[1] + "\n".join(table) + found[2], readme),
    }


def main() -> int:
    """Measure, or with --recorded take what was measured, and write. Ends with 1 where a claim is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.proof", description=__doc__)
    parser.add_argument("--recorded", action="store_true", help="take the figures of reports/benchmarks as they are")
    if not parser.parse_args().recorded:
        for command in dict.fromkeys(document["command"] for claim in CLAIMS for document in _documents(claim)):
            print(command, flush=True)
            subprocess.run(command.split(), cwd=ROOT, check=False)  # a goal that is missed is in the figures
    for path, text in written().items():
        (ROOT / path).write_text(text, encoding="utf-8")
    known = rows()
    for sentence, figure, *_ in known:
        print(f"{sentence}: {figure}")
    return 1 if any("NOT KEPT" in figure for _, figure, *_ in known) else 0


if __name__ == "__main__":
    sys.exit(main())
