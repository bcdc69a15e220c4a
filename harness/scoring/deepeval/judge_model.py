"""A version as deepeval's metrics see their model. Imports deepeval: only for use once that is wanted."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from deepeval.metrics.conversational_g_eval.schema import ReasonScore as ConversationReasonScore
from deepeval.metrics.g_eval.schema import ReasonScore
from deepeval.metrics.utils import trimAndLoadJson
from deepeval.models import DeepEvalBaseLLM
from openai import pydantic_function_tool
from pydantic import BaseModel, ValidationError

from harness.errors import CheckError, JudgeError, SteelyardError
from harness.records import Sample, TokenLogprob
from harness.requests import Model
from harness.scoring.checks.given import shown
from harness.scoring.judging.asking import MOST_REPEATS, least_tokens

_LEAST_LOGPROB = math.log(0.01)
"""deepeval leaves out what is less probable than this."""
_SCORES = (ReasonScore, ConversationReasonScore)


class JudgeModel(DeepEvalBaseLLM):  # type: ignore[misc]
    """Answers a metric's questions with samples of a version: stored, counted and in the window like any other.

    Args:
        model: the version.

    Attributes:
        error: the first error, which counts even where deepeval caught it.
        n_answers: answers that were drawn.
        n_malformed: answers of these that were not as deepeval wanted them.
        scale: the lowest and highest score of a G-Eval, which its judge is held to; None for other metrics.
    """

    def __init__(self, model: Model) -> None:
        self._version = model
        self.error: SteelyardError | None = None
        self.n_answers = self.n_malformed = 0
        self.scale: tuple[int, int] | None = None
        super().__init__(model.name)

    def load_model(self) -> JudgeModel:
        """There is nothing to load."""
        return self

    def get_model_name(self) -> str:
        """The version's name."""
        return str(self.name)

    def generate(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it would hold up all other bodies."""
        raise self._noted(
            CheckError(
                "The metric asks its model with generate(), which would hold up all other bodies; "
                "let its a_measure await a_generate(prompt, schema=…)."
            )
        )

    async def a_generate(self, prompt: str, schema: type[BaseModel] | None = None) -> Any:
        """The answer: an instance of the pydantic schema, to whose JSON form the engine is held, or a text."""
        if schema is None:
            return (await self._ask(self._version, prompt)).text
        return (await self._structured(prompt, schema))[1]

    async def a_generate_with_schema(self, prompt: str, schema: type[BaseModel] | None = None) -> Any:
        """`a_generate`; deepeval's own asks again without the schema after a TypeError."""
        return await self.a_generate(prompt, schema)

    async def a_generate_raw_response(self, prompt: str, top_logprobs: int = 20) -> tuple[Any, None]:
        """The answer of a G-Eval in the form of OpenAI's API, with the probabilities that weight its score.

        Raises:
            AttributeError: `top_logprobs` is 0; deepeval asks for an unweighted score then.
        """
        if not top_logprobs:
            raise AttributeError("no log probabilities are wanted")
        sample, _ = await self._structured(prompt, ReasonScore, logprobs=top_logprobs)
        content = _score_token(sample.logprobs or (), self.scale)
        message = SimpleNamespace(content=sample.text)
        choice = SimpleNamespace(message=message, logprobs=SimpleNamespace(content=content))
        return SimpleNamespace(choices=[choice]), None

    async def _structured(self, prompt: str, schema: type[BaseModel], **asked: Any) -> tuple[Sample, BaseModel]:
        """An answer as the schema has it. Where the first one is not, one more is drawn."""
        asked["schema"] = json_schema(schema, self.scale)
        problem = ""
        for is_another in (False, True):
            version = self._version._apart(MOST_REPEATS) if is_another else self._version
            sample = await self._ask(version, prompt, **asked)
            try:
                return sample, _parsed(sample, schema, self.scale)
            except ValueError as error:
                problem = str(error)
                self.n_malformed += 1
        raise self._noted(
            JudgeError(f"judge {self.name} gave no {schema.__name__} as deepeval wants it, asked twice: {problem}")
        )

    async def _ask(self, version: Model, prompt: str, **asked: Any) -> Sample:
        asked |= least_tokens(version)
        try:
            sample: Sample = await version.chat([{"role": "user", "content": prompt}], **asked)
        except SteelyardError as error:
            raise self._noted(error) from None
        self.n_answers += 1
        return sample

    def _noted(self, error: SteelyardError) -> SteelyardError:
        self.error = self.error or error
        return error


def _parsed(sample: Sample, schema: type[BaseModel], scale: tuple[int, int] | None) -> BaseModel:
    """The answer as data; a `ValueError` where it is no JSON, not as the schema has it, or off the scale."""
    cut = ", cut at max_tokens" if sample.truncated else ""
    try:
        parsed = schema.model_validate(trimAndLoadJson(sample.text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}{cut}") from None
    except ValueError:
        raise ValueError(f"it is no JSON{cut}: {shown(sample.text)}") from None
    if getattr(parsed, "verdicts", None) == []:
        raise ValueError("it holds no verdict")
    if scale is not None and isinstance(parsed, _SCORES) and not scale[0] <= parsed.score <= scale[1]:
        raise ValueError(f"the score {parsed.score:g} is not on the scale from {scale[0]} to {scale[1]}")
    return parsed


@functools.lru_cache(maxsize=256)
def json_schema(schema: type[BaseModel], scale: tuple[int, int] | None = None) -> Mapping[str, Any]:
    """A pydantic schema in the strict form of OpenAI's API, which every engine takes: all fields, and no others.

    A list of verdicts holds at least one, for deepeval takes none for a perfect score; the score of a G-Eval is one of
    its scale's whole numbers.
    """
    strict: dict[str, Any] = pydantic_function_tool(schema)["function"]["parameters"]
    fields = strict["properties"]
    if fields.get("verdicts", {}).get("type") == "array":
        fields["verdicts"]["minItems"] = 1
    if scale is not None and schema in _SCORES:
        fields["score"] = {"type": "integer", "enum": list(range(scale[0], scale[1] + 1))}
    return strict


def _score_token(tokens: Sequence[TokenLogprob], scale: tuple[int, int] | None) -> list[SimpleNamespace]:
    """The token that is the score, as deepeval looks for it; none where its probabilities can't be told.

    Where a tokenizer writes 10 as 1 and 0, the probability of 1 is that of both.
    """
    last = next((token for token in reversed(tokens) if token.token.strip().isdecimal()), None)
    if last is None:
        return []
    written = {token.strip() for token, _ in last.top}
    probable = {token.strip() for token, logprob in last.top if logprob >= _LEAST_LOGPROB}
    begun = tuple(token for token in probable if token.isdecimal())
    scores = map(str, range(scale[0], scale[1] + 1)) if scale is not None else ()
    if any(score not in written and score.startswith(begun) for score in scores):
        return []
    top = [SimpleNamespace(token=token.strip(), logprob=logprob) for token, logprob in last.top]
    return [SimpleNamespace(token=last.token.strip(), logprob=last.logprob, top_logprobs=top)]
