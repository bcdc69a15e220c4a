"""Measure, and write reports/benchmarks/: `python -m tests.bench [NAME …]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench import (
    bench_application,
    bench_attack,
    bench_bisect,
    bench_blame,
    bench_builds,
    bench_candidates,
    bench_corpus,
    bench_creep,
    bench_decisions,
    bench_distillation,
    bench_history,
    bench_labels,
    bench_load,
    bench_plugins,
    bench_practice,
    bench_ranks,
    bench_report,
    bench_reruns,
    bench_scale,
    bench_slices,
    bench_watch,
    planted_paths,
    sampling,
)
from tests.bench.sampling import ROOT, Figure

REPORTS = ROOT / "reports" / "benchmarks"


def vllm(_folder: Path) -> list[Figure]:
    """The engine in its own process against `LLM.chat`, given the same prompts at once."""
    command = [sys.executable, "-m", "tests.bench.bench_vllm"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    beside = f"{figures['ours']:.0f} against {figures['llm_chat']:.0f} tokens/s"
    ratio, ready_s = figures["ratio"], figures["ready_s"]
    return [
        Figure("vLLM on the CPU: output tokens/s against LLM.chat", ratio, "×", "≥ 0.95", ratio >= 0.95, beside),
        Figure("vLLM on the CPU: engine ready", ready_s, "s", "≤ 15 s", ready_s <= 15),
    ]


def benchmarks(repeats: int, cases: int) -> dict[str, Callable[[Path], list[Figure]]]:
    """All benchmarks by name."""
    return {
        "samples": lambda folder: sampling.samples(folder, repeats),
        "evaluations": lambda folder: sampling.many_evaluations(folder, repeats),
        "replicas": lambda folder: sampling.replicas(folder, repeats),
        "start-up": lambda folder: sampling.start_up(folder, repeats),
        "memory": lambda folder: sampling.memory(folder, cases),
        "builds": bench_builds.builds,
        "candidates": bench_candidates.candidates,
        "corpus": lambda folder: bench_corpus.corpus(folder, repeats, cases),
        "creep": bench_creep.creep,
        "decisions": bench_decisions.decisions,
        "paths": planted_paths.planted_figures,
        "plugins": bench_plugins.plugins,
        "practice": bench_practice.practice,
        "ranks": bench_ranks.ranks,
        "application": lambda folder: bench_application.application(folder, repeats),
        "attack": bench_attack.attack,
        "bisect": bench_bisect.bisect,
        "distillation": bench_distillation.distillation,
        "history": bench_history.history,
        "blame": bench_blame.blame,
        "labels": bench_labels.labels,
        "load": bench_load.load,
        "report": lambda folder: bench_report.report(folder, repeats),
        "reruns": bench_reruns.reruns,
        "scale": bench_scale.scale,
        "slices": bench_slices.slices,
        "vllm": vllm,
        "watch": bench_watch.watch,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    known = benchmarks(1, 1)
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="NAME", help=f"of: {', '.join(known)}")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each command; medians are reported")
    parser.add_argument("--cases", type=int, default=100_000, help="cases of memory and corpus, 10 samples each")
    arguments = parser.parse_args()
    measured: dict[str, list[Figure]] = {}
    for name, benchmark in benchmarks(arguments.repeats, arguments.cases).items():
        if arguments.names and name not in arguments.names:
            continue
        print(f"{name} …", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            measured[name] = benchmark(Path(folder))
        for figure in measured[name]:
            print(f"  {line(figure)}", flush=True)
        write(name, measured[name])
    summarise()
    return 0 if all(figure.met for figures in measured.values() for figure in figures) else 1


def line(figure: Figure) -> str:
    """One figure in words."""
    if not figure.goal:
        return f"{figure.name}: {figure.value:.3g} {figure.unit}"
    state = "met" if figure.met else "MISSED"
    beside = f"; {figure.beside}" if figure.beside else ""
    return f"{figure.name}: {figure.value:.3g} {figure.unit} (goal {figure.goal}: {state}{beside})"


def write(name: str, figures: list[Figure]) -> None:
    """Keep the figures of one benchmark."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    document = {
        "command": f"make bench ARGS={name}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "figures": [asdict(figure) for figure in figures],
    }
    (REPORTS / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def summarise() -> None:
    """Write the page that lists what was measured; figures without a goal stand in their file alone."""
    lines = [
        "# Measured",
        "",
        "Made by `make bench`; medians of several runs, ratios within one run, against a loopback server in a process",
        "of its own. Absolute times depend on the machine.",
        "",
        "| what | measured | goal | beside it | date, command |",
        "|---|---|---|---|---|",
    ]
    for path in sorted(REPORTS.glob("*.json")):
        document = json.loads(path.read_text())
        for entry in document.get("figures", ()):
            figure = Figure(**entry)
            if not figure.goal:
                continue
            state = "" if figure.met else ", **missed**"
            cells = [figure.name, f"{figure.value:.3g} {figure.unit}", figure.goal + state, figure.beside]
            lines.append(f"| {' | '.join(cells)} | {document['date']}, `{document['command']}` |")
    lines += ["", "Machine of each figure: see the `.json` beside this page.", ""]
    (REPORTS / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
