"""Items as HTML: what a reviewer sees of one, and the choices with their keys."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.records.review import LEFT, MOST_TEXT, RIGHT, TIE, Event, Form, Value
from harness.records.tool_calls import with_calls
from harness.review.agreement import CUT
from harness.review.progress import BatchProgress
from harness.review.views import RevealedItem, View
from harness.review.web.text import SHOWN_AT_FIRST, beginning, further, is_blank, readable
from harness.store.review.events import in_force
from harness.store.review.leases import is_swapped
from harness.store.review.store import ReviewStore

_FOLDER = Path(__file__).parent / "templates"
_MOST_COLUMNS = 5
_ROLES = {"system": "System", "user": "Prompt", "assistant": "Earlier answer", "tool": "Tool"}
_PAIR = (
    (LEFT, "A", "is better", "ArrowLeft 1", "1 ←"),
    (TIE, "Neither", "no difference that counts", "2", "2"),
    (RIGHT, "B", "is better", "ArrowRight 3", "3 →"),
)
_SEEN = {LEFT: "A is better", TIE: "neither", RIGHT: "B is better"}


@dataclass(frozen=True, slots=True)
class ChoiceButton:
    """A choice as a button.

    Attributes:
        keys: the names of the keys that press it, as the browser names them, with spaces between.
        hint: the key as it is written on the button.
    """

    value: Value
    name: str
    meaning: str
    keys: str
    hint: str


@dataclass(frozen=True, slots=True)
class DisputedLabel:
    """What a reviewer said of an item in dispute."""

    said: str
    note: str


def environment() -> Environment:
    """The templates, with what they call."""
    loader = FileSystemLoader(_FOLDER)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {
        "readable": readable,
        "beginning": beginning,
        "further": further,
        "words": words_of,
        "lasting": lasting,
    }
    pages.filters |= {"labels_of": labels_of}
    pages.globals |= {"shown_at_first": SHOWN_AT_FIRST, "most_text": MOST_TEXT, "roles": _ROLES, "reviewer": None}
    pages.globals |= {"here": "", "csrf": ""}
    pages.tests["blank"] = is_blank
    return pages


def item_json(pages: Environment, view: View, disputed: Sequence[DisputedLabel] = ()) -> dict[str, Any]:
    """An item as the browser gets it: its lease, the seconds that are left of it, and its HTML."""
    choices = shown_choices(view.form)
    html = pages.get_template("_item.html").render(
        view=view,
        choices=choices,
        columns=columns(len(choices)),
        wordy=any(each.meaning for each in choices),
        disputed=disputed,
    )
    return {"lease": view.lease_id, "expires_in_s": max(0.0, view.expires - time.time()), "html": Markup(html)}


def shown_choices(form: Form) -> list[ChoiceButton]:
    """The buttons of a form; none where a text is asked for.

    A scale's values have their own digits where they have one, ten has 0; categories are numbered.
    """
    if form.is_pair:
        return [ChoiceButton(*each) for each in _PAIR]
    values = [choice.value for choice in form.choices]
    shown = []
    for number, choice in enumerate(form.choices, start=1):
        key = _key(choice.value, number, values)
        name = str(choice.value)
        shown.append(ChoiceButton(choice.value, name, choice.meaning, key, hint="" if key == name else key))
    return shown


def columns(n_choices: int) -> int:
    """In how many columns choices stand where the screen is wide enough: at most 5, in rows of about as many each.

    >>> [columns(n_choices) for n_choices in (0, 3, 5, 6, 9, 10, 11, 12)]
    [1, 3, 5, 3, 5, 5, 4, 4]
    """
    return -(-n_choices // -(-n_choices // _MOST_COLUMNS)) if n_choices else 1


def _key(value: Value, number: int, values: Sequence[Value]) -> str:
    digit = value if isinstance(value, int) else number
    if digit == 10 and 0 not in values:
        return "0"
    return str(digit) if 0 <= digit <= 9 else ""


@dataclass(frozen=True, slots=True)
class SaidBy:
    """What a judge or a person said of an item that is settled."""

    who: str
    said: str
    note: str = ""


def said_of(known: RevealedItem, form: Form, happened: Sequence[Event]) -> list[SaidBy]:
    """What the judge said, and then people in the order in which they did; of a pair, A is the candidate's answer."""
    told = []
    if known.judge_score is not None:
        told.append(SaidBy("judge", _score_in_words(form, known.judge_score)))
    for event in in_force(happened):
        words = {"flag": "flagged", "skip": "skipped", "exclude": "excluded"}.get(event.kind, "")
        if event.value is not None:
            words = said_value(form, form.shown(event.value))
            words += ", which settles it" if event.kind == "adjudicate" else ""
        told.append(SaidBy(event.reviewer, words, event.note))
    return told


