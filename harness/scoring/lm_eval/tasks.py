"""Tasks of lm-eval by file or by name, loaded without its index of 14,000 tasks unless a name is in nothing smaller."""

from __future__ import annotations

import contextlib
import difflib
import functools
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config.files import find_file
from harness.errors import TaskError, choices, install

RANDOM_SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234
"""The seeds that `lm_eval.simple_evaluate` starts from; tasks shuffle and draw their examples by them."""
_SUFFIXES = (".yaml", ".yml")
_OWN_TASKS = "evals"
"""The folder of a project whose task files are found by the names that they give."""
_NEAREST = 5


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """The state in which lm-eval loads a task and builds its requests; what it changes is put back.

    Data in local files makes `datasets` report a download, unless it is told not to.
    """
    import datasets
    import numpy as np

    kept_python, kept_numpy = random.getstate(), np.random.get_state()
    bars_are_on, counts = not datasets.are_progress_bars_disabled(), datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    try:
        with warnings.catch_warnings(action="ignore"):
            datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
            datasets.disable_progress_bars()
            random.seed(RANDOM_SEED)
            np.random.seed(NUMPY_SEED)
            yield
    finally:
        random.setstate(kept_python)
        np.random.set_state(kept_numpy)
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = counts
        if bars_are_on:
            datasets.enable_progress_bars()


def load_tasks(source: str, folders: Sequence[Path]) -> tuple[Any, ...]:
    """The tasks that a file or a name stands for: one, or those of a group or tag, each with its data.

    Args:
        source: path of a task file, from one of `folders`; or a name, of a task in `evals/` of the first of them, else
            of lm-eval's own.
        folders: where relative paths start from, those of data in a task included; the first that has the file counts,
            and the folder of the task file comes last.

    Raises:
        TaskError: lm-eval is not installed, there is no such task, lm-eval rejects it, or its data can't be loaded; the
            message names the file and the way out.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            import lm_eval.tasks  # noqa: F401 - it takes about two seconds
    except ImportError as error:
        need = f"tasks of lm-eval need it: {install('lm-eval')} ({error})."
        raise TaskError(f"Task {source!r}: {need}") from None
    path, where = None, f"Task {source!r}"
    if source.endswith(_SUFFIXES) or "/" in source:
        path = find_file(Path(source), folders, kind="task file", suffixes=_SUFFIXES, error=TaskError)
        if path is None:
            raise TaskError(f"There is no task file {source!r}. Looked in {', '.join(map(str, folders))}.")
        path = path.resolve()
        where, folders = str(path), [*folders, path.parent]
    try:
        with surroundings():
            manager, name = _of_name(source, folders[0] / _OWN_TASKS) if path is None else _of_file(path)
            for config in _configs(manager.task_index, name) if path is None else _configs_of_file(manager, path):
                _check_config(config, where)
            tasks = _load(manager, name, folders)
            for task in tasks:
                _check(task, where)
    except TaskError:
        raise
    except Exception as error:  # a task's own functions and templates raise whatever they raise
        raise TaskError(f"{where}: lm-eval can't load it: {_reason(error)}") from error
    return tasks


def _load(manager: Any, name: str, folders: Sequence[Path]) -> tuple[Any, ...]:
    """Load a task or a group from the first folder from which the relative paths of its data lead to any."""
    missing: FileNotFoundError | None = None
    for folder in folders:
        try:
            with surroundings(), contextlib.chdir(folder):
                return tuple(manager.load([name])["tasks"].values())
        except FileNotFoundError as error:
            missing = missing or error
    raise missing or FileNotFoundError(name)


def _configs_of_file(manager: Any, path: Path) -> Iterator[Mapping[str, Any]]:
    """What a file says of its task, or of the tasks of its group."""
    config = _read_file(path)
    return _members(manager.task_index, config) if "group" in config else iter([config])


def _configs(index: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """What the files say of the tasks that a name stands for; functions are there as the paths of their files."""
    config = getattr(index.get(name), "cfg", None)
    if config is None:  # a tag, or nothing
        yield from (each.cfg for each in index.values() if each.cfg is not None and name in each.tags)
    elif "group" in config:
        yield from _members(index, config)
    else:
        yield config


def _members(index: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    members = group.get("task") or []
    for member in members if isinstance(members, list) else [members]:
        own = member if isinstance(member, Mapping) else {"task": member}
        name = str(own.get("task"))
        known = [each for each in _configs(index, name) if name != group.get("group")]
        yield from ({**each, **own} for each in known or [own] if "dataset_path" in own or known)


def _check_config(config: Mapping[str, Any], where: str) -> None:
    """Refuse, before anything is loaded, a metric that would be looked up in the net, where its script would be run,
    and a task without data.
    """
    if "class" in config:
        return
    if not config.get("dataset_path") and not config.get("custom_dataset"):
        raise TaskError(
            f"{where}: task {config.get('task')!r} has no dataset_path: write `dataset_path: json` with "
            "`dataset_kwargs: {data_files: …}`, or the name of a data set on the hub."
        )
    is_own = config.get("process_results") is not None
    _check_metrics(config.get("metric_list"), f"{where}: task {config.get('task')!r}", is_own=is_own)


def _check(task: Any, where: str) -> None:
    """Refuse what requests of text can't ask, what would run a model's code, and a metric that lm-eval leaves out with
    no more than a line in its log.
    """
    where = f"{where}: task {task.task_name!r}"
    if getattr(task, "MULTIMODAL", False):
        raise TaskError(f"{where} shows images or sounds, and requests hold text alone.")
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskError(
            f"{where} is marked unsafe_code: it runs what a model writes in the tests' own process. Write an "
            "evaluation that scores with harness.checks.runs, which confines it."
        )
    _check_metrics(task.config.metric_list, where, is_own=task.config.process_results is not None)


def _check_metrics(entries: Any, where: str, *, is_own: bool) -> None:
    """Refuse metrics and aggregations that lm-eval does not have; a function is one, or the path of its file."""
    import lm_eval.api.metrics  # noqa: F401 - registers them
    from lm_eval.api.registry import AGGREGATION_REGISTRY, METRIC_REGISTRY

    def is_function(value: Any) -> bool:
        return callable(value) or (isinstance(value, str) and Path(value).is_absolute())

    for entry in entries or ():
        if not isinstance(entry, Mapping) or "metric" not in entry:
            continue  # lm-eval says what is wrong with it
        name, aggregation = entry["metric"], entry.get("aggregation", "mean")
        if not (is_own or is_function(name) or entry.get("hf_evaluate") is True or name in METRIC_REGISTRY):
            hint = " For one of the library evaluate, write `hf_evaluate: true` beside it."
            raise TaskError(f"{where}: {choices('metric', str(name), list(METRIC_REGISTRY))}{hint}")
        if not (is_function(aggregation) or aggregation in AGGREGATION_REGISTRY):
            raise TaskError(f"{where}: {choices('aggregation', str(aggregation), list(AGGREGATION_REGISTRY))}")


def _manager(*folders: Path, is_complete: bool = False) -> Any:
    """A manager of the task files in these folders, and of lm-eval's own."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=[*folders] or None, include_defaults=is_complete)


