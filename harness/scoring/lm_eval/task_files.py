"""Task files as they are written: found, read, and checked for what lm-eval would trip over or look up in the net."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import TaskError, choices

SUFFIXES = (".yaml", ".yml")
_KEYS_BESIDE = ("class", "dataset_path", "group", "include", "tag", "task", "task_list")


def names_a_file(source: str) -> bool:
    """Tell whether a task is given by a file, and not by a name.

    >>> names_a_file("evals/facts/task.yaml"), names_a_file("arc_easy")
    (True, False)
    """
    return source.endswith(SUFFIXES) or "/" in source


def find_task_file(source: str, folders: Sequence[Path]) -> Path:
    """The task file of this path, in the first of the folders that has it.

    Raises:
        TaskError: there is none; with those that are in its folder.
    """
    candidates = [Path(source)] if Path(source).is_absolute() else [folder / source for folder in folders]
    try:
        for candidate in candidates:
            if candidate.is_file():
                return candidate.resolve()
        beside = sorted(
            {path.name for candidate in candidates for path in candidate.parent.glob("*") if path.suffix in SUFFIXES}
        )
    except (OSError, ValueError) as error:  # a name that is too long, a NUL in it
        raise TaskError(f"The task file {source[:200]!r} can't be looked for: {error}.") from None
    if beside:
        raise TaskError(f"There is no task file {source!r}. Beside it are: {', '.join(beside)}.")
    looked = ", ".join(str(candidate.parent) for candidate in candidates)
    raise TaskError(f"There is no task file {source!r}. Looked in {looked}: no file of a task (.yaml) there.")


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

    if "class" in config:
        return
    known = {field.name for field in dataclasses.fields(TaskConfig)} | set(_KEYS_BESIDE)
    for key in config:
        if key not in known:
            raise TaskError(f"{_place(path, str(key))}: {choices('key', str(key), known)}")
    if not isinstance(config["task"], str):
        raise TaskError(
            f"{_place(path, 'task')}: task = {config['task']!r} is no name; a list of tasks needs `group:`."
        )
    if not config.get("dataset_path") and not config.get("custom_dataset"):
        raise TaskError(
            f"{path} has no dataset_path: write `dataset_path: json` with `dataset_kwargs: {{data_files: …}}`, or the "
            "name of a data set on the hub."
        )
    _check_known(path, "output_type", [config.get("output_type", "generate_until")], ALL_OUTPUT_TYPES)
    metrics = [entry for entry in config.get("metric_list") or [] if isinstance(entry, Mapping)]
    if config.get("process_results") is None:  # a metric is lm-eval's; others it would look for in the net
        named = [entry.get("metric") for entry in metrics if entry.get("hf_evaluate") is not True]
        hint = " For one of the library evaluate, write `hf_evaluate: true` beside it."
        _check_known(path, "metric", named, METRIC_REGISTRY, hint)
    named = [entry["aggregation"] for entry in metrics if "aggregation" in entry]
    _check_known(path, "aggregation", named, AGGREGATION_REGISTRY)
    filters = [step.get("function") for pipeline in config.get("filter_list") or [] for step in pipeline["filter"]]
    _check_known(path, "function", filters, FILTER_REGISTRY)


def _check_known(path: Path, key: str, values: Iterable[Any], known: Iterable[str], hint: str = "") -> None:
    """Refuse a name that is not known; a function is written as the path of its file, and known to be one."""
    names = list(known)
    for value in values:
        if value not in names and not (isinstance(value, str) and "/" in value):
            raise TaskError(f"{_place(path, key, str(value))}: {choices(key, str(value), names)}{hint}")


def _place(path: Path, key: str, value: str = "") -> str:
    """File and line of a key, and of its value where that is given; the file alone where an include has it."""
    wanted = re.compile(rf"^[\s-]*[\"']?{re.escape(key)}[\"']?\s*:.*{re.escape(value)}")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    number = next((number for number, line in enumerate(lines, 1) if wanted.match(line)), None)
    return f"{path}, line {number}" if number else str(path)
