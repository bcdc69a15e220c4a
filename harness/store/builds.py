"""Contents that recipes gave, so that stored samples need no build. Rows are added and never pruned."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import select

from harness.store.database import Database
from harness.store.schema.tables import builds

BuildRecipe = tuple[str, str]
"""The kind of a build, and the digest of all that decides what is built."""


class BuildStore:
    """The builds that a store knows of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def contents(self) -> dict[BuildRecipe, str]:
        """The content that each recipe gave, where it gave several the one that was noted last: training is not the
        same on every machine.
        """
        query = select(builds).order_by(builds.c.created, builds.c.content)
        with self._database.read() as connection:
            return {(row.kind, row.recipe): row.content for row in connection.execute(query)}

    def add(self, contents: Mapping[BuildRecipe, str]) -> None:
        """Note what recipes gave; what is noted already stays as it is."""
        known = self.contents()
        now = time.time()
        rows = [
            {"kind": kind, "recipe": recipe, "content": content, "created": now}
            for (kind, recipe), content in contents.items()
            if known.get((kind, recipe)) != content
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(self._database.insert(builds), rows)

    def merge(self, other: BuildStore) -> None:
        """Take over what another store knows; where both know a content of a recipe, that of this one counts."""
        known = self.contents()
        self.add({recipe: content for recipe, content in other.contents().items() if recipe not in known})
