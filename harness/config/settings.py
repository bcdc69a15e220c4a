"""`[tool.steelyard]` of pyproject.toml, or steelyard.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness.config import addresses, setting_checks
from harness.config.asking import WhenAsked
from harness.config.corpora import CorpusSettings, no_corpus, read_corpora
from harness.config.environment import Variables, model_registry
from harness.config.versions import GIT, VersionSettings, read_versions
from harness.errors import SettingsError, choices
from harness.records import BudgetLimits

NO_BASELINE = "none"
"""`--baseline none` weighs against thresholds alone."""
DESIGNS = ("auto", "sequential", "fixed")
INCONCLUSIVE = ("fail", "warn")
ABOUT = ("suite", "population")
SANDBOXES = ("built-in", "container")
_FIELDS = {"deadline": "deadline_s"}
"""Settings that are kept under another name than they are written with: in seconds."""
_NOT_WRITTEN = (
    *("root", "source", "prefix", "versions", "corpora", "commits", "margin_is_default", "is_tracked"),
    "best_of",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a project, checked. Command-line options are laid over them by the plugin.

    Attributes:
        root: folder that relative paths start from: the one of the settings file, else where the search began.
        source: the settings file, or None where there is none.
        prefix: what the tables of the settings file begin with: "tool.steelyard." or nothing.
        candidate, baseline: version names; a baseline also as `--baseline` has it, such as "git:main".
        judge: the version that judges, or a list of several: a panel.
        samples: samples for each case.
        max_samples: the most samples of one version that one evaluation may draw.
        margin: the largest drop that still counts as no worse.
        confidence_level: one minus the error rate of red and of green over the whole gate, in [0.5, 0.9999].
        best_of: how many candidates were tried against this baseline, of which this one came out best (`--best-of`).
        design: "sequential" stops sampling when the evaluation is decided, "fixed" draws every sample, "auto" does
            what decides more often for its size.
        about: "suite" for verdicts about these cases, "population" for verdicts about cases like these.
        seed: of the random order in which a sequential design takes the cases; that of a first look stays.
        concurrency: requests in flight.
        store: an SQLite path or a SQLAlchemy URL; `.steelyard/store.db` where left out.
        report_dir: where reports go; `reports/latest` where left out.
        inconclusive: "fail" or "warn".
        mlflow: the MLflow that gates are logged to and models are registered in: "http://HOST:PORT", "sqlite:///FILE",
            the SQLAlchemy URL of its database, or "none". It may hold a password: never shown.
        mlflow_experiment: the experiment there.
        is_tracked: False with `--mlflow none`: gates are not logged, and models are still those of that MLflow.
        max_requests, max_tokens, max_cost, deadline_s: what a run may spend at most, as the option says it ("20m").
        sandbox: the walls around programs of `checks.runs`: "built-in" or "container" (podman or docker).
        review_url: the address of the team's review queue, without user and password.
        trackers: where else gates are logged: the options of each tracker by its name.
        corpora: by name; each is one of the versions as well.
        versions: models and corpora: all that can be weighed. Each is read and checked when it is asked for.
        commits: by the names of versions at a commit, such as "git:main", the settings that they are found in.
    """

    root: Path
    source: Path | None = None
    prefix: str = "tool.steelyard."
    candidate: str | None = None
    baseline: str | None = None
    judge: tuple[str, ...] = ()
    samples: int = 5
    max_samples: int | None = None
    margin: float = 0.05
    margin_is_default: bool = True
    confidence_level: float = 0.95
    best_of: int = 1
    design: str = "auto"
    about: Literal["suite", "population"] = "suite"
    seed: int = 0
    concurrency: int = 128
    store: str | None = None
    report_dir: str | None = None
    inconclusive: str = "fail"
    mlflow: str | None = field(default=None, repr=False)
    mlflow_experiment: str = "steelyard"
    is_tracked: bool = True
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    deadline_s: float | None = None
    sandbox: str = "built-in"
    review_url: str | None = None
    trackers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
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
        return BudgetLimits(self.max_requests, self.max_tokens, self.max_cost, self.deadline_s)

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
        found = self.versions[name]
        if found.is_registered:
            return replace(found, registry=self.registry)
        return found

    @property
    def tracking(self) -> str | None:
        """The address that gates are logged to, a relative path made absolute; None where they are not logged."""
        return self._mlflow if self.is_tracked else None

    @property
    def registry(self) -> str | None:
        """The address of the registry that has models, also where gates are not logged; None where nothing says."""
        return model_registry(self._mlflow)

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
        SettingsError: a pyproject.toml does not parse.
    """
    own, project = folder / "steelyard.toml", folder / "pyproject.toml"
    if (content := _content(own)) is not None:
        return own, content
    if (content := _content(project)) is not None:
        document = parse_toml(content, project)
        if "steelyard" in _tools(document) or _versions_at_the_top(document):
            return project, content
    return None


def load_settings(start: Path) -> Settings:
    """The settings that hold for a folder; the defaults where it has no settings file.

    What is wrong within the table of a version is told when that version is asked for.

    Raises:
        SettingsError: TOML that does not parse (with its line), an unknown setting or table, a value out of range, a
            candidate or judge that is no version.
    """
    found = find_settings(start)
    if found is None:
        return Settings(root=start)
    source, content = found
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
    if source.name != "steelyard.toml":
        if found := _versions_at_the_top(document):
            raise _misplaced(source, found[0], f"tool.steelyard.{found[0]}")
        return _settings(own, source, variables)
    if set(document) == {"tool"}:
        return _settings(own, source, variables)
    if own:
        found = _named_tables(own) if isinstance(own, Mapping) else []
        name = found[0] if found else ""
        raise _misplaced(source, f"tool.steelyard.{name}".rstrip("."), name)
    return _settings(document, source, variables, prefix="")


_TABLES: Mapping[str, tuple[str, ...]] = {"models": ("engine", "base"), "corpora": ("documents", "base")}
"""The tables of versions, and the keys of which each version has one."""


def _named_tables(document: Mapping[str, Any]) -> list[str]:
    """The tables of versions in a document, such as "models.smollm2"."""
    return [f"{kind}.{name}" for kind in _TABLES if isinstance(document.get(kind), Mapping) for name in document[kind]]


def _versions_at_the_top(document: Mapping[str, Any]) -> list[str]:
    """The versions that a pyproject.toml defines outside [tool.steelyard], where nothing reads them."""
    found = []
    for each in _named_tables(document):
        kind, _, name = each.partition(".")
        table = document[kind][name]
        if isinstance(table, Mapping) and any(key in table for key in _TABLES[kind]):
            found.append(each)
    return found


def _misplaced(source: Path, found: str, wanted: str) -> SettingsError:
    right = f"write [{wanted}]" if wanted else "write its settings at the top, without a table"
    return SettingsError(f"{source} holds [{found}]; in this file {right}.")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None


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
    setting_checks.refuse_unknown(table, [*setting_names(), *_TABLES], where=where)
    values: dict[str, Any] = {"root": source.parent, "source": source, "prefix": prefix}
    for name, value in table.items():
        if name not in _TABLES:
            values[field_of(name)] = check_setting(name, variables.fill(value, name, where=where), where=where)
    values["margin_is_default"] = "margin" not in table
    of_corpora = table.get("corpora", {})
    names = of_corpora if isinstance(of_corpora, Mapping) else ()
    models = read_versions(table.get("models", {}), where=where, corpora=names, variables=variables)
    corpora = read_corpora(of_corpora, models, where=where, prefix=prefix, variables=variables)
    values["corpora"] = corpora
    values["versions"] = WhenAsked([*models, *corpora], partial(_either, models, corpora))
    if NO_BASELINE in values["versions"]:
        raise SettingsError(
            f"{where}: a version can't be called {NO_BASELINE!r}, since --baseline {NO_BASELINE} weighs against "
            "thresholds alone. Rename it."
        )
    settings = Settings(**values)
    named = [("candidate", settings.candidate), *(("judge", name) for name in settings.judge)]
    for role, name in named:
        if name is not None and name not in settings.versions:
            raise SettingsError(f"{where}: {role}: {choices('version', name, settings.versions)}")
    return settings


def _either(models: Mapping[str, VersionSettings], corpora: Mapping[str, CorpusSettings], name: str) -> VersionSettings:
    return corpora[name].version if name in corpora else models[name]


def setting_names() -> list[str]:
    """The settings by the names that they are written with, without the tables of versions."""
    hidden = (*_NOT_WRITTEN, *_FIELDS.values())
    return [*(name for name in Settings.__slots__ if name not in hidden), *_FIELDS]


def field_of(name: str) -> str:
    """The field of `Settings` that holds a setting."""
    return _FIELDS.get(name, name)


def check_setting(name: str, value: Any, *, where: str) -> Any:
    """One setting's value, checked; used for files, options and the marker alike."""
    check: Callable[..., Any] = _CHECKS.get(name, setting_checks.text)
    return check(value, name, where=where)


