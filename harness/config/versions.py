"""The table of model versions: `[tool.steelyard.models.NAME]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from harness import doors
from harness.config import setting_checks
from harness.config.artifacts import Artifact, Unbuilt
from harness.config.asking import WhenAsked
from harness.config.customization import STEP_KINDS, ContextSettings, Step, read_step
from harness.config.environment import Variables
from harness.config.files import FILE
from harness.errors import DoorError, SettingsError, choices
from harness.records import Price

WEIGHTS_FORMS = (
    'a folder, a .gguf file, "package:NAME" (an installed package that ships weights), a hub id "owner/model", or '
    '"models:/NAME/VERSION" of MLflow\'s registry'
)
_NEEDED = {
    "weights": WEIGHTS_FORMS,
    "base_url": "the address of a server, such as http://127.0.0.1:8000/v1",
    "model": "the name by which the server knows the model",
}
"""Descriptions of the settings that engines need, for whoever left one out."""
REGISTERED = "models:/"
"""Begins the `weights` that MLflow's registry has."""
_OF_THE_START = ("weights", "drop_layers")
"""Settings of the weights that a student starts from: a version that is based on the student can't change them."""
_COMMON = (
    "engine",
    "base",
    "system",
    "template",
    "sampling",
    "revision",
    "max_age",
    "price",
    *STEP_KINDS,
)
_SAMPLING: Mapping[str, Callable[..., Any]] = {
    "temperature": partial(setting_checks.number, low=0),
    "top_p": partial(setting_checks.number, low=0, high=1),
    "top_k": partial(setting_checks.integer, low=-1),
    "min_p": partial(setting_checks.number, low=0, high=1),
    "max_tokens": setting_checks.integer,
    "stop": setting_checks.stops,
    "seed": partial(setting_checks.integer, low=0),
    "presence_penalty": setting_checks.number,
    "frequency_penalty": setting_checks.number,
    "repetition_penalty": setting_checks.number,
}


GIT = "git:"
"""Begins the name of a version at a commit; a ref follows."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit of the project, with its files in a folder of their own.

    Attributes:
        own: the name of the version in the settings.
        root: where the project lies in it, which relative paths start from.
        tree: the root of the repository in it.
        project: the root of the repository as it lies there now.
        told: what to tell of the version, a sentence each.
    """

    commit: str
    own: str
    root: Path
    tree: Path
    project: Path
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionSettings:
    """One version as the settings define it, with what its `base` gives filled in.

    Attributes:
        system: system text put before the messages that have none; or where it stands, as `texts_elsewhere` has it.
        template: how a prompt becomes the user's message; holds `{prompt}`. Or where it stands.
        sampling: defaults of every request, in the words of OpenAI's API.
        revision: part of the fingerprint; for what can change behind an unchanged address.
        price: of its tokens; no part of what its answers depend on. None where it is not known.
        price_per_hour: of the machine that it is served on; None where it is not known.
        steps: that it is made by, in the order of its chain of bases.
        base: the version that this one was written as a difference from, or None.
        engine_options: everything that only the version's engine understands (weights, base_url, answers, …). Once a
            step is built that gives weights or an adapter, its artifact is in their place.
        artifact: what a corpus was built to; None for a model, and while it is not built.
        checkout: of the commit that its code and files are of; None for those of the project as it lies there.
        registry: address of the MLflow whose registry has its weights, where one is known. It may hold a password:
            never shown.
    """

    name: str
    engine: str
    system: str | None = None
    template: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None
    max_age_s: float | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    base: str | None = None
    price: Price | None = None
    registry: str | None = field(default=None, repr=False)
    price_per_hour: float | None = None
    steps: tuple[Step, ...] = ()
    checkout: Checkout | None = None
    artifact: Artifact | None = None

    def root(self, project: Path) -> Path:
        """The folder that its relative paths start from: that of its commit, else the project's."""
        return project if self.checkout is None else self.checkout.root

    @property
    def commit(self) -> str | None:
        """The commit that its code and files are of; None for those of the project as it lies there."""
        return None if self.checkout is None else self.checkout.commit

    @property
    def texts_elsewhere(self) -> Mapping[str, str]:
        """Setting → the file that its text stands in, of `system` and `template`: `file:PATH`."""
        texts = {"system": self.system, "template": self.template}
        return {name: text for name, text in texts.items() if text and text.startswith(FILE)}

    @property
    def retrieval(self) -> Step | None:
        """The step that finds passages for each question: the last of its kind."""
        return next((step for step in reversed(self.steps) if step.kind == "retrieval"), None)

    @property
    def context(self) -> ContextSettings | None:
        """The budget of the context: the last that a table of the chain sets."""
        found = next((step for step in reversed(self.steps) if step.kind == "context"), None)
        return None if found is None else cast("ContextSettings", found.settings)

    @property
    def engine_name(self) -> str:
        """Its engine as messages name it, such as "vllm (smollm2)"."""
        return f"{self.engine} ({self.name})"

    @property
    def is_registered(self) -> bool:
        """Whether its weights are a model of MLflow's registry."""
        return str(self.engine_options.get("weights", "")).startswith(REGISTERED)


