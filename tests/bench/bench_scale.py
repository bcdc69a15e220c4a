"""Draw on many, decide on one: what it gains, what a death costs, and how large a store may be.

`python -m tests.bench.bench_scale [workers|kills|gates|large …]` measures single parts, and keeps the others' figures.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import project
from tests.bench.process import Took, pytest_command, run
from tests.bench.sampling import Figure
from tests.bench.scale_runs import (
    Phase,
    cluster,
    endpoint,
    kill_workers,
    new_database,
    project_at,
    run_all,
    stored,
    times_asked,
)

_LATENCY_S, _IN_FLIGHT, _OF_WORKER, _WINDOW_S = 0.2, 4, 160, 2.0
"""Of 16 in flight eight workers would ask for 640 answers/s, more than two cores have."""
_WORKERS = (1, 2, 4, 8)
_KILLS, _KILLED_CASES, _KILLED_IN_FLIGHT, _SEED = 15, 1500, 8, 32
_GATES, _GATE_CASES = 20, 200
_ROWS = int(os.environ.get("SCALE_ROWS", 10_000_000))
_PER_KEY = 5
PAGE = Path(__file__).parents[2] / "reports" / "benchmarks" / "scale.md"
_FILLED = 2_000_000
"""Rows of a transaction."""


def scale(folder: Path) -> list[Figure]:
    """Everything, on a PostgreSQL server that is started for it."""
    figures = [figure for part in PARTS.values() for figure in part(folder)]
    PAGE.write_text(page(figures), encoding="utf-8")
    return figures


def workers(folder: Path) -> list[Figure]:
    """1, 2, 4 and 8 workers that draw shares, each with as many requests to make as the one alone."""
    phases: dict[int, Phase] = {}
    with cluster() as server, endpoint(_LATENCY_S) as loopback:
        for number in _WORKERS:
            place = project_at(folder / f"workers-{number}", loopback, _OF_WORKER * number, 1)
            shares = [
                ["--draw", f"{k}/{number}", "--concurrency", str(_IN_FLIGHT)]
                if number > 1
                else ["--draw", "--concurrency", str(_IN_FLIGHT)]
                for k in range(1, number + 1)
            ]
            url = new_database(server)
            phases[number] = run_all(loopback, place, url, shares)
            if stored(url) != _OF_WORKER * number:
                raise RuntimeError(f"{number} workers stored {stored(url)} samples")
    rates = {number: phase.best_rate(_WINDOW_S) for number, phase in phases.items()}
    most = _IN_FLIGHT / _LATENCY_S
    figures = []
    for number, phase in phases.items():
        n = _OF_WORKER * number
        beside = (
            f"{rates[number]:.0f} of at most {most * number:.0f} requests/s; all {n:,} in {phase.wall_s:.0f} s with "
            f"the start of pytest, {phase.cpu_s:.1f} s of CPU; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
        )
        gain = rates[number] / rates[1]
        goal = f"≥ {0.9 * number:.1f}" if number > 1 else ""
        figures.append(
            Figure(f"scale, workers: speed-up by {number} workers", gain, "×", goal, gain >= 0.9 * number, beside)
        )
    n_further = (_WORKERS[-1] - _WORKERS[0]) * _OF_WORKER
    cpu_ms = 1000 * (phases[_WORKERS[-1]].cpu_s - phases[_WORKERS[0]].cpu_s) / n_further
    beside = f"{_OF_WORKER} a worker, its own start among them, but not Python's and the imports"
    figures.append(Figure("scale, workers: CPU of a drawn sample", cpu_ms, "ms", "", True, beside))
    return figures


def kills(folder: Path) -> list[Figure]:
    """Workers that are killed while they draw what no other does."""
    with cluster() as server, endpoint(_LATENCY_S / 2) as loopback:
        place, url = project_at(folder / "kills", loopback, _KILLED_CASES, 1), new_database(server)
        arguments = ["--draw", "--concurrency", str(_KILLED_IN_FLIGHT)]
        in_flight = kill_workers(loopback, place, url, _KILLS, arguments, _SEED)
        run(pytest_command("--offline", "--store", url), place)
        lost = _KILLED_CASES - stored(url)
        twice = sum(times_asked(loopback).values()) - _KILLED_CASES
    most = _KILLS * _KILLED_IN_FLIGHT
    beside = f"{_KILLS} × kill -9 of one of 3 workers, seed {_SEED}"
    return [
        Figure("scale, kills: samples lost", lost, f"of {_KILLED_CASES:,}", "0", lost == 0, beside),
        Figure(
            "scale, kills: samples paid twice",
            twice,
            "samples",
            f"≤ {most}",
            twice <= most,
            f"{_KILLED_IN_FLIGHT} requests of each worker in flight; {in_flight} of all three at these moments",
        ),
    ]


def gates(folder: Path) -> list[Figure]:
    """The same gate 20 times at once on one store."""
    with cluster() as server, endpoint(_LATENCY_S) as loopback:
        place, url = project_at(folder / "gates", loopback, _GATE_CASES, 3), new_database(server)
        phase = run_all(loopback, place, url, [["--concurrency", "16"]] * _GATES)
        paid, needed = loopback.stats["choices"], 3 * _GATE_CASES
    beside = (
        f"{paid:,} paid, {needed:,} needed; {phase.wall_s:.0f} s, {phase.cpu_s:.0f} s of CPU; load "
        f"{os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    )
    name = f"scale, gates: samples that {_GATES} gates at once pay, against those needed"
    return [Figure(name, paid / needed, "×", "1", paid == needed, beside)]


def large(folder: Path) -> list[Figure]:
    """A gate of the usual size in a store of very many samples."""
    folder.mkdir(parents=True, exist_ok=True)
    with cluster("maintenance_work_mem=256MB", "max_wal_size=2GB", "wal_level=minimal", "max_wal_senders=0") as server:
        url = new_database(server)
        place = project.one_evaluation(folder / "usual", 1000, _PER_KEY, project.SCRIPTED)
        run(pytest_command("--draw", "--store", url), place)
        small = run(pytest_command("--offline", "--store", url), place)
        filled_s, before = _fill(url, _ROWS), time.monotonic()
        first = run(pytest_command("--offline", "--store", url), place)
        again = run(pytest_command("--offline", "--store", url), place)
        disk = _disk(url)
        load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, {time.monotonic() - before:.0f} s of runs"
    return _figures_of_large(small, first, again, disk, f"filled in {filled_s:.0f} s; {load}")


def _figures_of_large(small: Took, first: Took, again: Took, disk: dict[str, float], said: str) -> list[Figure]:
    worst, peak = max(first.wall_s, again.wall_s), max(first.peak_mb, again.peak_mb)
    before = f"{small.wall_s:.0f} s and {small.cpu_s:.1f} s of CPU in a store of 5,000"
    beside = f"{first.cpu_s:.1f} s of CPU; {again.wall_s:.0f} s and {again.cpu_s:.1f} s of CPU again; {before}; {said}"
    sizes = ", ".join(f"{name} {size:.2f} GB" for name, size in disk.items())
    name = f"a gate of 1,000 cases × {_PER_KEY} decides in {_ROWS:,} samples"
    per_sample = sum(disk.values()) * 1e9 / _ROWS
    return [
        Figure(f"scale, large: {name}", worst, "s", "≤ 60 s", worst <= 60, beside),
        Figure("scale, large: its peak memory", peak, "MB", "≤ 2,000 MB", peak <= 2000, f"{small.peak_mb:.0f} before"),
        Figure("scale, large: disk of a stored sample", per_sample, "bytes", "", True, sizes),
    ]


def _fill(url: str, n_rows: int) -> float:
    """Add rows of another version to the real tables, shaped as the gate's own are; the keys' indexes are made after.

    Returns the seconds that it took.
    """
    import psycopg

    began, n_keys = time.monotonic(), n_rows // _PER_KEY
    key = "decode(md5(k::text), 'hex')"
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ("samples", "requests"):
            connection.execute(f"ALTER TABLE steelyard_{table} DROP CONSTRAINT steelyard_{table}_pkey")
        request = connection.execute("SELECT request FROM steelyard_requests LIMIT 1").fetchone()
        assert request is not None
        for begin in range(0, n_keys, _FILLED // _PER_KEY):
            end = min(begin + _FILLED // _PER_KEY, n_keys)
            keys = f"generate_series({begin + 1}, {end}) k"
            connection.execute(
                "INSERT INTO steelyard_requests (key, fingerprint, generation, request) "
                f"SELECT {key}, md5(mod(k, 100)::text) || md5(mod(k, 100)::text), 0, %s FROM {keys}",
                request,
            )
            connection.execute(
                "INSERT INTO steelyard_samples (key, sample_index, text, finish_reason, prompt_tokens, "
                "completion_tokens, latency_s, created) "
                f"SELECT {key}, i, convert_to('yes', 'UTF8'), convert_to('stop', 'UTF8'), 12, 1, 0.2, 1.7e9 "
                f"FROM {keys}, generate_series(0, {_PER_KEY - 1}) i"
            )
        connection.execute("ALTER TABLE steelyard_requests ADD PRIMARY KEY (key)")
        connection.execute("ALTER TABLE steelyard_samples ADD PRIMARY KEY (key, sample_index)")
        connection.execute("VACUUM ANALYZE")
    return time.monotonic() - began


def _disk(url: str) -> dict[str, float]:
    """Gigabytes of the large tables and of their indexes."""
    import psycopg

    sizes = {}
    with psycopg.connect(url) as connection:
        for table in ("samples", "requests"):
            for kind, function in (("", "pg_table_size"), (" index", "pg_indexes_size")):
                row = connection.execute(f"SELECT {function}('steelyard_{table}')").fetchone()
                assert row is not None
                sizes[table + kind] = row[0] / 1e9
    return sizes


PARTS: dict[str, Callable[[Path], list[Figure]]] = {"workers": workers, "kills": kills, "gates": gates, "large": large}


def page(figures: list[Figure]) -> str:
    """Every figure below the command that measures it, and what follows from them on paper."""
    lines = ["# Draw on many machines", "", "Ratios are within one run; times are those of a machine with other work."]
    for part in PARTS:
        own = [each for each in figures if each.name.startswith(f"scale, {part}: ")]
        if not own:
            continue
        lines += ["", f"`python -m tests.bench.bench_scale {part}`", "", "| what | measured | goal | beside it |"]
        lines.append("|---|---|---|---|")
        for each in own:
            name, state = each.name.partition(": ")[2], "" if each.met else ", **missed**"
            lines.append(f"| {name} | {each.value:,.3g} {each.unit} | {each.goal}{state} | {each.beside} |")
    return "\n".join([*lines, "", *on_paper(figures), ""])


def on_paper(figures: list[Figure]) -> list[str]:
    """Lines about 10⁶ cases × 5 samples of one version, from what was measured and assumptions that are named."""
    value = {each.name.partition(": ")[2]: each.value for each in figures}
    n_samples, tokens_per_s, tokens, price = 5_000_000, 2_500, 200, 2.5
    text_bytes = 4 * tokens
    lines = [
        "## 10⁶ cases × 5 samples of one version, on paper",
        "",
        f"Assumed: {tokens} tokens an answer, {tokens_per_s:,} output tokens/s and {price} USD an hour for each GPU. "
        "A second version doubles all but the start.",
        "",
        "| GPUs | hours | USD | samples/s |",
        "|---|---|---|---|",
    ]
    for number in (1, 8, 64):
        hours = n_samples * tokens / tokens_per_s / number / 3600
        lines.append(f"| {number} | {hours:,.1f} | {hours * number * price:,.0f} | {n_samples / hours / 3600:,.0f} |")
    lines.append("")
    replay_ms = float(_measured("samples", "replayed").beside.split()[0])  # "0.081 ms against …"
    lines.append(
        f"- The gate replays a sample in {replay_ms} ms of CPU (`make bench ARGS=samples`): "
        f"{n_samples * replay_ms / 60_000:.0f} minutes on one core, whatever the GPUs. Here it ends: it is one process."
    )
    memory_kb = _measured("memory", "further sample").value
    lines.append(f"- Its memory grows by {memory_kb:.2f} kB a sample (`memory`): {n_samples * memory_kb / 1e6:.1f} GB.")
    if per_sample := value.get("disk of a stored sample"):
        disk_gb, answers_gb = per_sample * n_samples / 1e9, text_bytes * n_samples / 1e9
        lines.append(f"- Disk: {disk_gb:.1f} GB, and {answers_gb:.1f} GB of answers.")
    if cpu_ms := value.get("CPU of a drawn sample"):
        lines.append(
            f"- A worker takes {cpu_ms:.1f} ms of CPU a sample, its start spread over {_OF_WORKER}: a core draws "
            f"at least {1000 / cpu_ms:,.0f} a second. PostgreSQL and what answers come beside it."
        )
    return lines


def _measured(name: str, words: str) -> Figure:
    """A figure of another benchmark."""
    known = json.loads((PAGE.parent / f"{name}.json").read_text(encoding="utf-8"))["figures"]
    return next(Figure(**each) for each in known if words in each["name"])


def main() -> None:
    from tests.bench.__main__ import REPORTS, summarise, write

    kept = REPORTS / "scale.json"
    for part in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            measured = PARTS[part](Path(folder))
        known = json.loads(kept.read_text())["figures"] if kept.exists() else []
        others = [Figure(**each) for each in known if not each["name"].startswith(f"scale, {part}: ")]
        figures = sorted([*others, *measured], key=lambda each: [*PARTS].index(each.name.split()[1].strip(":")))
        write("scale", figures)
        PAGE.write_text(page(figures), encoding="utf-8")
        print(*measured, sep="\n", flush=True)
    summarise()


if __name__ == "__main__":
    main()
