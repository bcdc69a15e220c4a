"""`--changed-since REF`: only the evaluations run that what changed since a commit may concern."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin.ending import discard_report
from harness.plugin.options import runs_bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.gate.changes.dependencies import EvaluationCode
    from harness.plugin.session import GateSession
    from harness.records import Selection

_OUTPUT = "steelyard_selection"


class ChangedHooks:
    """Chooses among the evaluations once all of them are known; registered after the session that gathers them."""

    def __init__(self, session: GateSession, ref: str) -> None:
        self._session = session
        self._ref = ref
        self.selection: Selection | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Called with all items, when their evaluations are made: leaves out those that nothing changed for."""
        collection = self._session.collection
        if collection.errors:
            return
        try:
            self.selection = self._select(config)
        except UsageError as error:
            collection.errors.append(str(error))
            return
        left_out = set(self.selection.left_out)
        dropped = [item for item, evaluation in collection.evaluations.items() if evaluation.id in left_out]
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = [item for item in items if item not in set(dropped)]
        collection.selection = self.selection
        if not self._session.is_worker and runs_bodies(config) and len(left_out) == len(collection.evaluations):
            discard_report(collection)

    def _select(self, config: pytest.Config) -> Selection:
        from harness.gate.changes.selection import Selector

        collection = self._session.collection
        settings = collection.settings
        folders = dict.fromkeys((settings.root, config.rootpath, config.invocation_params.dir))
        plugins = [
            Path(place) for each in config.pluginmanager.get_plugins() if (place := getattr(each, "__file__", None))
        ]
        subjects = {
            evaluation.id: (_subject(item, tuple(folders), plugins), "judge" in evaluation.wants)
            for item, evaluation in collection.evaluations.items()
            if isinstance(item, pytest.Function)
        }
        return Selector(settings, self._ref, tuple(folders)).select(subjects)

    def pytest_report_collectionfinish(self, config: pytest.Config) -> list[str]:
        """Called after collection, for lines of the terminal: what was chosen; with --collect-only also why."""
        selection = self.selection
        if selection is None:
            return []
        n_chosen, n_left_out = len(selection.chosen), len(selection.left_out)
        lines = [f"steelyard: {n_chosen:,} of {n_chosen + n_left_out:,} evaluations, by what changed since {self._ref}"]
        if config.option.collectonly:
            lines += [f"  {each.id}: {each.reason}" for each in selection.chosen]
        return lines

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Called on the controller of xdist when a worker is done: takes what it chose."""
        output = getattr(node, "workeroutput", None) or {}
        if output.get(_OUTPUT) is not None and self.selection is None:
            from harness.records.report_json import selection_from

            self.selection = selection_from(json.loads(output[_OUTPUT]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Called at the end: where nothing was to run, that is no failure, and the report says so."""
        selection = self.selection
        if selection is None:
            return
        if self._session.is_worker:
            session.config.workeroutput[_OUTPUT] = json.dumps(asdict(selection))  # type: ignore[attr-defined]
            return
        if selection.chosen or not selection.left_out:
            return
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        if not runs_bodies(session.config) or self._session.outcome.report is not None:
            return
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._report_nothing(session, selection)

    def _report_nothing(self, session: pytest.Session, selection: Selection) -> None:
        """Write the reports of a run in which there was nothing to run: those that need no store."""
        from harness.gate.runs.report import note_nothing, report_of_nothing
        from harness.reporting.markdown.report import markdown
        from harness.reporting.shared.files import replacing

        collection, outcome = self._session.collection, self._session.outcome
        settings = collection.settings
        outcome.report = report_of_nothing(settings, replace(collection.run_options, selection=selection))
        note_nothing(settings, outcome.report)
        outcome.write(session)
        with suppress(UsageError), replacing(settings.report_folder / "report.md") as temporary:
            temporary.write_text(markdown(outcome.report), encoding="utf-8", newline="\n")


def _subject(item: pytest.Function, folders: tuple[Path, ...], plugins: list[Path]) -> EvaluationCode:
    """Gather the files and names that tell what an evaluation depends on."""
    from harness.gate.changes.dependencies import EvaluationCode

    mark = item.get_closest_marker("evaluation")
    keywords = {} if mark is None else mark.kwargs
    task, cases = keywords.get("task"), keywords.get("cases")
    files: dict[Path, str] = {}
    if isinstance(task, str):
        files = dict(_of_task(task, (*folders, item.path.parent)))
    elif isinstance(cases, str | Path):
        files = dict.fromkeys(_found(cases, (*folders, item.path.parent)), "its cases")
    is_written = item.path.suffix == ".py" and item.path.is_file()
    return EvaluationCode(
        module=item.path if is_written else None,
        function=item.function.__name__,
        cls=None if item.cls is None else item.cls.__name__,
        files=files,
        code=tuple(each for each in plugins if each.name != "conftest.py" or item.path.is_relative_to(each.parent)),
        names_cases=bool(files),
    )


def _found(name: str | Path, folders: tuple[Path, ...]) -> list[Path]:
    """The file, or folder, of this name in the first folder that has it."""
    return next(([folder / name] for folder in folders if (folder / name).exists()), [])


def _of_task(task: str, folders: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """The files that a task of lm-eval may be made of: its own, all beside it; a named one's may lie in evals/."""
    found = _found(task, folders)
    if not found:
        yield folders[0] / "evals", f"where task {task!r} is looked for"
    for path in found:
        yield path, "its task"
        if path.parent.resolve() not in {folder.resolve() for folder in folders[:-1]}:
            yield path.parent, "beside its task"
