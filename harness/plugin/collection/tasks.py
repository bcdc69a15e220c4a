"""Evaluations made of lm-eval tasks: `@pytest.mark.evaluation(task=…)`, and `--task` without a test file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import MarkerError, UsageError, choices
from harness.plugin.pytest_internals import argument_names

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.records import Plan
    from harness.scoring.lm_eval import EvaluatedTask

_PARAMETER = "lm_eval_task"
"""The parameter of an evaluation of several tasks; its body has no such argument."""
_WITHOUT_FILE = "lm-eval"
_TASK = pytest.StashKey[Any]()


def keywords_of(item: pytest.Item, word: str = "") -> Mapping[str, Any]:
    """The keywords of the marker of an evaluation.

    Args:
        word: the one that is meant where the marker has none; "" where that is looked at elsewhere.

    Raises:
        MarkerError: there is an argument without a keyword.
    """
    mark = item.get_closest_marker("evaluation")
    assert mark is not None
    if word and mark.args:
        raise MarkerError(f"{item.nodeid}: the evaluation marker takes keywords only; write {word}={mark.args[0]!r}.")
    return mark.kwargs


class Tasks:
    """The lm-eval tasks of a session; each file or name is loaded once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._loaded: dict[tuple[str, Path], tuple[Any, ...]] = {}

    def load(self, source: Any, settings: Settings, folder: Path, where: str) -> tuple[Any, ...]:
        """The tasks that a file or a name stands for.

        Args:
            folder: of the test; relative paths start from the project's folder, from pytest's root, or from it.

        Raises:
            UsageError: whatever is wrong with it.
        """
        if not isinstance(source, str) or not source.strip():
            raise MarkerError(f"{where}: task={source!r} is neither the path of a task file nor the name of a task.")
        key = (source, folder)
        if key not in self._loaded:
            folders = dict.fromkeys((settings.root, self._config.rootpath, folder))
            self._loaded[key] = _lm_eval().load_tasks(source, tuple(folders))
        return self._loaded[key]

    def parametrize(self, metafunc: pytest.Metafunc, settings: Settings) -> None:
        """Make one item for each task of a group or tag.

        Raises:
            UsageError: the task can't be loaded.
        """
        item = metafunc.definition
        name = _read_task(keywords_of(item)["task"], item.nodeid)["name"]
        tasks = self.load(name, settings, item.path.parent, item.nodeid)
        if len(tasks) > 1:
            metafunc.fixturenames.append(_PARAMETER)
            metafunc.parametrize(_PARAMETER, tasks, ids=[task.task_name for task in tasks])

    def items(self, session: pytest.Session, settings: Settings) -> Iterator[pytest.Item]:
        """An item for each task that `--task` names, once however often it does.

        Raises:
            UsageError: one of them can't be loaded.
        """
        named: set[str] = set()
        folder = self._config.invocation_params.dir
        for source in self._config.getoption("task"):
            tasks = self.load(source, settings, folder, f"--task {source}")
            is_file = (folder / source).is_file()
            name, place = (source, folder / source) if is_file else (_WITHOUT_FILE, settings.root / _WITHOUT_FILE)
            nodes = _TaskFile.from_parent(session, name=name, nodeid=name, path=place)
            nodes.given = (source, [task for task in tasks if f"{name}::{task.task_name}" not in named])
            named.update(f"{name}::{task.task_name}" for task in tasks)
            yield from session.genitems(nodes)

    def of_item(self, item: pytest.Function, settings: Settings) -> EvaluatedTask:
        """Make the task of an item as its marker says.

        Raises:
            UsageError: whatever is wrong with marker, test function or task.
        """
        from harness.config.typed import Natural, check
        from harness.gate.evaluations.evaluation import TASK_WORDS

        where, keywords = item.nodeid, keywords_of(item, "task")
        if arguments := argument_names(item):
            raise MarkerError(
                f"{where} takes {', '.join(arguments)}, and the body of a task's evaluation is not run: write "
                f"`def {item.originalname}(): ...`."
            )
        for other in ("cases", "per", "weighs", "review"):
            if other in keywords:
                raise MarkerError(f"{where}: task= and {other}= are both given; a task brings its own documents.")
        task_words, task = _read_task(keywords["task"], where), item.stash.get(_TASK, None)
        if task is None:
            given = item.callspec.params.get(_PARAMETER) if hasattr(item, "callspec") else None
            task = given or self.load(task_words["name"], settings, item.path.parent, where)[0]
        words = [name for name in TASK_WORDS if name != "metric" and task_words.get(name) is not None]
        kinds = {"num_fewshot": Natural, "apply_chat_template": bool}
        prompting = {name: check(kinds[name], task_words[name], name, where=where) for name in words}
        adapter = _lm_eval()
        made: EvaluatedTask = adapter.EvaluatedTask(
            task, adapter.Prompting(**prompting), _metrics(task_words.get("metric"), where), where
        )
        return made

    def plan(self, item: pytest.Function, evaluated: EvaluatedTask, settings: Settings, options: list[str]) -> Plan:
        """The plan of an item's marker. Where every draw gives the same, one is made.

        Args:
            options: settings that the command line gave.

        Raises:
            MarkerError: a value that can't be.
        """
        from harness.gate.evaluations.evaluation import read_plan

        given = {name: value for name, value in keywords_of(item).items() if name != "task"}
        measures = evaluated.metrics.has_measures
        plan = read_plan(given, settings, where=item.nodeid, measures=measures, options=options)
        if not any(map(evaluated.draws, _samplings(settings))):
            return replace(plan, samples=1)
        asked_for = "samples" in given or "samples" in options or "for_baseline" in options
        return plan if asked_for or evaluated.repeats is None else replace(plan, samples=evaluated.repeats)


