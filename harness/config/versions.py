"""The table of model versions: `[tool.steelyard.models.NAME]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

from harness import entry_points
from harness.config.artifacts import Artifact, Unbuilt
from harness.config.asking import WhenAsked
from harness.config.customization import STEPS, BuildStep, ContextSettings
from harness.config.environment import NO_VARIABLES, Variables
from harness.config.files import FILE
from harness.config.typed import (
    Between,
    Count,
    Duration,
    Must,
    Natural,
    NotNegative,
    Number,
    Positive,
    Share,
    Table,
    Text,
    WrongValueError,
    check,
    names_of,
    read,
)
from harness.errors import EntryPointError, SettingsError, choices
from harness.records import Price

WEIGHTS_FORMS = (
    'a folder, a .gguf file, "package:NAME" (an installed package that ships weights), a hub id "owner/model", or '
    '"models:/NAME/VERSION" of MLflow\'s registry'
)
REGISTERED = "models:/"
"""Begins the `weights` that MLflow's registry has."""
GIT = "git:"
"""Begins the name of a version at a commit; a ref follows."""
_OF_THE_START = ("weights", "drop_layers")
"""Settings of the weights that a student starts from: a version that is based on the student can't change them."""


_NO_STOPS = 'is neither a text nor a list of texts; write ["\\n\\n"].'


def _are_stops(value: Any) -> bool:
    texts = value if isinstance(value, list | tuple) else [value]
    return bool(texts) and all(isinstance(item, str) and item for item in texts)


Template = Annotated[
    Text,
    Must(lambda text: text.startswith(FILE) or "{prompt}" in text, "does not hold {prompt}."),
    Must(
        lambda text: "{{prompt}}" not in text,
        "would put braces around each question. Write {prompt}: files alone have {{prompt}}.",
    ),
]


_OF_THE_PROJECT = {"anchor", "baseline", "candidate", "candidates", "concurrency", "confidence_level", "deadline"}
_OF_THE_PROJECT |= {"design", "judge", "margin", "max_cost", "max_requests", "max_samples", "samples", "store"}
"""Settings that end up in a version's table where they are added to the end of the file."""
_NOT_GIVEN: Any = None
"""Of a parameter that may be left out, but can't be None."""


@dataclass(frozen=True, kw_only=True)
class SamplingTable(Table):
    """Parameters of sampling, in the words of OpenAI's API."""

    temperature: NotNegative = _NOT_GIVEN
    top_p: Share = _NOT_GIVEN
    top_k: Annotated[int, Between(-1)] = _NOT_GIVEN
    min_p: Share = _NOT_GIVEN
    max_tokens: Count = _NOT_GIVEN
    stop: Annotated[Any, Must(_are_stops, _NO_STOPS)] = _NOT_GIVEN
    seed: Natural = _NOT_GIVEN
    presence_penalty: Number = _NOT_GIVEN
    frequency_penalty: Number = _NOT_GIVEN
    repetition_penalty: Number = _NOT_GIVEN


@dataclass(frozen=True, kw_only=True)
class PriceTable(Table):
    """The price of a million tokens, read and written, and that of the machine in an hour."""

    input: NotNegative | None = None
    output: NotNegative | None = None
    hour: Positive | None = None

    @classmethod
    def _check(cls, table: Any) -> Any:
        if not isinstance(table, Mapping) or set(table) not in (
            {"input", "output"},
            {"hour"},
            {"input", "output", "hour"},
        ):
            raise WrongValueError(
                "is neither the price of a million tokens, read and written, nor that of an hour of the machine; write "
                "{ input = 0.15, output = 0.60 }, or { hour = 2.50 }."
            )
        return dict(table)


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Table):
    """What every version's table may say. An engine derives from it what it takes beside: its options."""

    engine: Text
    system: Text | None = None
    template: Template | None = None
    sampling: SamplingTable = field(default_factory=SamplingTable)
    revision: Text | None = None
    max_age: Duration | None = None
    price: PriceTable = field(default_factory=PriceTable)

    @classmethod
    def keys(cls) -> list[str]:
        """Its fields, the base and the steps, which are read before."""
        return [*names_of(cls), "base", *STEPS]

    @classmethod
    def option_names(cls) -> set[str]:
        """The keys that the engine alone understands."""
        return {*names_of(cls)} - {*names_of(EngineOptions)}


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit of the project, with its files in a folder of their own.

    Attributes:
        own: the name of the version in the settings.
        root: where the project lies in it, which relative paths start from.
        tree: the root of the repository in it.
        project: the root of the repository as it lies there now.
        notes: what to tell of the version, a sentence each.
    """

    commit: str
    own: str
    root: Path
    tree: Path
    project: Path
    notes: tuple[str, ...] = ()


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
        unbuilt: why one of its steps could not be built, and what of it is kept; "" for one that can be asked.
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
    steps: tuple[BuildStep, ...] = ()
    checkout: Checkout | None = None
    artifact: Artifact | None = None
    unbuilt: str = ""

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
    def retrieval(self) -> BuildStep | None:
        """The step that finds passages for each question: the last of its kind."""
        return next((step for step in reversed(self.steps) if step.kind == "retrieval"), None)

    @property
    def context(self) -> ContextSettings | None:
        """The budget of the context: the last that a table of the chain sets."""
        context = next((step for step in reversed(self.steps) if step.kind == "context"), None)
        return None if context is None else cast("ContextSettings", context.settings)

    @property
    def engine_name(self) -> str:
        """Its engine as messages name it, such as "vllm (smollm2)"."""
        return f"{self.engine} ({self.name})"

    @property
    def is_registered(self) -> bool:
        """True if its weights are a model of MLflow's registry."""
        return str(self.engine_options.get("weights", "")).startswith(REGISTERED)