def _score_in_words(form: Form, score: float) -> str:
    """A judge's score as the form's value that counts for as much, where there is one."""
    if form.is_pair:
        seen = {1.0: LEFT, 0.5: TIE, 0.0: RIGHT}.get(score)
        return said_value(form, seen) if seen else f"{score:.3g}, of 1 for A"
    same = [str(choice.value) for choice in form.choices if choice.score == score]
    return f"{same[0]} (counts {score:.3g})" if same else f"counts {score:.3g}"


def right_values(form: Form) -> str:
    """The values of a form that count as right where scores are cut, in words; nothing of a pair or a text."""
    values = [str(choice.value) for choice in form.choices if choice.score is not None and choice.score >= CUT]
    return " or ".join(values)


def in_dispute(review: ReviewStore, view: View, reviewer: str) -> list[DisputedLabel]:
    """What people said of an item that `reviewer` adjudicates, on the sides on which this one sees the answers.

    Nobody's name is in it, and of an item that is to be labelled there is nothing.
    """
    if view.task != "adjudicate":
        return []
    swapped = is_swapped(view.item_id, reviewer)
    events = in_force(review.events(item_id=view.item_id))
    return [_said(event, view.form, swapped=swapped) for event in events if event.kind in ("label", "flag")]


def _said(event: Event, form: Form, *, swapped: bool) -> DisputedLabel:
    if event.kind == "flag" or event.value is None:
        return DisputedLabel("flagged", event.note)
    return DisputedLabel(said_value(form, form.shown(event.value, swapped=swapped)), event.note)


def said_value(form: Form, value: Value) -> str:
    """A label in words.

    >>> said_value(Form("preference", "Better answer"), "left")
    'A is better'
    """
    return _SEEN.get(str(value), str(value)) if form.is_pair else str(value)


def text_of(view: View, name: str) -> str | None:
    """A text of an item by the name that the page gives it; None where it has none of this name."""
    texts = {f"answer-{number}": answer for number, answer in enumerate(view.answers)}
    texts |= {f"calls-{number}": calls for number, calls in enumerate(view.calls)}
    texts |= {f"message-{number}": words_of(message) for number, message in enumerate(view.messages)}
    if view.reference is not None:
        texts["reference"] = view.reference
    return texts.get(name)


def words_of(message: Mapping[str, Any]) -> str:
    """What a message says, with the tools that it calls; parts that are no text as JSON."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    shown = [_part(part) for part in parts if part is not None]
    return with_calls("\n\n".join(shown), message.get("tool_calls"))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type") == "text":
        return str(part.get("text", ""))
    return json.dumps(part, ensure_ascii=False, indent=2)


def lasting(seconds: float) -> str:
    """A duration for people.

    >>> lasting(40), lasting(5000)
    ('about a minute', 'about 83 minutes')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 120:
        return f"about {minutes / 60:.0f} hours"
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def labels_of(batches: Sequence[BatchProgress], reviewer: str) -> int:
    """How many labels of a reviewer are in."""
    return sum(each.labels for batch in batches for each in batch.reviewers if each.reviewer == reviewer)
