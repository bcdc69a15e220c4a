"""Selects the evaluations that run after a change: those that it may concern."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

import harness
from harness.config import Settings, VersionSettings, load_settings
from harness.config.asking import understood
from harness.config.files import FILE, PROMPTS, texts_in
from harness.config.repository.git import Repository
from harness.config.repository.history import asks_for_the_same, differing, is_same_version, settings_at
from harness.config.roles import candidate_name
from harness.config.settings import NO_BASELINE
from harness.gate.baselines.chosen import file_named
from harness.gate.changes.dependencies import Dependencies, EvaluationCode
from harness.models.application.identity import files_of
from harness.models.application.spec import COMMAND, PYTHON, folder_of, python_of
from harness.models.spec import engine_spec
from harness.records import SelectedEvaluation, Selection

_FOR_ALL = re.compile(
    r"(.+\.lock|requirements.*\.(txt|in)|constraints.*\.txt|pylock.*\.toml|conda-lock\.yml|environment\.ya?ml|Pipfile"
    r"|setup\.(py|cfg)|pytest\.(ini|toml)|\.pytest\.(ini|toml)|tox\.ini|Dockerfile.*|Containerfile.*|\.python-version"
    r"|\.tool-versions|(uv|pdm|poetry|hatch)\.toml)"
)
"""Files that say what is installed, or how tests run."""


class Selector:
    """Chooses evaluations by what changed since a commit. What can't be told counts as changed.

    Args:
        settings: with the options laid over.
        ref: a commit, branch or tag.
        folders: where files that tests name are looked for, beside that of the test.

    Raises:
        SettingsError: there is no git, no repository or no such commit.
    """

    def __init__(self, settings: Settings, ref: str, folders: Iterable[Path]) -> None:
        self._settings = settings
        self._ref = ref
        self._repository = Repository(settings.root)
        self._commit = self._repository.commit(ref)
        self._changed = self._repository.changed_since(self._commit)
        self._before = None if settings.source is None else settings_at(self._repository, self._commit, settings.root)
        self._dependencies = Dependencies(self._changed, settings.root, folders)
        self._for_all = next(self._why_all(), None)
        self._for_judged = next(self._why_judged(), None)
        self._evaluations = Dependencies(self._changed, settings.root, folders, next(self._why_played(), None))

    def select(self, subjects: Mapping[str, tuple[EvaluationCode, bool]]) -> Selection:
        """The evaluations to run, each with the first reason that was found, and the others.

        Args:
            subjects: what each evaluation depends on, by its id, and whether it asks a judge.
        """
        why = {name: self._why(subject, is_judged=judged) for name, (subject, judged) in subjects.items()}
        return Selection(
            since=self._ref,
            commit=self._commit,
            chosen=tuple(SelectedEvaluation(name, reason) for name, reason in why.items() if reason is not None),
            left_out=tuple(name for name, reason in why.items() if reason is None),
            gone=tuple(self._gone({name.partition("[")[0] for name in subjects})),
        )

    def _gone(self, known: Set[str]) -> Iterator[str]:
        """Yield the project's evaluations of the commit that are not in their files any more, by the ids that they had.

        What the commit alone has, for it was added there since the two parted, is not gone.

        Args:
            known: the ids of those that are here, however they are marked.
        """
        root, parted = self._settings.root.resolve(), self._repository.common(self._commit)
        for path in sorted(each for each in self._changed.paths if each.suffix == ".py" and each.is_relative_to(root)):
            then, shared = (_evaluations_in(self._repository.file_at(at, path)) for at in (self._commit, parted))
            now = _evaluations_in(path.read_bytes() if path.is_file() else None)
            for name in then:
                identity = f"{path.relative_to(root).as_posix()}::{name}"
                if name in shared and name not in now and identity not in known:
                    yield identity

    def _why(self, subject: EvaluationCode, *, is_judged: bool) -> str | None:
        if self._for_all is not None:
            return self._for_all
        if is_judged and self._for_judged is not None:
            return self._for_judged
        return self._evaluations.why(subject)

    def _why_all(self) -> Iterator[str]:
        """Yield the reasons why all evaluations may be concerned."""
        for path in sorted(self._changed.paths):
            if _FOR_ALL.fullmatch(path.name) or path.parent.name == "requirements":
                yield f"{path.relative_to(self._changed.root).as_posix()} changed"
        yield from self._why_project()
        own = self._changed.within(Path(harness.__file__).parent)
        if own is not None:
            yield f"{own.relative_to(self._changed.root).as_posix()} changed, of Steelyard itself"
        yield from self._why_settings()

    def _why_project(self) -> Iterator[str]:
        for path in sorted(self._changed.paths):
            if path.name == "pyproject.toml":
                before, now = self._repository.file_at(self._commit, path), b""
                if path.is_file():
                    now = path.read_bytes()
                if not asks_for_the_same(before, now, path):
                    shown = path.relative_to(self._changed.root).as_posix()
                    yield f"{shown} changed beyond [tool.steelyard]: packages, or how tests run"

    def _why_settings(self) -> Iterator[str]:
        settings = self._settings
        if settings.source is None:
            return
        before = self._before
        if before is None:
            yield f"there were no settings at {self._ref} that can be compared with {settings.source.name}"
            return
        names = differing(before, load_settings(settings.root))
        if names:
            yield f"{settings.source.name}: {', '.join(names)} changed"
        yield from self._why_version(before, candidate_name(settings))
        name = settings.baseline
        if name is None or name == NO_BASELINE:
            return
        if name in settings.commits:  # which stays what it is
            return
        if name in settings.versions:
            yield from self._why_version(before, name)
        elif (recorded := file_named(settings, name)) is not None:
            yield from filter(None, [self._dependencies.why_file(recorded, "the baseline")])
        else:
            yield f"what the baseline {name!r} was at {self._ref} can't be told"

    def _why_judged(self) -> Iterator[str]:
        """Yield the reasons why all evaluations that ask a judge may be concerned."""
        yield from self._why_versions(self._settings.judge)

    def _why_played(self) -> Iterator[str]:
        """Yield the reasons why all evaluations with simulated users may be concerned: any model may play one."""
        if self._for_all is None:
            others = {*self._settings.corpora, *self._settings.commits}
            yield from self._why_versions(name for name in understood(self._settings.versions) if name not in others)

    def _why_versions(self, names: Iterable[str]) -> Iterator[str]:
        if self._before is not None:
            for name in names:
                yield from self._why_version(self._before, name)

    def _why_version(self, before: Settings, name: str) -> Iterator[str]:
        """Yield the reasons why a version may answer otherwise: it, or one that it is made of, by itself."""
        waiting, seen = [name], set[str]()
        while waiting:
            one = waiting.pop(0)
            if one not in seen:
                seen.add(one)
                yield from self._why_own(before, one)
                waiting += self._made_of(one)

    def _made_of(self, name: str) -> list[str]:
        """Return the versions that one names: its base, teachers and corpora; of a corpus those that its steps ask."""
        version, corpus = self._settings.version(name), self._settings.corpora.get(name)
        if corpus is not None:  # a step says by no key which of its options are versions
            named = [corpus.tokenizer, *texts_in(corpus.tables)]
        else:
            named = [self._settings.version(version.steps[-1].version).base] if version.steps else []
            named += [getattr(step.settings, key, None) for step in version.steps for key in ("teacher", "data")]
        return [each for each in named if each is not None and each in self._settings.versions]

    def _why_own(self, before: Settings, name: str) -> Iterator[str]:
        """Yield the reasons why a version by itself may answer otherwise: its settings, or the files that they name."""
        now = self._settings.version(name)
        if name not in before.versions:
            yield f"version {name!r} was not there at {self._ref}"
        elif name not in (readable := understood(before.versions)):
            yield f"version {name!r} could not be read at {self._ref}"
        elif not is_same_version(readable[name], now):
            yield f"version {name!r} changed"
        of_registry = [str(now.engine_options["weights"])] if now.is_registered else []
        of_registry += [place for place in now.texts_elsewhere.values() if place.startswith(PROMPTS)]
        for place in of_registry:
            if "@" in place:
                yield f"what {place} was at {self._ref} can't be told: an alias moves"
        if name in self._settings.corpora:
            yield from self._why_corpus(name)
        options: Mapping[str, Any] = now.engine_options
        if engine_spec(now.engine) in (PYTHON, COMMAND):
            yield from self._why_application(now)
            options = {}
        steps = [asdict(step.settings) for step in now.steps]
        read = [text.removeprefix(FILE) for text in now.texts_elsewhere.values()]
        for text in texts_in([options, steps, read]):
            try:
                path = self._settings.root / Path(text).expanduser()
                found = self._dependencies.why_file(path, f"of version {name!r}")
            except (OSError, ValueError, RuntimeError):  # no path at all
                continue
            if found is not None:
                yield found

    def _why_application(self, version: VersionSettings) -> Iterator[str]:
        """Yield the reasons why an application may answer otherwise: the files that it reaches."""
        found = files_of(version, folder_of(version, root := self._settings.root), python_of(version, root))
        what = f"which {version.engine_options.get('call', 'the command')} of version {version.name!r} may read"
        if found.are_all and self._changed.paths:
            yield f"{min(self._changed.paths).relative_to(self._changed.root).as_posix()} changed, {what}"
        yield from filter(None, (self._dependencies.why_file(file, what) for file in found.files))

    def _why_corpus(self, name: str) -> Iterator[str]:
        """Yield the reasons why a corpus may be built otherwise: the steps that are the project's."""
        corpus = self._settings.corpora[name]
        for step in corpus.steps:
            module, _, function = step.partition(":")
            if function:
                file = self._settings.root.joinpath(*module.split(".")).with_suffix(".py")
                yield from filter(None, [self._dependencies.why_code([file], f"a step of version {name!r}")])


def _evaluations_in(code: bytes | None) -> list[str]:
    """The names of the test functions of a module that its marker makes evaluations, those in classes with the class;
    none of a file that is not there, or is no Python.
    """
    try:
        module = ast.parse(code or b"")
    except (SyntaxError, ValueError):
        return []
    classes = (each for each in module.body if isinstance(each, ast.ClassDef))
    places = [("", module.body), *((f"{each.name}::", each.body) for each in classes)]
    return [
        f"{place}{each.name}"
        for place, body in places
        for each in body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("mark.evaluation" in ast.unparse(mark) for mark in each.decorator_list)
    ]
