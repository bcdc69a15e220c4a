"""The reviewers. Each signs in with a random token of 256 bits, of which the store keeps a hash alone."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from harness.errors import ReviewerError, choices
from harness.records.review import ROLES, Reviewer, ReviewerRole, Task
from harness.store.review.items import ItemTables
from harness.store.schema import leases, reviewers

_LONGEST = 64
_MAY: dict[Task, tuple[ReviewerRole, ...]] = {"label": ROLES, "adjudicate": ("adjudicator", "admin")}
_BY_NAME = select(reviewers).where(reviewers.c.name == bindparam("of"))


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


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def check_name(name: str) -> None:
    """Raise a ReviewerError unless a reviewer may be called so."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > _LONGEST:
        raise ReviewerError(f"{name!r} is no name for a reviewer: write 1 to {_LONGEST} printable characters.")


class ReviewerTable(ItemTables):
    """Who reviews."""

    def add_reviewer(self, reviewer: Reviewer, token: str | None) -> None:
        """Add a reviewer, who signs in with this token, or not at all.

        Raises:
            ReviewerError: a name that is taken or is none, or no such role.
        """
        check_name(reviewer.name)
        if reviewer.role not in ROLES:
            raise ReviewerError(choices("role", reviewer.role, ROLES))
        row = {**asdict(reviewer), "token_hash": None if token is None else _hashed(token)}
        if not self._database.add(reviewers, [row]):
            raise ReviewerError(f"There is a reviewer named {reviewer.name!r} already.")

    def set_token(self, name: str, token: str) -> None:
        """Give a reviewer a new token; the old one stops working."""
        self._change_reviewer(name, token_hash=_hashed(token), disabled=None)

    def disable(self, name: str, now: float) -> None:
        """Let a reviewer do nothing any more, forget the token, and free what is held; what the reviewer did stays."""
        with self.turn():
            self._change_reviewer(name, token_hash=None, disabled=now)
            self.free(name, now)

    def _change_reviewer(self, name: str, **changed: Any) -> None:
        with self.turn() as connection:
            self._known(name)
            connection.execute(update(reviewers).where(reviewers.c.name == name).values(changed))

    def free(self, reviewer: str, now: float) -> None:
        """Let all leases of a reviewer run out, so that others get the items."""
        held = leases.c.reviewer == reviewer, leases.c.ended.is_(None), leases.c.expires > now
        with self.turn() as connection:
            connection.execute(update(leases).where(*held).values(expires=now))

    def reviewers(self) -> list[Reviewer]:
        """All reviewers, by name."""
        return list(map(_reviewer, self._database.rows(select(reviewers).order_by(reviewers.c.name))))

    def without_token(self) -> set[str]:
        """The names of those who can't sign in before they get a token: they came from a file or another store."""
        query = select(reviewers.c.name).where(reviewers.c.token_hash.is_(None), reviewers.c.disabled.is_(None))
        return set(self._database.values(query))

    def admitted_by(self, token: str) -> AdmittedReviewer | None:
        """The reviewer who signs in with a token and is not disabled."""
        return self._admitted(token_hash=_hashed(token))

    def admitted(self, name: str) -> AdmittedReviewer | None:
        """The reviewer of a name, who is not disabled."""
        return self._admitted(name=name)

    def _admitted(self, **known: str) -> AdmittedReviewer | None:
        for row in self._database.rows(select(reviewers).filter_by(disabled=None, **known)):
            # Without a token, as from a file, the moment stands for it in which the reviewer was added.
            secret = f"stamp:{row.token_hash}:{row.created!r}"
            return AdmittedReviewer(_reviewer(row), hashlib.sha256(secret.encode()).hexdigest())
        return None

    def _known(self, name: str) -> Reviewer:
        for row in self._database.rows(_BY_NAME, of=name):
            return _reviewer(row)
        raise ReviewerError(choices("reviewer", name, [each.name for each in self.reviewers()]))

    def _role(self, name: str, task: Task) -> ReviewerRole:
        """The role of a reviewer who may do this.

        Raises:
            ReviewerError: there is none, or the reviewer is disabled or has another role.
        """
        reviewer = self._known(name)
        if reviewer.disabled is not None:
            raise ReviewerError(f"The reviewer {name!r} is disabled.")
        if reviewer.role not in _MAY[task]:
            may = " and ".join(_MAY[task])
            raise ReviewerError(f"The reviewer {name!r} is an {reviewer.role}; only {may} may {task}.")
        return reviewer.role


def _reviewer(row: Any) -> Reviewer:
    return Reviewer(row.name, row.role, row.created, row.disabled)
