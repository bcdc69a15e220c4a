"""Doubts about a load's figures, each with its own figures and the way out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from harness.stages.inference.load.figures import LoadResult
from harness.stages.inference.load.plan import LoadPlan

MOST_DELAY_S = 0.010
"""All but 1 in 100 requests are begun within it: a frame of the eye, and less than a step of most engines."""
_MOST_CLIENT_CPU = 0.8
"""Share of a core beyond which packets wait for the generator, and not only for the server."""
_MOST_CACHED = 0.01
"""Share of the prompts' tokens that a cache may answer though it was not meant to."""
_MOST_STEAL, _MOST_OTHERS = 0.02, 0.1
"""Share of the machine that its host, and that other processes, may take."""


class Doubt(NamedTuple):
    """One reason not to trust a run: its name in a plan's `accept` ("" for what can't be accepted), and whether it is
    the server's own doing; the others are of the client, the machine, its host, and of whoever else asks the server.
    """

    name: str
    reason: str
    by_server: bool = False


def doubts(result: LoadResult, plan: LoadPlan, *, is_reachable: bool = True) -> list[Doubt]:
    """Every reason not to trust a run, after which the server was still there or not."""
    return [*_ended(result, is_reachable), *_machine(result), *_server(result, plan)]


def _ended(result: LoadResult, is_reachable: bool) -> Iterator[Doubt]:
    """What makes a run worthless: nothing was answered, or the server or the run ended."""
    if result.interrupted:
        yield Doubt("", "The run was ended before all was measured (Ctrl-C): the figures are of what came until then.")
    kinds = ", ".join(f"{kind} {number}" for kind, number in result.errors.items())
    if not is_reachable:
        reason = (
            f"The server ended in the middle: nothing answers at its address any more, {result.completed} of "
            f"{result.requests} requests were answered ({kinds or 'no errors'}). See its log; start it again, or "
            "send it less."
        )
        yield Doubt("", reason, by_server=True)
    elif result.requests and not result.completed:
        said = next((row.said for row in result.rows if row.said), "nothing")
        reason = f"None of {result.requests} requests was answered ({kinds}). The server said: {said}."
        yield Doubt("", reason, by_server=True)


def _machine(result: LoadResult) -> Iterator[Doubt]:
    """What the generator, the machine and its host did."""
    cores, others, steal = os.cpu_count() or 1, result.others_cpu or 0.0, result.steal or 0.0
    if result.client_cpu > _MOST_CLIENT_CPU:
        reason = (
            f"The generator used {result.client_cpu:.0%} of a core, more than {_MOST_CLIENT_CPU:.0%}: answers waited "
            "for it. Send less, or from a machine of its own."
        )
        yield Doubt("client", reason)
    p99_s = result.schedule_delay_s.p99
    late_s = (result.schedule_delay_s.max or 0.0) if p99_s is None else p99_s
    if late_s > MOST_DELAY_S:
        reason = (
            f"{'A request' if p99_s is None else '1 in 100 requests'} was begun "
            f"{'' if p99_s is None else 'at least '}{late_s * 1000:.1f} ms later than planned, more than "
            f"{MOST_DELAY_S * 1000:.0f} ms: the load was not the one that was asked for. Leave the generator a core, "
            "or send from another machine."
        )
        yield Doubt("schedule", reason)
    if others > _MOST_OTHERS * cores:
        reason = (
            f"Other processes kept {others:.1f} of {cores} cores busy, more than {_MOST_OTHERS:.0%}. End them, or "
            "repeat it when they are done."
        )
        yield Doubt("machine", reason)
    if steal > _MOST_STEAL:
        reason = (
            f"The host took {steal:.1%} of this machine's time (steal), more than {_MOST_STEAL:.0%}. Repeat it when "
            "the host is quieter, or on a machine of your own."
        )
        yield Doubt("steal", reason)


def _server(result: LoadResult, plan: LoadPlan) -> Iterator[Doubt]:
    """What the server's counters and usage tell. Where it served somebody else, its other counters count that, too."""
    server, of_others = result.server, list[Doubt]()
    for name in ("prompt_tokens", "completion_tokens"):
        ours, theirs = getattr(result, name), server.get(name)
        # What failed is in its counters, and in no usage.
        if ours is not None and theirs is not None and round(theirs) != ours and not result.errors:
            reason = (
                f"The answers' usage counts {ours:,} {name.replace('_', ' ')}, the server's own counter {theirs:,.0f}: "
                "somebody else used the server meanwhile, or one of the two is wrong. Have the server to yourself."
            )
            of_others.append(Doubt("tokens", reason))
    hits, queries = server.get("cache_hits", 0.0), server.get("cache_queries", 0.0)
    if not queries:
        hits = float(sum(row.cached_tokens or 0 for row in result.rows))
        queries = float(result.prompt_tokens or 0)
    if not plan.cached and queries and hits / queries > _MOST_CACHED:
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
    counts = [(row.completion_tokens, row.asked_tokens) for row in result.rows]
    if unlike := [(came, asked) for came, asked in counts if None not in (came, asked) and came != asked]:
        yield Doubt(
            "tokens",
            f"{len(unlike)} answers have another number of tokens than was asked for ({unlike[0][0]} in place of "
            f"{unlike[0][1]}). See whether the server takes ignore_eos, or let the model end its answers "
            "(--ends-itself).",
            by_server=True,
        )
    yield from of_others
