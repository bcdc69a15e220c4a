"""What a judge was shown beside an answer: a right answer, and fields of the case. Reviewers see it, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.records import Messages
from harness.records.review import Item
from harness.records.tool_calls import words_of
from harness.review.batches.plans import ReviewPlan
from harness.scoring.judging.prompts import REFERENCE, Material, code_of, harmless, is_answer, material_in
from harness.store import RunInfo, Store


@dataclass(frozen=True, slots=True)
class _Question:
    """What a judge was asked, under the key of its samples."""

    key: bytes
    given: Material
    code: str

    def is_about(self, case_id: str) -> bool:
        """Tell whether it is of this case, whose id went into its code."""
        return code_of(replace(self.given, salt=case_id)) == self.code


class JudgeMaterial:
    """What the judge of an evaluation was shown of the cases of a run, read from the store when it is first wanted.

    Args:
        items: all that `with_material` may be asked about.
    """

    def __init__(self, store: Store, run: RunInfo, plan: ReviewPlan, items: Sequence[Item]) -> None:
        self._store = store
        self._run = run
        self._plan = plan
        self._of_case: dict[str, list[Item]] = {}
        for item in items:
            self._of_case.setdefault(item.case_id, []).append(item)
        self._by_answer: dict[str, list[_Question]] | None = None

    def with_material(self, item: Item) -> Item:
        """The item with the reference that the judge was shown, and the fields of the case that the prompt lacks.

        The judge must have been asked about the same answer to the same case; of several ways in which it was, the
        last counts. Where that is not stored, what it was asked about another answer to the case does: else what an
        item lacks would tell which version answered. An item of whose case nothing is stored stays as it is.
        """
        if self._by_answer is None:
            self._by_answer = self._read()
        asked = self._asked(item) or [each for other in self._of_case[item.case_id] for each in self._asked(other)]
        if not asked:
            return item
        parts = [(name, text) for name, text in self._last(asked).given.parts if not is_answer(name)]
        reference = next((text for name, text in parts if name == REFERENCE), None)
        fields = _unsaid(((name, text) for name, text in parts if name != REFERENCE), item.messages)
        return replace(item, reference=reference, messages=(*item.messages, *fields))

    def _asked(self, item: Item) -> list[_Question]:
        known = self._by_answer or {}
        return [each for text in _texts(item) for each in known.get(text, ()) if each.is_about(item.case_id)]

    def _read(self) -> dict[str, list[_Question]]:
        """The judge's questions under each text of the items that they show as an answer."""
        wanted = {text for together in self._of_case.values() for item in together for text in _texts(item)}
        about = (self._plan.evaluation_id, self._plan.metric)
        sets = self._store.score_sets(self._run.run_id)
        rules = self._store.judged_by([each for each in sets if (each.evaluation_id, each.metric) == about])
        form = self._plan.form
        told = f"# {form.title}\n\n{form.criteria}\n" if form.rubric in {rule.rubric for rule in rules} else ""
        found: dict[str, list[_Question]] = {}
        for judge in sorted({judge for rule in rules for judge in rule.judges}):
            for key, request in self._store.review.asked(judge):
                asked = material_in(request.messages)
                if asked is not None and told in "\n".join(map(words_of, request.messages[:-1])):
                    for text in wanted & {text for name, text in asked[0].parts if is_answer(name)}:
                        found.setdefault(text, []).append(_Question(key, *asked))
        return found

    def _last(self, asked: Sequence[_Question]) -> _Question:
        if len(asked) == 1:
            return asked[0]
        drawn = self._store.find({each.key for each in asked})
        times = {key: max(sample.drawn_at or 0.0 for sample in samples.values()) for key, samples in drawn.items()}
        return max(asked, key=lambda each: times.get(each.key, 0.0))


def _texts(item: Item) -> dict[str, None]:
    """The answers of an item as a judge is shown them: with the calls in words, or without."""
    return dict.fromkeys(harmless(text) for answer in item.answers for text in (answer.text, answer.parts[0]))


def _unsaid(fields: Iterable[tuple[str, str]], messages: Messages) -> Iterator[dict[str, str]]:
    said = "\n".join(harmless(words_of(message)) for message in messages)
    return ({"role": name, "content": text} for name, text in fields if text not in said)