def read_versions(
    tables: Any, *, where: str, corpora: Iterable[str] = (), variables: Variables = NO_VARIABLES
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
    return WhenAsked(tables, partial(_read, tables, where, tuple(corpora), variables))


def chain_of(
    name: str,
    tables: Mapping[str, Mapping[str, Any]],
    variables: Variables,
    place: Callable[[str], str],
    unknown: Callable[[str], str],
) -> dict[str, dict[str, Any]]:
    """The tables from the first base of one to its own, by name, with their variables filled in.

    Args:
        place: of a table, for messages.
        unknown: says of a base that no table defines what it is.
    """
    chain: dict[str, dict[str, Any]] = {}
    base: str | None = name
    while base is not None:
        here = place(base)
        chain[base] = {key: variables.fill(value, key, where=here) for key, value in tables[base].items()}
        base = chain[base].get("base")
        if base is not None and check(Text, base, "base", where=here) in chain:
            raise SettingsError(f"{here}: {name!r} is based on itself: {' -> '.join([*chain, base])}.")
        if base is not None and base not in tables:
            raise SettingsError(f"{here}: base: {unknown(base)}")
    return dict(reversed(chain.items()))


def _read(
    tables: Mapping[str, Mapping[str, Any]], where: str, corpora: Iterable[str], variables: Variables, name: str
) -> VersionSettings:
    def place(link: str) -> str:
        return f"{where}, version {link!r}"

    def unknown(base: str) -> str:
        is_corpus = base in corpora
        return f"{base!r} is a corpus, which is no model's base." if is_corpus else choices("version", base, tables)

    merged: dict[str, Any] = {}
    steps: list[BuildStep] = []
    for link, table in chain_of(name, tables, variables, place, unknown).items():
        student = next((step.version for step in steps if step.kind == "distilled"), None)
        for key, value in table.items():
            if key in _OF_THE_START and student is not None:
                raise SettingsError(
                    f"{place(link)}: {key} would change what its base {student!r} was distilled from, and not what "
                    f"came of it. Set it in {student!r}, or distil a version that has it."
                )
            if key in ("sampling", "engine_args") and isinstance(value, Mapping):
                merged[key] = {**merged.get(key, {}), **value}
            elif key in STEPS:
                steps.append(BuildStep(key, link, read(STEPS[key], value, where=f"{place(link)}, {key}")))
            elif key != "base":
                merged[key] = value
    return _version(name, merged, tuple(steps), place(name), table.get("base"))


def _version(
    name: str, table: dict[str, Any], steps: tuple[BuildStep, ...], here: str, base: str | None
) -> VersionSettings:
    if "engine" not in table:
        known = {*EngineOptions.keys(), *_every_engines_keys()}
        for key in table.keys() - known:
            raise SettingsError(f"{here}: {choices('setting', key, known)}")
        raise SettingsError(f"{here} has no engine. {entry_points.listed('engines')}")
    engine = check(Text, table["engine"], "engine", where=here)
    options = _declared(engine, here)
    if above := (table.keys() & _OF_THE_PROJECT) - {*options.keys()}:
        raise SettingsError(f"{here}: {min(above)!r} is a setting of the project: write it above the first [table].")
    is_made = any(step.kind == "distilled" for step in steps) and "weights" in options.option_names() - table.keys()
    options_read = read(
        options, {**table, **({"weights": name} if is_made else {})}, where=f"{here} (engine {engine!r})"
    )
    own = {key: getattr(options_read, key) for key in table if key in options.option_names()}
    price = options_read.price
    return VersionSettings(
        name=name,
        engine=engine,
        system=options_read.system,
        template=options_read.template,
        sampling=dict(table.get("sampling", {})),
        revision=options_read.revision,
        max_age_s=options_read.max_age,
        engine_options={**own, "weights": Unbuilt(name)} if is_made else own,
        steps=steps,
        base=base,
        price=None if price.input is None or price.output is None else Price(price.input, price.output),
        price_per_hour=price.hour,
    )


def _declared(engine: str, where: str) -> type[EngineOptions]:
    try:
        options = getattr(entry_points.load(entry_points.find("engines", engine)), "options", None)
    except EntryPointError as error:
        raise EntryPointError(f"{where}: {error}") from None
    if not (isinstance(options, type) and issubclass(options, EngineOptions)):
        raise EntryPointError(
            f"{where}: the engine {engine!r} declares no options; its entry point names no EngineSpec."
        )
    return options


def _every_engines_keys() -> set[str]:
    """The keys of all engines that can be loaded, to tell a misspelt `engine` from a missing one."""
    keys: set[str] = set()
    for name in entry_points.names("engines"):
        with suppress(EntryPointError):
            keys.update(_declared(name, "").option_names())
    return keys


def check_sampling(table: Any, *, where: str) -> dict[str, Any]:
    """Sampling parameters with known names and values in range, as they are written."""
    read(SamplingTable, table, where=f"{where}, sampling")
    return dict(table)
