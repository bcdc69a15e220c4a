"""Batches, items and events of the review queue as rows, and back.

An item's standing is worked out from its events alone, in the transaction that adds one, so that neither can be without
the other.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, text, update

from harness.errors import UnknownItemError
from harness.records.review import Answer, Batch, Event, Form, FormQuestion, Item, LabelChoice, Standing
from harness.store.database import Database
from harness.store.review.events import fold
from harness.store.samples import StoreTables, chunks
from harness.store.schema import batches, dumps, events, items

_PAGE = 500
_QUEUE_LOCK = 0x5734E2
EVENT = [events.c[field.name] for field in fields(Event)]
_EVENTS_OF = select(*EVENT).where(events.c.item_id == bindparam("of")).order_by(events.c.number)
_BATCH = select(batches).where(batches.c.id == bindparam("of"))
_ITEM = select(items).where(items.c.id == bindparam("of"))
_TERMS = select(batches.c.form, items.c.wanted).join(items, items.c.batch_id == batches.c.id)
_TERMS = _TERMS.where(items.c.id == bindparam("of"))
_INSERT = events.insert().returning(events.c.number)
_SETTLE = update(items).where(items.c.id == bindparam("of"))
_undos = events.alias()


def count_of(*conditions: ColumnElement[bool]) -> Any:
    """Make a subquery that counts the rows that meet the conditions, one item at a time.

    Without statistics of a young table Postgres would make a join of an `EXISTS`, and read all that a reviewer said for
    each item.
    """
    return select(func.count()).where(*conditions).scalar_subquery()


IN_FORCE = and_(
    events.c.kind != "undo", count_of(_undos.c.item_id == events.c.item_id, _undos.c.undoes == events.c.number) == 0
)
"""Holds of an event that nobody took back."""


class ItemTables(StoreTables):
    """The batches and items, and what was said of them.

    All that changes the queue takes its turn: on SQLite by the write lock that a transaction holds from its start, on
    Postgres by an advisory lock, within a process by a lock that is handed on without naps. So what a call has read is
    still true when it writes, no item is given twice, and a call that dies half-way leaves nothing.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._turn = threading.RLock()

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """The transaction of one turn; within another turn of its thread it is that one."""
        with self._turn, self._database.write() as connection:
            if not self._database.is_sqlite:
                # Compiling the search for the next item takes Postgres a hundred times as long as the search.
                lock = f"SELECT set_config('jit', 'off', true), pg_advisory_xact_lock({_QUEUE_LOCK})"
                connection.execute(text(lock))
            yield connection

    def batches(self) -> list[Batch]:
        """All batches, the oldest first."""
        return list(map(_batch, self._database.rows(select(batches).order_by(batches.c.created, batches.c.id))))

    def batch(self, batch_id: str) -> Batch:
        """The batch of this id. Raises an UnknownItemError where there is none."""
        for row in self._database.rows(_BATCH, of=batch_id):
            return _batch(row)
        raise UnknownItemError(
            f"There is no batch {batch_id!r} in the review queue; `steelyard review status` lists them."
        )

    def add_batch(self, batch: Batch, added: Sequence[Item]) -> None:
        """Add a batch with its items, which are open."""
        with self.turn() as connection:
            row = {name: getattr(batch, name) for name in Batch.__slots__}
            row |= {"form": dumps(asdict(batch.form)), "source": dumps(batch.source)}
            connection.execute(batches.insert(), row)
            self._add(connection, added)

    def extend(self, batch_id: str, added: Sequence[Item]) -> bool:
        """Add items after the last of a batch, and tell whether that was done: not where others added some."""
        with self.turn() as connection:
            self.batch(batch_id)
            query = select(func.count()).select_from(items).where(items.c.batch_id == batch_id)
            if not added or connection.scalar(query) != added[0].position:
                return False
            self._add(connection, added)
        return True

    def _add(self, connection: Connection, added: Sequence[Item]) -> None:
        for page in chunks(added):
            connection.execute(items.insert(), [_item_row(item) for item in page])

    def find_or_add(self, batch: Batch) -> Batch:
        """The batch with the key of this one, the oldest if there are several; else this one, which is added without
        items. Two gates that ask for the same answers to be reviewed at once have one batch.
        """
        with self.turn():
            known = [each for each in self.batches() if each.source.get("key") == batch.source["key"]]
            if not known:
                self.add_batch(batch, [])
        return known[0] if known else batch

    def set_closed(self, batch_id: str, closed: float | None, reason: str | None = None) -> None:
        """Stop offering a batch's items, or (None) offer them again; leases that are held may still be used."""
        self._change(batch_id, closed=closed, closed_reason=reason)

    def set_source(self, batch_id: str, run_id: str, source: Mapping[str, Any]) -> None:
        """Let a batch be decided by another run of the same samples."""
        self._change(batch_id, run_id=run_id, source=dumps(source))

    def _change(self, batch_id: str, **changed: Any) -> None:
        with self.turn() as connection:
            self.batch(batch_id)
            connection.execute(update(batches).where(batches.c.id == batch_id).values(changed))

    def item(self, item_id: str) -> Item:
        """The item of this id. Raises an UnknownItemError where there is none."""
        return _item(self._row_of(item_id))

    def standing(self, item_id: str) -> Standing:
        """Give the standing of an item."""
        return _standing(self._row_of(item_id))

    def _row_of(self, item_id: str) -> Any:
        for row in self._database.rows(_ITEM, of=item_id):
            return row
        raise _no_item(item_id)

    def terms(self, item_id: str) -> tuple[Form, int]:
        """By what form an item is labelled, and by how many reviewers."""
        for row in self._database.rows(_TERMS, of=item_id):
            return _form(row.form), row.wanted
        raise _no_item(item_id)

    def items(self, batch_id: str) -> list[Item]:
        """The items of a batch in the order in which they are offered."""
        return self.items_and_standings(batch_id)[0]

    def items_and_standings(self, batch_id: str) -> tuple[list[Item], dict[str, Standing]]:
        """The items of a batch in the order in which they are offered, and the standing of each by its id."""
        rows = self._database.rows(select(items).where(items.c.batch_id == batch_id).order_by(items.c.position))
        return list(map(_item, rows)), {row.id: _standing(row) for row in rows}

    def events(self, *, batch_id: str | None = None, item_id: str | None = None) -> list[Event]:
        """All events of a batch or an item, in the order in which they happened."""
        if batch_id is None:
            return list(map(read_event, self._database.rows(_EVENTS_OF, of=item_id)))
        query = select(*EVENT).join(items, items.c.id == events.c.item_id).where(items.c.batch_id == batch_id)
        return list(map(read_event, self._database.rows(query.order_by(events.c.number))))

    def event_of(self, reviewer: str, *where: ColumnElement[bool]) -> Event | None:
        """The last event of a reviewer that is of some kind."""
        query = select(*EVENT).where(events.c.reviewer == reviewer, *where).order_by(events.c.number.desc()).limit(1)
        return next(map(read_event, self._database.rows(query)), None)

    def last_event(self) -> int:
        """The number of the newest event; 0 where there is none."""
        return self._database.values(select(func.max(events.c.number)))[0] or 0

    def touched(self, since: int) -> list[str]:
        """The batches in which something happened after an event."""
        query = select(items.c.batch_id).join(events, events.c.item_id == items.c.id).where(events.c.number > since)
        return self._database.values(query.distinct().order_by(items.c.batch_id))

    def add_event(self, event: Event, wanted: int | None = None) -> tuple[Event, Standing]:
        """Add an event, which gets its number, and bring its item's standing up to date."""
        with self.turn() as connection:
            row = {**asdict(event), "value": _json(event.value), "details": _json(event.details or None)}
            del row["number"]
            number = connection.execute(_INSERT, row).scalar_one()
            standing = fold(self.events(item_id=event.item_id), wanted or self.terms(event.item_id)[1])
            changed = {**asdict(standing), "value": _json(standing.value)}
            connection.execute(_SETTLE, {**changed, "of": event.item_id})
        return replace(event, number=number), standing


