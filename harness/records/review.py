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
LEFT, TIE, RIGHT, BAD = "left", "tie", "right", "bad"
FIRST, SECOND = "first", "second"
FINAL_STATES: tuple[ItemState, ...] = ("done", "excluded")
"""The states of items that nobody is asked about any more."""
DECIDED = "decided"
"""Start of the reason for which a gate closed a batch that labels have decided."""
SUPERSEDED = "superseded"
"""Start of the reason for which a gate closed a batch whose answers are no longer those of its evaluation."""

PREFERENCE_SCORES = {FIRST: 1.0, TIE: 0.5, BAD: 0.5, SECOND: 0.0}
"""The scores that stored preferences count for: that both answers are bad is a tie."""
_MOST_MARKS, _LONGEST_MARK = 20, 2_000


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """One of the values that a label may have: a whole number on a scale; "left", "tie", "right" or "bad" of a pair.

    It counts for its score, in [0, 1]; None where it counts for nothing.
    """

    value: Value
    meaning: str
    score: float | None


PREFERENCES = tuple(
    LabelChoice(side, meaning, None)
    for side, meaning in (
        (LEFT, "left is better"),
        (TIE, "both as good"),
        (RIGHT, "right is better"),
        (BAD, "both bad, a tie"),
    )
)


@dataclass(frozen=True, slots=True)
class FormQuestion:
    """A question that is asked beside the one that decides. `choices` are its answers, the lowest first."""

    title: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """The question that decides about an item: a value on a scale, or which of two answers is better.

    Attributes:
        criteria: what a good answer is, as the judge is told; `guidelines` are for reviewers alone; Markdown both.
        choices: the values of a scale, the lowest first; of a preference `PREFERENCES`, as it is seen.
        rubric: digest of the rubric file that this comes from, or None.
        questions: what is asked beside it, and decides nothing.
    """

    kind: FormKind
    title: str
    criteria: str = ""
    guidelines: str = ""
    choices: tuple[LabelChoice, ...] = ()
    rubric: str | None = None
    questions: tuple[FormQuestion, ...] = ()

    @property
    def is_pair(self) -> bool:
        """True where two answers are compared."""
        return self.kind == "preference"

    def read(self, value: Any, *, swapped: bool = False) -> tuple[Value, float | None]:
        """A reviewer's value as it is stored, and the score that it counts for; a LabelError where there is no such.

        A preference is stored as "first", "second", "tie" or "bad", in the order of the item's answers, whichever side
        each was shown on: the second on the left where they were `swapped`.

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
        stored = _sides(swapped).get(str(value), value)
        return stored, PREFERENCE_SCORES[str(stored)]

    def shown(self, value: Value, *, swapped: bool = False) -> Value:
        """A stored value as the reviewer gave it: the inverse of `read`.

        >>> Form("preference", "Better answer", choices=PREFERENCES).shown("second", swapped=True)
        'left'
        """
        if not self.is_pair:
            return value
        return {stored: side for side, stored in _sides(swapped).items()}.get(str(value), value)

    def read_details(self, details: Mapping[str, Any], *, swapped: bool = False) -> dict[str, Any]:
        """Return what a label says beside its value, as it is stored: `answers` by questions' titles, and `marks`.

        A mark is a passage with the place of its answer, as it was seen; by it this is its own inverse.

        Raises:
            LabelError: an answer to no question of the form or none of its choices, or too many marks.
        """
        answers, known = dict(details.get("answers") or {}), {each.title: each.choices for each in self.questions}
        for title, answer in answers.items():
            if answer not in known.get(title, ()):
                options = (
                    f"{shortened(title)} has the answers {', '.join(known[title])}"
                    if title in known
                    else (f"the form asks {', '.join(known) or 'nothing else'}")
                )
                raise LabelError(f"The answer {shortened(answer)} to {shortened(title)} is not in the form: {options}.")
        marks = [list(each) for each in details.get("marks") or ()]
        if len(marks) > _MOST_MARKS or any(len(text) > _LONGEST_MARK for _, text in marks):
            raise LabelError(f"At most {_MOST_MARKS} passages of {_LONGEST_MARK:,} characters can be marked.")
        if any(place not in range(1 + self.is_pair) for place, _ in marks):
            raise LabelError("A mark is in an answer that the item does not have.")
        marks = [[1 - place if swapped and self.is_pair else place, text] for place, text in marks]
        return {name: value for name, value in (("answers", answers), ("marks", marks)) if value}


def _sides(swapped: bool) -> dict[str, str]:
    """The stored preference of each side."""
    return {LEFT: SECOND, RIGHT: FIRST} if swapped else {LEFT: FIRST, RIGHT: SECOND}


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
        details: of a label, what it says beside its value (see `Form.read_details`).
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
    details: Mapping[str, Any] = field(default_factory=dict)


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