def read_versions(
    tables: Any, *, where: str, corpora: Iterable[str] = (), variables: Variables | None = None
) -> WhenAsked[VersionSettings]:
    """The versions of a models table, none of which is read before it is asked for.

    Args:
        corpora: names of corpora, which can't be a model's base.

    Raises:
        SettingsError: it is no table of tables. Of a version that is asked for: an unknown key, engine or base, a
            circle of bases, a value of the wrong kind.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingsError(f"{where}: models is not a table of tables; write [tool.steelyard.models.NAME].")
    return WhenAsked(tables, partial(_read, with_variables(tables, "version", where, variables), where, tuple(corpora)))


def with_variables(
    tables: Mapping[str, Mapping[str, Any]], kind: str, where: str, variables: Variables | None
) -> Mapping[str, Mapping[str, Any]]:
    """The tables, each with the variables of the environment that it names when it is asked for."""
    if variables is None:
        return tables
    return WhenAsked(tables, partial(_filled, tables, kind, where, variables))


def _filled(
    tables: Mapping[str, Mapping[str, Any]], kind: str, where: str, variables: Variables, name: str
) -> dict[str, Any]:
    where = f"{where}, {kind} {name!r}"
    return {key: variables.fill(value, key, where=where) for key, value in tables[name].items()}


def _read(tables: Mapping[str, Mapping[str, Any]], where: str, corpora: Iterable[str], name: str) -> VersionSettings:
    return _version(name, _with_base(name, tables, where, corpora), where, base=tables[name].get("base"))


def _with_base(
    name: str, tables: Mapping[str, Mapping[str, Any]], where: str, corpora: Iterable[str]
) -> dict[str, Any]:
    """The version's own table laid over its base's; `sampling` and `engine_args` are laid over key by key."""
    chain = [name]
    while "base" in tables[chain[-1]]:
        base = setting_checks.text(tables[chain[-1]]["base"], "base", where=f"{where}, version {chain[-1]!r}")
        if base in chain:
            raise SettingsError(f"{where}: version {name!r} is based on itself: {' -> '.join([*chain, base])}.")
        if base not in tables:
            known = choices("version", str(base), tables)
            wrong = f"{base!r} is a corpus, which is no model's base." if base in corpora else known
            raise SettingsError(f"{where}: base of {chain[-1]!r}: {wrong}")
        chain.append(base)
    merged: dict[str, Any] = {}
    for link in reversed(chain):
        student = next((step.version for step in merged.get("steps", ()) if step.kind == "distilled"), None)
        for changed in _OF_THE_START if student is not None else ():
            if changed in tables[link]:
                raise SettingsError(
                    f"{where}, version {link!r}: {changed} would change what its base {student!r} was distilled from, "
                    f"and not what came of it. Set it in {student!r}, or distil a version that has it."
                )
        for key, value in tables[link].items():
            if key in ("sampling", "engine_args") and isinstance(value, Mapping):
                merged[key] = {**merged.get(key, {}), **value}
            elif key in STEP_KINDS:
                steps: tuple[Step, ...] = merged.get("steps", ())
                here = f"{where}, version {link!r}"
                merged["steps"] = (*steps, read_step(key, value, version=link, where=here))
            elif key != "base":
                merged[key] = value
    return merged


def _version(name: str, table: dict[str, Any], where: str, *, base: str | None) -> VersionSettings:
    here = f"{where}, version {name!r}"
    steps = table.pop("steps", ())
    if "engine" not in table:
        setting_checks.refuse_unknown(table, (*_COMMON, *_every_engines_keys()), where=here)
        raise SettingsError(f"{here} has no engine. {doors.listed('engines')}")
    engine = setting_checks.text(table["engine"], "engine", where=here)
    declared = _declared(engine, here)
    setting_checks.refuse_unknown(table, (*_COMMON, *declared.settings), where=f"{here} (engine {engine!r})")
    template = _optional_text(table, "template", here)
    if template is not None and not template.startswith(FILE) and "{prompt}" not in template:
        raise SettingsError(f"{here}: template = {template!r} does not hold {{prompt}}.")
    if template is not None and "{{prompt}}" in template:
        raise SettingsError(
            f"{here}: template = {template!r} would put braces around each question. Write {{prompt}}: files "
            "alone have {{prompt}}."
        )
    options = {key: value for key, value in table.items() if key not in _COMMON}
    if any(step.kind == "distilled" for step in steps) and "weights" in declared.settings:
        options.setdefault("weights", Unbuilt(name))
    return VersionSettings(
        name=name,
        engine=engine,
        system=_optional_text(table, "system", here),
        template=template,
        sampling=check_sampling(table.get("sampling", {}), where=here),
        revision=_optional_text(table, "revision", here),
        max_age_s=None
        if "max_age" not in table
        else setting_checks.duration_s(table["max_age"], "max_age", where=here),
        engine_options=_engine_options(engine, declared, options, here),
        steps=steps,
        base=base,
        **({} if "price" not in table else _prices(table["price"], here)),
    )


def _prices(table: Any, where: str) -> dict[str, Any]:
    """The price of a million tokens, read and written, and that of the machine in an hour: one of them, or both."""
    here = f"{where}, price"
    names = table.keys() if isinstance(table, Mapping) else set()
    if names not in ({"input", "output"}, {"hour"}, {"input", "output", "hour"}):
        raise SettingsError(
            f"{where}: price = {table!r} is neither the price of a million tokens, read and written, nor that of an "
            "hour of the machine; write { input = 0.15, output = 0.60 }, or { hour = 2.50 }."
        )
    numbers = {name: setting_checks.number(value, name, where=here, low=0) for name, value in table.items()}
    hour = numbers.pop("hour", None)
    if hour == 0:
        raise SettingsError(f"{here}: hour = 0 makes every token cost nothing; leave it out.")
    return {"price": Price(**numbers) if numbers else None, "price_per_hour": hour}


def _optional_text(table: Mapping[str, Any], name: str, where: str) -> str | None:
    return None if name not in table else setting_checks.text(table[name], name, where=where)


class _EngineDeclaration(Protocol):
    """The part of an engine's declaration, `harness.models.spec.EngineSpec`, that the settings need."""

    @property
    def settings(self) -> Mapping[str, Callable[..., Any]]:
        """Keys, each with its check."""

    @property
    def required(self) -> Callable[[Mapping[str, Any]], Sequence[str]]:
        """The keys that options must have."""


