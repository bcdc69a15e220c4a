"""What is known of a version: `steelyard models`, `describe`, `build`, `tokens` and `retrieve`; no model is loaded."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from harness.cli.console import build_line, say, shows
from harness.config.artifacts import Unbuilt
from harness.config.asking import understood
from harness.config.settings import Settings, load_settings
from harness.errors import NotInLineageError, SettingsError, UsageError
from harness.models.adapters.adapter_files import declared_base
from harness.models.description.contents import different_files
from harness.models.description.description import WeightsDescription, describe_weights
from harness.models.engine_creation import check_version
from harness.models.lineage import LineageSources, differences, read_lineage
from harness.models.prompts.texts import read_texts
from harness.models.retrieval.retriever import Find
from harness.models.spec import engine_spec
from harness.models.tokenization.disassembly import Disassembly
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.models.version import Version, fingerprint_here, is_built, load_version
from harness.models.weights.weights import made_folder, materialize
from harness.reporting.shared.figures import duration, plural
from harness.reporting.shared.text import Block, pad, printable
from harness.reporting.weights import DescribedVersion, VersionDifference, difference_view, version_view
from harness.stages.build_state import BuildState
from harness.stages.building import built, needs_building, version_named
from harness.stages.customization.passages import built_retriever

_UNKNOWN = "-"
_PIECE_CELLS = 28
_PASSAGE_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version as `steelyard models` shows it.

    Attributes:
        differs: setting → value, of what sets it apart from `base`; empty without a base.
        fingerprint: None where it has none yet, or only the registry of its weights can tell.
        problem: why it could not answer, or be built, with what to do. Where its settings can't be understood, `engine`
            and `source` are "-".
        state: ready or not, in words; an endpoint or a registry that was not asked is configured.
    """

    name: str
    engine: str
    roles: tuple[str, ...]
    source: str
    base: str | None
    differs: Mapping[str, Any]
    fingerprint: str | None
    problem: str | None
    endpoint: bool
    built: bool = True
    ready: bool = False
    state: str = "not ready"


def _list_view(versions: list[ListedVersion]) -> Iterator[Block]:
    if not versions:
        yield "There are no versions in the settings here or above. `steelyard init` writes two to start from."
        return
    row = f"{{:<{max(len('version'), *(len(each.name) for each in versions))}}}  {{:<12}}  {{:<12}}  {{}}".format
    yield row("version", "engine", "fingerprint", "state")
    for each in versions:
        roles = f"  ({', '.join(each.roles)})" if each.roles else ""
        yield row(each.name, each.engine, (each.fingerprint or _UNKNOWN)[:12], each.state + roles)
        details = [] if each.source == _UNKNOWN else [each.source]
        if each.base is not None:
            changed = [f"{key} = {json.dumps(v, default=str, ensure_ascii=False)}" for key, v in each.differs.items()]
            details = [f"{each.base} with {', '.join(changed) or 'no difference'}"]
        yield from (("  ", line) for text in (*details, each.problem or "") for line in text.splitlines())


@click.command()
@click.argument("name", required=False)
@shows(_list_view, "Write a JSON list, with whole fingerprints.")
def models(name: str | None) -> list[ListedVersion]:
    """List the versions of the settings, models and corpora, or the one called NAME.

    A fingerprint covers everything that a version's answers depend on: equal fingerprints share stored samples. That of
    a corpus is of its documents; it has none until it is built.

    \b
    Examples:
      steelyard models
      steelyard models smollm2 --json
    """
    settings = load_settings(Path.cwd())
    names = [settings.version(name).name] if name is not None else list(settings.versions)
    return [list_version(settings, each) for each in names]


def list_version(settings: Settings, name: str) -> ListedVersion:
    """Look at a version; nothing is built, loaded or asked. What is wrong with its settings is its problem."""
    named = [role for role in ("candidate", "baseline") if getattr(settings, role) == name]
    roles = (*named, *(["judge"] if name in settings.judge else []))
    try:
        version = settings.version(name)
    except SettingsError as error:
        return ListedVersion(name, _UNKNOWN, roles, _UNKNOWN, None, {}, None, str(error), endpoint=False)
    spec, has_all = engine_spec(version.engine), is_built(version)
    fingerprint = problem = None
    try:
        made = version_named(settings, name)
        has_all = is_built(made)
        fingerprint = fingerprint_here(made, settings.root)
        check_version(version, settings.root)
    except UsageError as error:
        problem = str(error)
    is_endpoint = spec.is_endpoint(version.engine_options)
    ready = "configured" if is_endpoint or fingerprint is None else "ready"
    return ListedVersion(
        name=name,
        engine=version.engine,
        roles=roles,
        source=spec.source_of(version.engine_options),
        base=version.base,
        differs=differences(version, settings.versions[version.base]) if version.base is not None else {},
        fingerprint=fingerprint,
        problem=problem,
        endpoint=is_endpoint,
        built=has_all,
        ready=problem is None,
        state="not ready" if problem else ready if has_all else "to be built",
    )


