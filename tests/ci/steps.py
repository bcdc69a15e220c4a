"""Runs the shell commands of CI files as their runners do, without a runner: the very texts of the YAML."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "steelyard.yml"
TEMPLATE = ROOT / ".gitlab" / "steelyard.yml"

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_OF_CI = ("GITHUB_", "GITLAB_", "CI", "STEELYARD_")


def load(path: Path) -> dict[str, Any]:
    """The document of a YAML file. YAML 1.1 takes `on` for true; the runners do not."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in document.items()}


@dataclass
class Ended:
    """What a job came to.

    Attributes:
        code: its exit code.
        used: inputs of the actions that it used, by their name.
        ran: names of the steps whose commands ran.
    """

    code: int = 0
    output: str = ""
    summary: str = ""
    used: dict[str, Mapping[str, str]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)


def environment(**more: str) -> dict[str, str]:
    """This process's, without what a CI system says, and with the commands of this Python and the code of this tree."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OF_CI)}
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), own.get("PYTHONPATH", "")]))
    return {**own, "CI": "true", **more}


def run_action(folder: Path, inputs: Mapping[str, str], variables: Mapping[str, str]) -> Ended:
    """Run the composite action in a folder: its commands as they are, its actions noted."""
    action = load(ACTION)
    known = {name: str(rule.get("default", "")) for name, rule in action["inputs"].items()}
    assert set(inputs) <= set(known)
    values = {f"inputs.{name}": value for name, value in {**known, **inputs}.items()}
    values |= {"github.token": variables.get("GITHUB_TOKEN", ""), "github.run_id": "77", "github.run_attempt": "1"}
    values |= {f"inputs.{name}": values["github.token"] for name in known if "github.token" in known[name]}
    ended = Ended()
    for number, step in enumerate(action["runs"]["steps"]):
        if not _holds(step.get("if", ""), values, ended.code):
            continue
        if "uses" in step:
            ended.used[step["uses"]] = {name: _filled(str(text), values) for name, text in step["with"].items()}
            continue
        files = {name: folder.parent / f"{number}-{name}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        own = {name: _filled(text, values) for name, text in step.get("env", {}).items()}
        own |= {name: str(path) for name, path in files.items()}
        own |= {"GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": variables.get("GITHUB_ACTION_PATH", str(ACTION.parent))}
        place = folder / _filled(step.get("working-directory", "."), values)
        code, output = _bash(step["run"], place, environment(**{**variables, **own}))
        ended.ran.append(step["name"])
        ended.output += output
        ended.code = ended.code or code
        ended.summary += _text(files["GITHUB_STEP_SUMMARY"])
        for line in _text(files["GITHUB_OUTPUT"]).splitlines():
            name, _, value = line.partition("=")
            values[f"steps.{step['id']}.outputs.{name}"] = value
    return ended


def run_template(folder: Path, given: Mapping[str, str], variables: Mapping[str, str], *, install: bool) -> Ended:
    """Run a job that extends the template, as GitLab does: `after_script` in a shell of its own, without a say."""
    job = load(TEMPLATE)[".steelyard"]
    assert set(given) <= set(job["variables"])
    named = environment(**{**job["variables"], **given, "GITLAB_CI": "true", **variables})
    lines = [*(job["before_script"] if install else []), *job["script"]]
    code, output = _bash("\n".join(lines), folder, named)
    _, told = _bash("\n".join(job["after_script"]), folder, named)
    return Ended(code, output + told)


def _bash(script: str, folder: Path, named: Mapping[str, str]) -> tuple[int, str]:
    """A script as runners run it: ends at the first command that fails."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=dict(named),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A text with the values of its expressions; what a step did not say is empty."""
    return _EXPRESSION.sub(lambda found: values.get(found[1], ""), text)


def _holds(condition: str, values: Mapping[str, str], code: int) -> bool:
    """Whether a step runs: after a failure only where its condition says `always()`."""
    told = _EXPRESSION.sub(lambda found: found[1], condition)
    if code and "always()" not in told:
        return False
    for part in filter(None, told.split(" && ")):
        left, comparison, right = part.partition(" != ") if "!=" in part else part.partition(" == ")
        if comparison and (values.get(left, "") == right.strip("'")) != (comparison == " == "):
            return False
    return True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
