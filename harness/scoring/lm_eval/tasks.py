"""Tasks of lm-eval by file or by name, checked for what lm-eval would trip over or look up in the net, and loaded
without its index of 14,000 tasks unless a name is in nothing smaller.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import random
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config.files import find_file
from harness.errors import TaskError, choices

RANDOM_SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234
"""The seeds that `lm_eval.simple_evaluate` starts from; tasks shuffle and draw their examples by them."""
_SUFFIXES = (".yaml", ".yml")
_KEYS_BESIDE = ("class", "dataset_path", "group", "include", "tag", "task", "task_list")
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
            message names the file, the line or key, and the way out.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            import lm_eval.tasks  # noqa: F401 - it takes about two seconds
    except ImportError as error:
        need = f'tasks of lm-eval need it: pip install "steelyard[lm-eval]" ({error}).'
        raise TaskError(f"Task {source!r}: {need}") from None
    is_file = source.endswith(_SUFFIXES) or "/" in source
    path = find_file(Path(source), folders, kind="task file", suffixes=_SUFFIXES, error=TaskError) if is_file else None
    if path is not None:
        path = path.resolve()
        where, folders = str(path), [*folders, path.parent]
        manager, name, configs = _of_file(path)
    elif is_file:
        raise TaskError(f"There is no task file {source!r}. Looked in {', '.join(map(str, folders))}.")
    else:
        where = f"Task {source!r}"
        manager, name, configs = _of_name(source, folders[0] / _OWN_TASKS)
    try:
        with surroundings(), contextlib.chdir(_start(configs, folders)):
            tasks = tuple(manager.load([name])["tasks"].values())
    except Exception as error:  # a task's own functions and templates raise whatever they raise
        raise TaskError(f"{where}: lm-eval can't load it: {_reason(error)}") from error
    for task in tasks:
        if getattr(task, "MULTIMODAL", False):
            raise TaskError(f"{where}: task {task.task_name!r} shows images or sounds, and requests hold text alone.")
        if getattr(task, "UNSAFE_CODE", False):
            raise TaskError(
                f"{where}: task {task.task_name!r} is marked unsafe_code: it runs what a model writes in the tests' "
                "own process. Write an evaluation that scores with harness.checks.runs, which confines it."
            )
    return tasks


_Found = tuple[Any, str, Sequence[Mapping[str, Any]]]
"""The manager of lm-eval that knows a task, what it calls it, and what the user's files say of it or its group."""


def _manager(*folders: Path, is_complete: bool = False) -> Any:
    """A manager of the task files in these folders, and of lm-eval's own."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=[*folders] or None, include_defaults=is_complete)


@functools.lru_cache(maxsize=8)
def _complete(folder: Path) -> Any:
    """A manager of the task files in a folder and all of lm-eval's own; made once."""
    return _manager(folder, is_complete=True)


def _of_file(path: Path) -> _Found:
    """The task or group of a file. A group refers to the tasks beside it, else to lm-eval's own."""
    config = read_file(path)
    if "group" not in config:
        check_task(config, path)
        return _manager(), str(path), [config]
    beside, members = _manager(path.parent), config.get("task") or []
    members = members if isinstance(members, list) else [members]
    named = (member.get("task") if isinstance(member, Mapping) else member for member in members)
    names = [name if isinstance(name, str) else "" for name in named]
    is_whole = all(name in beside.task_index for name in names)
    configs = [config for name in names for config in _checked(beside, name)]
    return beside if is_whole else _complete(path.parent), str(config["group"]), configs


def _of_name(name: str, folder: Path) -> _Found:
    """The task or group of a name: of the project's own task files, else of lm-eval's, which take seconds to index."""
    own = _manager(folder)
    if name in own.task_index:
        return own, name, _checked(own, name)
    manager = _complete(folder)
    if name in manager.task_index:
        return manager, name, ()
    nearest = difflib.get_close_matches(name, manager.all_tasks, n=_NEAREST)
    hint = f" Did you mean one of {', '.join(map(repr, nearest))}?" if nearest else ""
    raise TaskError(
        f"No task named {name!r} in {folder} or among the {len(manager.all_tasks):,} names of lm-eval.{hint} "
        "A file is given by its path, such as evals/foundation/facts/task.yaml."
    )


def _checked(manager: Any, name: str) -> list[Mapping[str, Any]]:
    """Check the file of a task, and give what it says; nothing for a group, or a name that the manager lacks."""
    entry = manager.task_index.get(name)
    if entry is None or entry.yaml_path is None or entry.cfg is None or "group" in entry.cfg:
        return []
    check_task(entry.cfg, entry.yaml_path)
    return [entry.cfg]


