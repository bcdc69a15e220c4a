"""The words of `load={…}` in the marker of an evaluation that takes `load`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config import Settings, setting_checks
from harness.errors import MarkerError, UsageError, choices
from harness.stages.inference.blocks.plan import DEFAULT_BLOCKS, DEFAULT_RATE, DEFAULT_SECONDS, WARM_UP, BlockPlan
from harness.stages.inference.load.plan import LoadPlan

LOAD_KEYWORDS = (
    *("blocks", "seconds", "rate", "concurrency", "requests", "prompts", "prompt_tokens"),
    *("output_tokens", "objective", "warm_up", "cached", "accept"),
)
_WHOLE = ("concurrency", "requests", "prompt_tokens", "output_tokens", "warm_up")
_NUMBERS = ("seconds", "rate")
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
        if name not in LOAD_KEYWORDS:
            raise MarkerError(f"{where}: load: {choices('setting', str(name), LOAD_KEYWORDS)}")
    try:
        return _plan(given, settings.root, settings.seed, where)
    except UsageError as error:
        raise MarkerError(str(error)) from None


def _plan(keywords: Mapping[str, Any], root: Path, seed: int, where: str) -> BlockPlan:
    """The plan that the words of a marker's `load` make."""
    given = {name: keywords[name] for name in LOAD_KEYWORDS if keywords.get(name) is not None}
    values: dict[str, Any] = {"warm_up": WARM_UP}
    for name in (name for name in given if name in _WHOLE):
        values[name] = setting_checks.integer(given[name], name, where=where, low=0 if name == "warm_up" else 1)
    for name in (name for name in given if name in _NUMBERS):
        values[name] = setting_checks.number(given[name], name, where=where)
    if "cached" in given:
        values["cached"] = setting_checks.boolean(given["cached"], "cached", where=where)
    if "objective" in given:
        values["objective"] = read_objective(given["objective"], f"{where}: objective =")
    if "accept" in given:
        values["accept"] = frozenset(setting_checks.names(given["accept"], "accept", where=where))
    if "prompts" in given:
        values["prompts"] = _prompts(given["prompts"], root, where)
    if not values.keys() & {"rate", "concurrency"}:
        values["rate"] = DEFAULT_RATE
    if not values.keys() & {"seconds", "requests"}:
        values["seconds"] = DEFAULT_SECONDS
    try:
        return BlockPlan(
            blocks=setting_checks.integer(given.get("blocks", DEFAULT_BLOCKS), "blocks", where=where),
            load=LoadPlan(**values),
            seed=seed,
        )
    except UsageError as error:
        raise type(error)(f"{where}: {str(error).removeprefix(f'{where}: ')}") from None


def read_objective(given: Any, where: str) -> dict[str, float]:
    """Seconds by the name of what they are set for, written as a text or a table.

    Raises:
        UsageError: it is not of that form.

    >>> read_objective("ttft=0.5, itl=0.1", "--objective")
    {'ttft': 0.5, 'itl': 0.1}
    """
    if isinstance(given, Mapping):
        return {
            str(name): setting_checks.number(value, f"objective {name}", where=where) for name, value in given.items()
        }
    found: dict[str, float] = {}
    for part in str(given).split(","):
        name, equals, value = part.partition("=")
        try:
            if not equals or not name.strip():
                raise ValueError
            seconds = float(value)
        except ValueError:
            raise UsageError(
                f"{where} {given!r}: {part.strip()!r} names nothing that could be kept; write NAME=SECONDS, such as "
                "ttft=0.5,itl=0.1."
            ) from None
        if found.setdefault(name.strip(), seconds) != seconds:
            raise UsageError(f"{where} {given!r}: {name.strip()} is set to two values; leave one out.")
    return found


def _prompts(value: Any, root: Path, where: str) -> tuple[Any, ...]:
    from harness.stages.inference.load.prompts import read_prompts

    return read_prompts(root / setting_checks.text(value, "prompts", where=where))