@functools.lru_cache(maxsize=8)
def _complete(folder: Path) -> Any:
    """A manager of the task files in a folder and all of lm-eval's own; made once."""
    return _manager(folder, is_complete=True)


def _of_file(path: Path) -> tuple[Any, str]:
    """Give a manager that knows the task or group of a file, and its name there. A group refers to the tasks beside it,
    else to lm-eval's own.
    """
    config = _read_file(path)
    if "group" not in config:
        if not isinstance(config.get("task", ""), str):
            raise TaskError(f"{path}: task = {config['task']!r} is no name; a list of tasks needs `group:`.")
        return _manager(), str(path)
    beside, members = _manager(path.parent), config.get("task") or []
    members = members if isinstance(members, list) else [members]
    names = [member.get("task") if isinstance(member, Mapping) else member for member in members]
    is_whole = all(name in beside.task_index for name in names)
    return beside if is_whole else _complete(path.parent), str(config["group"])


def _read_file(path: Path) -> dict[str, Any]:
    """Give what a task file says; functions stay the paths of their files."""
    from lm_eval.tasks._yaml_loader import load_yaml

    return load_yaml(path, resolve_func=False)  # type: ignore[no-any-return]


def _of_name(name: str, folder: Path) -> tuple[Any, str]:
    """The same for a task or group of a name: of the project's own task files, else of lm-eval's."""
    own = _manager(folder)
    if name in own.task_index:
        return own, name
    manager = _complete(folder)
    if name in manager.task_index:
        return manager, name
    nearest = difflib.get_close_matches(name, manager.all_tasks, n=_NEAREST)
    hint = f" Did you mean one of {', '.join(map(repr, nearest))}?" if nearest else ""
    raise TaskError(
        f"No task named {name!r} in {folder} or among the {len(manager.all_tasks):,} names of lm-eval.{hint} "
        "A file is given by its path, such as evals/foundation/facts/task.yaml."
    )


def _reason(error: BaseException) -> str:
    """Say what went wrong, down to the first cause: `datasets` tells the line of a malformed file only there."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 3:
        text = f"{type(cause).__name__}: {cause}".strip()
        texts += [text] if text not in texts else []
        cause = cause.__cause__
    if isinstance(error, KeyError) and error.args == (None,):
        texts.append("lm-eval knows no such metric as one of metric_list")
    elif isinstance(error, KeyError):
        texts.append("a split or a field of that name is not in the data")
    elif isinstance(error, FileNotFoundError):
        texts.append("paths of data start from the project's folder, or from that of the task file")
    return "; ".join(texts)
