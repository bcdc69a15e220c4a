"""A run: evaluations sampled side by side, decided together, and reported."""

from harness.config.roles import baseline_name, candidate_name, judge_names
from harness.gate.baselines.chosen import recording_named
from harness.gate.baselines.refusals import check_recorded
from harness.gate.evaluations.cases import load_cases, no_case_matches, select_cases
from harness.gate.evaluations.evaluation import (
    TASK_KEYWORDS,
    Ending,
    Evaluation,
    Plan,
    check_evaluation,
    read_plan,
    with_design,
)
from harness.gate.evaluations.resemblance import find_copies
from harness.gate.runs.opening import OpenRun, RunOptions, check_run, open_run
from harness.gate.runs.report import make_report, report_of_nothing
from harness.gate.runs.run import Run
from harness.gate.sampling.bodies import Aborted

__all__ = [
    "TASK_KEYWORDS",
    "Aborted",
    "Ending",
    "Evaluation",
    "OpenRun",
    "Plan",
    "Run",
    "RunOptions",
    "baseline_name",
    "candidate_name",
    "check_evaluation",
    "check_recorded",
    "check_run",
    "find_copies",
    "judge_names",
    "load_cases",
    "make_report",
    "no_case_matches",
    "open_run",
    "read_plan",
    "recording_named",
    "report_of_nothing",
    "select_cases",
    "with_design",
]
