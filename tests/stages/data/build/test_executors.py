"""The same corpus comes from this machine, from a Ray cluster and from Slurm's job files.

Slurm itself is not here: programs that stand in for its own run the job files that datatrove wrote.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.config.corpora import check_executor
from harness.errors import CorpusError
from harness.stages.data.build.executors import run_tasks
from harness.stages.data.corpus import Corpus
from harness.stages.data.versions import build_corpus
from tests.stages.data.projects import project, some_rows, write_lines
from tests.stages.data.test_corpus_build import contents

_SBATCH = """#!{python}
# Runs each task of an array job at once, as a cluster without a queue would, and ends as the worst of them.
import os, re, subprocess, sys
text = open(sys.argv[-1]).read()
assert re.search("^#SBATCH --wait$", text, re.MULTILINE), text
print("Submitted batch job 1", flush=True)
ends = [0]
first, last = re.search(r"--array=(\\d+)-(\\d+)", text).groups()
for task in range(int(first), int(last) + 1) if "merge_stats" not in text else ():
    variables = dict(os.environ, SLURM_ARRAY_TASK_ID=str(task), SLURM_NODELIST="here", RUN_OFFSET="0", SLURM_JOB_ID="1")
    log = re.search("--output=(.*)", text)[1].replace("%A", "1").replace("%a", str(task))
    with open(log, "w") as out:
        done = subprocess.run(["bash", sys.argv[-1]], env=variables, check=False, stdout=out, stderr=out)
    ends.append(done.returncode)
sys.exit(max(ends))
"""
_SRUN = '#!/bin/bash\nwhile [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done\nexec "$@"\n'
SLURM = {"name": "slurm", "time": "00:10:00", "partition": "cpu"}
STEPS = ["steps:long_enough", "exact", "steps:shouting"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def build(root: Path, **executor: Any) -> Corpus:
    rows = some_rows(300)
    for row in rows:
        row["text"] += " more" * 500
    write_lines(root / "d.jsonl", [*rows, *({**row, "id": f"{row['id']}-again"} for row in rows[::10])])
    return build_corpus(project(root, "d.jsonl", STEPS), "clean", executor=executor)


def built_again(root: Path, **executor: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The contents of a corpus as this machine builds it, and as another executor does."""
    here = build(root, name="local", workers=1)
    expected = contents(here)
    here.folder.rename(root / "here")
    assert len(here) == 241
    return expected, contents(build(root, **executor))


@pytest.mark.nightly
def test_a_ray_cluster_of_two_workers_builds_the_same(tmp_path: Path) -> None:
    expected, found = built_again(tmp_path, name="ray", workers=2, mem_per_cpu_gb=0.5)
    assert found == expected


@pytest.mark.nightly
def test_what_goes_wrong_on_a_ray_cluster_is_told_as_elsewhere(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    with pytest.raises(CorpusError, match=r"'d7'.*no such luck"):
        build_corpus(project(tmp_path, "d.jsonl", ["steps:broken"]), "clean", executor={"name": "ray", "workers": 2})


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of programs in the place of Slurm's, found first."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, script in {"sbatch": _SBATCH, "srun": _SRUN, "scontrol": "#!/bin/bash\necho here\n"}.items():
        (folder / name).write_text(script.replace("{python}", sys.executable), encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return folder


@pytest.mark.nightly
@pytest.mark.usefixtures("slurm")
def test_job_files_for_slurm_are_written_and_waited_for(tmp_path: Path) -> None:
    expected, found = built_again(tmp_path, workers=2, **SLURM, sbatch_args={"account": "us"})
    assert found == expected


@pytest.mark.nightly
@pytest.mark.usefixtures("slurm")
def test_a_task_that_slurm_kills_ends_the_build_with_the_place_of_its_logs(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    with pytest.raises(CorpusError, match=r"1 of 1 tasks did not end: CalledProcessError: .*sbatch.*logs are in .*00"):
        build_corpus(project(tmp_path, "d.jsonl", ["steps:killed"]), "clean", executor=SLURM)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "local", "partition": "cpu"}, "executor = 'local': datatrove's executor refuses it: .*'partition'"),
        (
            {"name": "local", "address": "auto", "tasks": 3},
            "refuses it: .*multiple values for keyword argument 'tasks'",
        ),
        ({"name": "slrum"}, "executor = 'slrum' is none of: .*Did you mean 'slurm'"),
    ],
)
def test_an_executor_that_is_not_there_or_does_not_know_an_option_is_refused(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    from harness.errors import UsageError

    with pytest.raises(UsageError, match=said):
        run_tasks(check_executor(table, where="corpus"), [], 1, tmp_path)
