"""The fixture `ablation`: tiny models, trained on equal tokens of the corpus under test, one for each seed.

After G. Penedo and others (2024), The FineWeb datasets, arXiv:2406.17557, section 3.1: what a step of a recipe is worth
is told by models that differ in nothing but what they were trained on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CorpusError, EngineError
from harness.models.processes.process import ChildProcess
from harness.models.version import Version
from harness.requests.bridge import settle
from harness.stages.data.ablation.plan import MOST_EPOCHS, TOKENS, AblationPlan
from harness.stages.data.ablation.results import TrainedModel, Training, find_result, keep_result

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus
    from harness.stages.lineage import StageContext

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}


class Ablation:
    """Tiny models of one corpus. Each is trained once, one after the other, in a process of its own.

    Args:
        corpus: to train on.
        root: folder that relative paths start from.
        told: called with how far it is, in words; "" for nothing that goes on.
        is_offline: whether nothing may be trained.
    """

    def __init__(
        self, corpus: Corpus, root: Path, told: Callable[[str], None] = lambda _: None, *, is_offline: bool = False
    ) -> None:
        self.corpus = corpus
        self._root = root
        self._told = told
        self._is_offline = is_offline
        self._process: ChildProcess | None = None
        self._starting = asyncio.Lock()
        self._training: dict[str, asyncio.Task[TrainedModel]] = {}

    @property
    def pid(self) -> int | None:
        """The id of the process that trains; None before it is there."""
        return None if self._process is None else self._process.pid

    def train(
        self,
        seed: int,
        *,
        held_out: str,
        cloze: str | None = None,
        tokens: int = TOKENS,
        most_epochs: float = MOST_EPOCHS,
    ) -> Coroutine[Any, Any, TrainedModel]:
        """The model of a seed, trained now unless it was before.

        The same seed gives every corpus the same first weights, and the documents that they share in the same order, so
        that two corpora are compared pair by pair. In a `def` body the result is given directly.

        Args:
            held_out: a file of JSON lines with `id` and `text`: texts that are in no corpus.
            cloze: a file of JSON lines with `context`, `choices` and the place of the right `answer`, from 0.
            tokens: to train on, the same number whatever the corpus.
            most_epochs: how often a corpus may be read that has fewer.

        Raises:
            CorpusError: the corpus has too few tokens, or a held-out text; a file can't be read.
            EngineError: the process ended.
        """
        plan = AblationPlan(tokens=tokens, most_epochs=most_epochs)
        training = Training(
            self.corpus.fingerprint, seed, plan, self._root / held_out, None if cloze is None else self._root / cloze
        )
        settled: Coroutine[Any, Any, TrainedModel] = settle(self.trained(training))
        return settled

    async def trained(self, training: Training) -> TrainedModel:
        """The result of a training, which is done now unless it was before."""
        try:
            key = await asyncio.to_thread(lambda: training.key)
        except OSError as error:
            raise CorpusError(f"{error.filename} can't be read: {error.strerror}. Name a file of JSON lines.") from None
        if key not in self._training:
            self._training[key] = asyncio.get_running_loop().create_task(self._found_or_trained(training, key))
        return await asyncio.shield(self._training[key])

    async def _found_or_trained(self, training: Training, key: str) -> TrainedModel:
        if (found := find_result(key)) is not None:
            return found
        if self._is_offline:
            raise EngineError(
                f"No model was trained on {self.corpus.name} with seed {training.seed} before, and --offline trains "
                "none; run once without it."
            )
        answer = await (await self._started()).ask(
            {
                "corpus": self.corpus.name,
                "folder": str(self.corpus.folder),
                "seed": training.seed,
                "plan": training.plan.as_json(),
                "held_out": str(training.held_out),
                "cloze": None if training.cloze is None else str(training.cloze),
            }
        )
        self._told("")
        if "error" in answer:
            raise CorpusError(answer["error"])
        result = TrainedModel.from_json({name: value for name, value in answer.items() if name != "id"})
        keep_result(key, result)
        return result

    async def _started(self) -> ChildProcess:
        async with self._starting:
            if self._process is None:
                process = ChildProcess(
                    f"the ablation of {self.corpus.name}",
                    "harness.stages.data.ablation.training_process",
                    told=lambda text: self._told(f"training on {self.corpus.name}, {text}"),
                )
                try:
                    await process.start({}, _ONE_THREAD)
                except BaseException:
                    await process.close()
                    raise
                self._process = process
            return self._process

    async def close(self) -> None:
        """End the process; what is being trained is given up."""
        for task in self._training.values():
            task.cancel()
        await asyncio.gather(*self._training.values(), return_exceptions=True)  # one may be starting the process
        process, self._process = self._process, None
        if process is not None:
            await process.close()


def load_ablation(version: Version, context: StageContext) -> Ablation:
    """The ablation of the corpus that a version is, or was made from.

    Raises:
        NotInLineageError: it was made from none.
    """
    from harness.stages.data.versions import load_corpus

    return Ablation(load_corpus(version, context), context.settings.root, context.told, is_offline=context.is_offline)
