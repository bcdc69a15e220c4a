"""Versions of a lineage that bodies ask: the teacher of a student, and the base of what was customised."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import NotInLineageError
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, load_version
from harness.requests.pending import SampleSource
from harness.stages.building import built
from harness.stages.lineage import StageContext


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
    """The version that a version was distilled from.

    Raises:
        NotInLineageError: it was distilled from none.
        UsageError: it can't be built.
    """
    from harness.config.customization import DistilledSettings

    for step in reversed(version.settings.steps):
        if isinstance(step.settings, DistilledSettings):
            return _other(step.settings.teacher, context)
    table = context.settings.table(version.name)
    raise NotInLineageError(version.name, "teacher", f"one: distilled = {{ teacher = … }} in {table}")


def load_base(version: Version, context: StageContext) -> OtherVersion:
    """The version without its last customization: what the version is based on whose table has its last step.

    Raises:
        NotInLineageError: it has no step, or its last one was made of no base.
        UsageError: it can't be built.
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
    for source in context.sources:
        if source.version.fingerprint == version.fingerprint:
            return OtherVersion(source, is_own=False)
    newest, *older = context.generations(version)
    for source in context.sources:
        if source.engine is not None and engine_key(source.version) == engine_key(version):
            return OtherVersion(SampleSource(version, source.engine, newest, older=tuple(older)), is_own=False)
    engine = None if context.is_offline else create_engine(version, root)
    return OtherVersion(SampleSource(version, engine, newest, older=tuple(older)), is_own=True)
