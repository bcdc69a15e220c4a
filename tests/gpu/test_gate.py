"""Gates of a real model of 1 to 8 B parameters: against itself, in FP8, and without a third of its layers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.models.description.description import describe_weights
from tests.bench.sampling import ROOT, Figure
from tests.gpu.marks import skip_without_gpus
from tests.gpu.weights import MODEL, weights_on_disk

pytestmark = [
    pytest.mark.service,
    pytest.mark.gpu,
    skip_without_gpus(),
    pytest.mark.skipif(not os.environ.get(MODEL), reason="no model was named: make gpu MODEL=FOLDER, or a hub id"),
]
SUITES = ("arithmetic", "capitals", "vocabulary")
SETTINGS = """
baseline = "whole"
samples = 10
margin = 0.08

[models.whole]
engine = "vllm"
weights = {weights}
max_model_len = 2048
sampling = {{ temperature = 0.7, max_tokens = 16 }}

[models.again]
base = "whole"
sampling = {{ top_k = 200 }}

[models.fp8]
base = "whole"
quantized = "fp8"

[models.pruned]
base = "whole"
drop_layers = {layers}
"""


@dataclass(frozen=True)
class Project:
    folder: Path
    model: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The suites of suites/foundation that need nothing else, and the versions of the model."""
    weights = weights_on_disk()
    folder = tmp_path_factory.mktemp("real")
    described = describe_weights({"weights": weights}, folder, "vllm")
    if (taken := described.tensor_bytes) > 0.35 * (memory := memory_bytes()):
        pytest.skip(
            f"two engines must fit on one GPU: {taken / 1e9:.0f} GB of weights, {memory / 1e9:.0f} GB of memory"
        )
    n_layers = described.sizes.n_layers
    dropped = list(range(n_layers // 3, 2 * n_layers // 3))
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=json.dumps(weights), layers=dropped))
    shutil.copytree(ROOT / "evals" / "foundation", folder / "evals" / "foundation")
    (folder / "suites").mkdir()
    for name in SUITES:
        shutil.copy(ROOT / "suites" / "foundation" / f"test_{name}.py", folder / "suites")
    return Project(folder, f"{os.environ[MODEL]}, {described.n_parameters / 1e9:.2g} B")


def memory_bytes() -> int:
    """Of the first GPU."""
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory)


@pytest.mark.parametrize(
    ("candidate", "verdicts"),
    [("again", {"passed"}), ("fp8", {"passed", "inconclusive"}), ("pruned", {"failed", "regressed"})],
    ids=["itself", "fp8", "pruned"],
)
def test_a_gate_of_the_model(project: Project, candidate: str, verdicts: set[str], record_property: Any) -> None:
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "suites", "--candidate", candidate, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
    took_s = time.perf_counter() - began_s
    report = json.loads((project.folder / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    is_met, goal = report["verdict"] in verdicts, " or ".join(sorted(verdicts))
    name = f"{project.model}: a gate of {candidate} against whole is {report['verdict']}"
    record_property("figure", Figure(name, took_s, "s", goal, is_met))
    assert is_met, done.stdout + done.stderr
