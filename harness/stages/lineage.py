"""The things that a run has made of its versions' lineages: each stage fixture once for each version, and the fixtures
that are other versions of a lineage: the teacher of a student, and the base of what was customised.
"""

from __future__ import annotations

import asyncio
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.config import Settings, VersionSettings
from harness.config.customization import DistilledSettings
from harness.config.roles import corpus_name
from harness.errors import AnswersNothingError, NotInLineageError, SettingsError
from harness.models.engine import Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.requests.pending import SampleSource
from harness.requests.sampler import Sampler, SampleStore
from harness.stages.building import built
from harness.stages.fixtures import STAGE_FIXTURES, StageFixture


@dataclass(frozen=True, slots=True)
class StageContext:
    """The things that a maker may use beside the version.

    Attributes:
        settings: the project's, with its other versions and its folder.
        engine: answers for the version; started by the first request. None under `--offline`, and for a corpus.
        baseline: what the candidate is weighed against, also for itself; None for nothing and for a recording.
        store: keeps what was found, so that a gate that is run again decides by the same.
        generations: those of the draws of a version that bodies ask beside the one under test, the newest first.
        alone: held by what starts an engine beside those of the run, so that one of these lives at a time.
        is_offline: whether nothing may be made that takes long.
        progress: called with what goes on, in a few words, as long as it does; "" for nothing.
        sources: of all versions of the run; `source` of this one.
        baseline_settings: that the baseline is found in, as those of its commit; None for `settings`.
    """

    settings: Settings
    engine: Engine | None = None
    baseline: Version | None = None
    source: SampleSource | None = None
    sampler: Sampler | None = None
    store: SampleStore | None = None
    generations: Callable[[Version], tuple[int, ...]] = lambda _: (0,)
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_offline: bool = False
    progress: Callable[[str], None] = lambda _: None
    sources: tuple[SampleSource, ...] = ()
    baseline_settings: Settings | None = None


def can_have(settings: Settings, version: VersionSettings, fixtures: Iterable[str]) -> bool:
    """Tell whether a version can have what a body takes of it, by its settings alone."""
    fixtures = set(fixtures)
    of_models = {"model", "baseline", "load", *(name for name, each in STAGE_FIXTURES.items() if each.of_model)}
    if not answers(version) and fixtures & of_models:
        return False
    return fixtures.isdisjoint(STAGE_FIXTURES.keys() - of_models) or corpus_name(settings, version) is not None


class Lineages:
    """The stage fixtures of a run's versions, as far as they are made.

    Args:
        contexts: what makers may use, by the name of the version.
        fixtures: that can be taken, by name.
    """

    def __init__(
        self, contexts: Mapping[str, StageContext], fixtures: Mapping[str, StageFixture] = STAGE_FIXTURES
    ) -> None:
        self._contexts = contexts
        self._fixtures = fixtures
        self._made: dict[tuple[str, str], asyncio.Future[Any]] = {}
        self._phases: dict[str, str] = {}

    @property
    def phase(self) -> str:
        """The work that goes on for the fixtures of the versions, in a few words; "" for none."""
        return "; ".join(filter(None, self._phases.values()))

    async def take(self, names: Iterable[str], version: Version, used: Iterable[str] = ()) -> dict[str, Any]:
        """The fixtures of these names, of this version; made now unless they were before.

        Args:
            used: names that a body itself takes. What there is to start of these is started.

        Raises:
            NotInLineageError: the version has no such thing.
            Exception: whatever else a maker raises.
        """
        made = {}
        for name in names:
            if (name, version.name) not in self._made:
                making = asyncio.to_thread(self._make, self._fixtures[name], version)
                self._made[name, version.name] = asyncio.ensure_future(making)
            made[name] = await asyncio.shield(self._made[name, version.name])
        for start in (getattr(made.get(name), "start", None) for name in used):
            if start is not None:
                await asyncio.to_thread(start)
        return made

    def _make(self, fixture: StageFixture, version: Version) -> Any:
        if fixture.of_model and not answers(version.settings):
            raise AnswersNothingError(version.name)
        last = {each.kind: each.artifact for each in version.settings.steps}
        if version.settings.unbuilt and fixture.step != "" and last.get(fixture.step or "") is None:
            raise SettingsError(version.settings.unbuilt)
        tell = partial(self._phases.__setitem__, version.name)
        context = replace(self._contexts[version.name], progress=tell)
        return pkgutil.resolve_name(fixture.maker)(version, context)

    async def close(self) -> None:
        """Close what was made and has something to close; what is still being made is left to itself."""
        made, self._made = list(self._made.values()), {}
        for future in made:
            if not future.done():
                future.cancel()
            elif not future.cancelled() and future.exception() is None:
                close = getattr(future.result(), "close", None)
                if inspect.iscoroutinefunction(close):
                    await close()
                elif callable(close):
                    with suppress(OSError):
                        await asyncio.to_thread(close)


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A version that bodies ask beside the one under test; each body is given a `Model` of it.

    Attributes:
        source: where its samples come from.
        is_own: whether its engine is of this alone, and ends with it.
    """

    source: SampleSource
    is_own: bool

    async def close(self) -> None:
        """End its engine, where no other version of the run has it."""
        if self.is_own and self.source.engine is not None:
            await self.source.engine.close()


def load_teacher(version: Version, context: StageContext) -> OtherVersion:
    """The version that a version was distilled from. Raises NotInLineageError: it was distilled from none."""
    for step in reversed(version.settings.steps):
        if isinstance(step.settings, DistilledSettings):
            return _other(step.settings.teacher, context)
    table = context.settings.table(version.name)
    raise NotInLineageError(version.name, "teacher", f"one: distilled = {{ teacher = … }} in {table}")


def load_base(version: Version, context: StageContext) -> OtherVersion:
    """The version without its last customization: what the version is based on whose table has its last step.

    Raises:
        NotInLineageError: it has no step, or its last one was made of no base.
    """
    steps = version.settings.steps
    base = context.settings.version(steps[-1].version).base if steps else None
    if base is None:
        table = context.settings.table(version.name)
        raise NotInLineageError(version.name, "base", f'a base and what it adds: base = "…" and adapter = … in {table}')
    return _other(base, context)


def _other(name: str, context: StageContext) -> OtherVersion:
    root = context.settings.root
    version = load_version(built(context.settings, name, offline=context.is_offline), root, offline=context.is_offline)
    engine = None
    for source in context.sources:
        if source.version.fingerprint == version.fingerprint:
            return OtherVersion(source, is_own=False)
        if engine is None and source.engine is not None and engine_key(source.version) == engine_key(version):
            engine = source.engine
    newest, *older = context.generations(version)
    is_own = engine is None
    if engine is None and not context.is_offline:
        engine = create_engine(version, root)
    return OtherVersion(SampleSource(version, engine, newest, older=tuple(older)), is_own)
