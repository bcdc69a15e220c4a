"""The names that those need who bring an engine, a check, a step of a corpus, a report format or a tracker.

docs/guide/14-plugins.md shows each.

All names here are public, as those of `harness` are. A name loads its module when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import _lazy

if TYPE_CHECKING:
    from harness.config import Settings, VersionSettings, setting_checks, typed
    from harness.models.conformance import CHECKS, EngineUnderTest
    from harness.models.engine import Capability, Engine
    from harness.models.spec import EngineSpec
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
    "EngineSpec",
    "EngineUnderTest",
    "GateStart",
    "Keep",
    "Remove",
    "ReportFormat",
    "Request",
    "Settings",
    "StepContext",
    "StepSpec",
    "TrackedGate",
    "Tracker",
    "TrackingNotes",
    "VersionSettings",
    "setting_checks",
    "typed",
]
_NAMES = {
    "harness.config": "Settings VersionSettings",
    "harness.models.conformance": "CHECKS EngineUnderTest",
    "harness.models.engine": "Capability Engine",
    "harness.models.spec": "EngineSpec",
    "harness.plugin.hooks.hookspecs": "HOOKS_VERSION",
    "harness.records": "GateStart Request",
    "harness.reporting.writing": "ReportFormat",
    "harness.stages.data.steps.step": "CorpusStep DocumentStep StepContext StepSpec",
    "harness.stages.data.steps.user": "Keep Remove",
    "harness.tracking.tracker": "TrackedGate Tracker TrackingNotes",
}
_MODULES = {"setting_checks": "harness.config.setting_checks", "typed": "harness.config.typed"}

__getattr__, __dir__ = _lazy(__name__, _NAMES, _MODULES)
