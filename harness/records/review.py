"""Records of the review queue: items, the forms that ask about them, leases, labels as events, and reviewers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from harness.errors import LabelError, shortened
from harness.records import Messages

FormKind = Literal["scale", "preference"]
ReviewerRole = Literal["annotator", "adjudicator", "admin"]
EventKind = Literal["label", "skip", "flag", "adjudicate", "exclude", "undo"]
ItemState = Literal["open", "done", "disputed", "flagged", "excluded"]
Task = Literal["label", "adjudicate"]
Value = int | str

ROLES: tuple[ReviewerRole, ...] = get_args(ReviewerRole)
LEFT, TIE, RIGHT = "left", "tie", "right"
FIRST, SECOND = "first", "second"
SETTLED: tuple[ItemState, ...] = ("done", "excluded")
"""The states of items that nobody is asked about any more."""
DECIDED = "decided"
"""Start of the reason for which a gate closed a batch that labels have decided."""
SUPERSEDED = "superseded"
"""Start of the reason for which a gate closed a batch whose answers are no longer those of its evaluation."""

_SIDES = (LEFT, TIE, RIGHT)
_STORED = (FIRST, TIE, SECOND)
"""What a preference is stored as; it counts for 1, a half and 0."""


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """One of the values that a label may have: a whole number on a scale; "left", "tie" or "right" of a pair.

    It counts for its score, in [0, 1]; None where it counts for nothing.
    """

    value: Value
    meaning: str
    score: float | None


PREFERENCES = tuple(
    LabelChoice(side, meaning, None)
    for side, meaning in zip(_SIDES, ("left is better", "neither", "right is better"), strict=True)
)


@dataclass(frozen=True, slots=True)
class Form:
    """The question that a reviewer answers about an item: a value on a scale, or which of two answers is better.

    Attributes:
        criteria: what a good answer is, as the judge is told; `guidelines` are for reviewers alone; Markdown both.
        choices: the values of a scale, the lowest first; of a preference `PREFERENCES`, as it is seen.
        rubric: digest of the rubric file that this comes from, or None.
    """

    kind: FormKind
    title: str
    criteria: str = ""
    guidelines: str = ""
    choices: tuple[LabelChoice, ...] = ()
    rubric: str | None = None

    @property
    def is_pair(self) -> bool:
        """True where two answers are compared."""
        return self.kind == "preference"

    def read(self, value: Any, *, swapped: bool = False) -> tuple[Value, float | None]:
        """A reviewer's value as it is stored, and the score that it counts for; a LabelError where there is no such.

        A preference is stored as "first", "second" or "tie", in the order of the item's answers, whichever side each
        was shown on: the second on the left where they were `swapped`.

        >>> Form("preference", "Better answer", choices=PREFERENCES).read("left", swapped=True)
        ('second', 0.0)
        """
        known = [each for each in self.choices if each.value == value and type(each.value) is type(value)]
        if not known:
            values = ", ".join(str(choice.value) for choice in self.choices)
            numbers = "" if self.is_pair else ", whole numbers"
            raise LabelError(f"The label {shortened(value)} is none of this item's; those are {values}{numbers}.")
        if not self.is_pair:
            return known[0].value, known[0].score
        place = _SIDES.index(str(value))
        place = 2 - place if swapped else place
        return _STORED[place], 1 - place / 2

    def shown(self, value: Value, *, swapped: bool = False) -> Value:
        """A stored value as the reviewer gave it: the inverse of `read`.

        >>> Form("preference", "Better answer", choices=PREFERENCES).shown("second", swapped=True)
        'left'
        """
        if not self.is_pair:
            return value
        return _SIDES[:: -1 if swapped else 1][_STORED.index(str(value))]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer under review, with where it comes from, which no reviewer is shown.

    Attributes:
        text: what a version wrote, and then, from `calls_from` on, the tools that it called, in words.
        sample_key, sample_index: under which the store keeps the sample, and which of the case's repeated ones it is.
    """

    text: str
    version: str | None = None
    fingerprint: str | None = None
    sample_key: bytes | None = None
    sample_index: int = 0
    calls_from: int | None = None

    @property
    def parts(self) -> tuple[str, str]:
        """The text that the version wrote, and its calls in words."""
        written = self.text[: self.calls_from]
        return written, self.text[len(written) :].lstrip("\n")


@dataclass(frozen=True, slots=True)
class Item:
    """One answer, or two to compare, with all that reviewing it takes.

    Attributes:
        id: random, so that it tells nothing.
        answers: one, or two of which the first is the candidate's.
        reference: a right answer that reviewers are shown, or None.
        wanted: how many reviewers are to label it (the overlap).
        position: which draw brought it, from 0; items are offered in this order.
        probability: with which it was drawn when its turn came, in (0, 1].
        judge_score: what a judge or a check gave it, in [0, 1]: of a pair 1 where the first answer won; or None.
        draw: what else the drawing settled and the decision needs, as JSON takes it.
    """

    id: str
    batch_id: str
    case_id: str
    messages: Messages
    answers: tuple[Answer, ...]
    reference: str | None = None
    wanted: int = 1
    position: int = 0
    probability: float = 1.0
    judge_score: float | None = None
    draw: Mapping[str, Any] | None = None

    def redacted(self, *, swapped: bool) -> Item:
        """The item without all that could sway a label, its answers from left to right."""
        answers = tuple(Answer(each.text, calls_from=each.calls_from) for each in self.answers)
        answers = answers[:: -1 if swapped else 1]
        return Item(self.id, self.batch_id, self.case_id, self.messages, answers, self.reference, self.wanted)


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that were added together: of one evaluation, all answered by one form.

    Attributes:
        run_id: the run that they come from; None for items of a file.
        source: of a batch that a gate decides by, its `key`, `mode`, `questions`, `roles`, …, as JSON takes it.
        closed: when it was closed, in epoch seconds, and `closed_reason` why; None while its items are offered.
    """

    id: str
    created: float
    evaluation_id: str
    form: Form
    metric: str = "score"
    run_id: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    closed: float | None = None
    closed_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A reviewer's hold on an item, until it expires or is ended by what the reviewer says. `swapped` tells whether the
    second answer of a pair is shown on the left.
    """

    id: str
    item_id: str
    reviewer: str
    task: Task
    swapped: bool
    begun: float
    expires: float


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a reviewer did with an item. Events are added, never changed.

    Attributes:
        number: rises with every event; 0 of one that is not stored yet.
        key: chosen by who submits it, once for each press of a key: sent again, it is the same event.
        value: of a label, as stored (see `Form.read`), which counts for `score`; None for others.
        lease_id: under which it was given; None for labels of a file.
        undoes: the number of the event that this one takes back.
    """

    number: int
    kind: EventKind
    item_id: str
    reviewer: str
    time: float
    key: str
    value: Value | None = None
    score: float | None = None
    note: str = ""
    swapped: bool = False
    lease_id: str | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of an item, which follows from its events.

    Attributes:
        state: "open" (labels are wanted), "done", "disputed" (labels differ) or "flagged", the last two until
            somebody adjudicates; "excluded" where an adjudicator found that nothing can be said of it.
        n_labels: labels of different reviewers that are in force.
        value, score: the label that counts, of an item that is done.
    """

    state: ItemState
    n_labels: int
    value: Value | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who reviews: "annotator" labels, "adjudicator" also settles what labels differ in, "admin" may do
    everything. `disabled` says since when nothing any more.
    """

    name: str
    role: ReviewerRole
    created: float
    disabled: float | None = None
