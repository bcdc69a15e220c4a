"""The server that load is put on: whose it is, the form in which it wants requests, and its own counters."""

from __future__ import annotations

import json
import re
import secrets
import time
import urllib.error
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from harness import entry_points
from harness.errors import EngineError, EntryPointError
from harness.models.openai.format import payload
from harness.models.spec import ServerSpec, engine_spec
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from harness.stages.inference.serving import ServerAddress

_SETTLES_S = 2.0
_SETTLING_STEP_S = 0.05
_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form in which a server wants its requests, as far as servers differ.

    Attributes:
        server: what it takes beyond OpenAI's API; None for nothing.
        limit: the field for the most tokens of an answer; OpenAI's newer models want `max_completion_tokens`.
        counts: whether it takes the wish that a stream tells its usage.
    """

    server: ServerSpec | None
    limit: str = "max_tokens"
    counts: bool = True

    def mended(self, error: str, message: str) -> RequestForm | None:
        """The form that a server which refuses this one asks for; None where what it says asks for none."""
        if error in ("http_400", "http_422"):
            if self.limit == "max_tokens" and "max_completion_tokens" in message:
                return replace(self, limit="max_completion_tokens")
            if self.counts and "stream_options" in message:
                return replace(self, counts=False)
        return None

    def asked_tokens(self, prompt: PlannedPrompt, plan: LoadPlan) -> int | None:
        """The number of tokens that an answer must have; None where the model may end it before."""
        return None if self.server is None or plan.ends_itself else prompt.output_tokens or plan.output_tokens

    def bodies(self, prompts: Sequence[PlannedPrompt], address: ServerAddress, plan: LoadPlan) -> list[str]:
        """The bodies of requests: the version's template, system text and sampling, as streams that count their tokens.

        A server of an engine's own is also asked for the exact length, to count along, and for a cache that no other
        request has.
        """
        server, bodies = self.server, []
        for number, prompt in enumerate(prompts):
            sampling = {"max_tokens": prompt.output_tokens or plan.output_tokens}
            request = address.version.chat(prompt.messages if prompt.text is None else prompt.text, sampling=sampling)
            body = payload(address.model, request, range(number, number + 1)) | {"stream": True}
            if self.counts:
                body["stream_options"] = {"include_usage": True, **(server.stream_options if server else {})}
            if self.limit not in body:
                body[self.limit] = body.pop("max_tokens")
            if server is not None and not plan.ends_itself:
                body |= server.fields
            if server is not None and not plan.cached:
                body[server.salt] = secrets.token_hex(8)
            bodies.append(json.dumps(body, default=dict, separators=(",", ":")))
        return bodies


def server_spec(address: ServerAddress) -> ServerSpec | None:
    """Find the declaration of the server that answers; one that refuses to tell is none's.

    Raises:
        EngineError: it can't be reached.
    """
    try:
        owners = _owners(address)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise EngineError(
            f"No server answers at {address.base_url} ({getattr(reason, 'strerror', None) or reason}). Start it, or "
            f"mend base_url of version {address.version.name!r}."
        ) from None
    for name in entry_points.names("engines"):
        with suppress(EntryPointError):  # one that can't be loaded is no engine of this version
            server = engine_spec(name).server
            if server is not None and server.owner in owners:
                return server
    return None


def is_reachable(address: ServerAddress) -> bool:
    """True where anything still answers there, or takes a connection and is slow to answer; asked twice."""
    for _ in range(2):
        try:
            _owners(address)
            return True
        except TimeoutError:  # a connection that takes too long is an URLError
            return True
        except OSError:
            continue
    return False


def _owners(address: ServerAddress) -> set[str]:
    """The owners of the models that it lists, where it does; OSError where nobody answers."""
    try:
        return {entry.get("owned_by") for entry in json.loads(address.get(f"{address.base_url}/models"))["data"]}
    except (urllib.error.HTTPError, ValueError, LookupError, TypeError, AttributeError):
        return set()


def read_counters(address: ServerAddress, server: ServerSpec | None) -> dict[str, float]:
    """The server's counters by our names, added up over its engines; {} for one that has none."""
    sums: dict[str, float] = {}
    with suppress(OSError):
        for name, value in _SAMPLE.findall(address.metrics()) if server is not None else ():
            sums[name] = sums.get(name, 0.0) + float(value)
    return {ours: sums[name] for ours, name in (server.counters if server else {}).items() if name in sums}


def counts_since(
    before: Mapping[str, float], address: ServerAddress, server: ServerSpec | None, answered: int
) -> dict[str, float]:
    """Return what was counted since, with the means of histograms; counters may follow the last answer by a moment."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        after = read_counters(address, server)
        counts = {name: after[name] - before.get(name, 0.0) for name in after}
        if not after or counts.get("requests", answered) >= answered or time.monotonic() > deadline:
            break
        time.sleep(_SETTLING_STEP_S)
    for name in ("ttft", "itl"):
        total, number = counts.pop(f"{name}_sum_s", None), counts.pop(f"{name}_count", None)
        if total is not None and number:
            counts[f"{name}_mean_s"] = total / number
    return counts
