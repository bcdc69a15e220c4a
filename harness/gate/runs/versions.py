"""Looks at the versions of a run: before the first request, and whether they are still the same after the last. Gives
the generations of their draws.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.repository import Repository
from harness.errors import AnswersNothingError, SettingsError, UsageError, some
from harness.models.application.declarations import folder_of, is_application
from harness.models.application.identity import contents_of, files_of
from harness.models.engine_creation import check_version, create_engine, engine_key
from harness.models.spec import engine_spec
from harness.models.version import Version, answers, load_version
from harness.requests import SampleSource
from harness.requests.spending import VersionSpending
from harness.stages.building import built
from harness.store import RunInfo, Store

_DIGITS = 12
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Generations:
    """Gives the generations of a version, the newest first: the same ones to all who ask in a run, in any thread.

    Args:
        is_fresh: whether each version begins one.
    """

    def __init__(self, store: Store, *, is_fresh: bool = False) -> None:
        self._store, self._is_fresh = store, is_fresh
        self._known: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def of(self, version: Version) -> tuple[int, ...]:
        """The generations of a version, by its fingerprint."""
        own, oldest = version.fingerprint, version.settings.max_age_s
        with self._lock:
            if own not in self._known:
                self._known[own] = self._store.generations(own, fresh=self._is_fresh, max_age_s=oldest)
            return self._known[own]


def check_versions(settings: Settings, names: Iterable[str]) -> None:
    """Refuse versions that could not answer, before any request.

    Raises:
        UsageError: what is wrong with one of them, and at which commit where it is of one; or its price is not known,
            where cost is bounded.
    """
    for name in names:
        version = settings.version(name)
        try:
            check_version(version, settings.root)
        except UsageError as error:
            if version.commit is None:
                raise
            raise SettingsError(
                f"{name}, the project as it was at {version.commit[:_DIGITS]}: {error} What that commit lacks, commit "
                "first, or name another version."
            ) from None
    check_prices(settings, names)


def check_prices(settings: Settings, names: Iterable[str]) -> None:
    """Refuse a version that would be asked at a price that is not known, where cost is bounded.

    Raises:
        SettingsError: saying what to write.
    """
    if settings.max_cost is None:
        return
    for name in names:
        version = None if name in settings.home(name).corpora else settings.version(name)
        if version is not None and version.price is None and not engine_spec(version.engine).tells_cost:
            raise SettingsError(
                f"--max-cost needs the price of every version that is asked, and {name!r} has none. Write price = "
                f"{{ input = 0.15, output = 0.60 }}, what a million tokens cost, in {settings.table(name)}; "
                "{ input = 0, output = 0 } for one that costs nothing."
            )


def why_unasked(version: Version, settings: Settings) -> str:
    """Say why a version at a commit can't be asked: another revision answers under its address today. "" where it can.

    What it was asked would be stored as answers of its commit, and be those of today.
    """
    own = version.settings
    if own.checkout is None or not (spec := engine_spec(own.engine)).is_endpoint(own.engine_options):
        return ""
    today = settings.version(own.checkout.own)
    if today.engine != own.engine or today.revision == own.revision:
        return ""
    if spec.identity_of(today, settings.root) != spec.identity_of(own, settings.root):
        return ""
    address, commit = spec.source_of(own.engine_options), own.checkout.commit[:_DIGITS]
    return (
        f"{version.name}: its answers are not in the store, and {address} serves revision {today.revision!r} today, "
        f"not {own.revision!r} of commit {commit}: what it answers now is no answer of that commit. Draw them while "
        f"that is served: in a checkout of {commit}, with this store, run pytest --candidate {today.name} "
        "--for-baseline. Or keep what they scored there (`steelyard baseline record`), or give each commit an address "
        'of its own, such as base_url = "http://${GIT_SHA}.example/v1"'
    )


def changed_versions(versions: Sequence[Version], root: Path, since_s: float) -> list[str]:
    """Say which versions are not what they were: weights, code or answers that were written while they were asked.

    What can't be read any more is no change: an engine has loaded it, or failed.

    Args:
        root: of the project.
        since_s: when the session began, by the clock that files have.
    """
    notes = []
    for version in versions:
        with suppress(UsageError, OSError):
            now = load_version(version.settings, root, offline=True).fingerprint
            if now != version.fingerprint:
                old, written = version.fingerprint[:_DIGITS], _written_since(version, root, since_s)
                notes.append(
                    f"version {version.name!r} changed while it was sampled: its fingerprint was {old} and is "
                    f"{now[:_DIGITS]}{written}. Nobody can tell which of the two gave the "
                    f"samples of this run; run again, and remove them with steelyard store prune --version {old}"
                )
    return notes


def _written_since(version: Version, root: Path, since_s: float) -> str:
    """Name the files of an application that were written meanwhile, and how to keep them from counting."""
    if not is_application(version.settings):
        return ""
    folder, names = folder_of(version.settings, version.settings.root(root).resolve()), []
    for file in files_of(version.settings, folder):
        with suppress(OSError):  # it is gone by now
            if file.stat().st_mtime >= since_s:
                names.append((file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix())
    return f" ({some(names)} written meanwhile; what lies there counts, unless git ignores it)" if names else ""


def version_notes(*versions: Version, root: Path, runs: Callable[[], Iterable[RunInfo]] = list) -> tuple[str, ...]:
    """The sentences that a reader must know of a run's versions: which commit one is of, that two are the same or in
    which files they differ, which files are not as committed, which files changed since the last run; and, which a
    store is told once, that stored answers of an endpoint may be of something that it serves no more.

    Args:
        versions: the candidate first.
        root: of the project.
        runs: gives the runs of the store before this one.
    """
    candidate, *others = versions
    checkouts = [each.settings.checkout for each in versions]
    texts = [text for checkout in checkouts if checkout is not None for text in checkout.notes]
    texts += filter(None, (_commit_note(candidate, each, root) for each in others))
    texts += filter(None, (_revision_note(each, root) for each in versions))
    loose = {each.name: each.fingerprint for each in versions if _is_loose(each)}
    files = files_note(candidate, root)
    before = list(runs()) if loose or files else []
    specs = [run.spec for run in before if run.finished]
    notes = (each for spec in specs for each in (spec.get("candidate"), spec.get("baseline"), *spec.get("judges", ())))
    known = {note.get("fingerprint") for note in notes if note}
    if files and candidate.fingerprint not in known:
        texts += _changed_since(candidate, files["files"], before)
    if names := [name for name, fingerprint in loose.items() if fingerprint not in known]:
        texts.append(
            f"{' and '.join(names)} {'is an endpoint' if len(names) == 1 else 'are endpoints'} without revision or "
            "max_age: stored answers count for ever, also when something else is served there. Set one of them"
        )
    return tuple(dict.fromkeys(texts))


def _is_loose(version: Version) -> bool:
    own = version.settings
    return engine_spec(own.engine).is_endpoint(own.engine_options) and own.revision is None and own.max_age_s is None


def files_note(version: Version, root: Path) -> dict[str, Any]:
    """Return what a store keeps of the files that an application's answers depend on, by which a later run names
    those that changed, and whether one is not as committed; nothing for another version.
    """
    if not is_application(version.settings):
        return {}
    files, changed = _contents(version, root), list[str]()
    with suppress(SettingsError):  # in no clone nothing is committed
        changed = Repository(root).uncommitted()
    is_other = any(f"/{name}".endswith(f"/{file.lstrip('/')}") for name in changed for file in files)
    return {"files": files, **({"uncommitted": True} if is_other else {})}


def _contents(version: Version, root: Path) -> dict[str, str]:
    own = version.settings
    contents = contents_of(own, folder_of(own, own.root(root).resolve()))
    return {name: digest[:_DIGITS] for name, digest in contents.items()}


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _changed_since(version: Version, files: Mapping[str, str], runs: Sequence[RunInfo]) -> list[str]:
    """Tell which files draw an application's answers anew, since the last run whose candidate it was."""
    own = (run for run in reversed(runs) if "files" in run.spec and run.spec["candidate"]["name"] == version.name)
    last = next(own, None)
    changed = [] if last is None else _differing(last.spec["files"], files)
    return [f"{version.name} answers anew: {some(changed)} changed since run {last.run_id}"] if last and changed else []


