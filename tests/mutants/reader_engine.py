"""The engine `reader` of the mutants' projects: a function of the project that has weights, whose tokenizer counts.

With an adapter it sorts messages; one that `leaves_adapter_out` goes on answering as before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.typed import PathText, Text
from harness.config.versions import VersionSettings
from harness.models.application.declarations import PYTHON, PythonOptions
from harness.models.engine import Engine

METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: reader\nVersion: 1\n",
    "entry_points.txt": "[steelyard.engines]\nreader = reader_engine:READER\n",
}
"""The files of `reader-1.dist-info`, by which the engine is found."""


@dataclass(frozen=True, kw_only=True)
class ReaderOptions(PythonOptions):
    weights: Text | None = None
    adapter: PathText | None = None
    leaves_adapter_out: bool = False


def _create(settings: VersionSettings, root: Path) -> Engine:
    options = {name: value for name, value in settings.engine_options.items() if name in PythonOptions.option_names()}
    if "adapter" in settings.engine_options and not settings.engine_options.get("leaves_adapter_out"):
        options["call"] = "readers:sorts"
    return PYTHON.create(replace(settings, engine_options=options), root)


READER = replace(
    PYTHON,
    summary="a function of the project, with weights",
    options=ReaderOptions,
    create=_create,
    check=lambda settings, root: None,
    identity=None,
)
