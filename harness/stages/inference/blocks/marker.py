"""The words of `load={…}` in the marker of an evaluation that takes `load`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from harness.config import Settings, setting_checks
from harness.errors import MarkerError, UsageError, choices
from harness.stages.inference.blocks.plan import DEFAULT_BLOCKS, DEFAULT_RATE, DEFAULT_SECONDS, WARM_UP, BlockPlan
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.prompts import read_prompts

_NOT_WITH_LOAD = (
    *("cases", "samples", "max_samples", "design", "per", "cluster", "review", "max_lost", "weighs"),
    *("slices", "slice_margin"),
)


def blocks_of(keywords: Mapping[str, Any], settings: Settings, *, where: str, loads: bool) -> BlockPlan | None:
    """The blocks of an evaluation whose body takes `load`; None for another one.

    Args:
        keywords: what its marker was given.
        settings: the project's.
        where: the test function, for messages.
        loads: whether its body takes `load`.

    Raises:
        MarkerError: a word or a value that can't be.
    """
    given = keywords.get("load", {})
    if not loads:
        if "load" in keywords:
            raise MarkerError(f"{where}: load= is for a body that takes `load`, which is measured in blocks of time.")
        return None
    for name in _NOT_WITH_LOAD:
        if keywords.get(name) is not None:
            raise MarkerError(
                f"{where}: {name}= does not go with `load`: pairs of blocks of time are its cases. "
                'Say how many of them, and what is sent, by load={"blocks": 12, "rate": 8}.'
            )
    if not isinstance(given, Mapping):
        raise MarkerError(f'{where}: load = {given!r} is no table; write load={{"blocks": 12, "rate": 8}}.')
    for name in given:
        if name not in _READERS:
            raise MarkerError(f"{where}: load: {choices('setting', str(name), _READERS)}")
    try:
        return _plan(given, settings, where)
    except UsageError as error:
        raise MarkerError(f"{where}: {str(error).removeprefix(f'{where}: ')}") from None


def _plan(given: Mapping[str, Any], settings: Settings, where: str) -> BlockPlan:
    words = {name: read for name, read in _READERS.items() if given.get(name) is not None}
    values = {"warm_up": WARM_UP, **{name: read(given[name], name, where=where) for name, read in words.items()}}
    if "prompts" in values:
        values["prompts"] = read_prompts(settings.root / values["prompts"])
    if not values.keys() & {"rate", "concurrency"}:
        values["rate"] = DEFAULT_RATE
    if not values.keys() & {"seconds", "requests"}:
        values["seconds"] = DEFAULT_SECONDS
    blocks = values.pop("blocks", DEFAULT_BLOCKS)
    return BlockPlan(blocks=blocks, load=LoadPlan(**values), seed=settings.seed)


def read_objective(given: Any, name: str, *, where: str) -> dict[str, float]:
    """Seconds by the name of what they are set for, written as a text or a table.

    Raises:
        UsageError: it is not of that form.

    >>> read_objective("ttft=0.5, itl=0.1", "objective", where="test_speed")
    {'ttft': 0.5, 'itl': 0.1}
    """
    if isinstance(given, Mapping):
        return {
            str(name): setting_checks.number(value, f"objective {name}", where=where) for name, value in given.items()
        }
    found: dict[str, float] = {}
    for part in str(given).split(","):
        of, _, value = (each.strip() for each in part.partition("="))
        try:
            seconds = float(value if of else "")
        except ValueError:
            raise UsageError(
                f"{where}: {name} = {given!r}: {part.strip()!r} names nothing that could be kept; write NAME=SECONDS, "
                "such as ttft=0.5,itl=0.1."
            ) from None
        if found.setdefault(of, seconds) != seconds:
            raise UsageError(f"{where}: {name} = {given!r}: {of} is set to two values; leave one out.")
    return found


def _accepted(value: Any, name: str, *, where: str) -> frozenset[str]:
    return frozenset(setting_checks.names(value, name, where=where))


_READERS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("blocks", "concurrency", "requests", "prompt_tokens", "output_tokens"), setting_checks.integer),
    **dict.fromkeys(("seconds", "rate"), setting_checks.number),
    "warm_up": partial(setting_checks.integer, low=0),
    "prompts": setting_checks.text,
    "objective": read_objective,
    "cached": setting_checks.boolean,
    "accept": _accepted,
}
"""The words of `load`, with what checks each."""
LOAD_WORDS = tuple(_READERS)