class _TaskFile(pytest.Collector):
    """The items of one `--task`; `given` is the option's value, and the tasks that it stands for."""

    given: tuple[str, list[Any]]

    def collect(self) -> Iterable[pytest.Item]:
        """An item for each task."""
        source, tasks = self.given

        @pytest.mark.evaluation(task=source)
        def body() -> None:
            """Stands for a test function."""

        for task in tasks:
            item = _TaskItem.from_parent(self, name=str(task.task_name), callobj=body)
            item.stash[_TASK] = task
            yield item


class _TaskItem(pytest.Function):
    """An evaluation without a test function in a file of the user's."""

    def reportinfo(self) -> tuple[Path, None, str]:
        """Called for the item's line in the output: the task file, not the module of the plugin."""
        return self.path, None, self.name


def _read_task(given: Any, where: str) -> Mapping[str, Any]:
    """Return what a marker says of its task: `name`, which is a path or a name, and how it is put.

    Raises:
        MarkerError: an unknown word, or no name.
    """
    from harness.gate.evaluations.evaluation import TASK_WORDS

    words, known = given if isinstance(given, Mapping) else {"name": given}, ("name", *TASK_WORDS)
    for word in words:
        if word not in known:
            raise MarkerError(f"{where}: task: {choices('setting', str(word), known)}")
    if "name" not in words:
        raise MarkerError(f'{where}: task = {given!r} names none; write task={{"name": "evals/…/task.yaml", …}}.')
    return words


def _lm_eval() -> Any:
    """The adapter of lm-eval.

    Raises:
        EntryPointError: it is not there.
    """
    from harness import entry_points

    return entry_points.load(entry_points.find("checks", "lm_eval"))


def _metrics(given: Any, where: str) -> Mapping[str, str | None]:
    """The names of metrics, each with its unit where the marker gives one."""
    named = [given] if isinstance(given, str) else {} if given is None else given
    named = dict.fromkeys(named) if isinstance(named, list | tuple) else named
    if isinstance(named, Mapping) and (named or given is None):
        parts = [*named, *(unit for unit in named.values() if unit is not None)]
        if all(isinstance(part, str) and part.strip() for part in parts):
            return dict(named)
    raise MarkerError(
        f'{where}: metric = {given!r} names no metric; write "metric": "acc_norm", a list of names, or a dict of '
        "names and units for those that are no score in [0, 1]."
    )


def _samplings(settings: Settings) -> list[Mapping[str, Any]]:
    """The sampling parameters of the versions that will be asked; none where that is not clear, which is said later."""
    from harness.config.roles import baseline_name, candidate_name

    try:
        names = [candidate_name(settings), baseline_name(settings)]
    except UsageError:
        return []
    return [settings.version(name).sampling for name in names if name is not None]
