"""Try the mutants of a stage, and write reports/benchmarks/: `python -m tests.mutants data [NAME …]`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.__main__ import REPORTS, line, summarise, write
from tests.bench.sampling import Figure
from tests.mutants.mutant import Outcome, Weighed

STAGES = ("data", "distillation", "customization")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; without any, all, and the A/A gates")
    parser.add_argument("--seeds", type=int, default=20, help="gates of a version against itself")
    parser.add_argument("--workers", type=int, default=2, help="gates at a time")
    arguments = parser.parse_args()
    stage = importlib.import_module(f"tests.mutants.{arguments.stage}")
    mutants = [each for each in stage.MUTANTS if not arguments.names or each.name in arguments.names]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(arguments.workers) as pool:
        folder = Path(name)
        project = stage.new_project(folder / "mutants", "mutants", mutants)
        sound = stage.try_sound(project)
        print(f"{'no fault':20} {_told(sound)}", flush=True)
        outcomes = []
        for outcome in pool.map(lambda each: stage.try_mutant(project, each), mutants):
            outcome = replace(outcome, red_without=sound.red)
            outcomes.append(outcome)
            found = "found" if outcome.is_found else "MISSED"
            print(f"{outcome.mutant.name:20} {found:7} {_told(outcome.weighed)}", flush=True)
        if arguments.names:
            return 0 if all(each.is_found for each in outcomes) else 1
        first = getattr(stage, "FIRST_SEED", 0)
        seeds = range(first, first + arguments.seeds)
        same = []
        for weighed in pool.map(lambda seed: stage.try_same(folder / f"same-{seed}", seed), seeds):
            same.append(weighed)
            print(f"{'the same again':20} {_told(weighed)}", flush=True)
    figures = _figures(arguments.stage, outcomes, dict(zip(seeds, same, strict=True)))
    _keep(arguments.stage, figures, outcomes, dict(zip(seeds, same, strict=True)))
    for figure in figures:
        print(line(figure))
    return 0 if all(figure.met for figure in figures) else 1


def _told(weighed: Weighed) -> str:
    red = f"red: {', '.join(weighed.red)}" if weighed.red else "green"
    errors = f"; errors: {', '.join(weighed.errors)}" if weighed.errors else ""
    return f"{weighed.seconds:5.0f} s  {red}{errors}"


def _figures(stage: str, outcomes: Sequence[Outcome], same: Mapping[int, Weighed]) -> list[Figure]:
    found = sum(each.is_found for each in outcomes)
    missed = ", ".join(each.mutant.name for each in outcomes if not each.is_found)
    red = [
        f"seed {seed}: {', '.join(each.red + each.errors)}" for seed, each in same.items() if each.red or each.errors
    ]
    fewest, most = (pick((each.n_verdicts for each in same.values()), default=0) for pick in (min, max))
    n_verdicts = f"{most} verdicts each" if fewest == most else f"{fewest} to {most} verdicts each"
    seconds = max(each.weighed.seconds for each in outcomes)
    return [
        Figure(
            f"Mutants of the stage {stage}: turn the evaluation red that names their fault",
            found,
            f"of {len(outcomes)}",
            "all",
            found == len(outcomes),
            f"missed: {missed}" if missed else f"the table: mutants-{stage}.md",
        ),
        Figure(
            f"The stage {stage}, a version against itself: red gates",
            len(red),
            f"of {len(same)}",
            "0",
            not red,
            "; ".join(red) or f"{n_verdicts}, on what other seeds give",
        ),
        Figure(f"Mutants of the stage {stage}: longest gate, building included", seconds, "s", "", True),
    ]


def _keep(stage: str, figures: list[Figure], outcomes: Sequence[Outcome], same: Mapping[int, Weighed]) -> None:
    """Write figures and table, and the page that lists what was measured."""
    name = f"mutants-{stage}"
    write(name, figures)
    path = REPORTS / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    document["command"] = f"make mutants STAGE={stage}"
    document["mutants"] = [
        {
            "mutant": each.mutant.name,
            "fault": each.mutant.fault,
            "must_be_red": each.mutant.red,
            "was_red": each.is_found,
            "others_red": list(each.others),
            "seconds": round(each.weighed.seconds, 1),
        }
        for each in outcomes
    ]
    document["same"] = [{"seed": seed, "red": list(each.red)} for seed, each in same.items()]
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (REPORTS / f"{name}.md").write_text(_page(stage, document), encoding="utf-8")
    summarise()


def _notes(stage: str) -> list[str]:
    """What is to be known of a stage's mutants, as a paragraph."""
    notes = getattr(importlib.import_module(f"tests.mutants.{stage}"), "NOTES", "")
    return [notes, ""] if notes else []


def _page(stage: str, document: dict[str, Any]) -> str:
    red = sum(bool(each["red"]) for each in document["same"])
    lines = [
        f"# Mutants of the stage {stage}",
        "",
        f"Made by `{document['command']}` on {document['date']} ({document['machine']}).",
        "Each is a version with one fault, weighed against the version without it. The evaluation that names the fault",
        "must be red; others may be.",
        "",
        f"The version against itself, on what {len(document['same'])} other seeds give: {red} red gates.",
        "",
        *_notes(stage),
        "| mutant | fault | must be red | was it | others that were red |",
        "|---|---|---|---|---|",
    ]
    for each in document["mutants"]:
        others = ", ".join(f"`{name}`" for name in each["others_red"])
        was = "yes" if each["was_red"] else "**no**"
        lines.append(f"| {each['mutant']} | {each['fault']} | `{each['must_be_red']}` | {was} | {others} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
