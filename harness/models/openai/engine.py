"""The engine for any endpoint that speaks OpenAI's HTTP API, a running vLLM server among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import CapabilityError, UnreachableError
from harness.models.engine import ALL_CHOICES, WEIGHED, Capability
from harness.models.openai.endpoint import Endpoint, RejectedError
from harness.models.openai.format import NO_COMPLETIONS, NO_ECHO, Choices, is_same_model, payload, read_choices
from harness.models.openai.retry import Clock, RetryPolicy
from harness.records import Request, Sample

_MOST_CHOICES = 128
_NO_SUCH_PAGE = 404
_REFUSES_SHAPE = (400, 422)
_TOO_LARGE = 0
_MOST_NAMES = 5
_LONGEST_NAME = 200
_NO_SUCH_PATH = (404, 405, 501)


class OpenAIEngine(Endpoint):
    """Answers over HTTP.

    Learns from the endpoint how many choices one request gives: an endpoint that ignores `n`, or rejects it, is asked
    for one answer at a time from then on; and whether it wants `max_completion_tokens` instead of `max_tokens`.

    Args:
        name: shown in messages.
        options: `base_url` (one, or a list of replicas), `model`, `timeout_s`, `requests_per_minute`, `api_key_env`.
        counts_seeds: whether choice i of one seeded request is drawn with seed + i, as vLLM does. Elsewhere the draws
            of a seeded request are requests of their own.
    """

    capabilities = frozenset(Capability) - {Capability.CHAT_TEMPLATE, Capability.PROMPT_LOGPROBS}

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        *,
        api_key: str | None = None,
        policy: RetryPolicy | None = None,
        counts_seeds: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name, options, api_key=api_key, policy=policy or RetryPolicy(), clock=clock or Clock())
        self._counts_seeds = counts_seeds
        self._most_choices = _MOST_CHOICES
        self._n_is_known_to_work = self._completion_tokens_limited = False

    def choices_per_request(self, request: Request) -> int:
        """1 at temperature 0, for a seed that is not counted up, and where `n` is ignored."""
        if request.kind in WEIGHED:
            return ALL_CHOICES
        if request.sampling.get("temperature") == 0 or ("seed" in request.sampling and not self._counts_seeds):
            return 1
        return self._most_choices

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """One answer for each index, or fewer.

        Raises:
            UnreachableError: the endpoint was given up, or has no such path or model.
            CapabilityError: the endpoint has no log probabilities, no completion or no echo.
            EngineError: this request was rejected, or given up after retries.
        """
        if request.kind in WEIGHED and not request.prompt and not request.continuation:
            return [Sample("", index, "stop", 0, 0, loglikelihood=0.0, is_greedy=True) for index in indices]
        try:
            choices = await self._draw(request, indices[: self.choices_per_request(request)])
        except CapabilityError as error:
            raise CapabilityError(f"{self.name}: {error}") from None
        return [self.redactor.sample(sample) for sample in choices.samples]

    async def _draw(self, request: Request, indices: Sequence[int]) -> Choices:
        try:
            choices = await self._ask(request, indices)
        except RejectedError as error:
            may_be_n = error.status in _REFUSES_SHAPE and not self._n_is_known_to_work
            if len(indices) == 1 or request.kind in WEIGHED or not (may_be_n or error.status == _TOO_LARGE):
                raise
            choices = await self._ask(request, indices[:1])
            self._most_choices = 1
        else:
            if choices.received < len(indices):
                self._most_choices = min(self._most_choices, choices.received)
            elif len(indices) > 1 and request.kind not in WEIGHED:
                self._n_is_known_to_work = True
        return choices

    async def _ask(self, request: Request, indices: Sequence[int]) -> Choices:
        body, is_chat = payload(self._model, request, indices), request.kind == "chat"

        def read(document: Mapping[str, Any], latency_s: float) -> Choices:
            choices = read_choices(document, request, indices, latency_s)
            self._note_name(document.get("model"))
            return choices

        is_other = self._completion_tokens_limited
        while True:
            if is_other and is_chat and "max_tokens" in body:  # as OpenAI's newer models demand
                body["max_completion_tokens"] = body.pop("max_tokens")
            try:
                choices = await self.post("/chat/completions" if is_chat else "/completions", body, read)
            except RejectedError as rejected:
                if is_chat and rejected.status == _NO_SUCH_PAGE:
                    raise UnreachableError(str(rejected)) from None
                has_echo = request.kind not in WEIGHED or rejected.names.isdisjoint(("echo", "logprobs"))
                if not is_chat and (rejected.status in _NO_SUCH_PATH or not has_echo):
                    lack = NO_ECHO if request.kind in WEIGHED else NO_COMPLETIONS
                    raise CapabilityError(f"{lack} It says: {rejected}") from None
                is_other = is_chat and "max_tokens" in body and "max_completion_tokens" in rejected.names
                if rejected.status not in _REFUSES_SHAPE or not is_other:
                    raise
            else:
                self._completion_tokens_limited |= is_chat and is_other
                return choices

    def _note_name(self, name: Any) -> None:
        """Keep the name that the endpoint gives the model, where it is another one than was asked for."""
        if isinstance(name, str) and name.strip() and not is_same_model(self._model, name):
            shown = self.redactor.text(name[:_LONGEST_NAME])
            if shown not in self.answered_as and len(self.answered_as) < _MOST_NAMES:
                self.answered_as = (*self.answered_as, shown)
