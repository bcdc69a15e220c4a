"""From collected test functions to evaluations; gathers everything that is wrong with them before it complains."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

from harness.errors import MarkerError, SteelyardError, UsageError, some
from harness.plugin import fixtures
from harness.plugin.collection.suite import FileContents, find_suite
from harness.plugin.collection.tasks import Tasks, keywords_of
from harness.plugin.fixtures import OFFERED
from harness.plugin.options import run_options, settings_of
from harness.plugin.outcomes import classify
from harness.plugin.pytest_internals import argument_names, fixture_definitions

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import Recording
    from harness.gate.evaluations.evaluation import Evaluation
    from harness.gate.runs.run import RunOptions
    from harness.records import Case, Plan, Role


BEGAN = "steelyard_began"
"""The name under which a worker of xdist is told when the session began."""


def is_evaluation(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Tell whether an item carries the marker."""
    return isinstance(item, pytest.Function) and item.get_closest_marker("evaluation") is not None


def _source(keywords: Mapping[str, Any]) -> Any:
    """Return what a marker says of the source of its cases: the name of its task, or `cases`."""
    task = keywords.get("task", keywords.get("cases"))
    return task.get("name") if isinstance(task, Mapping) else task


def _wanted(item: pytest.Function) -> frozenset[str]:
    """Find the fixtures for bodies alone that a body takes; a project's own fixture of such a name is none of them."""
    definitions = fixture_definitions(item)
    own = {name for name, known in definitions.items() if known and known[-1].func.__module__ != fixtures.__name__}
    return frozenset(name for name in OFFERED if name in argument_names(item) and name not in own)


def _argument_names_of(item: pytest.Function) -> list[str]:
    """List what the version under test must have for a body."""
    keywords = keywords_of(item)
    asks = "task" in keywords or keywords.get("weighs") == "judge"
    return sorted(_wanted(item) | (frozenset({"model"}) if asks else frozenset()))