def _start(configs: Sequence[Mapping[str, Any]], folders: Sequence[Path]) -> Path:
    """Find where relative paths of data start from: the first folder that has any of them, else the first of all."""
    texts: list[str] = []
    for config in configs:
        arguments = config.get("dataset_kwargs") or {}
        waiting: list[Any] = [config.get("dataset_path"), arguments.get("data_files"), arguments.get("data_dir")]
        while waiting:
            value = waiting.pop()
            texts += [value] if isinstance(value, str) else []
            waiting += value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()

    def has_data(folder: Path, text: str) -> bool:
        return (folder / text).exists() or ("*" in text and not text.startswith("/") and any(folder.glob(text)))

    return next((folder for folder in folders if any(has_data(folder, text) for text in texts)), folders[0])


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


def read_file(path: Path) -> dict[str, Any]:
    """Read what a task file says, with the files that it includes; functions stay the texts that name them.

    Raises:
        TaskError: it can't be read, is no YAML (with its line), or is neither a task nor a group.
    """
    import yaml
    from lm_eval.tasks._yaml_loader import load_yaml

    try:
        config: dict[str, Any] = load_yaml(path, resolve_func=False)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise TaskError(f"{path}{line}: not valid YAML: {error.problem or error}.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TaskError(f"{path} can't be read as a task: {error}.") from None
    if not {"task", "group", "class"} & set(config):
        raise TaskError(f"{path} has no `task:`, which names a task. Its keys: {', '.join(map(str, config))}.")
    return config


def check_task(config: Mapping[str, Any], path: Path) -> None:
    """Refuse what lm-eval would refuse without a word of where, or look for in the net.

    Raises:
        TaskError: an unknown key, metric, aggregation, filter or kind of output; no data; with the line.
    """
    import lm_eval.api.metrics  # noqa: F401 - registers the metrics
    from lm_eval.api.registry import AGGREGATION_REGISTRY, FILTER_REGISTRY, METRIC_REGISTRY
    from lm_eval.api.task import ALL_OUTPUT_TYPES
    from lm_eval.config.task import TaskConfig

    def check(key: str, values: Iterable[Any], known: Iterable[str], hint: str = "") -> None:
        """A function is written as the path of its file, and known to be one."""
        for value in values:
            if value not in known and not (isinstance(value, str) and "/" in value):
                raise TaskError(f"{_place(path, key, str(value))}: {choices(key, str(value), list(known))}{hint}")

    if "class" in config:
        return
    keys = {field.name for field in dataclasses.fields(TaskConfig)} | set(_KEYS_BESIDE)
    for key in config:
        if key not in keys:
            raise TaskError(f"{_place(path, str(key))}: {choices('key', str(key), keys)}")
    if not isinstance(config["task"], str):
        raise TaskError(
            f"{_place(path, 'task')}: task = {config['task']!r} is no name; a list of tasks needs `group:`."
        )
    if not config.get("dataset_path") and not config.get("custom_dataset"):
        raise TaskError(
            f"{path} has no dataset_path: write `dataset_path: json` with `dataset_kwargs: {{data_files: …}}`, or the "
            "name of a data set on the hub."
        )
    check("output_type", [config.get("output_type", "generate_until")], ALL_OUTPUT_TYPES)
    metrics = [entry for entry in config.get("metric_list") or [] if isinstance(entry, Mapping)]
    if config.get("process_results") is None:  # a metric is lm-eval's; others it would look for in the net
        named = [entry.get("metric") for entry in metrics if entry.get("hf_evaluate") is not True]
        hint = " For one of the library evaluate, write `hf_evaluate: true` beside it."
        check("metric", named, METRIC_REGISTRY, hint)
    check("aggregation", [entry["aggregation"] for entry in metrics if "aggregation" in entry], AGGREGATION_REGISTRY)
    filters = [step.get("function") for pipeline in config.get("filter_list") or [] for step in pipeline["filter"]]
    check("function", filters, FILTER_REGISTRY)


def _place(path: Path, key: str, value: str = "") -> str:
    """File and line of a key, and of its value where that is given; the file alone where an include has it."""
    wanted = re.compile(rf"^[\s-]*[\"']?{re.escape(key)}[\"']?\s*:.*{re.escape(value)}")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    number = next((number for number, line in enumerate(lines, 1) if wanted.match(line)), None)
    return f"{path}, line {number}" if number else str(path)
