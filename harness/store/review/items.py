"""Batches and items of the review queue as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from harness.errors import UnknownItemError
from harness.records.review import Answer, Batch, Form, Item, ItemState, LabelChoice, Standing
from harness.store.schema import codec
from harness.store.schema.review_tables import batches, items, standings

_ROWS = 500


def add_batch(connection: Connection, batch: Batch, added: Sequence[Item]) -> None:
    """Add a batch with its items, which are open."""
    names = ("id", "created", "evaluation_id", "metric", "run_id", "closed", "closed_reason")
    row: dict[str, Any] = {name: getattr(batch, name) for name in names}
    row |= {"form": codec.dumps(asdict(batch.form)), "source": codec.dumps(batch.source)}
    connection.execute(batches.insert(), row)
    _insert(connection, added)


def add_items(connection: Connection, batch_id: str, added: Sequence[Item]) -> list[Item]:
    """Add items to a batch, but for those whose position is taken; gives those that are new.

    Raises:
        UnknownItemError: there is no such batch.
    """
    find_batch(connection, batch_id)
    taken = set(connection.execute(select(items.c.position).where(items.c.batch_id == batch_id)).scalars())
    new = [item for item in added if item.position not in taken]
    _insert(connection, new)
    return new


def extend(connection: Connection, batch_id: str, added: Sequence[Item]) -> bool:
    """Add items after the last of a batch, and tell whether that was done: not where somebody else has added some.

    Raises:
        UnknownItemError: there is no such batch.
    """
    find_batch(connection, batch_id)
    query = select(func.count()).select_from(items).where(items.c.batch_id == batch_id)
    if not added or connection.execute(query).scalar_one() != added[0].position:
        return False
    add_items(connection, batch_id, added)
    return True


def find_or_add(connection: Connection, batch: Batch) -> Batch:
    """The batch with the key of this one, the oldest if there are several; else this one, which is added without items.

    Two gates that ask for the same answers to be reviewed at once have one batch.
    """
    key = batch.source["key"]
    known = next((each for each in list_batches(connection) if each.source.get("key") == key), None)
    if known is None:
        add_batch(connection, batch, [])
    return known or batch


def _insert(connection: Connection, added: Sequence[Item]) -> None:
    for start in range(0, len(added), _ROWS):
        page = added[start : start + _ROWS]
        connection.execute(items.insert(), [_item_row(item) for item in page])
        connection.execute(standings.insert(), [_first_standing(item) for item in page])


def _item_row(item: Item) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in ("id", "batch_id", "position", "case_id", "wanted", "probability")}
    content = {
        "messages": item.messages,
        "answers": [answer.text for answer in item.answers],
        "reference": item.reference,
    }
    answers = [
        {**asdict(answer), "text": None, "sample_key": answer.sample_key and answer.sample_key.hex()}
        for answer in item.answers
    ]
    origin = {"answers": answers, "draw": item.draw}
    return {
        **row,
        "judge_score": item.judge_score,
        "content": codec.dumps(content),
        "origin": codec.dumps(origin),
    }


def _first_standing(item: Item) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in ("batch_id", "position", "wanted")}
    return {**row, "item_id": item.id, "state": "open", "n_labels": 0, "value": None, "score": None}


def list_batches(connection: Connection) -> list[Batch]:
    """All batches, the oldest first."""
    return [_batch(row) for row in connection.execute(select(batches).order_by(batches.c.created, batches.c.id))]


def find_batch(connection: Connection, batch_id: str) -> Batch:
    """The batch of this id.

    Raises:
        UnknownItemError: there is none.
    """
    row = connection.execute(_FIND_BATCH, {"of": batch_id}).one_or_none()
    if row is None:
        raise UnknownItemError(
            f"There is no batch {batch_id!r} in the review queue; `steelyard review status` lists them."
        )
    return _batch(row)


_FIND_BATCH = select(batches).where(batches.c.id == bindparam("of"))
_FIND_ITEM = select(items).where(items.c.id == bindparam("of"))


def stored_form(text: str) -> Form:
    """The form of its JSON."""
    fields = json.loads(text)
    return Form(**{**fields, "choices": tuple(LabelChoice(**choice) for choice in fields["choices"])})


def _batch(row: Any) -> Batch:
    return Batch(
        id=row.id,
        created=row.created,
        evaluation_id=row.evaluation_id,
        form=stored_form(row.form),
        metric=row.metric,
        run_id=row.run_id,
        source=json.loads(row.source),
        closed=row.closed,
        closed_reason=row.closed_reason,
    )


def set_closed(connection: Connection, batch_id: str, closed: float | None, reason: str | None = None) -> None:
    """Stop offering a batch's items, or (None) offer them again; leases that are held may still be used.

    Raises:
        UnknownItemError: there is no such batch.
    """
    find_batch(connection, batch_id)
    changed = {"closed": closed, "closed_reason": reason}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(changed))


def set_source(connection: Connection, batch_id: str, run_id: str, source: Mapping[str, Any]) -> None:
    """Let a batch be decided by another run of the same samples."""
    changed = {"run_id": run_id, "source": codec.dumps(source)}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(changed))


def find_item(connection: Connection, item_id: str) -> Item:
    """The item of this id.

    Raises:
        UnknownItemError: there is none.
    """
    row = connection.execute(_FIND_ITEM, {"of": item_id}).one_or_none()
    if row is None:
        raise no_item(item_id)
    return _item(row)


def no_item(item_id: str) -> UnknownItemError:
    """Return the error that there is no item of an id."""
    return UnknownItemError(f"There is no item {item_id[:80]!r} in the review queue.")


def items_of(connection: Connection, batch_id: str) -> list[Item]:
    """The items of a batch in the order in which they are offered."""
    query = select(items).where(items.c.batch_id == batch_id).order_by(items.c.position)
    return [_item(row) for row in connection.execute(query)]


def _item(row: Any) -> Item:
    content, origin = json.loads(row.content), json.loads(row.origin)
    answers = []
    for text, fields in zip(content["answers"], origin["answers"], strict=True):
        key = fields["sample_key"]
        answers.append(Answer(**{**fields, "text": text, "sample_key": None if key is None else bytes.fromhex(key)}))
    return Item(
        id=row.id,
        batch_id=row.batch_id,
        case_id=row.case_id,
        messages=tuple(content["messages"]),
        answers=tuple(answers),
        reference=content["reference"],
        wanted=row.wanted,
        position=row.position,
        probability=row.probability,
        judge_score=row.judge_score,
        draw=origin["draw"],
    )


def items_and_standings_of(connection: Connection, batch_id: str) -> tuple[list[Item], dict[str, Standing]]:
    """The items of a batch as `items_of` gives them, and the standing of each by its id.

    One query reads both: where two do, an item that a gate draws meanwhile is in one of them alone.
    """
    columns = (standings.c.state, standings.c.n_labels, standings.c.value, standings.c.score)
    query = select(items, *columns).join(standings, standings.c.item_id == items.c.id)
    rows = connection.execute(query.where(items.c.batch_id == batch_id).order_by(items.c.position)).all()
    return [_item(row) for row in rows], {row.id: standing(row) for row in rows}


def find_standing(connection: Connection, item_id: str) -> Standing:
    """Give the standing of an item."""
    return standing(connection.execute(select(standings).where(standings.c.item_id == item_id)).one())


def standing(row: Any) -> Standing:
    """A standing of its row."""
    state: ItemState = row.state
    return Standing(state, row.n_labels, None if row.value is None else json.loads(row.value), row.score)