class Collection:
    """The evaluations of a session, as hooks of pytest find them.

    Attributes:
        began: when the session began, in seconds since the epoch; that of the controller in a worker of xdist.
        evaluations: by item, in the order of collection.
        errors: what is wrong, each once, in the order of its finding.
        notes: what is no error and yet to be said before anything is paid for, each once.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.began: float = getattr(config, "workerinput", {}).get(BEGAN, time.time())
        self.evaluations: dict[pytest.Item, Evaluation] = {}
        self.errors: list[str] = []
        self.notes: dict[str, None] = {}
        self._recordings: Mapping[Role, Recording] = {}
        self._tasks = Tasks(config)
        self._cases: dict[Any, tuple[Case, ...]] = {}
        self._collected: list[pytest.Function] = []
        self._skipped: set[str] = set()
        self._collected_nodes: set[str] = set()
        self._reads: dict[Path, set[str]] = {}

    # -- hooks ------------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Called for each test function: one item for each case with `per="case"`, or for each task of a group."""
        item = metafunc.definition
        keywords = keywords_of(item) if item.get_closest_marker("evaluation") is not None else {}
        if not ("task" in keywords or keywords.get("per") == "case"):
            return
        if isinstance(source := _source(keywords), str | Path):
            places = (folder / source for folder in self._folders(item))
            self._reads.setdefault(item.path.resolve(), set()).update(str(each) for each in places if each.is_file())
        with self._noting():
            if "task" in keywords:
                self._tasks.parametrize(metafunc, self.settings)
                return
            if "case" not in metafunc.fixturenames:
                raise MarkerError(f'{item.nodeid}: per="case", but the test function takes no argument `case`.')
            cases = self._load(keywords.get("cases"), item)
            metafunc.parametrize("case", cases, ids=[case.id for case in cases])

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Called for each item that is collected: an evaluation is of the family, also where it is left out later."""
        if is_evaluation(item):
            self._collected.append(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Called with all items, before others choose among them: adds one for each task of `--task`."""
        if self._config.getoption("task"):
            with self._noting():
                items += self._tasks.items(session, self.settings)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called when a file or folder was collected, or skipped as a whole, whatever is in it."""
        if not report.failed:
            (self._collected_nodes if report.passed else self._skipped).add(report.nodeid)

    # -- what was found ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def settings(self) -> Settings:
        """The project's settings with the options laid over."""
        return settings_of(self._config)

    @property
    def is_judged(self) -> bool:
        """True if any evaluation asks a judge beside the versions under test."""
        return any("judge" in each.wants and not each.weighs_judge for each in self.evaluations.values())

    @property
    def n_collected(self) -> int:
        """Number of evaluations that were collected, those included that were left out."""
        return len(self._collected)

    @property
    def run_options(self) -> RunOptions:
        """The options that the run of these evaluations has beyond the settings."""
        from harness.config.roles import candidate_name
        from harness.config.waivers import read_waivers, today
        from harness.gate.runs.notes import commit_note, evaluation_notes
        from harness.gate.runs.run import RunOptions
        from harness.stages.lineage import can_have

        settings = self.settings
        chosen = {item.path for item in self._collected if item.path.suffix == ".py"}
        suite = find_suite(self._config, settings.root, self.files(), chosen)
        wanted = {self._id(node, path): names for node, (path, names) in suite.evaluations.items()}
        wanted |= {self._id(item.nodeid, item.path): _argument_names_of(item) for item in self._collected}
        name = candidate_name(settings)
        home, version = settings.home(name), settings.version(name)
        lost = some(suite.uncollected)
        lost = f"not collected, though of the suite: {lost}. Evaluations there may have less for red later"

        def is_missing(identity: str) -> bool:
            return identity not in wanted and suite.has_looked(Path(settings.root, identity.partition("::")[0]))

        known = RunOptions(
            n_evaluations=len(self.evaluations),
            is_judged=self.is_judged,
            weighs_judges=any(each.weighs_judge for each in self.evaluations.values()),
            elapsed_s=max(0.0, time.time() - self.began),
            recordings=self._recordings,
            noted={
                **evaluation_notes((each, _source(keywords_of(item))) for item, each in self.evaluations.items()),
                **commit_note(settings),
                **({"is_gate": False} if "measured" in self._options() else {}),
            },
            evaluations=tuple(self.evaluations.values()),
            family=tuple(each for each, names in wanted.items() if can_have(home, version, frozenset(names))),
            notes=(lost,) if suite.uncollected else (),
            is_missing=is_missing,
            waivers=read_waivers(settings.root, today()),
        )
        return run_options(self._config, known)

    def forecast_line(self) -> list[str]:
        """The most that a gate of these evaluations can ask and cost; [] where it asks nothing, or can't be told."""
        from harness.gate.planning.forecast import forecast
        from harness.records.budget import amount
        from harness.reporting.shared.figures import duration

        option, evaluations = self._config.getoption, list(self.evaluations.values())
        if self.errors or not evaluations or option("offline"):
            return []
        is_drawn_anew = option("fresh") or option("for_baseline")
        try:
            most = forecast(self.settings, evaluations, recorded=self._recordings, is_drawn_anew=is_drawn_anew)
        except SteelyardError:  # a gate will say it
            return []
        parts = [f"at most {most.n_requests:,} requests"]
        if most.n_requests:
            parts += [f"at most {amount(most.cost)}"] if most.cost is not None else []
            parts += [f"some {duration(most.wall_s, whole=True)}"] if most.wall_s is not None else []
        stored = f"; {most.n_stored:,} answers are stored" if most.n_stored else ""
        return [f"{', '.join(parts)}{stored}"] if most.n_requests or most.n_stored else []

    def files(self) -> dict[Path, FileContents]:
        """The files that were collected whole, with the evaluations of each."""
        if self._config.getoption("lf", False) and self._config.pluginmanager.hasplugin("lfplugin"):
            return {}
        names = (each for each in (*self._collected_nodes, *self._skipped) if "::" not in each)
        paths = (Path(self._config.rootpath, each).resolve() for each in names)
        by_file: dict[Path, dict[str, list[str]]] = {path: {} for path in paths if path.is_file()}
        for item in self._collected:
            if (path := item.path.resolve()) in by_file:
                by_file[path][item.nodeid.partition("::")[2]] = _argument_names_of(item)
        return {path: FileContents(each, sorted(self._reads.get(path, ()))) for path, each in by_file.items()}

    # -- evaluations ------------------------------------------------------------------------------------------------

    def gather(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Make the evaluations of these items; gives back those left without a case by `--case`."""
        chosen = list(filter(is_evaluation, items))
        left_out: list[pytest.Item] = []
        if not chosen:
            return left_out
        from harness.gate.baselines.pairing import check_recorded
        from harness.gate.baselines.recording import recordings_of
        from harness.gate.evaluations.cases import no_case_matches

        with self._noting():
            self._recordings = recordings_of(self.settings)
        for item in chosen:
            with self._noting():
                evaluation = self._evaluation(item)
                if evaluation.cases:
                    self.evaluations[item] = evaluation
                else:
                    left_out.append(item)
        with self._noting():
            if left_out and not self.evaluations and not self.errors:
                ids = (case.id for cases in self._cases.values() for case in cases)
                raise no_case_matches(self._config.getoption("case") or "*", ids)
            if (recording := self._recordings.get("baseline")) is not None and self.evaluations:
                check_recorded(recording, list(self.evaluations.values()))
        return left_out

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            if str(error) not in self.errors:
                self.errors.append(str(error))

    def _evaluation(self, item: pytest.Function) -> Evaluation:
        from harness.gate.evaluations.cases import pairs_of
        from harness.gate.evaluations.evaluation import is_exact, read_plan, with_blocks
        from harness.plugin.collection import inspection
        from harness.plugin.collection.needs import check_item, check_needs
        from harness.scoring.judging import Rubrics
        from harness.stages.inference.blocks.plan import blocks_of

        check_item(item)
        if "task" in keywords_of(item):
            return self._task_evaluation(item)
        where, function, settings = item.nodeid, item.function, self.settings
        keywords, wants, rubrics = keywords_of(item, "cases"), _wanted(item), Rubrics(self._folders(item))
        may_measure, loads = inspection.may_measure(function), "load" in wants
        blocks = blocks_of(keywords, settings, where=where, loads=loads)
        measures, exact, options = loads or may_measure, is_exact(wants), self._options()
        plan = read_plan(keywords, settings, where=where, measures=measures, exact=exact, options=options)
        if blocks is not None:
            plan = with_blocks(plan, is_relative=keywords.get("margin") is None)
        parameter = getattr(getattr(item, "callspec", None), "params", {}).get("case")
        given = keywords.get("cases")
        cases = (parameter,) if parameter is not None else self._load(given, item)
        if blocks is not None:
            cases = pairs_of(blocks)
        has_cases = any(each is not None for each in (parameter, given, blocks))
        inspection.check_fields(function, cases, where=where, has_cases=has_cases)
        known = {"wants": wants, "rubrics": rubrics, "may_measure": may_measure, "blocks": blocks}
        evaluation = self._made(item, plan, cases, item.obj, **known)
        check_needs(item, evaluation, settings, self._recordings.get("baseline"))
        if "judge" in wants:
            inspection.check_rubrics(function, rubrics, evaluation.cases, where=where)
            inspection.check_metrics(function, where=where)
        if item.get_closest_marker("skip") is None:
            wanted = {*wants, "case"} if plan.per == "case" else wants
            if note := inspection.check_scores(function, wanted, where=where.partition("[")[0]):
                self.notes[note] = None
        return evaluation

    def _task_evaluation(self, item: pytest.Function) -> Evaluation:
        evaluated = self._tasks.of_item(item, self.settings)
        plan = self._tasks.plan(item, evaluated, self.settings, self._options())
        self._cases[item] = evaluated.cases
        return self._made(
            item,
            plan,
            evaluated.cases,
            evaluated.body,
            aggregation=evaluated.metrics.over_all,
            prompting=evaluated.prompting.in_words,
            metric=", ".join(sorted(evaluated.metrics.weighed)),
            may_measure=evaluated.metrics.has_measures,
        )

    def _made(self, item: pytest.Function, plan: Plan, cases: tuple[Case, ...], body: Any, **known: Any) -> Evaluation:
        """Make an evaluation of those of its cases that `--case` selects, with what is known of their copies."""
        from harness.gate.evaluations.cases import select_cases
        from harness.gate.evaluations.evaluation import Evaluation, check_evaluation, with_design
        from harness.gate.evaluations.resemblance import find_copies

        selected = select_cases(cases, self._config.getoption("case") or "*")
        is_part = len(selected) < len(cases) or "measured" in self._options()
        plan = with_design(plan, len(selected), self.settings.confidence_level)
        check_evaluation(plan, selected, where=item.nodeid, is_part=is_part)
        # A body that reads an `id` may ask about it: then no field tells what it asks.
        code = getattr(item.function, "__code__", None)
        reads_id = code is not None and "case" in argument_names(item) and "id" in code.co_names
        copies = None if plan.cluster is not None or reads_id or len(selected) < 2 else find_copies(selected)
        own = self._id(item.nodeid, item.path)
        return Evaluation(own, plan, selected, body, classify, is_part=is_part, copies=copies, **known)

    def _options(self) -> list[str]:
        """List the options of plans that the command line gives."""
        return [name for name in ("samples", "for_baseline", "measured") if self._config.getoption(name, None)]

    def _id(self, node: str, path: Path) -> str:
        """pytest's id with the path from the project's folder, wherever pytest has its root."""
        if not path.is_relative_to(self.settings.root):
            return node
        return f"{path.relative_to(self.settings.root).as_posix()}::{node.partition('::')[2]}"

    def _folders(self, item: pytest.Item) -> tuple[Path, ...]:
        """List the folders in which the files that a test names are looked for."""
        return tuple(dict.fromkeys((self.settings.root, self._config.rootpath, item.path.parent)))

    def _load(self, given: Any, item: pytest.Function) -> tuple[Case, ...]:
        """The cases that a marker names; loaded once for all items that name the same file."""
        from harness.records import Case
        from harness.stages.case_files import load_cases

        if given is None:
            return (Case({"id": item.originalname}),)
        key = (given, item.path.parent) if isinstance(given, str | Path) else id(given)
        if key not in self._cases:
            try:
                self._cases[key] = load_cases(given, self._folders(item))
            except UsageError as error:
                raise type(error)(f"{item.nodeid}: {error}") from None
        return self._cases[key]


def copies_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A line for each evaluation that has copies among its cases, for the terminal."""
    lines = []
    for each in evaluations:
        if each.copies is not None:
            (first, second), distinct = each.copies.example, f"{each.copies.n_distinct:,}"
            words = f"are {distinct} and copies", "leave copies out, review= weighs each"
            if not each.plan.review_mode:
                words = f"count as {distinct}, for some are copies", "cluster=False counts them all"
            lines.append(
                f"{each.id}: {len(each.cases):,} cases {words[0]} of others, such as {second!r} of {first!r}; "
                f"{words[1]}"
            )
    return lines


def near_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A line for each evaluation about cases like its own, some of which resemble each other though no `cluster` says
    what depends on what.
    """
    from harness.gate.evaluations.resemblance import find_near

    lines = []
    for each in evaluations:
        labels = [case.id for case in each.cases] if each.copies is None else each.copies.labels
        cases = [case for case, label in zip(each.cases, labels, strict=True) if case.id == label]
        is_open = each.plan.about == "population" and each.plan.cluster is None
        if is_open and (near := find_near(cases)) is not None:
            first, second = near.example
            way_out = (
                f'cluster="{near.field}" groups them' if near.field else 'cluster="FIELD" groups those that share it'
            )
            lines.append(
                f"{each.id}: {near.n:,} of {len(cases):,} cases resemble others, such as {second!r} of {first!r}, and "
                f"count as if they did not; {way_out}"
            )
    return lines
