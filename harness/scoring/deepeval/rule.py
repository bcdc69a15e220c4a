"""The rule of a metric, which tells its scores from another's. Imports deepeval: only for use once that is wanted."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from enum import Enum
from typing import Any

from deepeval import __version__
from deepeval.metrics import BaseConversationalMetric, BaseMetric

_MODELS = ("model", "using_native_model", "evaluation_model", "system_one_model")
_NOT_THE_RULE = (*_MODELS, "_audio_model", "_using_native_audio_model", "threshold", "verbose_mode")

_DIGITS = 12


def rule_of(metric: BaseMetric | BaseConversationalMetric) -> str:
    """The name of the metric and a digest of its settings and deepeval's release, whose templates are part of it.

    Two metrics with the same rule ask the same questions.
    """
    text = json.dumps([__version__, _told(metric)], sort_keys=True)
    name = metric.name if isinstance(getattr(metric, "name", None), str) else type(metric).__name__
    return f"{name}-{hashlib.sha256(text.encode('ascii')).hexdigest()[:_DIGITS]}"


def _told(value: Any) -> Any:
    """A value as JSON that is the same in every process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Enum):
        return _told(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        told = [_told(item) for item in value]
        return sorted(told, key=json.dumps) if isinstance(value, set | frozenset) else told
    if isinstance(value, dict):
        return {str(key): _told(item) for key, item in value.items()}
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return [_told(type(value)), _told(_parts(value))]


def _parts(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    own = vars(value) if hasattr(value, "__dict__") else {}
    if isinstance(value, BaseMetric | BaseConversationalMetric):
        return {name: part for name, part in own.items() if name not in _NOT_THE_RULE}
    return {name: part for name, part in own.items() if not name.startswith("_")}
