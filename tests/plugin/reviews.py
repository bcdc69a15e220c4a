"""A project whose answers are judged, by a judge that is sometimes wrong, and labelled by people who never are."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.gate.people.batches import Attendant
from harness.review import Queue, View
from harness.scoring.judging.prompts import material, preference_messages, rating_messages
from harness.store import Store
from tests.plugin.projects import Project
from tests.scoring.judging.panel import chosen, rated
from tests.scoring.judging.rubrics import SUMMARY, rubric

RATE = 'return judge.rate(model.ask(case.prompt), rubric="rubric.md", case=case)'
PREFER = 'return judge.prefer(model.ask(case.prompt), baseline.ask(case.prompt), rubric="rubric.md", case=case)'


def answers(rate: float, n_cases: int, seed: int) -> dict[str, str]:
    """What a version says to each prompt: right or wrong, and which version it is only by its number."""
    rng = random.Random(seed)
    return {f"q{i}": f"{'right' if rng.random() < rate else 'wrong'} {seed}-{i}" for i in range(n_cases)}


def judged_project(project: Project, rates: dict[str, float], n_cases: int, *, accuracy: float = 0.9) -> Project:
    """Versions that are right so often, and a judge `small` that sees it so often, rating or comparing."""
    read, rng = rubric(), random.Random(7)
    project.write("rubric.md", SUMMARY)
    table: dict[str, str] = {}
    said = {name: answers(rate, n_cases, seed) for seed, (name, rate) in enumerate(rates.items())}
    for i in range(n_cases):
        given = material(read, {"prompt": f"q{i}"}, None)
        texts = [each[f"q{i}"] for each in said.values()]
        for text in texts:
            sees = text.startswith("right") == (rng.random() < accuracy)
            table[rating_messages(read, given, f"c{i}", text)[-1]["content"]] = rated(5 if sees else 1)
        for first in texts:
            for second in texts:
                better = truth(first) - truth(second)
                sees = better if rng.random() < accuracy else -better
                choice = {1.0: "A", -1.0: "B", 0.0: "tie"}[sees]
                table[preference_messages(read, given, f"c{i}", first, second)[-1]["content"]] = chosen(choice)
    project.write("judge.json", json.dumps(table))
    project.versions = {name: {"engine": "scripted", "answers": each} for name, each in said.items()}
    project.versions["small"] = {"engine": "scripted", "answers": "judge.json"}
    project.settings |= {"candidate": next(iter(rates)), "judge": "small", "samples": 1}
    return project


def truth(answer: str) -> float:
    """What people say of an answer."""
    return float(answer.startswith("right"))


def honest(view: View) -> int | str:
    """The label of somebody who sees the truth."""
    if view.form.is_pair:
        left, right = (truth(each.text) for each in view.item.answers)
        return "tie" if left == right else "left" if left > right else "right"
    return 5 if truth(view.item.answers[0].text) else 1


@contextmanager
def opened(project: Project) -> Iterator[Store]:
    with Store.open(str(project.store)) as store:
        yield store


def label(project: Project, most: int = 10_000, says: Callable[[View], int | str] = honest) -> int:
    """Label what the queue offers, looked after as by the server, until it offers nothing; gives how many labels."""
    with opened(project) as store:
        queue, attendant = Queue(store), Attendant(store)
        if not queue.reviewers():
            queue.add_reviewer("ann")
        for count in range(most):
            view = queue.next("ann")
            if view is None:
                return count
            queue.label("ann", view.lease_id, says(view), key=str(uuid.uuid4()))
            for batch in queue.batches():
                attendant.attend(batch.id)
        return most
