"""The recipes for many machines: each is read, or run, as what would run it does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.ci.steps import ROOT, load
from tests.ci.test_files import OFFICIAL, assert_valid

RECIPES = ROOT / "docs" / "examples" / "many-machines"
SCHEMA = Path(__file__).with_name("kubernetes-job.json")
SHOWS = '#!/bin/sh\necho "$@"\n'


def shown(folder: Path, command: list[str], **variables: str) -> str:
    """What a recipe calls pytest with."""
    program = folder / "bin" / "pytest"
    program.parent.mkdir(exist_ok=True)
    program.write_text(SHOWS)
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", **variables}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, "--draw 3/8"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SHARES": "8"}, "--draw 3/8"),
        ({}, "--offline"),
    ],
)
def test_a_task_of_a_slurm_array_draws_its_share_and_a_job_without_one_decides(
    tmp_path: Path, variables: dict[str, str], expected: str
) -> None:
    script = str(RECIPES / "slurm.sh")
    subprocess.run(["bash", "-n", script], check=True)
    arguments = ["suites", "--case", "a b*"]
    assert shown(tmp_path, ["bash", script, *arguments], **variables) == f"suites --case a b* {expected}"


def test_the_matrix_draws_every_share_once_and_the_gate_waits_for_it() -> None:
    workflow = load(RECIPES / "github.yml")
    assert_valid(workflow, "github-workflows")
    draw, decide = workflow["jobs"]["draw"], workflow["jobs"]["decide"]
    shares = draw["strategy"]["matrix"]["share"]
    assert shares == [f"{number}/{len(shares)}" for number in range(1, len(shares) + 1)]
    assert (decide["needs"], draw["strategy"]["fail-fast"]) == ("draw", False)
    last = [job["steps"][-1]["run"] for job in (draw, decide)]
    assert last == ['pytest $ARGUMENTS --draw "$SHARE"', "pytest $ARGUMENTS --offline"]
    assert draw["env"]["SHARE"] == "${{ matrix.share }}"
    assert draw["env"]["STORE_URL"] == decide["env"]["STORE_URL"]
    for job in (draw, decide):
        assert job["permissions"] == {"contents": "read"}
        assert not any("${{" in step.get("run", "") for step in job["steps"])
        used = [re.fullmatch(r"actions/([a-z-]+)@v\d+", step["uses"]) for step in job["steps"] if "uses" in step]
        assert all(each is not None and each[1] in OFFICIAL for each in used)


def job_of(name: str) -> dict[str, Any]:
    job = yaml.safe_load((RECIPES / f"kubernetes-{name}.yml").read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(job)
    return dict(job)


def test_the_pods_of_an_indexed_job_draw_every_share_once(tmp_path: Path) -> None:
    spec = job_of("draw")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    assert (spec["completionMode"], given["SHARES"]) == ("Indexed", str(spec["completions"]))
    command = [*container["command"], *container["args"]]
    for index in (0, spec["completions"] - 1):
        line = shown(tmp_path, command, JOB_COMPLETION_INDEX=str(index), **given)
        assert line.endswith(f"stable --draw {index + 1}/{spec['completions']}")


def test_the_deciding_pod_runs_once_on_the_same_store(tmp_path: Path) -> None:
    draw, decide = (job_of(name)["spec"]["template"]["spec"]["containers"][0] for name in ("draw", "decide"))
    assert job_of("decide")["spec"]["backoffLimit"] == 0
    line = shown(tmp_path, [*decide["command"], *decide["args"]])
    assert line == "suites --candidate brief --baseline stable --offline"
    assert [each for each in draw["env"] if "valueFrom" in each] == decide["env"]


@pytest.mark.parametrize("fault", [{"completion": 8}, {"completions": "8"}, {"template": {"spec": {}}}])
def test_the_recorded_schema_refuses_what_kubernetes_does(fault: dict[str, Any]) -> None:
    job = job_of("draw")
    job["spec"] |= fault
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(job)
