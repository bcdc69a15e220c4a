"""A server's word about itself: whether it is vLLM, and its own counters in the format of Prometheus."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping

from harness.errors import EngineError
from harness.stages.inference.address import ServerAddress

_TIMEOUT_S = 10.0
_MOST_BYTES = 8 << 20
_SAMPLE = re.compile(r"^vllm:([a-z_]+?)(?:_total)?(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)
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


def is_vllm(address: ServerAddress) -> bool:
    """True for a server of vLLM, which takes what only vLLM takes; what refuses to tell is asked as any other.

    Raises:
        EngineError: it can't be reached.
    """
    try:
        models = json.loads(_get(address, f"{address.base_url}/models"))["data"]
        return any(entry.get("owned_by") == "vllm" for entry in models)
    except (urllib.error.HTTPError, ValueError, LookupError, TypeError, AttributeError):
        return False
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise EngineError(
            f"No server answers at {address.base_url} ({getattr(reason, 'strerror', None) or reason}). Start it, or "
            f"mend base_url of version {address.version.name!r}."
        ) from None


def read_metrics(address: ServerAddress) -> str:
    """A server's counters, as its /metrics has them; OSError where it has none, or can't be reached."""
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
            return True
        except (urllib.error.HTTPError, TimeoutError):  # a connection that takes too long is an URLError
            return True
        except OSError:
            continue
    return False


def _get(address: ServerAddress, url: str) -> bytes:
    """The server's answer, asked without a proxy."""
    request = urllib.request.Request(url, headers=address.headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except http.client.HTTPException as error:
        raise ConnectionError(f"what answers does not speak HTTP: {error!r}") from None
    return content
