"""The table of model versions: `[tool.steelyard.models.NAME]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.config import checks
from harness.errors import SettingsError, choices
from harness.records import Price

ENGINES = ("vllm", "transformers", "openai", "scripted")

_COMMON = ("engine", "base", "system", "template", "sampling", "description", "revision", "max_age", "price")
_WEIGHTS = ("weights", "tokenizer", "drop_layers", "dtype", "max_model_len")
_ENDPOINT = ("base_url", "model", "api_key_env", "requests_per_minute", "timeout_s", "max_body_bytes")
_OF_ENGINE = {
    "vllm": (*_WEIGHTS, *_ENDPOINT, "engine_args"),
    "transformers": (*_WEIGHTS, "batch_size"),
    "openai": _ENDPOINT,
    "scripted": ("answers", "default", "seed", "latency_s"),
}
_KINDS = {
    "weights": checks.path,
    "tokenizer": checks.path,
    "drop_layers": checks.layers,
    "dtype": checks.text,
    "model": checks.text,
    "api_key_env": checks.variable,
}
_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
)


@dataclass(frozen=True, slots=True)
class VersionSettings:
    """One version as the settings define it, with what its `base` gives filled in.

    Attributes:
        system: system text put before the messages that have none.
        template: how a prompt becomes the user's message; holds `{prompt}`.
        sampling: defaults of every request, in the words of OpenAI's API.
        revision: part of the fingerprint; for what can change behind an unchanged address.
        max_age_s: stored samples older than this are drawn again; None keeps them for ever.
        price: of its tokens; no part of what its answers depend on. None where it is not known.
        base: the version that this one was written as a difference from, or None.
        engine_options: everything that only the version's engine understands (weights, base_url, answers, …).
        registry: address of the MLflow whose registry has the weights, where it has them and one is known. It may hold
            a password: never shown.
    """

    name: str
    engine: str
    system: str | None = None
    template: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    revision: str | None = None
    max_age_s: float | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    base: str | None = None
    price: Price | None = None
    registry: str | None = field(default=None, repr=False)

    @property
    def is_registered(self) -> bool:
        """Whether its weights are a model of MLflow's registry."""
        return str(self.engine_options.get("weights", "")).startswith("models:/")


