"""Plans of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.gate.stored import Scored
from tests.gate.stored import run as stored_run

FEW = ("--gates", "40")


@pytest.fixture
def run(run: Run) -> Run:
    """`run("plan", …)` about cases like these, unless the test says otherwise."""

    def call(*arguments: str) -> Any:
        about = () if arguments[0] != "plan" or "--about" in arguments else ("--about", "population")
        return run(*arguments, *about)

    return call


def planned(run: Run, *arguments: str) -> Any:
    result = run("plan", *FEW, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def scores(seed: int, n_cases: int = 50) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {f"c{i}": [float(x) for x in rng.random(4) < rate] for i, rate in enumerate(rng.beta(4, 1, n_cases))}


def store_run(folder: Path, run_id: str, *evaluations: Scored) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored_run(store, run_id, *evaluations)
