"""From collected test functions to evaluations; gathers everything that is wrong with them before it complains."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import MarkerError, UsageError
from harness.plugin import fixtures
from harness.plugin.collection.copies import with_copies
from harness.plugin.collection.removed import gone_of
from harness.plugin.collection.tasks import Tasks
from harness.plugin.fixtures import OFFERED
from harness.plugin.options import run_options, settings_of
from harness.plugin.pytest_internals import argument_names, fixture_definitions

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import Recording
    from harness.gate.evaluations.evaluation import Evaluation
    from harness.gate.runs.run_settings import RunOptions
    from harness.records import Case, Plan
    from harness.stages.inference.blocks.plan import BlockPlan


BEGAN = "steelyard_began"
"""The name under which a worker of xdist is told when the session began."""


def is_evaluation(item: pytest.Item) -> bool:
    """Tell whether an item carries the marker."""
    return isinstance(item, pytest.Function) and item.get_closest_marker("evaluation") is not None


def _keywords(item: pytest.Item) -> Mapping[str, Any]:
    """The keywords of the marker of an evaluation."""
    mark = item.get_closest_marker("evaluation")
    assert mark is not None
    return mark.kwargs


def _source(keywords: Mapping[str, Any]) -> Any:
    """What a marker says of the source of its cases: the name of its task, or `cases`."""
    task = keywords.get("task", keywords.get("cases"))
    return task.get("name") if isinstance(task, Mapping) else task


def _wanted(item: pytest.Function) -> frozenset[str]:
    """Find the fixtures for bodies alone that a body takes; a project's own fixture of such a name is none of them."""
    definitions = fixture_definitions(item)
    own = {name for name, found in definitions.items() if found and found[-1].func.__module__ != fixtures.__name__}
    return frozenset(name for name in OFFERED if name in argument_names(item) and name not in own)


