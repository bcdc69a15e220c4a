"""Leaves out the cases that a prompt was optimised on: whoever has seen them is not weighed by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.config.files import find_file
from harness.errors import CaseError
from harness.gate.evaluations.evaluation import Evaluation
from harness.records import Case
from harness.stages.case_files import CASE_SUFFIXES, read_rows
from harness.stages.data.overlap.case_texts import ANSWERS, QUESTIONS, RULE, texts_of
from harness.stages.data.overlap.words import words_of

_MESSAGES = "messages["
_SHOWN = 5

Named = tuple[Sequence[str], Sequence[Path]]
"""What a version's `optimised_on` names (files of cases, folders of these, and ids), and the folders that relative
paths may start from, the first that has one before the others."""


@dataclass(frozen=True, slots=True)
class SeenCases:
    """The cases that a prompt was optimised on.

    Attributes:
        ids: of them.
        texts: of them, each as its words.
    """

    ids: frozenset[str] = frozenset()
    texts: frozenset[tuple[str, ...]] = field(default=frozenset(), repr=False)

    def has(self, case: Case) -> bool:
        """Tell whether a case is one of them: by its id, or because all that it asks is there, word by word.

        A case without a field that is known to ask does so by all of its texts but its answers, if one of them has
        three words.
        """
        if case.id in self.ids:
            return True
        asked = [words for place, text in texts_of(case.fields) if _is_question(place) and (words := _words(text))]
        if not asked:
            others = {name: value for name, value in case.fields.items() if name not in ANSWERS}
            asked = [words for _, text in texts_of(others) if (words := _words(text))]
            asked = asked if max(map(len, asked), default=0) >= RULE.fewest_asked else []
        return bool(asked) and self.texts.issuperset(asked)


def read_seen(named: Iterable[str], folders: Sequence[Path]) -> SeenCases:
    """The cases that a version's `optimised_on` names.

    Args:
        named, folders: as `Named` has them.

    Raises:
        CaseError: a file is not there or can't be read.
    """
    ids: set[str] = set()
    texts: set[tuple[str, ...]] = set()
    for name in named:
        files = list(_files(name, folders))
        if not files:
            ids.add(name)
        for file in files:
            for _, row in read_rows(file):
                if isinstance(row, Mapping):
                    ids |= {str(row["id"])} if "id" in row else set()
                    texts |= {words for _, text in texts_of(row) if (words := _words(text))}
    return SeenCases(frozenset(ids), frozenset(texts))


def _files(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files of cases that a name stands for; none for an id."""
    if Path(name).suffix in CASE_SUFFIXES:
        found = find_file(Path(name), tuple(folders), kind="case file", suffixes=CASE_SUFFIXES, error=CaseError)
        yield from [] if found is None else [found]
    elif "/" in name:
        found = next((folder / name for folder in folders if (folder / name).is_dir()), None)
        paths = () if found is None else found.rglob("*")
        yield from sorted(path for path in paths if path.suffix in CASE_SUFFIXES)


def _words(text: str) -> tuple[str, ...]:
    return tuple(words_of(text))


def _is_question(place: str) -> bool:
    return place in QUESTIONS or (place.startswith(_MESSAGES) and place.endswith(".content"))


def keep_unseen(evaluations: Sequence[Evaluation], named: Mapping[str, Named]) -> tuple[Evaluation, ...]:
    """The evaluations without the cases that `named` says a prompt was optimised on, by whose it was.

    Raises:
        CaseError: as `read_seen` and `without_seen`.
    """
    seen = {role: read_seen(cases, folders) for role, (cases, folders) in named.items() if cases}
    return without_seen(evaluations, seen) if seen else tuple(evaluations)


def unmatched_notes(evaluations: Sequence[Evaluation], named: Mapping[str, Named]) -> tuple[str, ...]:
    """The sentences on what `named` holds that leaves nothing out: what is neither a file nor the id of a case, which
    may be misspelt, and files that have no case of the run.

    Args:
        evaluations: with all of their cases.
        named: as of `keep_unseen`.
    """
    ids = {case.id for evaluation in evaluations for case in evaluation.cases}
    entries = {name: folders for cases, folders in named.values() for name in cases}
    lost, idle = [], []
    for name, folders in entries.items():
        if name in ids:
            continue
        if not list(_files(name, folders)):
            lost.append(name)
        elif not _has_any(read_seen([name], folders), evaluations):
            idle.append(name)
    return (
        *_note(lost, "is no file and the id of no case of this run", "are no files and the ids of no case of this run"),
        *_note(idle, "has no case of this run", "have no case of this run"),
    )


def _has_any(seen: SeenCases, evaluations: Sequence[Evaluation]) -> bool:
    return any(seen.has(case) for evaluation in evaluations for case in evaluation.cases)


def _note(names: Sequence[str], one: str, more: str) -> tuple[str, ...]:
    if not names:
        return ()
    words = ", ".join(map(repr, names[:_SHOWN])) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    what, leaves = (one, "it leaves") if len(names) == 1 else (more, "they leave")
    return (f"{words} of optimised_on {what}, so that {leaves} nothing out",)


def without_seen(evaluations: Sequence[Evaluation], seen: Mapping[str, SeenCases]) -> tuple[Evaluation, ...]:
    """The evaluations without the cases that have been seen, each with a word on how many are left out and why.

    One of a single case that has been seen is left without any.

    Args:
        seen: by whose prompt was optimised on them: "candidate", "baseline".

    Raises:
        CaseError: all cases of one have been seen, so that nothing can be said.
    """
    kept = tuple(_without(evaluation, seen) for evaluation in evaluations)
    groups: dict[str, list[tuple[Evaluation, Evaluation]]] = defaultdict(list)
    for whole, evaluation in zip(evaluations, kept, strict=True):
        name = evaluation.id.partition("[")[0] if evaluation.plan.per == "case" else evaluation.id
        groups[name].append((whole, evaluation))
    for name, group in groups.items():
        if not any(each.cases for _, each in group):
            n = sum(len(whole.cases) for whole, _ in group)
            cases = f"all {n} of its cases have" if n != 1 else "its one case has"
            raise CaseError(
                f"{name}: {cases} been seen: {_whose(seen)} optimised on them, so that they say nothing of it. Give "
                "the evaluation cases that no optimiser saw, or leave it out with -k."
            )
    return kept


def _without(evaluation: Evaluation, seen: Mapping[str, SeenCases]) -> Evaluation:
    if evaluation.plan.blocks is not None:
        return evaluation
    by = {role: {case.id for case in evaluation.cases if known.has(case)} for role, known in seen.items()}
    barred = set[str]().union(*by.values())
    if not barred:
        return evaluation
    cases = tuple(case for case in evaluation.cases if case.id not in barred)
    n = f"{len(barred)} of {len(evaluation.cases)} cases" if len(evaluation.cases) > 1 else "its case"
    them = "it" if len(evaluation.cases) == 1 else "them"
    words = f"{n} left out: {_whose([role for role, ids in by.items() if ids])} optimised on {them}"
    copies = evaluation.copies
    if copies is not None:
        pairs = zip(evaluation.cases, copies.labels, strict=True)
        labels = tuple(label for case, label in pairs if case.id not in barred)
        copies = replace(copies, labels=labels) if len(set(labels)) < len(labels) else None
    return replace(evaluation, cases=cases, copies=copies, left_out=words)


def _whose(roles: Iterable[Any]) -> str:
    named = [f"the {role}'s" for role in roles]
    return f"{' and '.join(named)} {'prompt was' if len(named) == 1 else 'prompts were'}"
