"""A server's word about itself: the model that it serves, and its own counters in the format of Prometheus."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import EngineError
from harness.models.openai.redaction import without_secrets
from harness.stages.inference.address import ServerAddress

_TIMEOUT_S = 10.0
_MOST_BYTES = 8 << 20
_SAMPLE = re.compile(r"^vllm:([a-z_]+?)(?:_total)?(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)
_CONTEXT_KEYS = ("max_model_len", "context_length", "max_context_length")
_TOTALS = {
    "requests": "request_success",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "generation_tokens",
    "preemptions": "num_preemptions",
    "cache_queries": "prefix_cache_queries",
    "cache_hits": "prefix_cache_hits",
    "ttft_sum_s": "time_to_first_token_seconds_sum",
    "ttft_count": "time_to_first_token_seconds_count",
    "itl_sum_s": "inter_token_latency_seconds_sum",
    "itl_count": "inter_token_latency_seconds_count",
}
"""Our names of vLLM's counters."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that is asked for, as its server describes it.

    Attributes:
        is_vllm: whether the server is vLLM, and takes what only vLLM takes.
        context_tokens: how many tokens prompt and answer may have together; None where it does not say.
    """

    is_vllm: bool
    context_tokens: int | None


def served_model(address: ServerAddress) -> ServedModel:
    """The model as the server describes it; of a server without /models nothing is known.

    Raises:
        EngineError: it can't be reached, refuses the key, or serves other models only.
    """
    try:
        document = json.loads(_get(address, f"{address.base_url}/models"))
        models = [entry for entry in document["data"] if isinstance(entry, Mapping)]
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise EngineError(
                f"{without_secrets(address.base_url)} refuses the API key ({error.code}); set the variable that "
                f"api_key_env of version {address.version.name!r} names."
            ) from None
        return ServedModel(False, None)
    except (ValueError, LookupError, TypeError):
        return ServedModel(False, None)
    except OSError as error:
        raise EngineError(
            f"No server answers at {without_secrets(address.base_url)} ({_reason(error)}). Start it, or mend base_url "
            f"of version {address.version.name!r}."
        ) from None
    return _of_model(address, models)


def _of_model(address: ServerAddress, models: list[Mapping[str, Any]]) -> ServedModel:
    named = [entry for entry in models if entry.get("id") == address.model]
    is_vllm = any(entry.get("owned_by") == "vllm" for entry in models)
    if is_vllm and not named:
        known = ", ".join(sorted(str(entry.get("id")) for entry in models))
        raise EngineError(
            f"{without_secrets(address.base_url)} does not serve {address.model!r}; it serves: {known}. Mend model of "
            f"version {address.version.name!r}."
        )
    entry = named[0] if named else {}
    limit = next((entry[name] for name in _CONTEXT_KEYS if entry.get(name)), None)
    return ServedModel(is_vllm, limit if isinstance(limit, int) and limit > 0 else None)


def tokenized_size(address: ServerAddress, body: Mapping[str, Any]) -> int | None:
    """The number of tokens that vLLM makes of a request's prompt; None where it does not tell."""
    wanted = {"model": address.model, "messages": body["messages"]}
    try:
        size = json.loads(_get(address, f"{address.root_url}/tokenize", wanted))["count"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return size if isinstance(size, int) else None


def read_metrics(address: ServerAddress) -> str:
    """A server's counters, as its /metrics has them.

    Raises:
        OSError: it has none, or can't be reached.
    """
    return _get(address, f"{address.root_url}/metrics").decode("utf-8", "replace")


def read_counters(address: ServerAddress) -> dict[str, float]:
    """vLLM's counters by our names, added up over its engines; {} for a server that has none."""
    try:
        text = read_metrics(address)
    except OSError:
        return {}
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        sums[name] = sums.get(name, 0.0) + float(value)
    return {ours: sums[name] for ours, name in _TOTALS.items() if name in sums}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The counts between two readings, with the means of the histograms."""
    found = {name: after[name] - before.get(name, 0.0) for name in after}
    for name in ("ttft", "itl"):
        total, number = found.pop(f"{name}_sum_s", None), found.pop(f"{name}_count", None)
        if total is not None and number:
            found[f"{name}_mean_s"] = total / number
    return found


def is_reachable(address: ServerAddress) -> bool:
    """True where anything still answers there, or takes a connection and is slow to answer; asked twice."""
    for _ in range(2):
        try:
            _get(address, f"{address.base_url}/models")
        except (urllib.error.HTTPError, TimeoutError):  # a connection that takes too long is an URLError
            return True
        except OSError:
            continue
        return True
    return False


def _get(address: ServerAddress, url: str, body: Mapping[str, Any] | None = None) -> bytes:
    """The server's answer, asked without a proxy."""
    headers = {"Content-Type": "application/json"}
    if address.api_key is not None:
        headers["Authorization"] = f"Bearer {address.api_key}"
    data = None if body is None else json.dumps(body).encode("ascii")
    request = urllib.request.Request(url, data=data, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except http.client.HTTPException as error:
        raise ConnectionError(f"what answers does not speak HTTP: {error!r}") from None
    return content


def _reason(error: OSError) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner)
