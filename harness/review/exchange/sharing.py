"""The items as a file holds them, and the way there and back."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from harness.errors import LabelError, ReviewerError, ReviewFileError, UnknownItemError
from harness.records.review import Answer, Batch, Event, Form, Item, Value
from harness.store.review.events import SETTLING, counting, in_force
from harness.store.review.reviewers import check_name
from harness.store.review.store import ReviewStore
from harness.store.review.turns import is_swapped

_NOBODY = ""
"""For whom the order of a pair in a file is drawn."""


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A label in a file; of a pair "left", "tie", "right" or "bad", as the answers stand there.

    Attributes:
        time: epoch seconds; 0 for now.
        answers, marks: what it says beside its value: see `Form.read_details`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    value: Value
    reviewer: str = ""
    note: str = ""
    time: Annotated[float, Field(ge=0, le=253_402_300_799)] = 0.0  # no calendar goes beyond the year 9999
    adjudicated: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SharedExclusion:
    """The exclusion of an item in a file: the adjudicator, the reason, and the time in epoch seconds."""

    reviewer: str
    reason: str
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class SharedItem:
    """An item in a file, with what reviewers see of it, of two answers the left one first.

    Attributes:
        item: its id.
        excluded: where the item was excluded; an import leaves it to the file, as it does what is hidden.
        hidden: what unblinds: `versions`, `judge_score`, `probability`, … as JSON takes it; None in a blind file.
        place: where in the file it was read, such as "Line 3"; empty where it was not.
    """

    __pydantic_config__ = ConfigDict(strict=True)

    item: Annotated[str, Field(pattern="^[!-~]{1,32}$")]
    evaluation: str
    case: str
    form: Form
    messages: tuple[Mapping[str, Any], ...]
    answers: tuple[str, ...]
    reference: str | None = None
    wanted: Annotated[int, Field(ge=1, le=50)] = 1
    labels: tuple[GivenLabel, ...] = ()
    excluded: SharedExclusion | None = None
    hidden: Mapping[str, Any] | None = None
    place: str = field(default="", compare=False)


def exported(review: ReviewStore, batch: Batch, *, unblind: bool) -> list[SharedItem]:
    """The items of a batch for a file; `unblind` adds labels, exclusions, versions, judge scores and the drawing."""
    events: dict[str, list[Event]] = {}
    for event in counting(review.events(batch_id=batch.id)) if unblind else ():
        events.setdefault(event.item_id, []).append(event)
    return [_shared(item, batch, events.get(item.id, ()), unblind=unblind) for item in review.items(batch.id)]


def _shared(item: Item, batch: Batch, events: Sequence[Event], *, unblind: bool) -> SharedItem:
    """An item with its events in force, of which the last adjudication or exclusion settles it."""
    swapped, form = is_swapped(item.id, _NOBODY), batch.form
    answers = item.answers[:: -1 if swapped else 1]
    last = next((event for event in reversed(events) if event.kind in SETTLING), None)
    hidden = {
        "batch": batch.id,
        "run": batch.run_id,
        "metric": batch.metric,
        **{name: getattr(item, name) for name in ("position", "probability", "judge_score", "draw")},
        "versions": [answer.version for answer in answers],
        "fingerprints": [answer.fingerprint for answer in answers],
        "samples": [answer.sample_index for answer in answers],
        "sample_keys": [answer.sample_key and answer.sample_key.hex() for answer in answers],
    }
    labels = []
    for each in events:
        if each.value is not None:
            value, details = form.shown(each.value, swapped=swapped), form.read_details(each.details, swapped=swapped)
            marks = tuple((place, text) for place, text in details.get("marks", ()))
            given = GivenLabel(value, each.reviewer, each.note, each.time, each.kind != "label")
            labels.append(replace(given, answers=details.get("answers", {}), marks=marks))
    return SharedItem(
        item.id,
        batch.evaluation_id,
        item.case_id,
        form,
        item.messages,
        tuple(answer.text for answer in answers),
        item.reference,
        item.wanted,
        tuple(labels),
        SharedExclusion(last.reviewer, last.note, last.time) if last and last.kind == "exclude" else None,
        hidden if unblind else None,
    )


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The numbers of what an import brought: new batches, their items, and labels that were not there yet."""

    batches: int
    items: int
    labels: int


