"""Tasks of lm-evaluation-harness as evaluations, on any engine, with store and verdicts; imported when wanted."""

from harness.scoring.lm_eval.evaluated import EvaluatedTask, Prompting
from harness.scoring.lm_eval.tasks import load_tasks

__all__ = ["EvaluatedTask", "Prompting", "load_tasks"]
