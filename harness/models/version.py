"""A model version: what is under test, with the fingerprint that tells its answers from every other version's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from harness.config.versions import VersionSettings, check_sampling
from harness.errors import CorpusError, UsageError, choices
from harness.models.enrichment import Enrichment
from harness.models.prompts.texts import read_texts
from harness.models.spec import engine_spec
from harness.records import Messages, Request

if TYPE_CHECKING:
    from harness.config.customization import RetrievalSettings
    from harness.models.mlflow.registry import RegisteredModel

ROLES = ("system", "developer", "user", "assistant", "tool")

_DIGITS = 32
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Version:
    """A model version, ready to render requests.

    Attributes:
        settings: the version as the settings define it, with the artifacts that were built for it.
        fingerprint: 32 hexadecimal digits over everything that its answers depend on; equal for equal behaviour under
            different names. That of a corpus is over its documents, as they were built.
        registered: which model of MLflow's registry its weights are, if any; `settings` then name the folder to which
            they were downloaded.
        places: where `system` and `template` stood, as far as they stand elsewhere; `settings` then have what they say.
        enrichment: what it puts around a question; None where it is put as it is.
        made_of: a digest of what its engine answers from; equal where one engine can answer for two versions.
    """

    name: str
    settings: VersionSettings = field(hash=False)
    fingerprint: str
    registered: RegisteredModel | None = None
    places: Mapping[str, str] = field(default_factory=dict, hash=False)
    enrichment: Enrichment | None = field(default=None, compare=False, repr=False)
    made_of: str = ""

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        sampling: Mapping[str, Any] = _NOTHING,
        schema: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        logprobs: int | None = None,
        prompts: Collection[int] = (),
    ) -> Request:
        """The complete request for an answer to `messages`: one prompt, which goes through the version's `template`, or
        chat messages, as OpenAI's API has them and `tools`.

        Args:
            sampling: laid over the version's own.
            logprobs: alternatives to report for each token; 0 for the drawn token alone.
            prompts: the places of messages whose texts are prompts, too: those that a user says in a conversation.

        Raises:
            UsageError: what no engine could understand.
        """
        if schema is not None and not isinstance(schema, Mapping):
            raise UsageError(
                f"schema = {schema!r} is not a JSON schema; give a dict such as "
                f'{{"type": "object", "properties": …}}, or MODEL.model_json_schema() of a pydantic model.'
            )
        return Request(
            messages=self._messages(messages, prompts),
            sampling=self._sampling(sampling),
            schema=schema,
            tools=tuple(tools) if tools else None,
            logprobs=_checked_logprobs(logprobs),
        )

    def completion(
        self,
        context: str | Sequence[Mapping[str, Any]],
        *,
        sampling: Mapping[str, Any] = _NOTHING,
        logprobs: int | None = None,
        truncate: bool = False,
    ) -> Request:
        """The request for what follows `context`: raw text; or chat messages, which go through the chat template with
        the version's system text, a last message of the assistant being continued. With `truncate` one that leaves no
        room for `max_tokens` loses its beginning.
        """
        return Request(
            kind="completion",
            **self._context(context),
            sampling=self._sampling(sampling),
            logprobs=_checked_logprobs(logprobs),
            truncate=truncate,
        )

    def loglikelihood(
        self, context: str | Sequence[Mapping[str, Any]], continuation: str, *, truncate: bool = False
    ) -> Request:
        """The request for the log probability of `continuation` right after `context`, which is as in `completion`."""
        _check_text(continuation, "continuation")
        if not continuation:
            raise UsageError("continuation = '' is empty: there is nothing whose probability could be asked for.")
        return Request(kind="loglikelihood", **self._context(context), continuation=continuation, truncate=truncate)

    def rolling(self, text: str, *, logprobs: int | None = None) -> Request:
        """The request for the log probability of the whole raw `text`; with `logprobs`, alternatives at each token."""
        _check_text(text, "text")
        return Request(kind="rolling", prompt=text, logprobs=_checked_logprobs(logprobs))

    def _sampling(self, sampling: Mapping[str, Any]) -> Mapping[str, Any]:
        laid = check_sampling(sampling, where=f"version {self.name!r}") if sampling else {}
        return {**self.settings.sampling, **laid}

    def _context(self, context: str | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"prompt": context} if isinstance(context, str) else {"messages": self._messages(context)}

    def _messages(self, messages: str | Sequence[Mapping[str, Any]], prompts: Collection[int] = ()) -> Messages:
        if isinstance(messages, str):
            rendered: Messages = ({"role": "user", "content": messages},)
            prompts = (0,)
        else:
            rendered = check_messages(messages)
        brings_system = rendered[0]["role"] in ("system", "developer")
        if self.enrichment is not None:
            rendered = self.enrichment.of_messages(rendered)
        if template := self.settings.template:
            rendered = tuple(
                {**each, "content": template.replace("{prompt}", each["content"])} if place in prompts else each
                for place, each in enumerate(rendered)
            )
        if self.settings.system is None or brings_system:
            return rendered
        return ({"role": "system", "content": self.settings.system}, *rendered)


def _check_text(text: Any, name: str) -> None:
    if not isinstance(text, str):
        raise UsageError(f"{name} = {text!r} is not a text.")


def _checked_logprobs(logprobs: int | None) -> int | None:
    if logprobs is not None and (isinstance(logprobs, bool) or not isinstance(logprobs, int) or logprobs < 0):
        raise UsageError(f"logprobs = {logprobs!r} is not a count; give 0 for the drawn token alone, or 5.")
    return logprobs


def check_messages(messages: Any) -> Messages:
    """Chat messages, each with a known role and a content."""
    example = '{"role": "user", "content": "…"}'
    if isinstance(messages, Mapping) or not isinstance(messages, Sequence):
        raise UsageError(
            f"messages = {messages!r} is neither a prompt nor a list of messages; give a text, or [{example}]."
        )
    if not messages:
        raise UsageError(f"messages = [] is empty; give at least {example}.")
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if not isinstance(message, Mapping):
            raise UsageError(f"{where} = {message!r} is not a message; give {example}.")
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise UsageError(f"{where}: {choices('role', str(role), ROLES)}")
        is_call = content is None and role == "assistant" and message.get("tool_calls")
        if not (is_call or isinstance(content, str) or (isinstance(content, Sequence) and content)):
            raise UsageError(f"{where}: content = {content!r} is not a text; every message needs one.")
    return tuple(messages)


def load_version(settings: VersionSettings, root: Path, *, offline: bool = False) -> Version:
    """The version that these settings define, with its fingerprint.

    Args:
        root: folder that relative paths start from, unless the version has one of its own.
        offline: ask no registry for what is on this machine.

    Raises:
        UsageError: weights, a prompt or a file of answers that are missing or can't be read, a registry that can't be
            asked.
    """
    root, places = settings.root(root), settings.texts_elsewhere
    settings, registered = read_texts(settings, root), None
    if settings.is_registered:
        from harness.models.mlflow.registry import pinned

        settings, registered = pinned(settings, root, offline=offline)
    if not answers(settings):
        if settings.artifact is None:
            raise CorpusError(f"{settings.name} is not built here: `steelyard build {settings.name}` does that.")
        return Version(settings.name, settings, settings.artifact.digest[:_DIGITS])
    if settings.unbuilt:
        steps = [(each.kind, str(each.settings), each.artifact and each.artifact.digest) for each in settings.steps]
        of_engine = settings.engine, settings.engine_options
        return Version(settings.name, settings, _digest({"unbuilt": steps, "of": of_engine, **_identity(settings)}))
    made_of = engine_spec(settings.engine).identity_of(settings, root)
    enriched = settings.retrieval is not None or settings.context is not None
    enrichment = Enrichment(settings, root) if enriched else None
    fingerprint = _digest({**made_of, **_identity(settings)})
    return Version(settings.name, settings, fingerprint, registered, places, enrichment, _digest(made_of))


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_DIGITS]


def fingerprint_here(settings: VersionSettings, root: Path) -> str | None:
    """The fingerprint of a version without asking anybody; None for a model of the registry that only it can tell, and
    for what is not built yet.
    """
    if settings.is_registered:
        from harness.models.mlflow.registry import downloaded

        if downloaded(settings) is None:
            return None
    return load_version(settings, root, offline=True).fingerprint if is_built(settings) else None


def answers(settings: VersionSettings) -> bool:
    """Tell whether a version can be asked; a corpus answers nothing."""
    return engine_spec(settings.engine).answers


def is_built(settings: VersionSettings) -> bool:
    """Tell whether all is there that a version is made of, or nothing has to be built for it."""
    return all(step.is_built for step in settings.steps) and (answers(settings) or settings.artifact is not None)


def _identity(settings: VersionSettings) -> dict[str, Any]:
    """All that the answers depend on beside what the engine answers from: no name, key, time limit or rate.

    Sampling, system text and template are in every rendered request as well; here they tell versions apart in reports.
    """
    identity = {name: getattr(settings, name) for name in ("engine", "revision", "system", "template")}
    identity["sampling"] = dict(settings.sampling)
    if (step := settings.retrieval) is not None:
        retrieval, index = (
            cast("RetrievalSettings", step.settings),
            None if step.artifact is None else step.artifact.digest,
        )
        identity["retrieval"] = {"index": index, "k": retrieval.k, "prompt": retrieval.prompt}
    if settings.context is not None:
        identity["context"] = asdict(settings.context)
    return identity
