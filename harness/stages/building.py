"""Builds what a version is made of, once, before the first request.

Each step of a version's lineage is resolved to its artifact, in the order of the chain: the version that comes back has
it in the step and where the engine looks for it, and its fingerprint is of what was built, whatever it was built by.

To add a step that is built: a line in `BUILDERS`, and a module with the functions of a `Builder`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, builds
from harness.config.corpora import CORPUS
from harness.config.customization import BuildStep
from harness.errors import SettingsError, SteelyardError, UsageError
from harness.stages.build_state import NOTE, BuildProgress, BuildState, unseen


class Builder(Protocol):
    """A module that builds one kind of thing: a `step` of a version; None for a corpus, which is built whole.

    Each function raises UsageError where the recipe can't be followed, whatever the reason; the table that asks for the
    step is named by who calls it.
    """

    def find_version(self, settings: Settings, version: VersionSettings, step: BuildStep) -> VersionSettings | None:
        """The version with what was built for its step before; None where nothing was by the same recipe."""

    def build_version(
        self, settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress
    ) -> VersionSettings:
        """The version with what is built for its step now. Of several processes one builds, and the others wait."""

    def check_step(
        self, settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress
    ) -> None:
        """Refuse what can be seen to be wrong with a step before anything is built, and tell what is worth a look."""


BUILDERS: Mapping[str, str] = {
    CORPUS: "harness.stages.data.versions",
    "distilled": "harness.stages.distillation.student_recipe",
    "adapter": "harness.stages.customization.adapter_recipe",
    "retrieval": "harness.stages.customization.passages",
}
"""The module that builds a corpus, or a step by its kind."""
TRAINED = ("distilled", "adapter")
"""Steps that go on from the weights of the steps before."""


def built(
    settings: Settings,
    name: str,
    *,
    progress: BuildProgress = unseen,
    offline: bool = False,
    before: BuildStep | None = None,
    partly: bool = False,
) -> VersionSettings:
    """The version of this name, with all that it is made of built and named by it.

    Args:
        progress: is told how far each building is.
        offline: build nothing. What is known to have been built, as the store has it, need not be here then.
        before: one of its steps, before which it stops; None for all of them.
        partly: give the version with what can be built of it, and why the rest can't be, where building a step fails.

    Raises:
        SettingsError: there is no such version, or something is not built and `offline`.
        UsageError: something can't be built.
    """
    home, checked = settings.home(name), list[str]()
    error = SettingsError(
        f"{name} is not built here, and --offline builds nothing. `steelyard build {name}` does that alone."
    )

    def build(builder: Builder, version: VersionSettings, step: BuildStep | None) -> VersionSettings:
        if offline or builds().is_offline:
            raise error
        if not checked:
            check_steps(settings, name, progress)
            checked.append(name)
        progress(BuildState(name, "starting"))
        with reporting_step(home, step):
            tell = partial(_tell, progress, name, _table(home, step))
            try:
                made = builder.build_version(home, version, cast("BuildStep", step), tell)
            except SteelyardError as failure:
                if not partly or step is None:
                    raise
                return replace(version, unbuilt=f"{name} could not be built. {_table(home, step)}: {failure}")
        progress(BuildState(name, "done"))
        return made

    version = cast("VersionSettings", _resolved(settings, name, build, before))
    if offline and version.artifact is not None and not version.artifact.is_here:
        raise error  # a corpus whose content is known, and nobody can look into it
    if version.unbuilt and not partly:
        raise SettingsError(version.unbuilt)
    return version


def version_named(settings: Settings, name: str) -> VersionSettings:
    """The version of this name, with what was built for it before; without, where something is not built yet.

    Raises:
        UsageError: there is no such version, or it could not be built.
    """
    return _resolved(settings, name, lambda *_: None) or settings.version(name)


def _resolved(
    settings: Settings,
    name: str,
    build: Callable[[Builder, VersionSettings, BuildStep | None], VersionSettings | None],
    before: BuildStep | None = None,
) -> VersionSettings | None:
    """The version with all its artifacts, looked for once in a run; None where `build` gives none that is not there."""
    version, home = settings.version(name), settings.home(name)
    known, key = builds().resolved, (home.root, name)
    if before is None and key in known:
        return cast("VersionSettings", known[key])
    for builder, step in _builders(version):
        if version.unbuilt and step is not None and step.kind in TRAINED:
            continue
        if before is not None and step is not None and (step.version, step.kind) == (before.version, before.kind):
            return version
        with reporting_step(home, step):
            made = builder.find_version(home, version, cast("BuildStep", step))
        if (made := made or build(builder, version, step)) is None:
            return None
        version = made
    if version.unbuilt:
        kept = [f"{each.kind} of {each.version}" for each in version.steps if each.artifact is not None]
        version = replace(version, unbuilt=f"{version.unbuilt} Kept: {', '.join(kept) or 'none of its steps'}.")
    known[key] = version
    return version


def needs_building(version: VersionSettings) -> bool:
    """Tell whether anything is ever built for a version."""
    return any(_builders(version))


def with_step(version: VersionSettings, step: BuildStep, made: Artifact) -> VersionSettings:
    """The version with what was made for one of its steps."""
    steps = (replace(each, artifact=made) if each is step else each for each in version.steps)
    return replace(version, steps=tuple(steps))


def check_steps(settings: Settings, name: str, progress: BuildProgress = unseen) -> None:
    """Refuse what can be seen to be wrong with any step of a version, before the first is built."""
    version, settings = settings.version(name), settings.home(name)
    for builder, step in _builders(version):
        if step is not None:
            with reporting_step(settings, step):
                builder.check_step(settings, version, step, partial(_tell, progress, name, _table(settings, step)))


@contextmanager
def reporting_step(settings: Settings, step: BuildStep | None) -> Iterator[None]:
    """Have what is wrong with a step name the table that asks for it."""
    try:
        yield
    except UsageError as error:
        if step is None:
            raise
        raise UsageError(f"{_table(settings, step)}: {error}") from error


def _table(settings: Settings, step: BuildStep | None) -> str:
    return "" if step is None else f"{settings.table(step.version)} {step.kind}"


def _tell(progress: BuildProgress, name: str, table: str, state: BuildState) -> None:
    """Have what is noted of a version in the building follow the table that asks for it."""
    is_own = state.phase == NOTE and state.version == name
    progress(replace(state, note=f"{table}: {state.note}") if is_own else state)


def _builders(version: VersionSettings) -> Iterator[tuple[Builder, BuildStep | None]]:
    """Yield the builder of a version's corpus, or of each step of its chain of bases, in their order."""
    corpus: list[tuple[str, BuildStep | None]] = [(CORPUS, None)] if version.engine == CORPUS else []
    for kind, step in (*corpus, *((each.kind, each) for each in version.steps)):
        if kind in BUILDERS:
            yield cast("Builder", importlib.import_module(BUILDERS[kind])), step
