"""`steelyard store`: what is stored, all answers of a case, removing a part of it, and bringing another store in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.filesize import decimal

from harness.cli import Group
from harness.cli.console import open_store, place_option, say, shows, with_store
from harness.config.settings import Settings
from harness.config.typed import Duration, check
from harness.errors import SettingsError, UsageError, choices
from harness.gate.history.answers import StoredAnswer, answers_of_case, turns_of
from harness.gate.history.runs import find_version
from harness.models.version import load_version
from harness.records import Sample
from harness.records.tool_calls import turns_in_words, with_calls
from harness.reporting.shared.cases import on_one_line, quoted
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block, printable
from harness.scoring.results import METRIC
from harness.stages.building import version_named
from harness.store import PruneSummary, Store, StoreInfo, VersionInfo
from harness.store.location import settings_with_store

_SHOWN_DIGITS = 12
_FEWEST_DIGITS = 4
_MOST_ANSWER_CELLS = 2000
_MOST_CELLS = 400
_MOST_NAMED = 50
_MOST_TURNS = 12
_OVERDRAWN = (
    "Looked at in both stores: {}. Their verdicts together may be wrong more often than 5 times in 100; let gates of "
    "one candidate share a store."
)


@click.group(cls=Group)
def store() -> None:
    """Look at the store of samples, scores and runs, at the answers of a case, prune it, or merge another one into it.

    The store is the one of the settings; each command takes --store for another, by path or by URL.

    \b
    Examples:
      steelyard store info
      steelyard store show peru
    """


def _info_view(held: StoreInfo) -> Iterator[Block]:
    yield f"store    {held.url}"
    yield "size   ", f"{decimal(held.size_bytes)}, schema version {held.schema_version}"
    counts = f"{plural(held.runs, 'run')}, {plural(held.scores, 'score')}"
    yield "holds  ", f"{plural(held.samples, 'sample')} of {plural(held.requests, 'request')}, {counts}"
    if held.oldest is not None and held.newest is not None:
        yield "drawn  ", f"{_date(held.oldest)} to {_date(held.newest)}"
    if held.versions:
        rows: list[tuple[str, ...]] = [("version", "fingerprint", "samples", "generations", "newest")]
        for each in held.versions:
            name, digits = printable(", ".join(each.names) or "-", 30), each.fingerprint[:_SHOWN_DIGITS]
            newest = "-" if each.newest is None else _date(each.newest)[:10]
            rows.append((name, digits, f"{each.samples:,}", f"{each.generations:,}", newest))
        yield ""
        yield rows


def _date(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(epoch_s))


@store.command()
@with_store()
@shows(_info_view, "Write JSON, with whole fingerprints and times in epoch seconds.")
def info(opened: Store) -> StoreInfo:
    """Show what the store holds: runs, scores, and the samples of each version.

    \b
    Example:
      steelyard store info
    """
    return opened.info()


@dataclass(frozen=True, slots=True)
class CaseAnswers:
    """The answers to a case in a run, whole, by evaluation, version (the candidate first) and sample."""

    run_id: str
    created: str
    case: str
    answers: tuple[Mapping[str, Any], ...]


def _answers_view(shown: CaseAnswers) -> Iterator[Block]:
    yield f"run {shown.run_id}   {shown.created}"
    evaluation = version = ""
    for each in shown.answers:
        if each["evaluation_id"] != evaluation:
            evaluation, version = each["evaluation_id"], ""
            yield from ("", evaluation)
        if each["role"] != version:
            version = each["role"]
            yield f"  {version} {printable(each['version'], 60)}"
            for label, text in (("system", each.get("system")), ("asked", each["asked"])):
                yield from [("  ", label, printable(text, _MOST_CELLS))] if text is not None else []
            yield "  ", "sample", "score", "answer"
        text = each["answer"]
        if text is not None:  # with the tools that are called in the same breath; those before are turns of their own
            text = with_calls(text, [*each.get("messages", [each])][-1].get("tool_calls"))
        cut = "  (cut at max_tokens)" if each["finish_reason"] == "length" else ""
        answer = quoted(text, _MOST_ANSWER_CELLS, "utf-8") + cut
        yield "  ", f"{each['sample_index']:>6}", _scores(each), answer
        reasons = (on_one_line(reason, _MOST_ANSWER_CELLS, "utf-8") for reason in each["reasons"].values())
        yield from (("", "", "", line) for line in (*_beside(each), *dict.fromkeys(filter(None, reasons))))


def _scores(answer: Mapping[str, Any]) -> str:
    """Its scores, with the names of their metrics where it has more than the one without a name."""
    return "  ".join(
        ("" if metric == METRIC else f"{printable(metric, 30)} ")
        + (f"{value:.4g}" if answer["outcome"] == "scored" else answer["outcome"])
        for metric, value in answer["scores"].items()
    )


def _beside(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an answer came with: the turns before it, the last ones of many, and the fields of an application."""
    turns = answer.get("messages", ())[:-1]
    if len(turns) > _MOST_TURNS:
        yield f"{len(turns) - _MOST_TURNS:,} turns before these: --json has them all"
    yield from (printable(turns_in_words([turn]), _MOST_CELLS) for turn in turns[-_MOST_TURNS:])
    if "context" in answer:
        yield f"from  {', '.join(str(passage['id']) for passage in answer['context']) or 'nothing'}"
    if "cost" in answer:
        yield f"cost  {answer['cost']:.4g}"
    if "metadata" in answer:
        metadata = json.dumps(answer["metadata"], ensure_ascii=False, default=str)
        yield f"metadata  {printable(metadata, _MOST_ANSWER_CELLS)}"