@click.command()
@click.argument("version")
@click.argument("other", required=False)
@shows(lambda each: version_view(each) if isinstance(each, DescribedVersion) else difference_view(each))
def describe(version: str, other: str | None) -> DescribedVersion | VersionDifference:
    """Tell what the weights of VERSION are, by llama.cpp's names, and the steps by which it was made.

    GGUF files and folders of safetensors are told alike, from their heads: nothing is loaded, converted or started.
    What the engine gets where that differs stands below, once it is made. Of a version without weights, such as a
    corpus, the steps are all. With OTHER, only what differs between the two is shown.

    \b
    Examples:
      steelyard describe smollm2
      steelyard describe smollm2-int8 smollm2
    """
    settings = load_settings(Path.cwd())
    described = [described_version(settings, name) for name in filter(None, (version, other))]
    without = [each.name for each in described if each.weights is None and (other or len(each.lineage) == 1)]
    if len(without) == 1:
        require_weights(settings, *without)
    if other is None:
        return described[0]
    paths = [each.weights.path for each in described if each.weights is not None]
    return VersionDifference(described[0], described[1], different_files(paths[0], paths[-1]) if paths else {})


def described_version(settings: Settings, name: str) -> DescribedVersion:
    """A version with its weights, if it has some here, and its lineage; nothing is loaded."""
    made, fingerprint = version_named(settings, name), None
    if isinstance(made.engine_options.get("weights"), Unbuilt | None):
        sources = _sources(settings, name, None)
        return DescribedVersion(name, sources.fingerprints.get(name), None, read_lineage(sources, name))
    if is_built(made):
        version = load_version(made, settings.root)
        made, fingerprint = version.settings, version.fingerprint
    description = describe_weights(made.engine_options, settings.root, made.engine)
    return DescribedVersion(name, fingerprint, description, read_lineage(_sources(settings, name, description), name))


def _sources(settings: Settings, name: str, weights: WeightsDescription | None) -> LineageSources:
    """The version, its bases and the corpora that any of them was taught on; nothing is built, and nobody is asked."""
    data = (getattr(step.settings, "data", None) for step in settings.version(name).steps)
    names = [name, *(each for each in data if isinstance(each, str) and each in settings.corpora)]
    for each in names:  # which grows by the base of each
        if (base := settings.version(each).base) is not None:
            names.append(base)
    versions = {each: version_named(settings, each) for each in dict.fromkeys(names)}
    fingerprints: dict[str, str | None] = {}
    texts: dict[str, dict[str, str]] = {}
    for each, version in versions.items():
        with suppress(UsageError):
            fingerprints[each] = fingerprint_here(version, settings.root)
            read = read_texts(version, settings.root) if fingerprints[each] else version
            own = {"system": read.system, "template": read.template}
            if not read.texts_elsewhere:
                texts[each] = {key: text for key, text in own.items() if text}
    return LineageSources(versions, weights, fingerprints, texts, settings.root)


def require_weights(settings: Settings, name: str) -> None:
    """Refuse a version that has no weights. Raises UsageError."""
    version = settings.version(name)
    if "weights" not in version.engine_options:
        others = [name for name, each in understood(settings.versions).items() if "weights" in each.engine_options]
        raise UsageError(
            f"Version {version.name!r} has no weights: its engine is {version.engine!r}. Versions with weights: "
            f"{', '.join(others) or 'none'}. For what a server has loaded, name its files in a version of their own."
        )


@dataclass(frozen=True, slots=True)
class BuiltVersion:
    """A version of which nothing is left to build; `built` says whether something was."""

    version: str
    fingerprint: str
    built: bool
    seconds: float
    notes: Mapping[str, str] = field(default_factory=dict)
    adapter_bases: tuple[str, ...] = ()


def _built_view(made: BuiltVersion) -> Iterator[Block]:
    done = f"built in {duration(made.seconds)}" if made.built else "nothing is left to build"
    yield f"{made.version}: {done}, fingerprint {made.fingerprint[:12]}"
    yield from (f"  {name}: {note}" for name, note in made.notes.items())
    for base in made.adapter_bases:
        yield f"  its adapter was made for {base}, as it says; the shapes fit, which others' may, too"