class Collection:
    """The evaluations of a session.

    Attributes:
        began: when the session began, in seconds since the epoch; that of the controller in a worker of xdist.
        evaluations: by item, in the order of collection.
        errors: what is wrong, each once, in the order of its finding.
        notes: what is no error and yet to be said before anything is paid for, each once.
        n_deselected: evaluations that were collected and left out, by `-k` and the like.
        n_skipped_files: those skipped as a whole, by `pytest.importorskip` and the like.
        found: the ids of files and folders that were collected.
    """

    def __init__(self, config: pytest.Config, classify: Callable[[BaseException], Any]) -> None:
        self._config = config
        self.began: float = getattr(config, "workerinput", {}).get(BEGAN, time.time())
        self._classify = classify
        self._settings: Settings | None = None
        self._recording: Recording | None = None
        self._cases: dict[Any, tuple[Case, ...]] = {}
        self._tasks = Tasks(config)
        self.evaluations: dict[pytest.Item, Evaluation] = {}
        self.errors: list[str] = []
        self.notes: dict[str, None] = {}
        self.n_deselected = self.n_skipped_files = 0
        self.found: set[str] = set()
        self._collected: list[pytest.Function] = []

    @property
    def settings(self) -> Settings:
        """The project's settings with the options laid over."""
        if self._settings is None:
            self._settings = settings_of(self._config)
        return self._settings

    @property
    def is_judged(self) -> bool:
        """Whether any evaluation asks a judge beside the versions under test."""
        return any("judge" in each.wants and not each.weighs_judge for each in self.evaluations.values())

    @property
    def run_options(self) -> RunOptions:
        """The options that the run of these evaluations has beyond the settings."""
        from harness.gate.runs.run_settings import RunOptions

        found = () if self.n_deselected or self.n_skipped_files else self.found
        known = RunOptions(
            n_evaluations=len(self.evaluations),
            is_judged=self.is_judged,
            weighs_judges=any(each.weighs_judge for each in self.evaluations.values()),
            elapsed_s=max(0.0, time.time() - self.began),
            recording=self._recording,
            noted=self._noted(),
            evaluations=tuple(self.evaluations.values()),
            family=tuple(dict.fromkeys(map(self._id, filter(self._may_run, self._collected)))),
            is_gone=gone_of(self._config, self.settings.root, map(self._id, self._collected), found),
        )
        return run_options(self._config, known)

    def _may_run(self, item: pytest.Function) -> bool:
        """Tell whether an evaluation can be run for the version under test, a model or a corpus."""
        from harness.config.roles import candidate_name
        from harness.stages.lineage import can_have

        keywords = _keywords(item)
        asks = "task" in keywords or keywords.get("weighs") == "judge"
        taken = _wanted(item) | (frozenset({"model"}) if asks else frozenset())
        name = candidate_name(self.settings)
        return can_have(self.settings.home(name), self.settings.version(name), taken)

    def _noted(self) -> dict[str, Any]:
        """Gather notes for the store: the cases, and the commit."""
        from harness.gate.runs.notes import commit_note, evaluation_notes

        given = {item: _keywords(item) for item in self.evaluations}
        sources = [(each, _source(given[item])) for item, each in self.evaluations.items()]
        return {**evaluation_notes(sources), **commit_note(self.settings)}

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Make one item for each case of an evaluation with `per="case"`, or for each task of a group."""
        mark = metafunc.definition.get_closest_marker("evaluation")
        if mark is None or not ("task" in mark.kwargs or mark.kwargs.get("per") == "case"):
            return
        where = metafunc.definition.nodeid
        try:
            if "task" in mark.kwargs:
                self._tasks.parametrize(metafunc, self.settings)
                return
            if "case" not in metafunc.fixturenames:
                raise MarkerError(f'{where}: per="case", but the test function takes no argument `case`.')
            plan = self._plan(metafunc.definition, where)
            cases = self._load(plan, metafunc.definition, where)
        except UsageError as error:
            self._note(error)
            return
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])

    def add_tasks(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add an item for each task that `--task` names."""
        try:
            items += self._tasks.items(session, self.settings)
        except UsageError as error:
            self._note(error)

    def take_in(self, item: pytest.Item) -> None:
        """Note an evaluation before any is left out: red is corrected over all that there are."""
        if is_evaluation(item) and isinstance(item, pytest.Function):
            self._collected.append(item)

    def gather(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Make the evaluations of these items; gives back those left without a case by `--case`."""
        left_out: list[pytest.Item] = []
        if any(map(is_evaluation, items)):
            self._find_recording()
        for item in items:
            if is_evaluation(item):
                assert isinstance(item, pytest.Function)
                try:
                    evaluation = with_copies(self._evaluation(item), item)
                except UsageError as error:
                    self._note(error)
                    continue
                if evaluation.cases:
                    self.evaluations[item] = evaluation
                else:
                    left_out.append(item)
        pattern = self._config.getoption("case", default=None)
        if pattern and not self.evaluations and left_out and not self.errors:
            from harness.gate.evaluations.cases import no_case_matches

            self._note(no_case_matches(pattern, (case.id for cases in self._cases.values() for case in cases)))
        self._check_recording()
        return left_out

    @property
    def n_collected(self) -> int:
        """Number of evaluations that were collected, those included that were left out."""
        return len(self._collected)

    def _find_recording(self) -> None:
        """Find the recording that stands for the baseline, where one is named."""
        from harness.gate.baselines.chosen import recording_named

        try:
            self._recording = recording_named(self.settings)
        except UsageError as error:
            self._note(error)

    def _check_recording(self) -> None:
        if self._recording is None or not self.evaluations:
            return
        from harness.gate.baselines.pairing import check_recorded

        try:
            check_recorded(self._recording, list(self.evaluations.values()))
        except UsageError as error:
            self._note(error)

    def _note(self, error: UsageError) -> None:
        if str(error) not in self.errors:
            self.errors.append(str(error))

    def _evaluation(self, item: pytest.Function) -> Evaluation:
        from harness.gate.evaluations.cases import pairs_of
        from harness.gate.evaluations.evaluation import Evaluation, check_evaluation, with_design
        from harness.plugin.collection import inspection
        from harness.plugin.collection.needs import check_needs
        from harness.plugin.collection.rubrics import check_metrics, check_rubrics
        from harness.scoring.judging import Rubrics

        where = item.nodeid
        inspection.check_kind(item, where=where)
        inspection.check_fixtures(item, where=where)
        if "task" in _keywords(item):
            return self._task_evaluation(item)
        plan, blocks = self._plan(item, where)
        parameter = getattr(getattr(item, "callspec", None), "params", {}).get("case")
        given = _keywords(item).get("cases")
        cases = (parameter,) if parameter is not None else self._load(given, item, where)
        if blocks is not None:
            cases = pairs_of(blocks)
        has_cases = any(each is not None for each in (parameter, given, blocks))
        inspection.check_fields(item.function, cases, where=where, has_cases=has_cases)
        every, cases = len(cases), self._selected(cases)
        plan = with_design(plan, len(cases), self.settings.confidence_level)
        part = len(cases) < every
        check_evaluation(plan, cases, where=where, is_part=part)
        wants = _wanted(item)
        rubrics = Rubrics(self._folders(item))
        evaluation = Evaluation(
            self._id(item),
            plan,
            cases,
            item.obj,
            self._classify,
            wants,
            rubrics=rubrics,
            is_part=part,
            may_measure=inspection.may_measure(item.function),
            blocks=blocks,
        )
        check_needs(item.function, evaluation, self.settings, self._recording, where=where)
        if "judge" in wants:
            check_rubrics(item.function, rubrics, cases, where=where)
            check_metrics(item.function, where=where)
        if item.get_closest_marker("skip") is None:
            taken = {*wants, "case"} if plan.per == "case" else wants
            if note := inspection.check_scores(item.function, taken, where=where.partition("[")[0]):
                self.notes[note] = None
        return evaluation

    def _task_evaluation(self, item: pytest.Function) -> Evaluation:
        from harness.gate.evaluations.evaluation import Evaluation, check_evaluation, with_design

        evaluated = self._tasks.of_item(item, self.settings)
        plan = self._tasks.plan(item, evaluated, self.settings, self._options())
        self._cases[item] = evaluated.cases
        cases = self._selected(evaluated.cases)
        plan = with_design(plan, len(cases), self.settings.confidence_level)
        part = len(cases) < len(evaluated.cases)
        check_evaluation(plan, cases, where=item.nodeid, is_part=part)
        return Evaluation(
            self._id(item),
            plan,
            cases,
            evaluated.body,
            self._classify,
            aggregation=evaluated.metrics.over_all,
            is_part=part,
            prompting=evaluated.prompting.in_words,
            metric=", ".join(sorted(evaluated.metrics.weighed)),
            may_measure=evaluated.metrics.has_measures,
        )

    def _selected(self, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        from harness.gate.evaluations.cases import select_cases

        pattern = self._config.getoption("case", default=None)
        return select_cases(cases, pattern) if pattern else cases

    def _options(self) -> list[str]:
        """List the options of plans that the command line gives."""
        return list(filter(self._config.getoption, ("samples", "for_baseline")))

    def _id(self, item: pytest.Function) -> str:
        """pytest's id with the path from the project's folder, wherever pytest has its root."""
        if not item.path.is_relative_to(self.settings.root):
            return item.nodeid
        return f"{item.path.relative_to(self.settings.root).as_posix()}::{item.nodeid.partition('::')[2]}"

    def _folders(self, item: Any) -> tuple[Path, ...]:
        """List the folders in which the files that a test names are looked for."""
        return tuple(dict.fromkeys((self.settings.root, self._config.rootpath, item.path.parent)))

    def _plan(self, item: Any, where: str) -> tuple[Plan, BlockPlan | None]:
        """What is required of an item, and the blocks under load that are measured for it."""
        from harness.gate.evaluations.evaluation import is_exact, read_plan, with_blocks
        from harness.plugin.collection.inspection import may_measure
        from harness.stages.inference.blocks.marker import blocks_of

        mark = item.get_closest_marker("evaluation")
        if mark.args:
            raise MarkerError(f"{where}: the evaluation marker takes keywords only; write cases={mark.args[0]!r}.")
        wanted = _wanted(item)
        loads = "load" in wanted
        blocks = blocks_of(mark.kwargs, self.settings, where=where, loads=loads)
        plan = read_plan(
            mark.kwargs,
            self.settings,
            where=where,
            measures=loads or may_measure(item.function),
            exact=is_exact(wanted),
            options=self._options(),
        )
        if blocks is not None:
            plan = with_blocks(plan, is_relative=mark.kwargs.get("margin") is None)
        return plan, blocks

    def _load(self, given: Any, item: Any, where: str) -> tuple[Case, ...]:
        """The cases that a marker names; loaded once for all items that name the same file."""
        from harness.records import Case
        from harness.stages.case_files import load_cases

        if given is None:
            return (Case({"id": item.originalname if isinstance(item, pytest.Function) else item.name}),)
        key = (given, item.path.parent) if isinstance(given, str | Path) else id(given)
        if key not in self._cases:
            try:
                self._cases[key] = load_cases(given, self._folders(item))
            except UsageError as error:
                raise type(error)(f"{where}: {error}") from None
        return self._cases[key]
