"""The types of a model in a `def` body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness.records import Sample
    from harness.requests.conversation import Script, SimulatedUser


class SyncModel(Protocol):
    """A model as a `def` body sees it: every method gives its result directly.

    It is the same object as `Model`; only the types differ. There is nothing to make here: annotate the fixture.

    >>> # def test_capital(model: harness.SyncModel, case: harness.Case) -> None:
    >>> #     assert case.expected in model.ask(case.prompt)
    """

    @property
    def name(self) -> str:
        """The version's name in the settings."""

    @property
    def system(self) -> str | None:
        """The version's system text, or None."""

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The version's own sampling parameters."""

    @property
    def fingerprint(self) -> str:
        """The digest that tells the version's answers from every other version's."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The kinds of the steps that the version is made by, the first made first."""

    def ask(self, prompt: str, **sampling: Any) -> str:
        """As `Model.ask`: the text of the answer."""

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        schema: Mapping[str, Any] | None = None,
        logprobs: int | None = None,
        **sampling: Any,
    ) -> Sample:
        """As `Model.chat`: the whole sample."""

    def structured(
        self, messages: str | Sequence[Mapping[str, Any]], schema: Mapping[str, Any], **sampling: Any
    ) -> Any:
        """As `Model.structured`: the answer as data."""

    def complete(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        logprobs: int | None = None,
        truncate: bool = False,
        **sampling: Any,
    ) -> Sample:
        """As `Model.complete`: what the version writes after a prompt."""

    def loglikelihood(self, prompt: str | Sequence[Mapping[str, Any]], continuation: str) -> float:
        """As `Model.loglikelihood`."""

    def weigh(self, prompt: str | Sequence[Mapping[str, Any]], continuation: str, *, truncate: bool = False) -> Sample:
        """As `Model.weigh`: `loglikelihood` as a whole sample."""

    def prompt_logprobs(self, text: str, *, top: int = 20) -> Sample:
        """As `Model.prompt_logprobs`: what the version foresees at the place of each token of a text."""

    def converse(
        self,
        user: Script | SimulatedUser,
        *,
        turns: int | None = None,
        tools: Sequence[Callable[..., Any]] = (),
        steps: int = 8,
        **sampling: Any,
    ) -> Sample:
        """As `Model.converse`: a conversation with a user, as one sample."""

    def loop(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Callable[..., Any]],
        steps: int = 8,
        **sampling: Any,
    ) -> Sample:
        """As `Model.loop`: the answer to messages, once the tools have run that the version calls for it."""