def read_versions(tables: Any, *, where: str) -> dict[str, VersionSettings]:
    """All versions of a models table, each with its base resolved.

    Raises:
        SettingsError: an unknown key, engine or base, a circle of bases, a value of the wrong kind.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingsError(f"{where}: models is not a table of tables; write [tool.steelyard.models.NAME].")
    return {
        name: _version(name, _with_base(name, tables, where), where, base=table.get("base"))
        for name, table in tables.items()
    }


def _with_base(name: str, tables: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, Any]:
    """The version's own table laid over its base's; `sampling` and `engine_args` are laid over key by key."""
    chain = [name]
    while "base" in tables[chain[-1]]:
        base = checks.text(tables[chain[-1]]["base"], "base", where=f"{where}, version {chain[-1]!r}")
        if base in chain:
            raise SettingsError(f"{where}: version {name!r} is based on itself: {' -> '.join([*chain, base])}.")
        if base not in tables:
            raise SettingsError(f"{where}: base of {chain[-1]!r}: {choices('version', str(base), tables)}")
        chain.append(base)
    merged: dict[str, Any] = {}
    for link in reversed(chain):
        for key, value in tables[link].items():
            if key in ("sampling", "engine_args") and isinstance(value, Mapping):
                merged[key] = {**merged.get(key, {}), **value}
            elif key != "base" and not (key == "description" and link != name):
                merged[key] = value
    return merged


def _version(name: str, table: dict[str, Any], where: str, *, base: str | None) -> VersionSettings:
    here = f"{where}, version {name!r}"
    if "engine" not in table:
        every = {key for keys in _OF_ENGINE.values() for key in keys}
        checks.refuse_unknown(table, (*_COMMON, *sorted(every)), where=here)
        raise SettingsError(f"{here} has no engine. Engines: {', '.join(ENGINES)}.")
    engine = checks.one_of(table["engine"], "engine", ENGINES, where=here)
    checks.refuse_unknown(table, (*_COMMON, *_OF_ENGINE[engine]), where=f"{here} (engine {engine!r})")
    template = table.get("template")
    if template is not None and "{prompt}" not in checks.text(template, "template", where=here):
        raise SettingsError(f"{here}: template = {template!r} does not hold {{prompt}}.")
    return VersionSettings(
        name=name,
        engine=engine,
        system=_optional_text(table, "system", here),
        template=template,
        sampling=check_sampling(table.get("sampling", {}), where=here),
        description=_optional_text(table, "description", here),
        revision=_optional_text(table, "revision", here),
        max_age_s=None if "max_age" not in table else checks.duration_s(table["max_age"], "max_age", where=here),
        engine_options=_engine_options(engine, {k: v for k, v in table.items() if k not in _COMMON}, here),
        base=base,
        price=None if "price" not in table else _price(table["price"], here),
    )


def _price(table: Any, where: str) -> Price:
    """The price of a million tokens, read and written."""
    if not isinstance(table, Mapping) or set(table) != {"input", "output"}:
        raise SettingsError(
            f"{where}: price = {table!r} is not the price of a million tokens, read and written; write "
            "{ input = 0.15, output = 0.60 }."
        )
    numbers = {name: checks.number(value, name, where=f"{where}, price", low=0) for name, value in table.items()}
    return Price(**numbers)


def _optional_text(table: Mapping[str, Any], name: str, where: str) -> str | None:
    return None if name not in table else checks.text(table[name], name, where=where)


def _engine_options(engine: str, options: dict[str, Any], where: str) -> dict[str, Any]:
    if engine == "openai" or (engine == "vllm" and "base_url" in options):
        checks.web_address(options.get("base_url", ""), "base_url", where=where)
        checks.text(options.get("model", ""), "model", where=where)
    elif engine in ("vllm", "transformers"):
        checks.path(options.get("weights", ""), "weights", where=where)
    for name, check in _KINDS.items():
        if name in options:
            check(options[name], name, where=where)
    for name in ("requests_per_minute", "timeout_s"):
        if name in options:
            checks.number(options[name], name, where=where, low=0.001)
    for name in ("max_model_len", "batch_size", "max_body_bytes"):
        if name in options:
            checks.integer(options[name], name, where=where)
    if "latency_s" in options:
        checks.number(options["latency_s"], "latency_s", where=where, low=0)
    _check_tables(options, where)
    return options


def _check_tables(options: Mapping[str, Any], where: str) -> None:
    for name, kinds in (("answers", (str, Mapping)), ("engine_args", (Mapping,))):
        if name in options and not isinstance(options[name], kinds):
            wanted = "a table" if str not in kinds else "a table or the path of a file"
            raise SettingsError(f"{where}: {name} = {options[name]!r} is not {wanted}.")
    if isinstance(options.get("answers"), str):
        checks.path(options["answers"], "answers", where=where)


def check_sampling(table: Any, *, where: str) -> dict[str, Any]:
    """Sampling parameters with known names and values in range.

    Raises:
        SettingsError: naming the parameter, its value and what it may be.
    """
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: sampling = {table!r} is not a table; write {{ temperature = 0.7 }}.")
    where = f"{where}, sampling"
    checks.refuse_unknown(table, _SAMPLING, where=where)
    for name, value in table.items():
        if name in ("max_tokens",):
            checks.integer(value, name, where=where)
        elif name in ("seed", "top_k"):
            checks.integer(value, name, where=where, low=-1 if name == "top_k" else 0)
        elif name in ("top_p", "min_p"):
            checks.number(value, name, where=where, low=0, high=1)
        elif name == "temperature":
            checks.number(value, name, where=where, low=0)
        elif name == "stop":
            checks.stops(value, name, where=where)
        else:
            checks.number(value, name, where=where)
    return dict(table)
