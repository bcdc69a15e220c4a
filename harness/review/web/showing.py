"""Items as HTML: what a reviewer sees of one, and the choices with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.records.review import BAD, LEFT, RIGHT, TIE, Event, Form, Item, Value
from harness.records.tool_calls import calls_written, read_calls, words_of
from harness.review.queue import KnownItem, View
from harness.review.web.markdown import SHOWN, is_blank, readable
from harness.store.review.events import counting
from harness.store.review.store import BatchProgress, ReviewStore
from harness.store.review.turns import is_swapped

_MOST_COLUMNS = 5
_ROLES = {"system": "System", "user": "Prompt", "assistant": "Earlier answer", "tool": "A tool's result"}
_SIDES = {LEFT: "A is better", TIE: "both as good", RIGHT: "B is better", BAD: "both bad"}
_ACTS = {"label": "labelled", "skip": "skipped", "flag": "flagged", "adjudicate": "settled", "exclude": "excluded"}


class ChoiceButton(NamedTuple):
    """A choice as a button: `keys` that press it, as the browser names them; `hint`, the key as it is written on it."""

    value: Value
    name: str
    meaning: str
    keys: str
    hint: str


_PAIR = {
    LEFT: ChoiceButton(LEFT, "A", "is better", "ArrowLeft 1", "1 ←"),
    TIE: ChoiceButton(TIE, "Tie", "both as good", "2", "2"),
    RIGHT: ChoiceButton(RIGHT, "B", "is better", "ArrowRight 3", "3 →"),
    BAD: ChoiceButton(BAD, "Both bad", "counts as a tie", "4", "4"),
}


class Opinion(NamedTuple):
    """The opinion of a judge or a person on an item, with the passages that were marked."""

    who: str
    words: str
    note: str = ""
    marks: tuple[str, ...] = ()


def template_environment() -> Environment:
    """The templates, with what they call."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"readable": readable, "words": words_of, "lasting": lasting, "labels_of": labels_of}
    pages.filters |= {"read_calls": read_calls, "calls": lambda text: read_calls(calls_written(text))}
    pages.filters |= {"choices": shown_choices, "columns": columns, "in_words": in_words}
    pages.globals |= {"most_shown": SHOWN, "roles": _ROLES, "reviewer": None, "here": "", "csrf": ""}
    pages.tests["blank"] = is_blank
    return pages


def shown_choices(form: Form) -> list[ChoiceButton]:
    """The buttons of a form. A scale's values have their own digits where they have one, ten has 0."""
    if form.is_pair:
        return [_PAIR[str(choice.value)] for choice in form.choices]
    values, shown = [choice.value for choice in form.choices], []
    for choice in form.choices:
        name = str(choice.value)
        key = "0" if choice.value == 10 and 0 not in values else name if choice.value in range(10) else ""
        shown.append(ChoiceButton(choice.value, name, choice.meaning, key, hint="" if key == name else key))
    return shown


def columns(n_choices: int) -> int:
    """In how many columns choices stand where the screen is wide enough: at most 5, in rows of about as many each.

    >>> [columns(n_choices) for n_choices in (3, 5, 6, 9, 10, 11, 12)]
    [3, 5, 3, 5, 5, 4, 4]
    """
    return -(-n_choices // -(-n_choices // _MOST_COLUMNS))


def opinions_on(item: Item, form: Form, events: Sequence[Event]) -> list[Opinion]:
    """List what the judge said, and then people in the order of their words; of a pair, A is the candidate's answer."""
    judged = [] if item.judge_score is None else [Opinion("judge", _score_in_words(form, item.judge_score))]
    return judged + [_opinion(event, form, event.reviewer) for event in counting(events)]


def _opinion(event: Event, form: Form, who: str = "", *, swapped: bool = False) -> Opinion:
    details = form.read_details(event.details, swapped=swapped)
    words = _ACTS[event.kind] if event.value is None else value_in_words(form, form.shown(event.value, swapped=swapped))
    words += "".join(f", {title}: {answer}" for title, answer in details.get("answers", {}).items())
    words += ", which settles it" if event.kind == "adjudicate" else ""
    marks = (f"{'AB'[place]}: {text}" if form.is_pair else text for place, text in details.get("marks", ()))
    return Opinion(who, words, event.note, tuple(marks))


def _score_in_words(form: Form, score: float) -> str:
    """A judge's score as the form's value that counts for as much, where there is one."""
    if form.is_pair:
        side = {1.0: LEFT, 0.5: TIE, 0.0: RIGHT}.get(score)
        return value_in_words(form, side) if side else f"{score:.3g}, of 1 for A"
    same = [str(choice.value) for choice in form.choices if choice.score == score]
    return f"{same[0]} (counts {score:.3g})" if same else f"counts {score:.3g}"


def in_dispute(review: ReviewStore, view: View, reviewer: str) -> list[Opinion]:
    """List what people said of an item that `reviewer` adjudicates, on the sides on which this one sees the answers.

    Nobody's name is in it, and of an item that is to be labelled there is nothing.
    """
    if view.task != "adjudicate":
        return []
    swapped = is_swapped(view.item.id, reviewer)
    events = counting(review.events(item_id=view.item.id))
    return [_opinion(event, view.form, swapped=swapped) for event in events if event.kind in ("flag", "label")]


def in_words(event: Event, form: Form) -> str:
    """An event as its reviewer is told of it: "labelled 4"."""
    opinion = _opinion(replace(event, kind="label"), form, swapped=event.swapped)
    return f"{_ACTS[event.kind]} {opinion.words}" if event.value is not None else _ACTS[event.kind]


def value_in_words(form: Form, value: Value) -> str:
    """A label in words.

    >>> value_in_words(Form("preference", "Better answer"), "left")
    'A is better'
    """
    return _SIDES.get(str(value), str(value)) if form.is_pair else str(value)


def compared(known: KnownItem, value: str) -> str:
    """Say how a label of practice stands beside the known one."""
    form, words = known.view.form, value_in_words(known.view.form, known.value)
    return f"{words}, as you said" if value == str(known.value) else f"{words}; you said {value_in_words(form, value)}"


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
    """Count the labels of a reviewer that are in."""
    return sum(each.labels for batch in batches for each in batch.reviewers if each.reviewer == reviewer)
