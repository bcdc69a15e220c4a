"""The fixture `weights`: the weights of a version as they were loaded, and their tokenizer."""

from __future__ import annotations

from harness.errors import NotInLineageError
from harness.models.version import Version
from harness.models.weights.weights import check_weights
from harness.stages.lineage import StageContext


class Weights:
    """The weights of a version.

    Attributes:
        version: its name.
    """

    def __init__(self, version: Version, context: StageContext) -> None:
        self.version = version.name
        self._options = version.settings.engine_options
        self._root = context.settings.root


def load_weights(version: Version, context: StageContext) -> Weights:
    """The weights of a version.

    Raises:
        NotInLineageError: it has an address, or a table of answers, and no weights.
        SettingsError: they are not there, or can't be read.
    """
    options = version.settings.engine_options
    if "weights" not in options:
        raise NotInLineageError(version.name, "weights")
    check_weights(options, context.settings.root)
    return Weights(version, context)
