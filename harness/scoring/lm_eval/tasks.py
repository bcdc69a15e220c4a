"""Tasks of lm-eval by file or by name, without its index of 14,000 tasks unless a name is in nothing smaller."""

from __future__ import annotations

import contextlib
import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import TaskError
from harness.scoring.lm_eval.environment import require_lm_eval, surroundings
from harness.scoring.lm_eval.task_files import check_task, find_task_file, names_a_file, read_file

_OWN_TASKS = "evals"
"""The folder of a project whose task files are found by the names that they give."""
_NEAREST = 5


def _manager(*folders: Path, is_complete: bool = False) -> Any:
    """A manager of the task files in these folders, and of lm-eval's own."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=[*folders] or None, include_defaults=is_complete)


@functools.lru_cache(maxsize=8)
def _complete(folder: Path) -> Any:
    """A manager of the task files in a folder and all of lm-eval's own; made once."""
    return _manager(folder, is_complete=True)


def load_tasks(source: str, folders: Sequence[Path]) -> tuple[Any, ...]:
    """The tasks that a file or a name stands for: one, or those of a group or tag, each with its data.

    Args:
        source: path of a task file, from one of `folders`; or a name, of a task in `evals/` of the first of them, else
            of lm-eval's own.
        folders: where relative paths start from, those of data in a task included; the first that has the file counts,
            and the folder of the task file comes last.

    Raises:
        TaskError: lm-eval is not installed, there is no such task, lm-eval rejects it, or its data can't be loaded; the
            message names the file, the line or key, and the way out.
    """
    require_lm_eval(f"Task {source!r}")
    if names_a_file(source):
        path = find_task_file(source, folders)
        found, where, starts = _of_file(path), str(path), [*folders, path.parent]
    else:
        found, where, starts = _of_name(source, folders[0]), f"Task {source!r}", [*folders]
    tasks = _load(found, where, _start(found.configs, starts))
    for task in tasks:
        _refuse_unsupported(task, where)
    return tasks


class _FoundTask(NamedTuple):
    """The manager of lm-eval that knows a task, what it calls it, and what the user's files say of it or its group."""

    manager: Any
    spec: str
    configs: Sequence[Mapping[str, Any]] = ()


def _of_file(path: Path) -> _FoundTask:
    """The task or group of a file. A group refers to the tasks beside it, else to lm-eval's own."""
    config = read_file(path)
    if "group" not in config:
        check_task(config, path)
        return _FoundTask(_manager(), str(path), [config])
    beside = _manager(path.parent)
    members = list(_member_names(config))
    configs = [config for name in members for config in _checked(beside, name)]
    is_whole = all(name in beside.task_index for name in members)
    return _FoundTask(beside if is_whole else _complete(path.parent), str(config["group"]), configs)


def _checked(manager: Any, name: str) -> list[Mapping[str, Any]]:
    """Check the file of a task, and give what it says; nothing for a group, or a name that the manager lacks."""
    entry = manager.task_index.get(name)
    if entry is None or entry.yaml_path is None or entry.cfg is None or "group" in entry.cfg:
        return []
    check_task(entry.cfg, entry.yaml_path)
    return [entry.cfg]


def _member_names(config: Mapping[str, Any]) -> Iterator[str]:
    """Names of tasks and groups that a group refers to, those of groups written inside it as well."""
    members = config.get("task") or []
    for member in members if isinstance(members, list) else [members]:
        if isinstance(member, str):
            yield member
        elif isinstance(member, Mapping) and isinstance(member.get("task"), list):
            yield from _member_names(member)
        elif isinstance(member, Mapping) and isinstance(member.get("task"), str) and "dataset_path" not in member:
            yield member["task"]


def _of_name(name: str, root: Path) -> _FoundTask:
    """The task or group of a name: of the project's own task files, else of lm-eval's, which take seconds to index.

    Raises:
        TaskError: neither has it; with the nearest.
    """
    folder = root / _OWN_TASKS
    own = _manager(folder)
    if name in own.task_index:
        return _FoundTask(own, name, _checked(own, name))
    manager = _complete(folder)
    if name in manager.task_index:
        return _FoundTask(manager, name)
    nearest = difflib.get_close_matches(name, manager.all_tasks, n=_NEAREST)
    hint = f" Did you mean one of {', '.join(map(repr, nearest))}?" if nearest else ""
    raise TaskError(
        f"No task named {name!r} in {folder} or among the {len(manager.all_tasks):,} names of lm-eval.{hint} "
        "A file is given by its path, such as evals/foundation/facts/task.yaml."
    )


def _start(configs: Sequence[Mapping[str, Any]], folders: Sequence[Path]) -> Path:
    """Find where relative paths of data start from: the first folder that has any of them, else the first of all."""
    paths = [text for config in configs for text in _data_paths(config)]
    return next((folder for folder in folders if any(_is_there(folder, text) for text in paths)), folders[0])


def _data_paths(config: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a task file that may be paths of data."""
    arguments = config.get("dataset_kwargs") or {}
    waiting: list[Any] = [config.get("dataset_path"), arguments.get("data_files"), arguments.get("data_dir")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def _is_there(folder: Path, text: str) -> bool:
    return (folder / text).exists() or ("*" in text and not text.startswith("/") and any(folder.glob(text)))


def _load(found: _FoundTask, where: str, start: Path) -> tuple[Any, ...]:
    """Have lm-eval load a task, with relative paths of its data from a folder."""
    try:
        with surroundings(), contextlib.chdir(start):
            loaded = found.manager.load([found.spec])
    except Exception as error:  # a task's own functions and templates raise whatever they raise
        raise TaskError(f"{where}: lm-eval can't load it: {_reason(error)}") from error
    return tuple(loaded["tasks"].values())


def _reason(error: BaseException) -> str:
    """Say what went wrong, down to the first cause: `datasets` tells the line of a malformed file only there."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 3:
        text = f"{type(cause).__name__}: {cause}".strip()
        texts += [text] if text not in texts else []
        cause = cause.__cause__
    if isinstance(error, KeyError):
        texts.append("a split or a field of that name is not in the data")
    elif isinstance(error, FileNotFoundError):
        texts.append("paths of data start from the project's folder, or from that of the task file")
    return "; ".join(texts)


def _refuse_unsupported(task: Any, where: str) -> None:
    if getattr(task, "MULTIMODAL", False):
        raise TaskError(f"{where}: task {task.task_name!r} shows images or sounds, and requests hold text alone.")
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskError(
            f"{where}: task {task.task_name!r} is marked unsafe_code: it runs what a model writes in the tests' own "
            "process. Write an evaluation that scores with harness.checks.runs, which confines it."
        )
