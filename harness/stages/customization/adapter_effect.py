"""The fixture `adapter`: what a version's adapter does to its weights, and what it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from harness.config.customization import AdapterSettings, BuildStep
from harness.errors import EngineError, NotInLineageError, some
from harness.models.adapters.adapter_files import read_adapter
from harness.models.processes.worker import WaitingWorker
from harness.models.version import Version
from harness.models.weights.weights import check_weights
from harness.stages.beginning import unrounded
from harness.stages.building import built
from harness.stages.case_files import CaseSource
from harness.stages.data.overlap.contamination import CaseSearches, Contamination
from harness.stages.foundation.reference import COMPARER
from harness.stages.lineage import StageContext
from harness.stages.training.texts import Lesson, read_texts, training_data

SAME = 1e-6
"""The largest relative difference of logits of 32 bits where nothing was computed otherwise."""


@dataclass(frozen=True, slots=True)
class AdapterEffect:
    """The effect of an adapter on the logits of one text, computed by transformers and peft in 32 bits.

    Attributes:
        effect: the largest of |a − b| / (1 + |b|) over all logits, with the adapter and without.
        kl: nats that the base is from the version with its adapter, the mean over the text's tokens.
        idle: modules whose matrices come to 0.
        modules: all that peft put matrices on.
        left_out: modules that the files have matrices of, and peft put none on.
    """

    effect: float
    kl: float
    idle: tuple[str, ...]
    modules: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_noop(self) -> bool:
        """True if the adapter has no effect on the text."""
        return self.effect <= SAME

    def __str__(self) -> str:
        text = f"The adapter moves the logits by up to {self.effect:.2g} and is {self.kl:.2g} nats from its base."
        if self.left_out:
            begun = "A no-op:" if self.is_noop else f"{text} But"
            return f"{begun} peft put no matrices on modules that its files name ({some(self.left_out)})."
        if not self.is_noop:
            return text
        if len(self.idle) == len(self.modules):
            return f"A no-op: the matrices of all {len(self.modules)} modules come to 0, as if it was never trained."
        return f"A no-op: its matrices are not 0, and the logits are those of the base within {SAME:g}."


class Adapter:
    """The adapter of a version.

    Attributes:
        version: its name.
        rank: of its matrices.
        modules: that it changes.
    """

    def __init__(self, version: Version, step: BuildStep, context: StageContext) -> None:
        self.version = version.name
        assert step.artifact is not None
        files = read_adapter(step.artifact.path)
        self.rank = files.rank
        self.modules = tuple(files.shapes)
        self._settings = context.settings
        self._data = cast("AdapterSettings", step.settings).data
        self._searches = CaseSearches(context.settings.root, lambda: ((each.id, each.text) for each in self._texts()))
        before = built(context.settings, version.name, offline=True, before=step).engine_options
        start = {"options": unrounded(before), "adapter": str(files.path), "root": str(context.settings.root)}
        self._worker = WaitingWorker(COMPARER, start, name=f"The adapter of {version.name}")
        self.close = self._worker.close

    def effect(self, text: str) -> AdapterEffect:
        """Measure the adapter's effect on a text."""
        try:
            answer = self._worker.ask("weigh_adapter", text=text)
        except EngineError as error:
            raise EngineError(f"The adapter of {self.version}: {error}") from error
        lists: dict[str, Any] = {name: tuple(answer.pop(name)) for name in ("idle", "modules", "left_out")}
        return AdapterEffect(**answer, **lists)

    def contamination(self, cases: CaseSource) -> Contamination:
        """Find the cases that the texts it was trained on contain, by n-grams; NotInLineageError without these."""
        if self._data is None:
            needed = 'adapter = { data = "train.jsonl" }'
            raise NotInLineageError(self.version, "training file", f"a trained adapter: {needed}")
        return self._searches.find(cases)

    @property
    def trained_ids(self) -> frozenset[str]:
        """The ids that the lines state that it was trained on; empty where it was not trained here."""
        return frozenset(text.id for text in self._texts() if text.states_id)

    def _texts(self) -> Iterator[Lesson]:
        if self._data is not None:
            yield from read_texts(training_data(self._settings, self._data))


def load_adapter(version: Version, context: StageContext) -> Adapter:
    """The adapter of a version: its last. Raises NotInLineageError: it has none."""
    # What was trained anew after it was adapted has no adapter of its own.
    trained = (step for step in reversed(version.settings.steps) if step.kind in ("distilled", "adapter"))
    training = next(trained, None)
    if training is None or training.kind != "adapter" or training.artifact is None:
        needed = f"one: adapter = {{ data = … }} in {context.settings.table(version.name)}"
        raise NotInLineageError(version.name, "adapter", needed)
    check_weights(version.settings.engine_options, context.settings.root)
    return Adapter(version, training, context)
