"""The fixture `prompt`: the texts that a version puts around every question, and which cases they give away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from harness.config.customization import RetrievalSettings
from harness.errors import NotInLineageError
from harness.models.version import Version
from harness.stages.case_files import CaseSource
from harness.stages.data.overlap.contamination import CaseSearches, Contamination
from harness.stages.lineage import StageContext


class Prompt:
    """The texts that a version puts around every question.

    Attributes:
        version: the version's name.
        texts: setting → text: `system`, `template`, `retrieval.prompt`, examples in them included.
        places: of each that stands elsewhere the place: `file:PATH`.
    """

    def __init__(self, version: Version, texts: Mapping[str, str], root: Path) -> None:
        self.version = version.name
        self.texts = dict(texts)
        self.places = dict(version.places)
        self._searches = CaseSearches(root, self.texts.items)

    def contamination(self, cases: CaseSource) -> Contamination:
        """Find the cases that the texts contain, by n-grams: a version that is shown a case is not weighed by it."""
        return self._searches.find(cases)


def load_prompt(version: Version, context: StageContext) -> Prompt:
    """The prompt of a version. Raises NotInLineageError: it puts questions as they are."""
    settings = version.settings
    texts = {"system": settings.system, "template": settings.template}
    if settings.retrieval is not None:
        texts["retrieval.prompt"] = cast("RetrievalSettings", settings.retrieval.settings).prompt
    if not any(texts.values()):
        needed = f'one: system = "…" or template = "… {{prompt}} …" in {context.settings.table(version.name)}'
        raise NotInLineageError(version.name, "prompt", needed)
    return Prompt(version, {name: text for name, text in texts.items() if text}, context.settings.root)