def _declared(engine: str, where: str) -> _EngineDeclaration:
    try:
        found: _EngineDeclaration = doors.load(doors.find("engines", engine))
    except DoorError as error:
        raise DoorError(f"{where}: {error}") from None
    if not isinstance(getattr(found, "settings", None), Mapping):
        raise DoorError(f"{where}: the engine {engine!r} declares no settings; its entry point names no EngineSpec.")
    return found


def _every_engines_keys() -> list[str]:
    """The keys of all engines that can be loaded, to tell a misspelt `engine` from a missing one."""
    found: dict[str, None] = {}
    for name in doors.names("engines"):
        with suppress(DoorError):
            found.update(dict.fromkeys(_declared(name, "").settings))
    return list(found)


def _engine_options(engine: str, declared: _EngineDeclaration, options: dict[str, Any], where: str) -> dict[str, Any]:
    checked = {}
    for name, value in options.items():
        made = None if isinstance(value, Unbuilt) else declared.settings[name](value, name, where=where)
        checked[name] = value if made is None else made
    lacking = [name for name in declared.required(options) if name not in options]
    if lacking:
        needed = "; and ".join(f"{name}: {_NEEDED[name]}" if name in _NEEDED else name for name in lacking)
        raise SettingsError(f"{where} (engine {engine!r}) needs {needed}.")
    return checked


def check_sampling(table: Any, *, where: str) -> dict[str, Any]:
    """Sampling parameters with known names and values in range."""
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: sampling = {table!r} is not a table; write {{ temperature = 0.7 }}.")
    where = f"{where}, sampling"
    setting_checks.refuse_unknown(table, _SAMPLING, where=where)
    for name, value in table.items():
        _SAMPLING[name](value, name, where=where)
    return dict(table)
