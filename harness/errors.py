"""One tree of errors, so that a caller can catch as much or as little as it wants.

    SteelyardError
    ├── UsageError             what the user wrote is wrong: exit code 4, before the first request
    │   ├── SettingsError      pyproject.toml, steelyard.toml, options, the environment
    │   │   └── EntryPointError          an engine, check, report or tracker that is not there, there twice, or broken
    │   ├── CaseError          a case file or a case
    │   ├── CorpusError        documents of a corpus that are missing or malformed, or a recipe that can't be followed
    │   ├── MarkerError        the evaluation marker, its test function or fixtures
    │   ├── TaskError          an lm-eval task that can't be loaded or run
    │   ├── RubricError        a rubric file that is not there, or what it says
    │   ├── StoreError         a store that can't be opened, written or understood
    │   │   ├── LockedError        another process holds its lock
    │   │   └── UnstorableError    a value that it does not take; others it still takes
    │   └── ReviewError        the review queue can't do what was asked; nothing was written
    │       ├── UnknownItemError   no such item or batch
    │       ├── ReviewerError      no such reviewer, a disabled one, or one whose role does not allow it
    │       ├── LabelError         a value that is none of the item's
    │       ├── LeaseError         no such lease, or somebody else's
    │       │   ├── LeaseExpiredError  it ran out
    │       │   └── LeaseEndedError    it was used already, perhaps in another tab
    │       ├── RepeatedKeyError   the key of one event was given again for another
    │       ├── NothingToUndoError there is no event to take back
    │       └── ReviewFileError    a file to import that can't be understood
    ├── EngineError            a model could not answer: the verdict becomes `error`
    │   ├── UnreachableError   given up after retries; every later request fails at once
    │   ├── FailedDrawError    it was asked, and failed or took too long: that is what the draw came to, and is kept
    │   ├── PartlyAnsweredError    it could, for some of the draws of a request
    │   ├── CapabilityError    the engine cannot do what was asked (logprobs, a schema, …)
    │   └── JudgeError         a judge's answers did not follow the form or the scale that it was given
    ├── ForgeError             GitHub or GitLab did not take a comment
    ├── MlflowError            MLflow could not be reached, or refused; no verdict depends on it
    ├── MissingSampleError     `--offline`, and the store lacks a sample
    ├── InvalidBlockError      a block under load can't be trusted: no score, and not measured again by itself
    ├── NotInLineageError      a version has nothing of what a stage fixture gives: the evaluation is skipped
    │   └── AnswersNothingError    it is a corpus, and no model at all
    ├── BudgetSpentError       the budget of the run is spent: no verdict becomes an error by it
    ├── ScoreError             a test body gave something that is not a score
    ├── CheckError             a check could not work: a package that is missing, a pattern or schema that is wrong
    └── ToolError              a tool can't do what a model called it for: raised by a tool, told to the model

Messages say what happened with the value, why it is wrong and what to do; `choices` writes the list of what was
possible.
"""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SteelyardError(Exception):
    """Anything that Steelyard itself reports."""


class UsageError(SteelyardError):
    """Something that the user wrote is wrong; nothing has been sent to a model yet."""


class SettingsError(UsageError):
    """A settings file, an option or an environment variable is wrong."""


class EntryPointError(SettingsError):
    """An entry point of a distribution is not there, is there twice, or can't be used."""


class CaseError(UsageError):
    """A case file is missing, empty or malformed."""


class CorpusError(UsageError):
    """The documents of a corpus are missing or malformed, or its recipe can't be followed."""


class MarkerError(UsageError):
    """An evaluation is declared in a way that can't be run."""


class RubricError(UsageError):
    """A rubric file is missing, or says something that no judge could follow."""


class TaskError(UsageError):
    """An lm-eval task can't be loaded or run."""


class StoreError(UsageError):
    """The store can't be opened, written or understood."""


class LockedError(StoreError):
    """Another process holds the store's lock."""


