"""The reviewers. Each signs in with a random token of 256 bits, of which the store keeps a hash alone."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from harness.errors import ReviewerError, choices
from harness.records.review import ROLES, Reviewer, ReviewerRole, Task
from harness.store.review import leases as review_leases
from harness.store.schema.review_tables import reviewers

_LONGEST = 64
_FIND = select(reviewers).where(reviewers.c.name == bindparam("of"))
_MAY: dict[Task, tuple[ReviewerRole, ...]] = {"label": ROLES, "adjudicate": ("adjudicator", "admin")}


@dataclass(frozen=True, slots=True)
class AdmittedReviewer:
    """A reviewer who may come in.

    Attributes:
        stamp: tells the reviewer's present token from all others, and does not lead back to it. It is another one after
            a new token, after having been disabled, and of another reviewer who has the name later.
    """

    reviewer: Reviewer
    stamp: str


def new_token() -> str:
    """A random token: too many to be guessed, so that a plain hash of it keeps it secret."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Hash a token, of which the store keeps nothing else."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def add(connection: Connection, reviewer: Reviewer, token: str | None) -> None:
    """Add a reviewer, who signs in with this token, or not at all.

    Raises:
        ReviewerError: a name that is taken or is none, or no such role.
    """
    name = reviewer.name
    check_name(name)
    if reviewer.role not in ROLES:
        raise ReviewerError(choices("role", reviewer.role, ROLES))
    if find(connection, name) is not None:
        raise ReviewerError(f"There is a reviewer named {name!r} already.")
    row = {each: getattr(reviewer, each) for each in Reviewer.__slots__}
    connection.execute(reviewers.insert(), {**row, "token_hash": None if token is None else token_hash(token)})


def check_name(name: str) -> None:
    """Raise a ReviewerError unless a reviewer may be called so."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > _LONGEST:
        raise ReviewerError(f"{name!r} is no name for a reviewer: write 1 to {_LONGEST} printable characters.")


def set_token(connection: Connection, name: str, token: str) -> None:
    """Give a reviewer a new token; the old one stops working."""
    known(connection, name)
    changed = {"token_hash": token_hash(token), "disabled": None}
    connection.execute(update(reviewers).where(reviewers.c.name == name).values(changed))


def disable(connection: Connection, name: str, now: float) -> None:
    """Let a reviewer do nothing any more, forget the token, and free what is held; what the reviewer did stays."""
    known(connection, name)
    changed = {"disabled": now, "token_hash": None}
    connection.execute(update(reviewers).where(reviewers.c.name == name).values(changed))
    review_leases.free(connection, name, now)


def list_all(connection: Connection) -> list[Reviewer]:
    """All reviewers, by name."""
    return [_reviewer(row) for row in connection.execute(select(reviewers).order_by(reviewers.c.name))]


def without_token(connection: Connection) -> set[str]:
    """The names of those who can't sign in before they get a token: they came from a file or another store."""
    query = select(reviewers.c.name).where(reviewers.c.token_hash.is_(None), reviewers.c.disabled.is_(None))
    return set(connection.execute(query).scalars())


def by_token(connection: Connection, token: str) -> AdmittedReviewer | None:
    """The reviewer who signs in with a token and is not disabled."""
    query = select(reviewers).where(reviewers.c.token_hash == token_hash(token))
    return _admitted(connection.execute(query).one_or_none())


def admitted(connection: Connection, name: str) -> AdmittedReviewer | None:
    """The reviewer of a name, who is not disabled."""
    return _admitted(connection.execute(_FIND, {"of": name}).one_or_none())


def _admitted(row: Any) -> AdmittedReviewer | None:
    if row is None or row.disabled is not None:
        return None
    # Without a token, as from a file, the moment stands for it in which the reviewer was added.
    secret = f"stamp:{row.token_hash}:{row.created!r}"
    return AdmittedReviewer(_reviewer(row), hashlib.sha256(secret.encode()).hexdigest())


def find(connection: Connection, name: str) -> Reviewer | None:
    """The reviewer of a name."""
    row = connection.execute(_FIND, {"of": name}).one_or_none()
    return None if row is None else _reviewer(row)


def known(connection: Connection, name: str) -> Reviewer:
    """The reviewer of a name.

    Raises:
        ReviewerError: there is none; the message names the nearest.
    """
    found = find(connection, name)
    if found is None:
        raise ReviewerError(choices("reviewer", name, [each.name for each in list_all(connection)]))
    return found


def allowed(connection: Connection, name: str, task: Task) -> Reviewer:
    """The reviewer of a name, who may do this.

    Raises:
        ReviewerError: there is none, or the reviewer is disabled or has another role.
    """
    reviewer = known(connection, name)
    if reviewer.disabled is not None:
        raise ReviewerError(f"The reviewer {name!r} is disabled.")
    if reviewer.role not in _MAY[task]:
        raise ReviewerError(f"The reviewer {name!r} is an {reviewer.role}; only {' and '.join(_MAY[task])} may {task}.")
    return reviewer


def _reviewer(row: Any) -> Reviewer:
    return Reviewer(row.name, row.role, row.created, row.disabled)
