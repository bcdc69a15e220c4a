"""Steelyard: the behaviour of a language model as test cases.

What is named here, and in `harness.statistics`, is public: docs/stability.md says what that promises. Every other
module is internal and may change in any release. `import steelyard` gives the same names.

A name loads its module when it is first asked for, so that `import harness` costs nothing. PYTEST_DONT_REWRITE: pytest
need not rewrite this module, for it has no assertion, and so does not warn where it is imported before pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import statistics as statistics
    from harness.errors import (
        CapabilityError,
        CheckError,
        EngineError,
        JudgeError,
        RubricError,
        ScoreError,
        SettingsError,
        SteelyardError,
        StoreError,
        UnreachableError,
        UsageError,
    )
    from harness.gate.history.preferences import Preferences, stored_preferences
    from harness.records import Case, Measure, Report, Sample, Score, TokenLogprob, Verdict, VerdictKind
    from harness.records.report_json import read_report
    from harness.sampling import Model
    from harness.sampling.sync_model import SyncModel
    from harness.scoring import checks as checks
    from harness.scoring.checks import sync as sync_checks
    from harness.scoring.deepeval import the_judge
    from harness.scoring.judging import Judge
    from harness.scoring.judging.sync_judge import SyncJudge
    from harness.store import Store

__all__ = [
    "CapabilityError",
    "Case",
    "CheckError",
    "EngineError",
    "Judge",
    "JudgeError",
    "Measure",
    "Model",
    "Preferences",
    "Report",
    "RubricError",
    "Sample",
    "Score",
    "ScoreError",
    "SettingsError",
    "SteelyardError",
    "Store",
    "StoreError",
    "SyncJudge",
    "SyncModel",
    "TokenLogprob",
    "UnreachableError",
    "UsageError",
    "Verdict",
    "VerdictKind",
    "checks",
    "read_report",
    "statistics",
    "stored_preferences",
    "sync_checks",
    "the_judge",
]
__version__ = "0.1.0"

_MODULES = {
    "checks": "harness.scoring.checks",
    "statistics": "harness.statistics",
    "sync_checks": "harness.scoring.checks.sync",
}
_NAMES = {
    "harness.gate.history.preferences": "Preferences stored_preferences",
    "harness.records": "Case Measure Report Sample Score TokenLogprob Verdict VerdictKind",
    "harness.records.report_json": "read_report",
    "harness.sampling": "Model",
    "harness.sampling.sync_model": "SyncModel",
    "harness.scoring.deepeval": "the_judge",
    "harness.scoring.judging": "Judge",
    "harness.scoring.judging.sync_judge": "SyncJudge",
    "harness.store": "Store",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load what is asked for the first time."""
    if name in _MODULES:
        found = importlib.import_module(_MODULES[name])
    elif name in __all__:
        found = getattr(importlib.import_module(_HOMES.get(name, "harness.errors")), name)
    else:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
