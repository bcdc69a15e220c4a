"""Versions that play users: opened when a body first names one, for nobody knows before which a body will name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.config import Settings
from harness.errors import AnswersNothingError
from harness.gate.runs.versions import check_versions
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.requests import SampleSource
from harness.stages.building import built
from harness.store import Store


@dataclass(frozen=True, slots=True)
class Players:
    """Gives the source of a version's samples by its name, the same one each time.

    A turn is the first that was drawn, whatever was drawn since: nobody chose it. With `--fresh` it is another one, for
    it belongs to the candidate's draws.

    Attributes:
        sources: those of the run. A version of the same weights shares their engine.
        is_offline: whether nothing is drawn.
    """

    settings: Settings
    sources: Sequence[SampleSource]
    store: Store
    is_offline: bool = False
    _opened: dict[str, asyncio.Future[SampleSource]] = field(default_factory=dict)

    async def find(self, name: str) -> SampleSource:
        """The source of a version's samples.

        Raises:
            UsageError: there is no such version, or it can't be asked.
            AnswersNothingError: it is a corpus.
        """
        if name not in self._opened:
            self._opened[name] = asyncio.ensure_future(self._open(name))
        return await asyncio.shield(self._opened[name])

    async def _open(self, name: str) -> SampleSource:
        version = await asyncio.to_thread(self._load, name)
        known = self.store.generations(version.fingerprint, max_age_s=version.settings.max_age_s)
        first, *later = self.store.first_draws(version.fingerprint, known)
        opened = [each.result() for each in self._opened.values() if each.done() and each.exception() is None]
        engines = {
            engine_key(each.version): each.engine for each in (*self.sources, *opened) if each.engine is not None
        }
        engine = None if self.is_offline else engines.get(engine_key(version))
        if engine is None and not self.is_offline:
            engine = create_engine(version, self.settings.root)
        return SampleSource(version, engine, first, older=tuple(later))

    def _load(self, name: str) -> Version:
        if not self.is_offline:
            check_versions(self.settings, [name])
        made = built(self.settings, name, offline=self.is_offline)
        if not answers(made):
            raise AnswersNothingError(name)
        return load_version(made, self.settings.root, offline=self.is_offline)
