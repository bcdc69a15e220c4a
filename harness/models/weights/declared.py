"""The declarations that engines which load weights share: settings, their check, and what the fingerprint has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.config import VersionSettings, setting_checks
from harness.config.environment import version_of
from harness.models.weights.quantization import SCHEMES

DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
"""The names that vLLM takes for a dtype; torch knows all but "auto" by them, too."""
SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "weights": setting_checks.path,
        "tokenizer": setting_checks.path,
        "drop_layers": setting_checks.layers,
        "adapter": setting_checks.path,
        "quantized": partial(setting_checks.one_of, known=SCHEMES),
        "dtype": partial(setting_checks.one_of, known=DTYPES),
        "max_model_len": partial(setting_checks.integer, low=1),
    }
)
"""The settings of weights, each with its check."""

_IN_THE_DIGEST = ("weights", "tokenizer", "drop_layers", "merged", "quantized", "adapter")


def check(settings: VersionSettings, root: Path) -> None:
    """Refuse weights that are not there, or that can't be used. Raises UsageError: with what to do."""
    from harness.models.weights.weights import check_weights

    check_weights(settings.engine_options, root)


def identity(options: Mapping[str, Any], root: Path, packages: Iterable[str]) -> dict[str, Any]:
    """The content of the weights and of the adapter beside them, the versions of the packages that compute with them,
    and the other options.

    Raises:
        UsageError: weights that are not there.
    """
    from harness.models.adapters.adapter_files import adapter_digest
    from harness.models.weights.weights import weights_digest

    beside = {"adapter": adapter_digest(options["adapter"])} if "adapter" in options else {}
    return {
        **beside,
        "weights": weights_digest(options, root),
        "packages": {name: version_of(name) for name in packages},
        "options": {name: value for name, value in options.items() if name not in _IN_THE_DIGEST},
    }
