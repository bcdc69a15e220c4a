"""Slurm's job files are run and waited for, and a job that ends without its work done is named with its log.

Slurm itself is not here: programs that stand in for its own run the job files that datatrove wrote.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import CorpusError
from harness.stages.data.build.executors import build_executor
from harness.stages.data.corpus_build import build_corpus
from tests.stages.data.build.test_executors import built_again
from tests.stages.data.projects import project, some_rows, write_lines

_SBATCH = """#!{python}
# Runs each task of an array job at once, as a cluster without a queue would.
import os, re, subprocess, sys
script = sys.argv[-1]
text = open(script).read()
print("Submitted batch job", 2 if "merge_stats" in text else 1, flush=True)
if "merge_stats" in text:
    sys.exit()
first, last = re.search(r"--array=(\\d+)-(\\d+)", text).groups()
for task in range(int(first), int(last) + 1):
    variables = dict(os.environ, SLURM_ARRAY_TASK_ID=str(task), SLURM_NODELIST="here", RUN_OFFSET="0", SLURM_JOB_ID="1")
    log = re.search("--output=(.*)", text)[1].replace("%A", "1").replace("%a", str(task))
    with open(log, "w") as out:
        subprocess.run(["bash", script], env=variables, check=False, stdout=out, stderr=out)
"""
_SRUN = '#!/bin/bash\nwhile [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done\nexec "$@"\n'
_GONE = "#!/bin/bash\necho 'slurm_load_jobs error: Invalid job id specified' >&2\nexit 1\n"
SLURM = {"time": "00:10:00", "partition": "cpu"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Put programs in the place of Slurm's, found first."""
    programs = {"sbatch": _SBATCH, "srun": _SRUN, "scontrol": "#!/bin/bash\necho here\n", "squeue": _GONE, **programs}
    folder.mkdir()
    for name, script in programs.items():
        (folder / name).write_text(script.replace("{python}", sys.executable), encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.nightly
def test_job_files_for_slurm_are_written_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "programs", monkeypatch)
    expected, found = built_again(tmp_path, name="slurm", workers=2, **SLURM, sbatch_args={"account": "us"})
    assert found == expected


@pytest.mark.nightly
def test_task_that_slurm_kills_ends_the_build_with_its_job_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path / "programs", monkeypatch)
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    settings = project(tmp_path, "d.jsonl", ["steps:killed"])
    with pytest.raises(CorpusError, match=r"could not be built\. Slurm's job 1_0 ended.*1_0\.out, ends with: .*Killed"):
        build_corpus(settings, "clean", executor={"name": "slurm", **SLURM})


@pytest.mark.parametrize(
    ("sbatch", "said"),
    [
        (
            "echo 'slurmstepd: error: Detected 1 oom_kill event.' > {logs}/7_0.out",
            r"7_0\.out, ends with: slurmstepd: error: Detected 1 oom_kill event\. `sacct --jobs 7_0` says",
        ),
        ("", r"It left no log \(.*7_0\.out\), so it never started\."),
    ],
)
def test_job_that_leaves_the_queue_undone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sbatch: str, said: str
) -> None:
    does = sbatch.replace("{logs}", str(tmp_path / "work/slurm_logs"))
    stand_in(tmp_path / "programs", monkeypatch, sbatch=f"#!/bin/bash\n{does}\necho Submitted batch job 7\n")
    executor = replace(build_executor({"name": "slurm", **SLURM}), polled_every_s=0.01)
    with pytest.raises(CorpusError, match=rf"(?s)Slurm's job 7_0 ended .* 3 of 3 tasks are not\..*{said}"):
        executor.run([], 3, tmp_path / "work")


def test_job_that_is_queued_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fourth look finds the work done, after three of which each finds the job in the queue."""
    done = tmp_path / "work/completions"
    squeue = f"""#!/bin/bash
echo "$*" >> {tmp_path}/looks
[[ $(wc -l < {tmp_path}/looks) -lt 4 ]] || {{ mkdir -p {done}; touch {done}/00000; }}
echo 7_0 cpu data_processing me R 0:01 1 here
"""
    stand_in(tmp_path / "programs", monkeypatch, sbatch="#!/bin/bash\necho Submitted batch job 7\n", squeue=squeue)
    replace(build_executor({"name": "slurm", **SLURM}), polled_every_s=0.0).run([], 1, tmp_path / "work")
    assert (tmp_path / "looks").read_text(encoding="utf-8") == "--noheader --jobs 7\n" * 4


def test_cluster_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeue = "#!/bin/bash\necho 'Unable to contact slurm controller' >&2\nexit 1\n"
    stand_in(tmp_path / "programs", monkeypatch, sbatch="#!/bin/bash\necho Submitted batch job 7\n", squeue=squeue)
    executor = replace(build_executor({"name": "slurm", **SLURM}), polled_every_s=0.0)
    with pytest.raises(CorpusError, match=r"became of the jobs 7: squeue answers 'Unable to contact slurm controller'"):
        executor.run([], 1, tmp_path / "work")


@pytest.mark.parametrize("missing", ["sbatch", "squeue"])
def test_slurm_without_its_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    stand_in(tmp_path / "programs", monkeypatch)
    (tmp_path / "programs" / missing).unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    with pytest.raises(CorpusError, match=rf"there is no program {missing} here\. Build where jobs"):
        build_executor({"name": "slurm", **SLURM}).run([], 1, tmp_path)
