"""A run: evaluations sampled side by side, decided together, and reported."""

from harness.gate.baselines import recording_named
from harness.gate.bodies import Aborted
from harness.gate.cases import load_cases, no_case_matches, select_cases
from harness.gate.evaluation import TASK_KEYWORDS, Ending, Evaluation, Plan, check_evaluation, read_plan, with_design
from harness.gate.opening import OpenRun, RunOptions, baseline_name, candidate_name, check_run, judge_names, open_run
from harness.gate.outcome import make_report, report_of_nothing
from harness.gate.recorded_checks import check_recorded
from harness.gate.resemblance import find_copies
from harness.gate.run import Run

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
