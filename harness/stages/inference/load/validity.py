"""Doubts about a load's figures, each with its own figures and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stages.inference.load.machine import MachineUse
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.result import RequestRecord

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
        name: one of `harness.stages.inference.load.plan.DOUBTS`; "" for what makes a run worthless, and can't be
            accepted.
        by_server: True for what the server itself did; the others are of the client, the machine and its host, and of
            whoever else asks the server.
    """

    name: str
    reason: str
    by_server: bool = False

    @property
    def refusal(self) -> str:
        """The reason, with the word that accepts it."""
        return self.reason + (f" Or accept it: --accept {self.name} (accept= in a marker)." if self.name else "")


@dataclass(frozen=True, slots=True)
class LoadEvidence:
    """The facts that a run is judged by.

    Attributes:
        found: the figures of the run, by their names in the result.
        client_cpu: share of a core that the generator used.
        server: what the server counted meanwhile.
        machine: what else the machine did.
        n_prompts: how many were written.
        is_reachable: whether the server was still there at the end. is_interrupted: whether Ctrl-C ended it early.
    """

    found: Mapping[str, Any]
    records: Sequence[RequestRecord]
    client_cpu: float
    server: Mapping[str, float]
    machine: MachineUse | None
    n_prompts: int
    is_reachable: bool = True
    is_interrupted: bool = False


def doubts(evidence: LoadEvidence, plan: LoadPlan) -> list[Doubt]:
    """Every reason not to trust a run."""
    return [
        *_worthless(evidence),
        *_client(evidence),
        *_server(evidence, plan),
        *_machine(evidence.machine),
    ]


def _worthless(evidence: LoadEvidence) -> Iterator[Doubt]:
    """What makes a run worthless: nothing was answered, or the server or the run ended."""
    found = evidence.found
    if evidence.is_interrupted:
        yield Doubt("", "The run was ended before all was measured (Ctrl-C): the figures are of what came until then.")
    kinds = ", ".join(f"{kind} {number}" for kind, number in found["errors"].items())
    if not found["requests"]:
        yield Doubt("", "No request was begun: no arrival falls into the time. Give more seconds, or a higher rate.")
    elif not evidence.is_reachable:
        yield Doubt(
            "",
            f"The server ended in the middle: nothing answers at its address any more, {found['completed']} of "
            f"{found['requests']} requests were answered ({kinds or 'no errors'}). See its log; start it again, or "
            "send it less.",
            by_server=True,
        )
    elif not found["completed"]:
        said = next((record.said for record in evidence.records if record.said), "nothing")
        yield Doubt(
            "", f"None of {found['requests']} requests was answered ({kinds}). The server said: {said}.", by_server=True
        )


def _client(evidence: LoadEvidence) -> Iterator[Doubt]:
    if evidence.client_cpu > MOST_CLIENT_CPU:
        yield Doubt(
            "client",
            f"The generator used {evidence.client_cpu:.0%} of a core, more than {MOST_CLIENT_CPU:.0%}: answers waited "
            "for it. Send less, or from a machine of its own.",
        )
    delay = evidence.found["schedule_delay_s"]
    late_s = delay.p99 if delay.p99 is not None else delay.max
    if late_s is not None and late_s > MOST_DELAY_S:
        which = "99 in 100 requests were begun up to" if delay.p99 is not None else "A request was begun"
        yield Doubt(
            "schedule",
            f"{which} {late_s * 1000:.1f} ms later than planned, more than {MOST_DELAY_S * 1000:.0f} ms: the load was "
            "not the one that was asked for. Leave the generator a core, or send from another machine.",
        )


def _server(evidence: LoadEvidence, plan: LoadPlan) -> Iterator[Doubt]:
    """What the server's counters and usage tell. Where it served somebody else, its other counters count that, too."""
    found, server = evidence.found, evidence.server
    of_others = [] if found["errors"] else list(_others(evidence))  # what failed is in its counters, and in no usage
    hits, queries = server.get("cache_hits", 0.0), server.get("cache_queries", 0.0)
    if not queries:
        hits = float(sum(record.cached_tokens or 0 for record in evidence.records))
        queries = float(found["prompt_tokens"] or 0)
    if not plan.cached and queries and hits / queries > MOST_CACHED:
        yield Doubt(
            "cache",
            f"A cache answered {hits / queries:.0%} of the prompts' tokens ({hits:,.0f} of {queries:,.0f}), which "
            "makes the first token come sooner. Send prompts that differ, or say that it is meant (--cached).",
            by_server=not of_others,
        )
    if number := server.get("preemptions"):
        yield Doubt(
            "preemptions",
            f"The server put off {number:,.0f} requests that it had begun (preemptions), for its KV cache was full, "
            "and computed them twice. Send less, shorter ones, or give it more memory for the cache.",
            by_server=not of_others,
        )
    unlike = [
        record
        for record in evidence.records
        if None not in (record.asked_tokens, record.completion_tokens)
        and record.completion_tokens != record.asked_tokens
    ]
    if unlike:
        yield Doubt(
            "tokens",
            f"{len(unlike)} answers have another number of tokens than was asked for ({unlike[0].completion_tokens} in "
            f"place of {unlike[0].asked_tokens}). See whether the server takes ignore_eos, or let the model end its "
            "answers (--ends-itself).",
            by_server=True,
        )
    yield from of_others


def _others(evidence: LoadEvidence) -> Iterator[Doubt]:
    """Tokens of the usage and those of the server's counters, which count whoever asks it, must be the same."""
    for name in ("prompt_tokens", "completion_tokens"):
        ours, theirs = evidence.found[name], evidence.server.get(name)
        if ours is not None and theirs is not None and round(theirs) != ours:
            yield Doubt(
                "tokens",
                f"The answers' usage counts {ours:,} {name.replace('_', ' ')}, the server's own counter "
                f"{theirs:,.0f}: somebody else used the server meanwhile, or one of the two is wrong. Have the server "
                "to yourself.",
            )


def _machine(use: MachineUse | None) -> Iterator[Doubt]:
    if use is None:
        return
    if use.others_cpu is not None and use.others_cpu > MOST_OTHERS * use.cores:
        yield Doubt(
            "machine",
            f"Other processes kept {use.others_cpu:.1f} of {use.cores} cores busy, more than {MOST_OTHERS:.0%}. End "
            "them, or repeat it when they are done.",
        )
    if use.steal > MOST_STEAL:
        yield Doubt(
            "steal",
            f"The host took {use.steal:.1%} of this machine's time (steal), more than {MOST_STEAL:.0%}. Repeat it when "
            "the host is quieter, or on a machine of your own.",
        )