@click.command()
@click.argument("version")
@shows(_built_view)
def build(version: str) -> BuiltVersion:
    """Build what VERSION is made of, as a gate does before its first request: corpus, student, adapter, index, weights.

    What was built before of the same by the same recipe is found again, and nothing is done.

    \b
    Example:
      steelyard build clean
    """
    settings = load_settings(Path.cwd())
    chosen = settings.version(version)
    check_version(chosen, settings.root)
    is_new = needs_building(chosen) and version_named(settings, version) == chosen
    began_s = time.monotonic()
    with build_line() as line:
        made = built(settings, version, progress=line.show)
        options, root = made.engine_options, made.root(settings.root)
        if "weights" in options and not made.is_registered and made_folder(options, root) is None:
            is_new = True
            line.show(BuildState(version, "writing the weights"))
            materialize(options, root)
    fingerprint = load_version(made, settings.root).fingerprint
    bases = tuple(filter(None, map(declared_base, made.steps)))
    return BuiltVersion(version, fingerprint, is_new, time.monotonic() - began_s, line.notes, bases)


@dataclass(frozen=True, slots=True)
class TokenListing:
    """A text as a version's model sees it."""

    version: str
    made: Disassembly

    def as_json(self) -> dict[str, Any]:
        """Every token, with its bytes in hexadecimal."""
        head = {"version": self.version, "text": self.made.text, "lossless": self.made.is_lossless}
        keys = ("offset", "id", "piece", "bytes", "special")
        rows = [{key: getattr(each, key) for key in keys} | {"bytes": each.bytes.hex()} for each in self.made.tokens]
        return {**head, "decoded": self.made.decoded, "n_tokens": len(rows), "tokens": rows}


def _tokens_view(listing: TokenListing) -> Iterator[Block]:
    made = listing.made
    yield f"{'offset':>6}  {'id':>6}  {'piece':<{_PIECE_CELLS}}  bytes"
    for each in made.tokens:
        piece, mark = pad(printable(each.piece, _PIECE_CELLS), _PIECE_CELLS), "  special" if each.special else ""
        yield f"{each.offset:>6}  {each.id:>6}  {piece}  {each.bytes.hex()}{mark}".rstrip()
    counted = f"{plural(len(made.tokens), 'token')} for {plural(len(made.text.encode()), 'byte')}"
    yield counted + ("" if made.is_lossless else "; lossy: the tokens do not give the text back")


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("text", metavar="TEXT")
@click.option("--chat", is_flag=True, help="Put TEXT as a user's message through the chat template first.")
@shows(_tokens_view)
def tokens(version: str, text: str, chat: bool) -> TokenListing:
    """Show TEXT as the model of VERSION sees it: one token a line, with its bytes and where it begins.

    Offsets count bytes of the text's UTF-8, also where a token begins inside a character. Control tokens that are
    written in the text count as such, and those that the tokenizer puts around it are shown, as engines have it.
    TEXT is read from standard input where it is `-`. Nothing is loaded but the tokenizer.

    \b
    Examples:
      steelyard tokens smollm2 "The capital of Peru"
      steelyard tokens smollm2 "Hello!" --chat --json
    """
    try:
        text = (sys.stdin.buffer.read() if text == "-" else text.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise UsageError(f"TEXT is no UTF-8: {at}. Convert it first, with iconv for instance.") from None
    settings = load_settings(Path.cwd())
    require_weights(settings, version)
    read = read_texts(version_named(settings, version), settings.root)
    if read.is_registered:
        from harness.models.mlflow.registry import pinned

        read = pinned(read, settings.root, offline=True)[0]
    tokenizer = load_tokenizer(read.engine_options, settings.root)
    if not chat:
        return TokenListing(version, tokenizer.disassemble(text, special=True))
    if read.retrieval is not None:
        say(f"{version}: the passages that it finds are left out; `steelyard retrieve` shows them.", err=True)
    rendered = tokenizer.chat(Version(read.name, read, "").chat(text).messages)
    return TokenListing(version, tokenizer.disassemble(rendered, special=True, adds=False))


def _passages_view(passages: list[Find]) -> Iterator[Block]:
    if not passages:
        yield "No passage was found for the question."
    for number, each in enumerate(passages):
        text = " ".join(each.text.split())
        yield from ([""] if number else [])
        yield f"{each.rank}  {each.id}  {each.score:.4g}"
        yield " ", f"{text[:_PASSAGE_CHARACTERS]} …" if len(text) > _PASSAGE_CHARACTERS else text


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("query", metavar="QUERY")
@click.option("--k", "k", type=click.IntRange(min=1), help="How many passages; the version's own number by default.")
@shows(_passages_view, "Write JSON: a list of rank, id, score and text.")
def retrieve(version: str, query: str, k: int | None) -> list[Find]:
    """Show the passages that VERSION finds for QUERY, the best first, as its model is given them with a question.

    The index is built first where it is not there, and nothing else of VERSION. Passages of equal score keep the order
    of their file.

    \b
    Examples:
      steelyard retrieve support-rag "When is the library open?"
      steelyard retrieve support-rag "late books" --k 5 --json
    """
    try:
        with build_line() as line:
            retriever = built_retriever(load_settings(Path.cwd()), version, line.show)
    except NotInLineageError as error:
        raise UsageError(f"{error.advice}.") from error
    return list(retriever.search(query, k))
