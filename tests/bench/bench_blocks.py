"""Blocks under load: how often a version is wrongly called slower than itself, and a planted slow-down is found."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.config.settings import load_settings
from harness.decisions import Observations, decide
from harness.errors import InvalidBlockError
from harness.models.version import load_version
from harness.records import Role, VerdictKind
from harness.stages.inference.blocks.measuring import check_pair, measure_pair
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.serving import Server
from tests.bench.sampling import ROOT, Figure

GATES = 20
TWINS = 12
PAIRS = 12
SECONDS = 1.5
SLOWER = 0.05
MARGIN = 0.02
LEVEL = 0.95
_SIMULATED = 4000
_LAW = {"median_s": 0.03, "sigma": 0.2, "itl_s": 0.006, "tokens": 32}
_RAMP = "\
import sys, time\n\
began, over = time.time(), float(sys.argv[1])\n\
while (passed := time.time() - began) < 600:\n\
    share, until = min(1.0, passed / over), time.time() + 0.05 * min(1.0, passed / over)\n\
    while time.time() < until: pass\n\
    time.sleep(0.05 * (1 - share) + 0.0001)\n"


@contextlib.contextmanager
def served(folder: Path, itl_s: float, seed: int) -> Iterator[Server]:
    """A server with a known law in a process group of its own, so that it can be made to stand still."""
    law = json.dumps({**_LAW, "itl_s": itl_s, "seed": seed})
    command = [sys.executable, "-m", "tests.loopback.law", law]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            text = f'[models.law]\nengine = "openai"\nbase_url = "{url}"\nmodel = "law"\nrevision = "{seed}"\n'
            (folder / "steelyard.toml").write_text(text)
            settings = load_settings(folder)
            server = Server(load_version(settings.version("law"), folder), folder)
            server.target = replace(server.target, pid=process.pid)
            yield server
        finally:
            process.kill()


@contextlib.contextmanager
def ramping(over_s: float) -> Iterator[None]:
    """Another process, which takes more and more of a core."""
    with subprocess.Popen([sys.executable, "-c", _RAMP, str(over_s)]) as process:
        try:
            yield
        finally:
            process.kill()


def gate(servers: dict[Role, Server], seed: int) -> list[float]:
    """The logarithms of the ratios of one gate's pairs."""
    load = LoadPlan(rate=10.0, seconds=SECONDS, output_tokens=32, warm_up=2)
    plan = BlockPlan(blocks=PAIRS, load=load, seed=seed)
    found = []
    for pair in range(PAIRS):
        blocks = measure_pair(servers, plan, pair)
        check_pair(blocks, servers, pair)
        ours, theirs = (blocks[role].load["itl_s"]["mean"] for role in ("candidate", "baseline"))
        found.append(math.log(ours / theirs))
    return found


def verdict(logs: list[float]) -> VerdictKind:
    """What the gate says of pairs whose baseline took one second; of none, that a block can't be trusted."""
    if not logs:
        return VerdictKind.ERROR
    ours = np.exp(np.array(logs))[:, np.newaxis]
    observed = Observations(
        id="itl",
        metric="score",
        requirement=None,
        threshold=None,
        margin=MARGIN,
        margin_is_default=False,
        case_ids=tuple(f"pair-{number}" for number in range(len(ours))),
        candidate=ours,
        baseline=np.ones_like(ours),
        unit="s",
        higher_is_better=False,
        n_planned=len(ours),
        margin_is_relative=True,
        in_blocks=True,
    )
    return decide([observed], LEVEL, tells_claims=False)[0].verdict


def simulated(pool: list[float], slower: float, generator: np.random.Generator) -> float:
    """The share of red gates whose pairs are drawn from those that were measured, centred, and made slower."""
    centred = np.array(pool) - np.median(pool) + math.log1p(slower)
    red = 0
    for _ in range(_SIMULATED):
        red += verdict(list(generator.choice(centred, PAIRS))) is VerdictKind.REGRESSED
    return red / _SIMULATED


def blocks(folder: Path) -> list[Figure]:
    """A against A, and against itself with 5 % more between tokens, alone and beside a process that ramps up."""
    found: dict[str, list[list[float]]] = {"A/A": [], "planted": [], "ramping": []}
    errors, longest_s = 0, 0.0
    with contextlib.ExitStack() as stack:
        fast = stack.enter_context(served(folder, _LAW["itl_s"], 1))
        twin = stack.enter_context(served(folder, _LAW["itl_s"], 2))
        slow = stack.enter_context(served(folder, _LAW["itl_s"] * (1 + SLOWER), 3))
        for number in range(GATES):
            for name, candidate in (("planted", slow), ("ramping", slow), ("A/A", twin)):
                if name == "A/A" and number >= TWINS:
                    continue
                began_s, logs = time.monotonic(), list[float]()
                with ramping(PAIRS * 4 * SECONDS) if name == "ramping" else contextlib.nullcontext():
                    try:
                        logs = gate({"candidate": candidate, "baseline": fast}, number)
                    except InvalidBlockError as error:
                        errors += 1
                        print(number, name, error, flush=True)
                found[name].append(logs)
                longest_s = max(longest_s, time.monotonic() - began_s)
                print(number, name, [round(each, 4) for each in logs], verdict(logs), flush=True)
    return figures(found, errors, longest_s)


def figures(found: dict[str, list[list[float]]], errors: int, longest_s: float) -> list[Figure]:
    """What the benchmark reports; a gate with a block that can't be trusted is an error, and found nothing."""
    red = {name: sum(verdict(logs) is VerdictKind.REGRESSED for logs in gates) for name, gates in found.items()}
    pool = [log for logs in found["A/A"] for log in logs]
    generator = np.random.default_rng(0)
    wrong, power = simulated(pool, 0.0, generator), simulated(pool, SLOWER, generator)
    told = f"{PAIRS} pairs of {SECONDS:g} s, time between tokens"
    spread = f"{told}; spread of a pair {100 * float(np.std(pool, ddof=1)):.1f} %"
    least, all_twins = math.floor(0.9 * GATES), f"of {TWINS}"
    slower, all_gates, enough = "Blocks, 5 % slower", f"of {GATES}", f"≥ {least}"
    beside = "Blocks, 5 % slower beside a process that takes more and more of a core: red gates, real"
    simulation = "simulated from measured pairs"
    return [
        Figure(f"Blocks, A against A: red gates, {simulation}", 100 * wrong, "of 100", "≤ 5", wrong <= 0.05, spread),
        Figure("Blocks, A against A: red gates, real", red["A/A"], all_twins, "≤ 1", red["A/A"] <= 1, told),
        Figure(f"{slower}: red gates, {simulation}", 100 * power, "of 100", "≥ 90", power >= 0.9, told),
        Figure(f"{slower}: red gates, real", red["planted"], all_gates, enough, red["planted"] >= least, told),
        Figure(beside, red["ramping"], all_gates, enough, red["ramping"] >= least, told),
        Figure("Blocks: gates with a block that can't be trusted", errors, f"of {2 * GATES + TWINS}", "", True),
        Figure("Blocks: longest gate", longest_s, "s", "≤ 180 s", longest_s <= 180),
    ]