@store.command()
@with_store()
@click.option("--run", "run_name", metavar="RUN", help="An id or its beginning, `latest`, or a version's name.")
@click.argument("case_id", metavar="CASE")
@shows(_answers_view, "Write JSON, with whole answers.")
def show(opened: Store, run_name: str | None, case_id: str) -> CaseAnswers:
    """Show every answer to CASE, the id of a case, with its scores and the reasons for them.

    They are those of the newest run that has scores of it, or of --run.

    \b
    Examples:
      steelyard store show peru
      steelyard store show peru --run 20261124-161500 --json
    """
    runs = opened.runs()
    chosen = list(reversed(runs)) if run_name is None else [find_version(runs, run_name).run]
    if not chosen:
        raise SettingsError(f"The store {opened.url} holds no run yet.")
    for run in chosen:
        if answers := answers_of_case(opened, run, case_id):
            return CaseAnswers(run.run_id, run.created, case_id, tuple(map(_row, answers)))
    newest = next((run for run in chosen if opened.score_sets(run.run_id)), chosen[0])
    sets = opened.score_sets(newest.run_id)
    known = {printable(each) for score_set in sets for each in opened.score_array(score_set).case_ids}
    problem = choices("case", case_id, known)
    if len(known) > _MOST_NAMED:
        problem = f"No case named {case_id!r} among {len(known):,}, such as {', '.join(sorted(known)[:5])}."
    raise SettingsError(f"Run {newest.run_id}: {problem}")


def _row(each: StoredAnswer) -> dict[str, Any]:
    sample, request, turns = each.sample, each.request, turns_of(each.request, each.sample)
    row: dict[str, Any] = {
        "evaluation_id": each.evaluation_id,
        "role": each.role,
        "version": each.version,
        "sample_index": each.sample_index,
        "scores": {metric: row.value for metric, row in each.rows.items()},
        "outcome": (first := next(iter(each.rows.values()))).outcome,
        "reasons": {metric: row.why for metric, row in each.rows.items() if row.why is not None},
    }
    row |= {} if first.assertion is None else {"assertion": first.assertion}
    asked = None
    if request is not None:  # the raw prompt or the user's last message, and the continuation weighed
        system = [part.get("content") for part in request.messages if part.get("role") in ("system", "developer")]
        if not turns and any(map(_text, system)):  # the turns of a conversation have it
            row["system"] = "\n".join(map(_text, system))
        asking = request.user_turns or [message.get("content") for message in request.messages]
        asked = _text(asking[-1] if asking else request.prompt or "") + (request.continuation or "")
    row |= {"asked": asked, "answer": sample and sample.text, "finish_reason": sample and sample.finish_reason}
    row |= {} if sample is None else _fields(sample)
    row |= {"messages": turns} if turns else {}
    return row | ({"earlier": [_fields(answer) for answer in each.earlier]} if each.earlier else {})


def _fields(sample: Sample) -> dict[str, Any]:
    names = ("tool_calls", "context", "messages", "cost", "metadata")
    return {name: value for name in names if (value := getattr(sample, name)) is not None}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)