def _commit_note(candidate: Version, other: Version, root: Path) -> str:
    """Tell what a version at a commit has otherwise than the candidate; "" for a version of no commit."""
    if other.settings.checkout is None:
        return ""
    if other.fingerprint == candidate.fingerprint:
        return (
            f"{other.name} is the same as {candidate.name}: nothing that its answers depend on is another at that "
            "commit, so that a version is weighed against itself"
        )
    if not is_application(candidate.settings) or not is_application(other.settings):
        return ""
    names = _differing(_contents(other, root), _contents(candidate, root))
    note = f"{candidate.name} and {other.name} differ in {some(names)}. Cases and tests are today's for both"
    return note if names else ""


def _revision_note(version: Version, root: Path) -> str:
    """Warn of a version whose revision is the project's commit, where files are not as committed; "" otherwise. The
    content of an application is part of its fingerprint.
    """
    own = version.settings
    if own.checkout is not None or not own.revision or not _COMMIT.search(own.revision) or is_application(own):
        return ""
    try:
        repository = Repository(root)
        commit = repository.commit("HEAD")
    except SettingsError:  # no clone: the commit is told from outside
        return ""
    changed = repository.uncommitted() if commit in own.revision else []
    if not changed:
        return ""
    return (
        f"{some(changed)} {'is' if len(changed) == 1 else 'are'} not as committed, and the revision of {version.name} "
        f"is the commit {commit[:_DIGITS]}: its answers are stored as those of that commit. Commit before you draw them"
    )


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


def flops_spent(
    versions: Iterable[Version], spent: Mapping[str, VersionSpending], root: Path
) -> dict[str, float | None]:
    """The operations of each version's forward passes in this run; None where they can't be told.

    They are causal, of the shapes of its tensors, every token read and written counted once; the head for each token
    written or weighed, and for the last of a prompt. They can't be told without weights, or where answers do not tell
    their tokens.

    Args:
        spent: what was counted, by the name of the version; nothing for one that was not asked.
        root: folder that relative paths of weights start from.
    """
    asked = {version.name: version for version in versions if version.name in spent}
    return {name: _flops(version, spent[name], root) for name, version in asked.items()}


def _flops(version: Version, tokens: VersionSpending, root: Path) -> float | None:
    options = version.settings.engine_options
    if not tokens.counts or "weights" not in options:
        return 0.0 if tokens.counts and not tokens.passes else None
    from harness.models.description.description import describe_weights

    try:
        architecture = describe_weights(options, root).in_engine.architecture
    except (UsageError, OSError):
        return None  # weights that are gone by now, or of a kind that can't be described
    flops_of = architecture.flops_of
    passes = tokens.passes.items()
    return float(sum(n * flops_of(each.n_tokens, each.before, n_predicting=each.n_predicting) for each, n in passes))
