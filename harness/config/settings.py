"""`[tool.steelyard]` of pyproject.toml, or steelyard.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from harness.config import addresses
from harness.config.asking import WhenAsked
from harness.config.corpora import CorpusSettings, no_corpus, read_corpora
from harness.config.environment import Variables, model_registry
from harness.config.typed import (
    Between,
    Duration,
    JsonTable,
    Must,
    Names,
    NotNegative,
    OneOf,
    PathText,
    Seed,
    Table,
    Text,
    WrongTableError,
    check,
    names_of,
    read,
)
from harness.config.versions import GIT, VersionSettings, read_versions
from harness.errors import SettingsError, choices
from harness.records import BudgetLimits

NO_BASELINE = "none"
"""`--baseline none` weighs against thresholds alone."""
SANDBOXES = ("built-in", "container")
MLFLOW = "mlflow"
"""The tracker whose settings are Steelyard's own, and that takes no table."""


Samples = Annotated[int, Between(1, 1_000_000)]
Margin = Annotated[NotNegative, Must(lambda drop: drop < 1, "lets everything pass: scores lie in [0, 1].")]
Design = Annotated[str, OneOf(("auto", "sequential", "fixed"))]
About = Literal["suite", "population"]
Candidates = Literal["noted", "counted"]
Billion = Annotated[int, Between(1, 1_000_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsTable(Table):
    """What a settings file may say beside its versions; `Settings` tells of each."""

    candidate: Text | None = None
    baseline: Text | None = None
    anchor: Text | None = None
    judge: Names = ()
    samples: Samples = 5
    max_samples: Billion | None = None
    margin: Margin = 0.05
    confidence_level: Annotated[float, Between(0.5, 0.9999)] = 0.95
    design: Design = "auto"
    about: About = "suite"
    candidates: Candidates = "noted"
    seal: Text | None = field(default=None, repr=False)
    seed: Seed = 0
    concurrency: Annotated[int, Between(1, 10_000)] = 128
    store: PathText | None = None
    report_dir: PathText | None = None
    inconclusive: Annotated[str, OneOf(("fail", "warn"))] = "fail"
    mlflow: addresses.TrackingAddress | None = field(default=None, repr=False)
    mlflow_experiment: Text = "steelyard"
    max_requests: Billion | None = None
    max_tokens: Annotated[int, Between(1, 1_000_000_000_000)] | None = None
    max_cost: Annotated[NotNegative, Must(bool, "lets nothing be drawn; --offline asks no model.")] | None = None
    deadline: Duration | None = None
    sandbox: Annotated[str, OneOf(SANDBOXES)] = "built-in"
    review_url: addresses.ReviewAddress | None = None
    notify: addresses.HookAddress | None = field(default=None, repr=False)
    trackers: Mapping[str, JsonTable] = field(default_factory=dict)

    @classmethod
    def keys(cls) -> list[str]:
        """The settings and the tables of versions."""
        return [*names_of(cls), *_TABLES]

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The settings alone."""
        if isinstance(trackers := table.get("trackers"), Mapping) and MLFLOW in trackers:
            raise WrongTableError(f", trackers.{MLFLOW}: MLflow is asked for by the settings {MLFLOW} and --{MLFLOW}.")
        return {name: value for name, value in table.items() if name not in _TABLES}


@dataclass(frozen=True, slots=True)
class Settings(SettingsTable):
    """All settings of a project, checked. Command-line options are laid over them by the plugin.

    Attributes:
        root: folder that relative paths start from: the one of the settings file, else where the search began.
        source: the settings file, or None where there is none.
        prefix: what the tables of the settings file begin with: "tool.steelyard." or nothing.
        candidate, baseline: version names; a baseline also as `--baseline` has it, such as "git:main".
        anchor: what the candidate must be no worse than either, named as a baseline is; it stays where it is while
            baselines move on.
        judge: the version that judges, or a list of several: a panel.
        samples: samples for each case.
        max_samples: the most samples of one version that one evaluation may draw.
        margin: the largest drop that still counts as no worse.
        confidence_level: one minus the error rate of red and of green over the whole gate, in [0.5, 0.9999].
        best_of: how many candidates were tried against this baseline, of which this one came out best (`--best-of`).
        design: "sequential" stops sampling when the evaluation is decided, "fixed" draws every sample, "auto" does
            what decides more often for its size.
        about: "suite" for verdicts about these cases, "population" for verdicts about cases like these.
        candidates: "counted" where all candidates that are weighed on the same cases share the error rate of green;
            "noted" where the report says how many there were.
        seal: the salted hash of the key that opens what is sealed; None where nothing does.
        seed: of the random order in which a sequential design takes the cases; that of a first look stays.
        concurrency: requests in flight.
        store: an SQLite path or a SQLAlchemy URL; `.steelyard/store.db` where left out.
        report_dir: where reports go; `reports/latest` where left out.
        inconclusive: "fail" or "warn".
        mlflow: the MLflow that gates are logged to and models are registered in: "http://HOST:PORT", "sqlite:///FILE",
            the SQLAlchemy URL of its database, or "none". It may hold a password: never shown.
        mlflow_experiment: the experiment there.
        is_tracked: False with `--mlflow none`: gates are not logged, and models are still those of that MLflow.
        max_requests, max_tokens, max_cost, deadline: what a run may spend at most, as the option says it ("20m").
        sandbox: the sandbox around programs of `checks.runs`: "built-in" or "container" (podman or docker).
        review_url: the address of the team's review queue, without user and password.
        notify: the address that is told when a gate is decided or waits for labels, or "none". Never shown.
        trackers: where else gates are logged: the options of each tracker by its name.
        corpora: by name; each is one of the versions as well.
        versions: models and corpora: all that can be weighed. Each is read and checked when it is asked for.
        commits: by the names of versions at a commit, such as "git:main", the settings that they are found in.
    """

    root: Path
    source: Path | None = None
    prefix: str = "tool.steelyard."
    margin_is_default: bool = True
    best_of: Samples = 1
    is_tracked: bool = True
    versions: Mapping[str, VersionSettings] = field(default_factory=dict)
    corpora: Mapping[str, CorpusSettings] = field(default_factory=dict)
    commits: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the versions that answer, as the settings define them."""
        return tuple(name for name in self.versions if name not in self.corpora and name not in self.commits)

    def home(self, name: str) -> Settings:
        """The settings that a version is found in, with its bases and files: of one at a commit those of the commit."""
        return self.commits.get(name, self)

    @property
    def limits(self) -> BudgetLimits:
        """The most that a run may spend."""
        return BudgetLimits(self.max_requests, self.max_tokens, self.max_cost, self.deadline)

    @property
    def report_folder(self) -> Path:
        """The folder that a gate's reports go to."""
        return self.root / (self.report_dir or "reports/latest")

    @property
    def place(self) -> str:
        """The place of the settings that are no version's, as messages name it: a table, or the file itself."""
        return f"[{self.prefix.rstrip('.')}]" if self.prefix else "steelyard.toml"

    def table(self, name: str) -> str:
        """The table that defines a version, as the file of these settings writes it."""
        checkout = self.versions[name].checkout if name in self.commits else None
        own = name if checkout is None else checkout.own
        return f"[{self.prefix}{'corpora' if own in self.corpora else 'models'}.{own}]"

    def corpus(self, name: str) -> CorpusSettings:
        """The corpus of this name."""
        if name not in self.corpora:
            where = f" in {self.source}" if self.source else ""
            hint = "" if self.corpora else f" Define one as [{self.prefix}corpora.{name}]{where}."
            raise SettingsError(no_corpus(name, self.corpora, self.models) + hint)
        return self.corpora[name]

    def version(self, name: str) -> VersionSettings:
        """The version of this name.

        Raises:
            SettingsError: there is none (the message lists all and the nearest), or its table, or that of one of its
                bases, has an unknown key or a value that can't be.
        """
        if name not in self.versions:
            where = f" in {self.source}" if self.source else ""
            hint = "" if self.versions else f" Define one as {self.table(name)}{where}; see `steelyard init`."
            hint = " A commit stands in --candidate or --baseline of a gate alone." if name.startswith(GIT) else hint
            raise SettingsError(choices("version", name, self.versions) + hint)
        version = self.versions[name]
        if version.is_registered:
            return replace(version, registry=self.registry)
        return version

    @property
    def tracking(self) -> str | None:
        """The address that gates are logged to, a relative path made absolute; None where they are not logged."""
        return self._mlflow if self.is_tracked else None

    @property
    def registry(self) -> str | None:
        """The address of the registry that has models, also where gates are not logged; None where nothing says."""
        return model_registry(self._mlflow)

    def trackers_asked(self, given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The trackers that a run is handed to by name, each with its options.

        Args:
            given: what the command line says for MLflow's, None where it says nothing.
        """
        to = MLFLOW if self.trackers else None
        return {**({} if self.tracking is None else {MLFLOW: {**given, "to": to}}), **self.trackers}

    @property
    def _mlflow(self) -> str | None:
        if self.mlflow is None or self.mlflow == addresses.NO_TRACKING:
            return None
        return addresses.absolute(self.mlflow, self.root)


def find_settings(start: Path) -> tuple[Path, bytes] | None:
    """The nearest steelyard.toml, or pyproject.toml with [tool.steelyard], in `start` or a folder above it."""
    return next(filter(None, map(settings_file, (start, *start.parents))), None)


def settings_file(folder: Path) -> tuple[Path, bytes] | None:
    """The file of a folder that holds settings, with its content; None where it has none.

    A pyproject.toml with versions in the wrong place counts, so that it is told.

    Raises:
        SettingsError: a file can't be read, or a pyproject.toml does not parse.
    """
    for path in (folder / "steelyard.toml", folder / "pyproject.toml"):
        try:
            content = path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None
        if content is not None and path.name == "steelyard.toml":
            return path, content
        if content is not None:
            document = parse_toml(content, path)
            if "steelyard" in _tools(document) or _versions_in(document):
                return path, content
    return None


def load_settings(start: Path) -> Settings:
    """The settings that hold for a folder; the defaults where it has no settings file.

    What is wrong within the table of a version is told when that version is asked for.

    Raises:
        SettingsError: TOML that does not parse (with its line), an unknown setting or table, a value out of range, a
            candidate or judge that is no version.
    """
    file = find_settings(start)
    if file is None:
        return Settings(root=start)
    source, content = file
    return settings_of(parse_toml(content, source), source)


def settings_of(document: Mapping[str, Any], source: Path, commit: str | None = None) -> Settings:
    """The settings that a document of TOML holds.

    Args:
        source: the file that it comes from.
        commit: that it is of; None for the file as it is now.

    Raises:
        SettingsError: an unknown setting, a value out of range.
    """
    own, variables = _tools(document).get("steelyard", {}), Variables(source.parent, commit)
    is_project = source.name != "steelyard.toml"
    if is_project and (versions := _versions_in(document)):
        raise SettingsError(f"{source} holds [{versions[0]}]; in this file write [tool.steelyard.{versions[0]}].")
    if is_project or set(document) == {"tool"}:
        return _settings(own, source, variables)
    if own:
        versions = _versions_in(own) if isinstance(own, Mapping) else []
        right = f"write [{versions[0]}]" if versions else "write its settings at the top, without a table"
        raise SettingsError(f"{source} holds [{'.'.join(['tool.steelyard', *versions[:1]])}]; in this file {right}.")
    return _settings(document, source, variables, prefix="")


_TABLES: Mapping[str, tuple[str, ...]] = {"models": ("engine", "base"), "corpora": ("documents", "base")}
"""The tables of versions, and the keys of which each version has one."""


def _versions_in(document: Mapping[str, Any]) -> list[str]:
    """The tables of versions in a document, such as "models.smollm2"."""
    return [
        f"{kind}.{name}"
        for kind, keys in _TABLES.items()
        if isinstance(tables := document.get(kind), Mapping)
        for name, table in tables.items()
        if isinstance(table, Mapping) and any(key in table for key in keys)
    ]


def parse_toml(content: bytes, path: Path) -> dict[str, Any]:
    """Parse the content of a TOML file. Raises SettingsError: it does not parse (with its line)."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise SettingsError(f"{path} is not valid TOML: it is nested too deep.") from None
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None


def _tools(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table `tool` of a document; empty where it is something else, which is for others to complain about."""
    tools = document.get("tool", {})
    return tools if isinstance(tools, Mapping) else {}


def _settings(table: Any, source: Path, variables: Variables, prefix: str = "tool.steelyard.") -> Settings:
    where = str(source)
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: steelyard is not a table; write [tool.steelyard].")
    filled = {key: each if key in _TABLES else variables.fill(each, key, where=where) for key, each in table.items()}
    own = read(SettingsTable, filled, where=where)
    of_corpora = table.get("corpora", {})
    names = of_corpora if isinstance(of_corpora, Mapping) else ()
    models = read_versions(table.get("models", {}), where=where, corpora=names, variables=variables)
    corpora = read_corpora(of_corpora, models, where=where, prefix=prefix, variables=variables)
    settings = Settings(
        root=source.parent,
        source=source,
        prefix=prefix,
        margin_is_default="margin" not in table,
        versions=WhenAsked([*models, *corpora], partial(_either, models, corpora)),
        corpora=corpora,
        **{name: getattr(own, name) for name in names_of(own)},
    )
    if NO_BASELINE in settings.versions:
        raise SettingsError(
            f"{where}: a version can't be called {NO_BASELINE!r}, since --baseline {NO_BASELINE} weighs against "
            "thresholds alone. Rename it."
        )
    for role, name in (("candidate", settings.candidate), *(("judge", name) for name in settings.judge)):
        if name is not None and name not in settings.versions:
            raise SettingsError(f"{where}: {role}: {choices('version', name, settings.versions)}")
    return settings


def _either(models: Mapping[str, VersionSettings], corpora: Mapping[str, CorpusSettings], name: str) -> VersionSettings:
    return corpora[name].version if name in corpora else models[name]


def check_setting(name: str, value: Any, *, where: str) -> Any:
    """One setting's value, checked: that of an option, or of the marker."""
    return check(_kinds()[name], value, name, where=where)


@cache
def _kinds() -> Mapping[str, Any]:
    kinds = get_type_hints(SettingsTable, include_extras=True)
    return {**kinds, "best_of": Samples}
