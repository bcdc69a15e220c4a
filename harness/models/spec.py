"""The declaration of an engine: all that the rest needs to know of it, in one object behind one entry point."""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import entry_points
from harness.config.corpora import CORPUS
from harness.config.versions import EngineOptions, VersionSettings
from harness.errors import EntryPointError, SettingsError
from harness.models.engine import Engine


def _auto_tokenizer(folder: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def _stated_dtype(options: Mapping[str, Any], own: str) -> str:
    from harness.models.weights.weights import stated_dtype

    stated = stated_dtype(options)
    return own if stated == "auto" else stated


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """A server of an engine's own, as far as it differs from others that speak OpenAI's API.

    Attributes:
        owner: the `owned_by` of its models, by which it is known.
        fields: of a request whose answer ends at its limit alone.
        stream_options: by which each event of a stream tells the tokens until then.
        salt: the field of a request that sets its cache apart.
        counters: its counters at /metrics (Prometheus), each by our name.
    """

    owner: str
    fields: Mapping[str, Any]
    stream_options: Mapping[str, Any]
    salt: str
    counters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """An engine as its distribution declares it, under its name in the group `steelyard.engines`.

    Where a function takes `options`, they are those settings of a version that only its engine understands.

    Attributes:
        summary: what it is, in a few words.
        options: what `[tool.steelyard.models.NAME]` may say, as a dataclass derived from `EngineOptions`.
        create: makes the engine for a version, not yet started. Called once for all versions with the same options.
            Relative paths start from the folder that it is given. Heavy modules are imported here and not before.
        is_endpoint: tells whether a server that is already running answers. Then `packages` are not needed here.
        check: refuses with `UsageError` a version that could not answer, before any request.
        identity: all that answers depend on, as plain data for the fingerprint; None for the options as they are,
            without the `insignificant` ones.
        insignificant: keys that no answer depends on, such as a time limit.
        not_noted: keys that the store's note of a run leaves out: what is long, or nobody's business.
        source: where answers come from, as `steelyard models` shows it.
        packages: modules that must be importable here.
        install: the command that installs them.
        extras: Steelyard's own extras that bring them, for `steelyard doctor`; () for an engine of another
            distribution.
        distributions: whose versions a run's report notes.
        tells_cost: whether its answers may say what they cost (`Sample.cost`), so that it needs no price.
        answers: False for a corpus alone, whose version has no engine that could be asked.
        server: of its own, by which its weights can be served here and put under load; None for one without.
        takes_plain_adapters: whether an adapter beside the weights must be one of low-rank matrices alone.
        computed_dtype: the type that it computes in, of the weights' own.
        load_tokenizer: loads a folder's tokenizer as it does.
    """

    summary: str
    create: Callable[[VersionSettings, Path], Engine]
    options: type[EngineOptions] = EngineOptions
    is_endpoint: Callable[[Mapping[str, Any]], bool] = lambda options: False
    check: Callable[[VersionSettings, Path], None] = lambda settings, root: None
    identity: Callable[[VersionSettings, Path], Mapping[str, Any]] | None = None
    insignificant: frozenset[str] = frozenset()
    not_noted: frozenset[str] = frozenset()
    source: Callable[[Mapping[str, Any]], str] | None = None
    packages: tuple[str, ...] = ()
    install: str = ""
    extras: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    tells_cost: bool = False
    answers: bool = True
    server: ServerSpec | None = None
    takes_plain_adapters: bool = False
    computed_dtype: Callable[[Mapping[str, Any], str], str] = _stated_dtype
    load_tokenizer: Callable[[str], Any] = _auto_tokenizer

    def identity_of(self, settings: VersionSettings, root: Path) -> Mapping[str, Any]:
        """All that the answers of a version depend on, beside sampling, prompts and revision."""
        if self.identity is not None:
            return self.identity(settings, root)
        return {"options": self.significant(settings.engine_options)}

    def significant(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that answers may depend on."""
        return {name: value for name, value in options.items() if name not in self.insignificant}

    def source_of(self, options: Mapping[str, Any]) -> str:
        """Say where answers come from, in a few words."""
        return self.summary if self.source is None else self.source(options)

    def require_packages(self, settings: VersionSettings) -> None:
        """Refuse a version whose engine can't be imported here."""
        if self.is_endpoint(settings.engine_options):
            return
        missing = [module for module in self.packages if importlib.util.find_spec(module) is None]
        if missing:
            who = f"Version {settings.name!r} has the engine {settings.engine!r}, which"
            raise SettingsError(
                f"{who if self.answers else f'The corpus {settings.name!r}'} needs {' and '.join(missing)}, not "
                f"installed here. Install it with: {self.install}"
            )


def engine_spec(name: str) -> EngineSpec:
    """Find the declaration of the engine of this name, or what stands in the place of a corpus's.

    Raises:
        EntryPointError: there is none, there are two, it can't be loaded, or it declares something else.
    """
    if name == CORPUS:
        own: EngineSpec = pkgutil.resolve_name("harness.models.corpus.spec:CORPUS_SPEC")
        return own
    point = entry_points.find("engines", name)
    spec = entry_points.load(point)
    if not isinstance(spec, EngineSpec):
        raise EntryPointError(
            f"The engine {name!r} of {point.provider} is no EngineSpec: {point.target} is {type(spec).__name__}."
        )
    return spec
