"""Tasks of lm-evaluation-harness as evaluations: its documents, prompts, filters and metrics, on any engine, with the
store, repeats and verdicts of every evaluation.

lm-eval is imported when a task is loaded, and not before.
"""

from harness.scoring.lm_eval.documents import Prompting
from harness.scoring.lm_eval.evaluated import EvaluatedTask
from harness.scoring.lm_eval.tasks import load_tasks

__all__ = ["EvaluatedTask", "Prompting", "load_tasks"]
