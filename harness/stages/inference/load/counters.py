"""A server's word about itself: the engine whose server it is, and its own counters in the format of Prometheus."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress

from harness import doors
from harness.errors import DoorError, EngineError
from harness.models.spec import ServerSpec, engine_spec
from harness.stages.inference.address import ServerAddress

_TIMEOUT_S = 10.0
_MOST_BYTES = 8 << 20
_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)


def server_spec(address: ServerAddress) -> ServerSpec | None:
    """Find the declaration of the server that answers; one that refuses to tell is none's.

    Raises:
        EngineError: it can't be reached.
    """
    try:
        models = json.loads(_get(address, f"{address.base_url}/models"))["data"]
        owners = {entry.get("owned_by") for entry in models}
    except (urllib.error.HTTPError, ValueError, LookupError, TypeError, AttributeError):
        return None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise EngineError(
            f"No server answers at {address.base_url} ({getattr(reason, 'strerror', None) or reason}). Start it, or "
            f"mend base_url of version {address.version.name!r}."
        ) from None
    for name in doors.names("engines"):
        with suppress(DoorError):  # one that can't be loaded is no engine of this version
            server = engine_spec(name).server
            if server is not None and server.owner in owners:
                return server
    return None


def read_metrics(address: ServerAddress) -> str:
    """A server's counters, as its /metrics has them; OSError where it has none, or can't be reached."""
    return _get(address, f"{address.root_url}/metrics").decode("utf-8", "replace")


def read_counters(address: ServerAddress, server: ServerSpec | None) -> dict[str, float]:
    """The server's counters by our names, added up over its engines; {} for one that has none."""
    sums: dict[str, float] = {}
    with suppress(OSError):
        for name, value in _SAMPLE.findall(read_metrics(address)) if server is not None else ():
            sums[name] = sums.get(name, 0.0) + float(value)
    return {ours: sums[name] for ours, name in (server.counters if server else {}).items() if name in sums}


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
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=address.headers), timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except http.client.HTTPException as error:
        raise ConnectionError(f"what answers does not speak HTTP: {error!r}") from None
    return content