def _no_item(item_id: str) -> UnknownItemError:
    return UnknownItemError(f"There is no item {item_id[:80]!r} in the review queue.")


def _form(text: str) -> Form:
    form = json.loads(text)
    form["questions"] = tuple(FormQuestion(each["title"], tuple(each["choices"])) for each in form.get("questions", ()))
    return Form(**{**form, "choices": tuple(LabelChoice(**choice) for choice in form["choices"])})


def _batch(row: Any) -> Batch:
    return Batch(**{**row._mapping, "form": _form(row.form), "source": json.loads(row.source)})


_OF_ITEM = ("id", "batch_id", "position", "case_id", "wanted", "probability", "judge_score")


def _item_row(item: Item) -> dict[str, Any]:
    content = {
        "messages": item.messages,
        "answers": [answer.text for answer in item.answers],
        "reference": item.reference,
    }
    answers = [
        {**asdict(answer), "text": None, "sample_key": answer.sample_key and answer.sample_key.hex()}
        for answer in item.answers
    ]
    row = {name: getattr(item, name) for name in _OF_ITEM}
    row |= {"content": dumps(content), "origin": dumps({"answers": answers, "draw": item.draw})}
    return row | asdict(Standing("open", 0))


def _item(row: Any) -> Item:
    content, origin = json.loads(row.content), json.loads(row.origin)
    answers = []
    for text_, from_ in zip(content["answers"], origin["answers"], strict=True):
        key = from_["sample_key"]
        answers.append(Answer(**{**from_, "text": text_, "sample_key": None if key is None else bytes.fromhex(key)}))
    return Item(
        **{name: row._mapping[name] for name in _OF_ITEM},
        messages=tuple(content["messages"]),
        answers=tuple(answers),
        reference=content["reference"],
        draw=origin["draw"],
    )


def _standing(row: Any) -> Standing:
    return Standing(row.state, row.n_labels, None if row.value is None else json.loads(row.value), row.score)


def read_event(row: Any) -> Event:
    """The event of a row."""
    read = {name: json.loads(row._mapping[name] or "null") for name in ("value", "details")}
    return Event(**{**row._mapping, **read, "details": read["details"] or {}})


def _json(value: Any) -> str | None:
    return None if value is None else dumps(value)