class UnstorableError(StoreError):
    """The store does not take a value."""


class ReviewError(UsageError):
    """The review queue can't do what was asked; nothing was written."""


class UnknownItemError(ReviewError):
    """There is no such item or batch."""


class ReviewerError(ReviewError):
    """There is no such reviewer, or this one may not do that."""


class LabelError(ReviewError):
    """A value that is none of the item's."""


class LeaseError(ReviewError):
    """There is no such lease, or it is somebody else's."""


class LeaseExpiredError(LeaseError):
    """The lease ran out before the reviewer said anything."""


class LeaseEndedError(LeaseError):
    """The lease was used already, perhaps in another tab."""


class RepeatedKeyError(ReviewError):
    """The key of one event was given again for something else."""


class NothingToUndoError(ReviewError):
    """The reviewer has nothing that could be taken back."""


class ReviewFileError(ReviewError):
    """A file to import can't be understood."""


class EngineError(SteelyardError):
    """A model could not answer.

    Attributes:
        cause: what errors have in common that are to be told as one, whatever their messages say; None where nothing
            but the message tells.
    """

    def __init__(self, message: str = "", cause: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class UnreachableError(EngineError):
    """A model's endpoint was given up after retries."""


class FailedDrawError(EngineError):
    """An application was asked, and failed, or no complete answer came in time: that is what the draw came to, as an
    answer is. It is kept and not asked again, for what is asked until it succeeds looks as if it never failed.
    """


TIMED_OUT = "a timeout"
"""The cause of errors of what was not answered in time."""


class PartlyAnsweredError(EngineError):
    """Some draws of a request were answered, and others ended in errors of their own, which are not asked again.

    Attributes:
        samples: those that were answered, by their indices.
        errors: of the others, by theirs.
    """

    def __init__(self, samples: Mapping[int, Any], errors: Mapping[int, Exception]) -> None:
        super().__init__("; ".join(str(error) for error in errors.values()))
        self.samples = samples
        self.errors = errors


class CapabilityError(EngineError):
    """The engine of this version cannot do what was asked."""


class JudgeError(EngineError):
    """A judge was asked, and asked again, and gave no judgement: nothing is known of the answer under judgement."""


class ForgeError(SteelyardError):
    """GitHub or GitLab did not take a comment.

    Attributes:
        status: of its answer; None where there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MlflowError(SteelyardError):
    """MLflow could not be reached, refused, or took too long; no verdict depends on it."""


class MissingSampleError(SteelyardError):
    """A stored sample was demanded (`--offline`) and is not there."""


class InvalidBlockError(SteelyardError):
    """A block of time under load whose figures can't be trusted. It is no score, and not measured again by itself."""


class NotInLineageError(SteelyardError):
    """A version was made without what a stage fixture gives, so that there is nothing of it to weigh.

    Args:
        version: its name.
        what: the thing in words that go after "has no": "retriever", "weights".
        remedy: the settings that would give it one, in words that go after "give it"; "" where there are none to name.

    Attributes:
        advice: what it lacks, and the remedy.
    """

    def __init__(self, version: str, what: str, remedy: str = "") -> None:
        super().__init__(f"{version} has no {what}")
        self.advice = f"{self}: give it {remedy}" if remedy else str(self)


class AnswersNothingError(NotInLineageError):
    """A version is a corpus, and so has nothing that a model has.

    Args:
        version: its name.
    """

    def __init__(self, version: str) -> None:
        super().__init__(version, "answers")
        self.args = (f"{version} is a corpus, which answers nothing",)
        self.advice = str(self)


class BudgetSpentError(SteelyardError):
    """Nothing more is asked of a model, because the run has spent what it may.

    Attributes:
        limit: which limit, as the command line says it: "max_tokens 10,000".
    """

    def __init__(self, limit: str) -> None:
        super().__init__(f"nothing more is asked for: {limit} is spent")
        self.limit = limit


class ScoreError(SteelyardError):
    """A test body returned something that is not a score."""


class ToolError(SteelyardError):
    """Raised by a user's tool that can't do what a model called it for: the model is told the message, and goes on."""


class CheckError(SteelyardError):
    """A check could not work, whatever the answer is."""


def install(extra: str = "") -> str:
    """Return the command that installs Steelyard, with an extra, from where it came from, as pip notes it (PEP 610).

    Never by a bare name: no release is out, and a stranger could register it.
    """
    from urllib.request import url2pathname

    try:
        noted = json.loads(distribution("steelyard").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        noted = {}
    url, commit, wanted = noted.get("url", ""), noted.get("vcs_info"), f"[{extra}]" if extra else ""
    if commit:
        return f'pip install "steelyard{wanted} @ {commit["vcs"]}+{url}@{commit["commit_id"]}"'
    place = url2pathname(urlsplit(url).path) if url.startswith("file:") else ""
    option = "-e " if noted.get("dir_info", {}).get("editable") else ""
    if place and Path(place).exists():
        return f'pip install {option}"{place}{wanted}"'
    return f'pip install ".{wanted}" in a clone of Steelyard'


def choices(kind: str, value: str, known: Iterable[str], plural: str | None = None) -> str:
    """Say that `value` is no known `kind`, list the known ones and name the nearest.

    Args:
        plural: of `kind`, where it is not made with an s.

    >>> choices("version", "smolm2", ["smollm2", "smollm2-int8"])
    "No version named 'smolm2'. Versions: smollm2, smollm2-int8. Did you mean 'smollm2'?"
    >>> choices("version", "a", [])
    "No version named 'a'. There are no versions."
    """
    names, many = sorted(set(known)), plural or f"{kind}s"
    if not names:
        return f"No {kind} named {value!r}. There are no {many}."
    return f"No {kind} named {value!r}. {many.capitalize()}: {', '.join(names)}.{nearest(value, names)}"


def none_of(name: str, value: str, known: Iterable[str]) -> str:
    """Say that the `value` of a setting or keyword is none of the known words, list them and name the nearest.

    >>> none_of("about", "populace", ["suite", "population"])
    "about = 'populace' is none of: population, suite. Did you mean 'population'?"
    """
    words = sorted(known)
    return f"{name} = {value!r} is none of: {', '.join(words)}.{nearest(value, words)}"


def nearest(value: str, known: Sequence[str]) -> str:
    """A question that names the known word most like `value`, after a space; "" where none is like it."""
    close = difflib.get_close_matches(value, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def shortened(value: object, most: int = 80) -> str:
    """A value as a message shows it, without the end of a long one.

    >>> shortened("a long answer", 7)
    "'a long…"
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


def some(names: Iterable[str], most: int = 3) -> str:
    """The first of several names, and how many more there are.

    >>> some(["a", "b", "c", "d"]), some([])
    ('a, b, c and 1 more', 'none')
    """
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more or "none"


def without_traceback(text: str) -> str:
    r"""The text with the exception alone, once, in place of Python's traceback: it is said before or after the frames.

    >>> without_traceback("case 'a': ValueError: no\nTraceback (most recent call last):\n  File \"bot.py\", line 3")
    "case 'a': ValueError: no"
    >>> without_traceback("it wrote: Traceback (most recent call last):\n  File \"bot.py\", line 3\nValueError: no\n")
    'it wrote: ValueError: no'
    """
    before, mark, after = text.partition(_TRACEBACK)
    if not mark:
        return text
    frames = after.rpartition(_TRACEBACK)[2].splitlines()
    below = itertools.dropwhile(lambda line: not line.strip() or line[0].isspace(), frames)
    message, before = "\n".join(below).strip(), before.rstrip()
    for known in (message, message.partition("\n")[0]):
        if known and known in before:
            return before + message.removeprefix(known)
    return f"{before} {message}".strip()


_TRACEBACK = "Traceback (most recent call last):"