def _margin(value: Any, name: str, *, where: str) -> float:
    """A drop that leaves something to be asked for."""
    if setting_checks.number(value, name, where=where, low=0) >= 1:
        raise SettingsError(f"{where}: {name} = {value!r} lets everything pass: scores lie in [0, 1].")
    return float(value)


def _cost(value: Any, name: str, *, where: str) -> float:
    """An amount above 0, in the currency of the prices."""
    cost = setting_checks.number(value, name, where=where, low=0)
    if cost == 0:
        raise SettingsError(f"{where}: {name} = {value!r} lets nothing be drawn; --offline asks no model.")
    return cost


_COUNT = partial(setting_checks.integer, low=0, high=(1 << 63) - 1)
_CHECKS: Mapping[str, Callable[..., Any]] = {
    "samples": partial(setting_checks.integer, high=1_000_000),
    "max_samples": partial(setting_checks.integer, high=1_000_000_000),
    "margin": _margin,
    "slice_margin": _margin,
    "threshold": partial(setting_checks.number, low=0, high=1),
    "confidence_level": partial(setting_checks.number, low=0.5, high=0.9999),
    "best_of": partial(setting_checks.integer, high=1_000_000),
    "design": partial(setting_checks.one_of, known=DESIGNS),
    "about": partial(setting_checks.one_of, known=ABOUT),
    "inconclusive": partial(setting_checks.one_of, known=INCONCLUSIVE),
    "sandbox": partial(setting_checks.one_of, known=SANDBOXES),
    "seed": _COUNT,
    "max_lost": _COUNT,
    "num_fewshot": _COUNT,
    "apply_chat_template": setting_checks.boolean,
    "concurrency": partial(setting_checks.integer, high=10_000),
    "max_requests": partial(setting_checks.integer, high=1_000_000_000),
    "max_tokens": partial(setting_checks.integer, high=1_000_000_000_000),
    "max_cost": _cost,
    "deadline": setting_checks.duration_s,
    "judge": setting_checks.names,
    "mlflow": addresses.tracking_address,
    "store": setting_checks.path,
    "trackers": setting_checks.tables,
    "report_dir": setting_checks.path,
    "review_url": addresses.review_address,
}
"""What each setting must be; every other is a text."""