def import_items(review: ReviewStore, shared: Sequence[SharedItem], now: float) -> ImportSummary:
    """Bring in the labels of known items, and unknown items as new batches with theirs.

    All is checked before the first is stored, and all or nothing is. Of each reviewer the newest label of an item
    counts; one without a time is newer than all before it. It is brought in where it differs from the newest that is
    there, so that importing the same file again brings nothing.

    Raises:
        ReviewFileError: a label that is none of its item's, an item without an answer, or one that the queue knows with
            another form, answer or case; with the item.
    """
    known, new = _split(review, shared)
    labels = [_label(each, label) for each in shared for label in each.labels]
    groups: dict[tuple[str, Form], list[SharedItem]] = {}
    for each in new:
        groups.setdefault((each.evaluation, each.form), []).append(each)
    added = []
    for number, ((evaluation_id, form), members) in enumerate(groups.items()):
        batch = Batch(secrets.token_hex(4), now + number * 1e-6, evaluation_id, form, source={"imported": True})
        added.append((batch, [_item(each, batch.id, position) for position, each in enumerate(members)]))
    newest = {_giver(label): label for label in sorted(labels, key=lambda label: label.time)}
    last = {_giver(event): event for events in known.values() for event in in_force(events)}
    words = [(label, last.get(giver)) for giver, label in newest.items()]
    kept = [_after(before, label, now) for label, before in words if before is None or _is_newer(label, before)]
    return ImportSummary(len(added), len(new), review.import_labels(kept, now, added))


def _split(review: ReviewStore, shared: Iterable[SharedItem]) -> tuple[dict[str, list[Event]], list[SharedItem]]:
    """The events of the items that the queue has, and the items that it has not."""
    known: dict[str, list[Event]] = {}
    new: dict[str, SharedItem] = {}
    for each in shared:
        if each.item in new:
            raise ReviewFileError(
                f"{_where(each)} is the id of another new item of the file ({new[each.item].place or 'above'}). "
                "Give each an id of its own, and an item that several people labelled all its labels in one place."
            )
        try:
            item = review.item(each.item)
            _check_same(each, item, review.batch(item.batch_id))
            known[each.item] = review.events(item_id=each.item)
        except UnknownItemError:
            if len(each.answers) != (2 if each.form.is_pair else 1):
                raise ReviewFileError(
                    f"{_where(each)} is not in the queue, and the file holds too little of it to add it."
                ) from None
            new[each.item] = each
    return known, list(new.values())


def _check_same(shared: SharedItem, item: Item, batch: Batch) -> None:
    """Check that a file has the case, answers and form that the queue has of an item: a label belongs to one text."""
    stored = item.answers[:: -1 if is_swapped(item.id, _NOBODY) else 1]
    for what, given, own in (
        ("case", _as_filed(shared.case), _as_filed(item.case_id)),
        ("answer", [*map(_as_filed, shared.answers)], [_as_filed(answer.text) for answer in stored]),
        ("form", shared.form, batch.form),
    ):
        if given != own:
            raise ReviewFileError(
                f"{_where(shared)}: its {what} in the file is not the one that batch {batch.id} has under this id. "
                "A label belongs to one text: export the batch again, and give labels in that file, the rest unchanged."
            )


def _as_filed(text: str) -> str:
    """A text without what a file or a spreadsheet changes: the ends of lines, and lone surrogates."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


def _where(shared: SharedItem) -> str:
    """An item for a message, with its place in the file."""
    return f"{shared.place}, item {shared.item}" if shared.place else f"Item {shared.item}"


def _item(shared: SharedItem, batch_id: str, position: int) -> Item:
    answers = map(Answer, shared.answers[:: -1 if is_swapped(shared.item, _NOBODY) else 1])
    shown = shared.case, shared.messages, tuple(answers), shared.reference, shared.wanted
    return Item(shared.item, batch_id, *shown, position=position)


def _label(shared: SharedItem, label: GivenLabel) -> Event:
    """A label as an event; one without a time is newer than any other."""
    swapped = is_swapped(shared.item, _NOBODY)
    try:
        value, score = shared.form.read(label.value, swapped=swapped)
        details = shared.form.read_details({"answers": label.answers, "marks": label.marks}, swapped=swapped)
        check_name(label.reviewer)
    except (LabelError, ReviewerError) as error:
        raise ReviewFileError(f"{_where(shared)}, label of {label.reviewer!r}: {error}") from None
    return Event(
        number=0,
        item_id=shared.item,
        reviewer=label.reviewer,
        kind="adjudicate" if label.adjudicated else "label",
        value=value,
        score=score,
        time=label.time or math.inf,
        key=f"import:{_digest(shared.item, asdict(label))}",
        note=label.note,
        swapped=swapped,
        details=details,
    )


def _giver(event: Event) -> tuple[str, str, str]:
    """Give what the labels share of which the newest counts."""
    return event.item_id, event.reviewer, event.kind


def _is_newer(label: Event, before: Event) -> bool:
    """Tell whether a reviewer said something else later, or at the same time in a file that was changed since."""
    is_other = label.value != before.value or (label.details and label.details != before.details)
    return bool(is_other) and label.time >= before.time


def _after(before: Event | None, label: Event, now: float) -> Event:
    """A label with its time, under a key of its own for each that it replaces: a reviewer may go back to an earlier."""
    key = label.key if before is None else f"import:{_digest(label.key, before.key)}"
    latest = now if before is None else max(now, before.time)
    return replace(label, time=latest if label.time == math.inf else label.time, key=key)


def _digest(*content: Any) -> str:
    return hashlib.blake2b(json.dumps(content).encode("ascii"), digest_size=16).hexdigest()
