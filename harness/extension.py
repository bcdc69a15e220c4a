"""The names that those need who bring an engine, a check, a step of a corpus, a report format or a tracker.

docs/howto/extend/index.md shows each.

All names here are public, as those of `harness` are. A name loads its module when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import _lazy

if TYPE_CHECKING:
    from harness.config import Settings, VersionSettings, typed
    from harness.config.versions import EngineOptions
    from harness.models.conformance import CHECKS, EngineUnderTest
    from harness.models.engine import Capability, Engine
    from harness.models.spec import EngineSpec, ServerSpec
    from harness.plugin.hooks.hookspecs import HOOKS_VERSION
    from harness.records import GateStart, Request
    from harness.reporting.writing import ReportFormat
    from harness.stages.data.steps.step import CorpusStep, DocumentStep, StepContext, StepSpec
    from harness.stages.data.steps.user import Keep, Remove
    from harness.tracking.tracker import TrackedGate, Tracker, TrackingNotes

__all__ = [
    "CHECKS",
    "HOOKS_VERSION",
    "Capability",
    "CorpusStep",
    "DocumentStep",
    "Engine",
    "EngineOptions",
    "EngineSpec",
    "EngineUnderTest",
    "GateStart",
    "Keep",
    "Remove",
    "ReportFormat",
    "Request",
    "ServerSpec",
    "Settings",
    "StepContext",
    "StepSpec",
    "TrackedGate",
    "Tracker",
    "TrackingNotes",
    "VersionSettings",
    "typed",
]
_NAMES = {
    "harness.config": "Settings VersionSettings",
    "harness.config.versions": "EngineOptions",
    "harness.models.conformance": "CHECKS EngineUnderTest",
    "harness.models.engine": "Capability Engine",
    "harness.models.spec": "EngineSpec ServerSpec",
    "harness.plugin.hooks.hookspecs": "HOOKS_VERSION",
    "harness.records": "GateStart Request",
    "harness.reporting.writing": "ReportFormat",
    "harness.stages.data.steps.step": "CorpusStep DocumentStep StepContext StepSpec",
    "harness.stages.data.steps.user": "Keep Remove",
    "harness.tracking.tracker": "TrackedGate Tracker TrackingNotes",
}
_MODULES = {"typed": "harness.config.typed"}

__getattr__, __dir__ = _lazy(__name__, _NAMES, _MODULES)
