"""The documents of a task as cases, and the requests that lm-eval makes of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from harness.errors import TaskError, shortened
from harness.records import Case
from harness.scoring.lm_eval.tasks import FEWSHOT_SEED, surroundings

_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Prompting:
    """The way in which a task's documents become prompts, in lm-eval's own words.

    Attributes:
        num_fewshot: examples before each document; None for as many as the task says.
        apply_chat_template: put the prompt through the model's chat template, each example as turns of its own.
    """

    num_fewshot: int | None = None
    apply_chat_template: bool = False

    @property
    def in_words(self) -> str:
        """All of it in a few words.

        >>> Prompting(5).in_words
        'num_fewshot 5, apply_chat_template False'
        """
        return ", ".join(f"{each.name} {getattr(self, each.name)}" for each in fields(self))


class Documents:
    """All documents of a task, in its order.

    Args:
        task: of lm-eval, loaded.
        prompting: how they become prompts.
        where: begins every message.

    Raises:
        TaskError: there are none, or one can't be made a request of; the message names it.
    """

    def __init__(self, task: Any, prompting: Prompting, where: str) -> None:
        self._task = task
        self._prompting = prompting
        self._where = where
        own, wanted = task.config.num_fewshot, prompting.num_fewshot
        if wanted is not None and own == 0 != wanted:
            raise TaskError(
                f"{where}: num_fewshot = {wanted}, but task {task.task_name!r} says num_fewshot: 0, which lm-eval "
                "holds to whatever else is asked for."
            )
        self._n_examples: int = (own or 0) if wanted is None else wanted
        self._requests: dict[str | None, list[list[Any]]] = {}
        with surroundings():
            self.all: list[Any] = [document for _, document in task.doc_iterator(rank=0, limit=None, world_size=1)]
        if not self.all:
            raise TaskError(f"{where}: task {task.task_name!r} has no documents.")
        ids = _ids(self.all)
        fields = (document if isinstance(document, Mapping) else {"document": document} for document in self.all)
        self.cases = tuple(
            Case({**{str(key): value for key, value in each.items()}, "id": name})
            for name, each in zip(ids, fields, strict=True)
        )
        self.numbers = {name: number for number, name in enumerate(ids)}
        self.requests(None)

    def requests(self, system: str | None) -> list[list[Any]]:
        """lm-eval's instances of each document, with this system text before its prompt; made once.

        Documents are taken in their order, for the examples of each are drawn from one row of random numbers. A prompt
        for the chat template is the list of its messages.
        """
        if system not in self._requests:
            self._task.set_fewshot_seed(FEWSHOT_SEED)
            with surroundings():
                self._requests[system] = [self._instances(number, system) for number in range(len(self.all))]
        return self._requests[system]

    def _instances(self, number: int, system: str | None) -> list[Any]:
        task, document, chat = self._task, self.all[number], self._prompting.apply_chat_template
        # In place of a chat template: the messages themselves, which the engine of each version renders.
        template = (lambda messages, **_: [dict(message) for message in messages]) if chat else None
        try:
            context = task.fewshot_context(
                document,
                num_fewshot=self._n_examples,
                system_instruction=system,
                apply_chat_template=chat,
                fewshot_as_multiturn=True,
                chat_template=template,
                gen_prefix=task.doc_to_prefix(document),
            )
            made = task.construct_requests(
                doc=document,
                ctx=context,
                metadata=(task.task_name, number, task.config.repeats),
                apply_chat_template=chat,
                chat_template=template,
            )
            self._check_target(document)
        except Exception as error:  # a task's own functions and templates raise whatever they raise
            raise TaskError(
                f"{self._where}: task {task.task_name!r}, document {number} ({shortened(document, 120)}): no request "
                f"can be made of it: {type(error).__name__}: {error}"
            ) from error
        return made if isinstance(made, list) else [made]

    def _check_target(self, document: Any) -> None:
        """Refuse a right answer that is none of the choices, which lm-eval would score 0 with a line in its log."""
        task = self._task
        if task.OUTPUT_TYPE != "multiple_choice" or callable(task.config.process_results):
            return
        choices = task.doc_to_choice(document)
        right = task.doc_to_text(document) if task.multiple_input else task.doc_to_target(document)
        for target in right if isinstance(right, list) else [right]:
            if target not in choices if isinstance(target, str) else not 0 <= target < len(choices):
                raise ValueError(
                    f"the right answer {target!r} is neither one of the choices {choices} nor the number of one"
                )


def _ids(documents: Sequence[Any]) -> list[str]:
    """The documents' own ids where each has one and no two the same; else number and hash, as lm-eval logs them."""
    own = [document.get("id") if isinstance(document, Mapping) else None for document in documents]
    named = [str(name).strip() for name in own if isinstance(name, str | int) and not isinstance(name, bool)]
    if len(set(named)) == len(documents) and all(named):
        return named
    from lm_eval.utils import handle_non_serializable, hash_string

    texts = [json.dumps(each, indent=2, default=handle_non_serializable, ensure_ascii=False) for each in documents]
    return [f"{number}-{hash_string(text)[:_HASH_DIGITS]}" for number, text in enumerate(texts)]