@store.command()
@place_option
@click.option("--older-than", metavar="AGE", help='Stored longer ago than this: "12h", "30d", "8w".')
@click.option("--version", "versions", metavar="NAME", multiple=True, help="Of this name or fingerprint; repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(place: str | None, older_than: str | None, versions: tuple[str, ...], yes: bool) -> None:
    """Remove stored samples that meet every condition given; shows what would go, and asks.

    With --older-than alone, runs that began longer ago go too, with their scores and reports. Labels of what is removed
    decide no gate any more.

    \b
    Examples:
      steelyard store prune --older-than 30d
      steelyard store prune --version smollm2-pruned --yes
    """
    if older_than is None and not versions:
        raise UsageError("Nothing says what to prune. Give --older-than 30d or --version NAME, or both.")
    age_s = None if older_than is None else check(Duration, older_than, "--older-than", where="store prune")
    settings = settings_with_store(place)
    with open_store(settings) as opened:
        fingerprints = _fingerprints(versions, opened.info().versions, settings) if versions else None
        doomed = opened.prunable(older_than_s=age_s, fingerprints=fingerprints)
    if doomed.nothing:
        say(f"Nothing in {opened.url} meets that.")
        return
    say(f"{_counted(doomed)} would go from {opened.url}.")
    if doomed.looks:
        say(
            f"{plural(doomed.looks, 'look')} at evaluations {'rests' if doomed.looks == 1 else 'rest'} on samples "
            "of these versions. Weighed again, each verdict will say that samples were pruned after a look."
        )
    if not yes:
        click.confirm("Remove them for good?", abort=True)
    with open_store(settings, "write") as opened:
        removed = opened.prune(fingerprints=fingerprints, as_of=doomed)
    say(f"Removed {_counted(removed)}; {decimal(removed.freed_bytes)} given back.")


def _fingerprints(wanted: tuple[str, ...], stored: tuple[VersionInfo, ...], settings: Settings) -> list[str]:
    """The fingerprints that names or first digits mean: first what runs called so, then what the settings do."""
    chosen: set[str] = set()
    for name in wanted:
        matching = {version.fingerprint for version in stored if name in version.names}
        if not matching and name in settings.versions:
            matching = {load_version(version_named(settings, name), settings.root, offline=True).fingerprint}
        if not matching and len(name) >= _FEWEST_DIGITS:
            begun = [version for version in stored if version.fingerprint.startswith(name)]
            matching = {version.fingerprint for version in begun}
            if len(matching) > 1:
                named = ", ".join(" ".join((each.fingerprint[:_SHOWN_DIGITS], *each.names)) for each in begun)
                raise UsageError(f"{name!r} begins several fingerprints; write more digits, or a name: {named}.")
        if not matching:
            known = {each for version in stored for each in version.names or (version.fingerprint[:_SHOWN_DIGITS],)}
            raise SettingsError(choices("version", name, {*known, *settings.versions}))
        chosen |= matching
    return sorted(chosen)


def _counted(pruned: PruneSummary) -> str:
    parts = [plural(pruned.samples, "sample"), plural(pruned.requests, "request")]
    parts += [plural(pruned.runs, "run"), plural(pruned.scores, "score")] if pruned.runs else []
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


@store.command()
@place_option
@click.argument("other")
def merge(place: str | None, other: str) -> None:
    """Bring in what the store OTHER holds, a path or a URL. OTHER is only read, and what is here stays.

    Where both stores drew the same sample, that of here stays. Runs come once they have ended. Merging again brings in
    what is new since.

    \b
    Examples:
      steelyard store merge ../other/.steelyard/store.db
      steelyard store merge --store postgresql://ann@db/steelyard .steelyard/store.db
    """
    settings = settings_with_store(place)
    source = other if "://" in other else str(Path(other).expanduser().absolute())
    with open_store(replace(settings, store=source)) as theirs, open_store(settings, "make") as opened:
        merged = opened.merge(theirs)
    parts = [plural(merged.samples, "sample"), plural(merged.runs, "run"), plural(merged.scores, "score")]
    parts += [plural(merged.labels, "label")] if merged.labels else []
    say(f"Brought {', '.join(parts)} into {opened.url}.")
    for count, what, why in (
        (merged.left, "sample", "Left there, since both stores drew the same: {}."),
        (merged.labels_left, "label", "Left there, of items that only a gate there drew: {}."),
        (merged.overdrawn, "evaluation", _OVERDRAWN),
    ):
        if count:
            say(why.format(plural(count, what)))
