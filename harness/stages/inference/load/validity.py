"""Doubts about a load's figures, each with its own figures and the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stages.inference.load.machine import MachineUse
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.result import LatencyFigures, RequestRecord

MOST_CLIENT_CPU = 0.8
"""Share of a core beyond which packets wait for the generator, and not only for the server."""
MOST_DELAY_S = 0.010
"""The 99th of 100 requests may be begun so late: a frame of the eye, and less than a step of most engines."""
MOST_CACHED = 0.01
"""Share of the prompts' tokens that a cache may answer though it was not meant to."""
MOST_STEAL = 0.02
MOST_OTHERS = 0.1
"""Share of the machine that its host, and that other processes, may take."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason not to trust a run.

    Attributes:
        name: one of `harness.stages.inference.load.plan.DOUBTS`.
        by_server: True for what the server itself did; the others are of the client, the machine and its host, and of
            whoever else asks the server.
    """

    name: str
    reason: str
    by_server: bool


@dataclass(frozen=True, slots=True)
class LoadEvidence:
    """The facts that doubts are told from.

    Attributes:
        found: the figures of the run, by their names in the result.
        client_cpu: share of a core that the generator used.
        server: what the server counted meanwhile.
        machine: what else the machine did.
        is_reachable: whether the server was still there at the end.
    """

    found: Mapping[str, Any]
    records: Sequence[RequestRecord]
    client_cpu: float
    server: Mapping[str, float]
    machine: MachineUse | None
    is_reachable: bool = True


def doubts(evidence: LoadEvidence, plan: LoadPlan) -> list[Doubt]:
    """Every reason not to trust a run that may be accepted."""
    of_others = _counters(evidence)  # its other counters count them, too
    found = (
        ("client", _client(evidence), False),
        ("schedule", _schedule(evidence), False),
        ("cache", [] if plan.cached else _cache(evidence), not of_others),
        ("preemptions", _preemptions(evidence), not of_others),
        ("tokens", _lengths(evidence), True),
        ("tokens", of_others, False),
        ("machine", _machine(evidence), False),
        ("steal", _steal(evidence), False),
    )
    return [Doubt(name, reason, by_server) for name, reasons, by_server in found for reason in reasons]


def failures(evidence: LoadEvidence) -> list[str]:
    """List the failures that make a run worthless: nothing was answered, or the server ended."""
    found = evidence.found
    kinds = ", ".join(f"{kind} {number}" for kind, number in found["errors"].items())
    if not evidence.is_reachable:
        return [
            f"The server ended in the middle: nothing answers at its address any more, {found['completed']} of "
            f"{found['requests']} requests were answered ({kinds or 'no errors'}). See its log; start it again, or "
            "send it less."
        ]
    if found["requests"] and not found["completed"]:
        said = next((record.said for record in evidence.records if record.said), "")
        return [f"None of {found['requests']} requests was answered ({kinds}). The server said: {said or 'nothing'}."]
    if not found["requests"]:
        return ["No request was begun: no arrival falls into the time. Give more seconds, or a higher rate."]
    return []


def _client(evidence: LoadEvidence) -> list[str]:
    if evidence.client_cpu <= MOST_CLIENT_CPU:
        return []
    return [
        f"The generator used {evidence.client_cpu:.0%} of a core, more than {MOST_CLIENT_CPU:.0%}: answers waited for "
        "it. Send less, or from a machine of its own."
    ]


def _schedule(evidence: LoadEvidence) -> list[str]:
    delay: LatencyFigures = evidence.found["schedule_delay_s"]
    late_s = delay.p99 if delay.p99 is not None else delay.max
    if late_s is None or late_s <= MOST_DELAY_S:
        return []
    which = "99 in 100 requests were begun up to" if delay.p99 is not None else "A request was begun"
    return [
        f"{which} {late_s * 1000:.1f} ms later than planned, more than {MOST_DELAY_S * 1000:.0f} ms: the load was not "
        "the one that was asked for. Leave the generator a core, or send from another machine."
    ]


def _cache(evidence: LoadEvidence) -> list[str]:
    hits, queries = evidence.server.get("cache_hits", 0.0), evidence.server.get("cache_queries", 0.0)
    if not queries:
        hits = float(sum(record.cached_tokens or 0 for record in evidence.records))
        queries = float(evidence.found["prompt_tokens"] or 0)
    if not queries or hits / queries <= MOST_CACHED:
        return []
    return [
        f"A cache answered {hits / queries:.0%} of the prompts' tokens ({hits:,.0f} of {queries:,.0f}), which makes "
        "the first token come sooner. Send prompts that differ, or say that it is meant (--cached)."
    ]


def _preemptions(evidence: LoadEvidence) -> list[str]:
    number = evidence.server.get("preemptions", 0.0)
    if not number:
        return []
    return [
        f"The server put off {number:,.0f} requests that it had begun (preemptions), for its KV cache was full, and "
        "computed them twice. Send less, shorter ones, or give it more memory for the cache."
    ]


def _lengths(evidence: LoadEvidence) -> list[str]:
    """Tokens asked for and those of the usage must be the same."""
    unlike = [
        record
        for record in evidence.records
        if record.error is None
        and record.asked_tokens is not None
        and record.completion_tokens not in (None, record.asked_tokens)
    ]
    if not unlike:
        return []
    first = unlike[0]
    return [
        f"{len(unlike)} answers have another number of tokens than was asked for ({first.completion_tokens} in "
        f"place of {first.asked_tokens}). See whether the server takes ignore_eos, or let the model end its "
        "answers (--ends-itself)."
    ]


def _counters(evidence: LoadEvidence) -> list[str]:
    """Tokens of the usage and those of the server's counters, which count whoever asks it, must be the same."""
    if evidence.found["errors"]:
        return []  # what the server computed for requests that failed is in its counters, and in no usage
    reasons = []
    for name in ("prompt_tokens", "completion_tokens"):
        ours, theirs = evidence.found[name], evidence.server.get(name)
        if ours is not None and theirs is not None and round(theirs) != ours:
            reasons.append(
                f"The answers' usage counts {ours:,} {name.replace('_', ' ')}, the server's own counter "
                f"{theirs:,.0f}: somebody else used the server meanwhile, or one of the two is wrong. Have the server "
                "to yourself."
            )
    return reasons


def _machine(evidence: LoadEvidence) -> list[str]:
    use = evidence.machine
    if use is None or use.others_cpu is None or use.others_cpu <= MOST_OTHERS * use.cores:
        return []
    return [
        f"Other processes kept {use.others_cpu:.1f} of {use.cores} cores busy, more than {MOST_OTHERS:.0%}. End them, "
        "or repeat it when they are done."
    ]


def _steal(evidence: LoadEvidence) -> list[str]:
    use = evidence.machine
    if use is None or use.steal <= MOST_STEAL:
        return []
    return [
        f"The host took {use.steal:.1%} of this machine's time (steal), more than {MOST_STEAL:.0%}. Repeat it when the "
        "host is quieter, or on a machine of your own."
    ]
