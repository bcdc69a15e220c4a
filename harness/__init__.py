"""Steelyard: the behaviour of a language model as test cases.

What is named here is public: docs/stability.md says what that promises. Every other module but `harness.extension` is
internal and may change in any release. `import steelyard` gives the same names.

A name loads its module when it is first asked for, so that `import harness` costs nothing. PYTEST_DONT_REWRITE: pytest
need not rewrite this module, for it has no assertion, and so does not warn where it is imported before pytest.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.errors import (
        CapabilityError,
        CheckError,
        CorpusError,
        EngineError,
        InvalidBlockError,
        JudgeError,
        NotInLineageError,
        PartlyAnsweredError,
        RubricError,
        ScoreError,
        SettingsError,
        SteelyardError,
        StoreError,
        ToolError,
        UnreachableError,
        UsageError,
    )
    from harness.models.retrieval.retriever import Find, Retriever
    from harness.notebook.comparison import compare
    from harness.notebook.runs import LoadedRun, load_run
    from harness.notebook.weighing import Weighing
    from harness.records import Case, Measure, Report, Sample, Score, TokenLogprob, Verdict, VerdictKind
    from harness.records.report_json import read_report
    from harness.requests import Model
    from harness.requests.conversation import SimulatedUser
    from harness.scoring import checks as checks
    from harness.scoring.judging import Judge
    from harness.stages.customization.adapter_effect import Adapter, AdapterEffect
    from harness.stages.customization.needles import Needle, Needles
    from harness.stages.customization.prompt import Prompt
    from harness.stages.data.corpus import Corpus
    from harness.stages.data.outcomes import CorpusDocument, Explanation
    from harness.stages.distillation.distillation import Distillation
    from harness.stages.foundation.reference import Reference
    from harness.stages.foundation.weights import Weights
    from harness.stages.inference.blocks.measured import Load
    from harness.stages.inference.repeats import Repeats
    from harness.stages.inference.serving import Server
    from harness.stages.training.texts import Lesson
    from harness.store import Store

__all__ = [
    "Adapter",
    "AdapterEffect",
    "CapabilityError",
    "Case",
    "CheckError",
    "Corpus",
    "CorpusDocument",
    "CorpusError",
    "Distillation",
    "EngineError",
    "Explanation",
    "Find",
    "InvalidBlockError",
    "Judge",
    "JudgeError",
    "Lesson",
    "Load",
    "LoadedRun",
    "Measure",
    "Model",
    "Needle",
    "Needles",
    "NotInLineageError",
    "PartlyAnsweredError",
    "Prompt",
    "Reference",
    "Repeats",
    "Report",
    "Retriever",
    "RubricError",
    "Sample",
    "Score",
    "ScoreError",
    "Server",
    "SettingsError",
    "SimulatedUser",
    "SteelyardError",
    "Store",
    "StoreError",
    "TokenLogprob",
    "ToolError",
    "UnreachableError",
    "UsageError",
    "Verdict",
    "VerdictKind",
    "Weighing",
    "Weights",
    "checks",
    "compare",
    "load_run",
    "read_report",
]
__version__ = "0.1.0"

_MODULES = {
    "checks": "harness.scoring.checks",
}
_NAMES = {
    "harness.errors": "CapabilityError CheckError CorpusError EngineError InvalidBlockError JudgeError "
    "NotInLineageError PartlyAnsweredError RubricError ScoreError SettingsError SteelyardError StoreError ToolError "
    "UnreachableError UsageError",
    "harness.models.retrieval.retriever": "Find Retriever",
    "harness.notebook.comparison": "compare",
    "harness.notebook.runs": "LoadedRun load_run",
    "harness.notebook.weighing": "Weighing",
    "harness.records": "Case Measure Report Sample Score TokenLogprob Verdict VerdictKind",
    "harness.records.report_json": "read_report",
    "harness.requests": "Model",
    "harness.requests.conversation": "SimulatedUser",
    "harness.scoring.judging": "Judge",
    "harness.stages.customization.adapter_effect": "Adapter AdapterEffect",
    "harness.stages.customization.needles": "Needle Needles",
    "harness.stages.customization.prompt": "Prompt",
    "harness.stages.data.corpus": "Corpus",
    "harness.stages.data.outcomes": "CorpusDocument Explanation",
    "harness.stages.distillation.distillation": "Distillation",
    "harness.stages.foundation.reference": "Reference",
    "harness.stages.foundation.weights": "Weights",
    "harness.stages.training.texts": "Lesson",
    "harness.stages.inference.blocks.measured": "Load",
    "harness.stages.inference.repeats": "Repeats",
    "harness.stages.inference.serving": "Server",
    "harness.store": "Store",
}


def _lazy(
    module: str, names: Mapping[str, str], modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a module.

    Args:
        module: its name.
        names: the names that each module brings, with spaces between them.
        modules: names that stand for a module, and which one.
    """
    homes = {name: home for home, all_of_it in names.items() for name in all_of_it.split()}

    def load(name: str) -> Any:
        if name in modules:
            value: Any = importlib.import_module(modules[name])
        elif name in homes:
            value = getattr(importlib.import_module(homes[name]), name)
        else:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        setattr(sys.modules[module], name, value)
        return value

    def everything() -> list[str]:
        return sorted({*vars(sys.modules[module]), *homes, *modules})

    return load, everything


__getattr__, __dir__ = _lazy(__name__, _NAMES, _MODULES)
