"""Builds a corpus of the settings, once: what was built before is found by its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import errors
from harness.config import Settings, cache_dir
from harness.config.environment import version_of
from harness.errors import CorpusError, SettingsError, UsageError
from harness.models.processes.ends import how_it_ended
from harness.models.processes.ordered import order
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.data.corpus import Corpus, open_corpus
from harness.stages.data.recipe import Recipe, corpus_recipe
from harness.stages.data.steps.step import INSTALL

if TYPE_CHECKING:
    from harness.stages.data.build.process import BuildRequest

_MODULE = "harness.stages.data.build.process"
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "PYTHONHASHSEED": "0"}
_LAST_LINES = 5


def build_corpus(
    settings: Settings,
    name: str,
    *,
    progress: BuildProgress = unseen,
    executor: Mapping[str, Any] | None = None,
) -> Corpus:
    """The corpus of this name; built first, unless it was before.

    Args:
        progress: told how far the build is.
        executor: who runs it, in place of what the settings say.

    Raises:
        UsageError: the recipe, the source or a document is wrong, or a step fails. What was built before is kept.
    """
    recipe = corpus_recipe(settings, name)
    folder = corpus_folder(recipe)
    if not folder.is_dir():
        _build(settings, name, recipe, progress, executor)
    return open_corpus(folder, name)


def corpus_folder(recipe: Recipe) -> Path:
    """Return the folder that keeps a recipe's corpus."""
    return cache_dir() / "corpora" / recipe.fingerprint


def _build(
    settings: Settings, name: str, recipe: Recipe, progress: BuildProgress, executor: Mapping[str, Any] | None
) -> None:
    from harness.stages.data.build.process import BuildRequest

    if version_of("datatrove") is None:
        raise SettingsError(f"The corpus {name!r} is built by datatrove, which is not installed here: {INSTALL}")
    corpus = settings.corpora[name]
    folder = corpus_folder(recipe)
    request = BuildRequest(
        settings=settings,
        name=name,
        recipe=recipe,
        folder=folder,
        work=folder.with_name(f"{folder.name}.work"),
        executor=corpus.executor if executor is None else executor,
        tokenizer=None if recipe.tokenizer is None else dict(settings.versions[recipe.tokenizer[0]].engine_options),
    )
    outcome = _run(request, progress)
    if "built" not in outcome:
        known = getattr(errors, outcome.get("kind", ""), CorpusError)
        kind = known if issubclass(known, UsageError) else CorpusError
        raise kind(f"The corpus {name!r} could not be built. {outcome['failed']}")


def _run(request: BuildRequest, progress: BuildProgress) -> dict[str, Any]:
    """Start the process that builds, pass on what it tells, and give its last message."""
    log = request.work / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)

    def told(message: dict[str, Any]) -> None:
        progress(BuildState(request.name, message["phase"], message["done"], message["total"]))

    outcome = order(_MODULE, request, log=log, environment=_ENVIRONMENT, told=told)
    if isinstance(outcome, int):
        return {"failed": f"The process that builds {how_it_ended(outcome)}. {_last_lines(log)}"}
    return outcome


def _last_lines(log: Path) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return f"Its log, {log}, ends with:" + "".join(f"\n  {line}" for line in lines) if lines else ""
