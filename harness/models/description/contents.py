"""The contents of a model's files, in one form for GGUF files and folders of safetensors: the words of GGUF."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.description.config_settings import config_settings, language_config
from harness.models.files.content_hash import file_hash
from harness.models.files.safetensors_file import Tensor, have_same_data, read_safetensors
from harness.models.weights.gguf_header import gguf_head
from harness.models.weights.weights import loaded_files

_FORMATS = {2: "GGUF V2", 3: "GGUF V3 (latest)"}
_INDEX = "model.safetensors.index.json"
_ONE = "model.safetensors"
_KEYED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files whose keys say what they are about."""
_BLOB = re.compile(r"/blobs/[0-9a-f]{64}$")
_AUXILIARY = re.compile(
    r"\.(?:weight_scale(?:_inv|_2)?|weight_zero_point|weight_shape|weight_g_idx|weight_global_scale|input_scale|"
    r"input_zero_point|input_global_scale|output_scale|[kvq]_scale|[kv]_zero_point|scales|qzeros|g_idx|SCB|"
    r"weight_format|absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\w+)$|_scales$"
)
"""Tensors that quantizers store beside the weights: compressed-tensors, GPTQ, AWQ, bitsandbytes, MXFP4 of gpt-oss.

Source: vllm-project/compressed-tensors, compressors; huggingface/transformers, integrations."""
_PACKED = re.compile(r"\.(?:weight_packed|qweight)$|_blocks$")
_SPECIAL = {"bos": "bos", "eos": "eos", "unk": "unknown", "sep": "seperator", "pad": "padding", "mask": "mask"}
"""A token in transformers' words → in GGUF's, of which one is spelled so."""
_MODELS = {"BPE": "gpt2", "Unigram": "t5", "WordPiece": "bert"}


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model's files without the data of its tensors.

    Attributes:
        path: the GGUF file or the folder.
        format: as llama.cpp prints it, or "safetensors" of a folder.
        settings: what GGUF calls `general.…`, `tokenizer.…`, and the model's own keys without its architecture in
            front: `block_count`. Arrays are tuples.
        tokens: the vocabulary, in the order of the ids; an id that no token has is an empty one.
        stops: more tokens at which an engine ends an answer, as the folder's generation settings name them.
    """

    path: Path
    format: str
    settings: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    tokens: tuple[str, ...] = field(default=(), repr=False)
    stops: tuple[int, ...] = ()

    @property
    def architecture(self) -> str:
        """The kind of the model, in its makers' word: "llama"."""
        return str(self.settings.get("general.architecture", "unknown"))

    @property
    def is_folder(self) -> bool:
        """False for a GGUF file."""
        return self.format == "safetensors"

    def number(self, *keys: str, default: float = 0) -> Any:
        """The first of these settings that is there; of one with a value for each layer the largest."""
        value = next((self.settings[key] for key in keys if key in self.settings), default)
        return max(value, default=default) if isinstance(value, tuple) else value

    def per_layer(self, key: str, n_layers: int) -> tuple[int, ...]:
        """A setting's value in each layer. Raises ValueError: it has values for another number of layers."""
        value = self.settings.get(key, 0)
        if not isinstance(value, tuple):
            return (int(value),) * n_layers
        if len(value) != n_layers:
            raise ValueError(f"{key} has {len(value)} values for {n_layers} layers")
        return value


def read_gguf(path: Path) -> WeightsFile:
    """The contents of a GGUF file, without the data of its tensors."""
    try:
        head = gguf_head(path)
    except ValueError as error:
        raise SettingsError(f"{path} can't be read: {error}.") from None
    prefix = f"{head.settings.get('general.architecture')}."
    settings = {key.removeprefix(prefix): value for key, value in head.settings.items()}
    tokens = settings.get("tokenizer.ggml.tokens", ())
    return WeightsFile(path, _FORMATS[head.version], MappingProxyType(settings), head.tensors, tokens)


def read_folder(folder: Path, tokenizer: Path | None = None) -> WeightsFile:
    """The contents of a folder that transformers loads, without the data of its tensors.

    Args:
        tokenizer: the folder of a tokenizer that replaces its own.

    Raises:
        SettingsError: a file is missing or damaged, or there are no safetensors.
    """
    config = read_json(folder / "config.json")
    text = language_config(config)
    own, tokens = read_tokenizer(tokenizer or folder, text)
    quantization = config.get("quantization_config")
    settings = {
        **config_settings(config),
        **own,
        "general.name": _name(config, folder),
        "quantization": quantization,
        "dtype": text.get("dtype") or text.get("torch_dtype"),
    }
    stored = _stored(folder)
    tensors = list(stored)
    if quantization:
        tensors = [
            replace(each, packed=_packed(each, quantization), is_weight=_AUXILIARY.search(each.name) is None)
            for each in tensors
        ]
    if text.get("tie_word_embeddings"):
        ends = [each for each in stored if len(each.shape) == 2 and each.shape[0] == text.get("vocab_size")]
        if len(ends) == 2 and have_same_data(*((stored[each], each.name) for each in ends)):
            tensors.remove(ends[1])  # a copy, of which engines keep one
    named = [source.get("eos_token_id") for source in (read_json(folder / "generation_config.json"), text)]
    stops = (stop for each in named if each is not None for stop in (each if isinstance(each, list) else [each]))
    said = MappingProxyType({key: value for key, value in settings.items() if value is not None})
    return WeightsFile(folder, "safetensors", said, tuple(tensors), tokens, tuple(dict.fromkeys(stops)))


def _name(config: Mapping[str, Any], folder: Path) -> str:
    """Give the model's name: the hub's, the one that its config was last loaded by, or the folder's."""
    if folder.parent.name == "snapshots":  # of the hub's cache: models--OWNER--MODEL/snapshots/COMMIT
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    return str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2] or folder.name


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise SettingsError(f"{path} is no JSON: {error}. Fetch or save it again.") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not an object. Fetch or save it again.")
    return content


def safetensors_files(folder: Path) -> list[Path]:
    """The files that an engine loads: those of the index, else the one file, else all that there are."""
    names = sorted(set(read_json(folder / _INDEX).get("weight_map", {}).values()))
    if not names and (folder / _ONE).is_file():
        names = [_ONE]
    names = names or sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth"))
        has = f"it has {', '.join(others[:3])}" if others else "it has no weights"
        raise SettingsError(
            f"{folder} holds no safetensors, of which weights are described; {has}. Save it with transformers: "
            "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise SettingsError(
            f"{folder} lacks {', '.join(missing)}, which {_INDEX} names. Fetch the rest: hf download OWNER/MODEL"
        )
    return [folder / name for name in names]


def _stored(folder: Path) -> dict[Tensor, Path]:
    """The tensors of a folder, each with the file that it is in."""
    found = {each.name: (each, path) for path in safetensors_files(folder) for each in read_safetensors(path)}
    promised = read_json(folder / _INDEX).get("weight_map", {})
    absent = [name for name in promised if name not in found]
    if absent:
        raise SettingsError(
            f"{folder}: {_INDEX} puts {absent[0]} into {promised[absent[0]]}, which has no such tensor"
            + (f" ({len(absent)} are missing)" if len(absent) > 1 else "")
            + ". Fetch or save the folder again."
        )
    return dict(found.values())


def _packed(stored: Tensor, quantization: Mapping[str, Any]) -> int:
    """Count the weights that stand in an element: eight of 4 bits in 32, or two in a byte."""
    if _AUXILIARY.search(stored.name):
        return 1
    method = quantization.get("quant_method")
    if stored.dtype == "U8" and (method in ("bitsandbytes", "mxfp4") or stored.name.endswith("weight_packed")):
        return 2
    if _PACKED.search(stored.name) is None or stored.dtype not in ("I32", "U32"):
        return 1
    # GPTQ and AWQ say at once how many bits a weight has, compressed-tensors says it by group.
    groups = (quantization.get("config_groups") or {}).values()
    in_groups = (group["weights"]["num_bits"] for group in groups if group.get("weights") is not None)
    return 32 // int(next(in_groups, quantization.get("bits") or quantization.get("w_bit") or 4))


def read_tokenizer(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tokenizer of a folder: what GGUF has under `tokenizer.`, and its tokens.

    Args:
        config: of the model, which names special tokens that the tokenizer's own files do not.

    Raises:
        SettingsError: a file is damaged.
    """
    whole = read_json(folder / "tokenizer.json")
    own = read_json(folder / "special_tokens_map.json") | read_json(folder / "tokenizer_config.json")
    settings: dict[str, Any] = {}
    model = whole.get("model") or {}
    listed = model.get("vocab") or {}
    ids = dict(listed) if isinstance(listed, dict) else {text: number for number, (text, _) in enumerate(listed)}
    if whole:
        kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
        is_byte_level = any(
            step.get("type") == "ByteLevel" for part in ("pre_tokenizer", "decoder") for step in _steps(whole.get(part))
        )
        # Pieces of SentencePiece are told from bytes by how they fall back.
        is_pieces = kind == "BPE" and not is_byte_level and (model.get("byte_fallback") or "▁" in ids)
        settings["ggml.model"] = "llama" if is_pieces else _MODELS.get(kind, "none")
        settings["ggml.merges"] = model.get("merges") or ()
        unknown = model.get("unk_token")
        settings["ggml.unknown_token_id"] = ids.get(unknown) if unknown is not None else model.get("unk_id")
    ids |= {entry["content"]: entry["id"] for entry in whole.get("added_tokens") or ()}
    for name, known in _SPECIAL.items():
        entry = own.get(f"{name}_token")
        number = ids.get(entry.get("content") if isinstance(entry, dict) else entry)
        if number is None:
            stated = config.get(f"{name}_token_id")
            number = stated[0] if isinstance(stated, list) and stated else stated
        if isinstance(number, int):
            settings[f"ggml.{known}_token_id"] = number
    for name, place in (("bos", 0), ("eos", -1)):
        if isinstance(adds := own.get(f"add_{name}_token"), bool):
            settings[f"ggml.add_{name}_token"] = adds
        elif whole:  # as the last step does it
            templates = [step["single"] for step in _steps(whole.get("post_processor")) if step.get("single")]
            around = [template[place] for template in templates if len(template) > 1]
            settings[f"ggml.add_{name}_token"] = any("SpecialToken" in each for each in around)
    settings["chat_template"] = next(iter(chat_templates(folder, own).values()), None)
    by_id = {number: text for text, number in ids.items()}
    tokens = tuple(by_id.get(number, "") for number in range(max(by_id, default=-1) + 1))
    return {f"tokenizer.{key}": value for key, value in settings.items() if value is not None}, tokens


def _steps(part: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """A part of a tokenizer, or the parts that it is a sequence of."""
    if part is None:
        return
    inner = part.get("pretokenizers") or part.get("decoders") or part.get("processors")
    yield from (each for step in inner for each in _steps(step)) if inner else (part,)


def chat_templates(folder: Path, own: Mapping[str, Any]) -> dict[str, str]:
    """The chat templates of a folder by the file that each stands in, in the order in which transformers takes them.

    Args:
        own: what its tokenizer_config.json says, which may have several: of these the one called default.
    """
    found: dict[str, Any] = {}
    if (folder / "chat_template.jinja").is_file():
        found["chat_template.jinja"] = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    template = own.get("chat_template")
    if isinstance(template, list):
        template = next((each.get("template") for each in template if each.get("name") == "default"), None)
    found["tokenizer_config.json"] = template
    found["chat_template.json"] = read_json(folder / "chat_template.json").get("chat_template")
    return {place: text for place, text in found.items() if isinstance(text, str)}


def different_files(own: Path, other: Path) -> dict[str, list[str]]:
    """The files whose contents differ between two folders of weights, each with the keys that do, or two GGUF files.

    None of a folder and a file, of which nothing is the same.
    """
    if own.is_file() or other.is_file():
        is_other = own.is_file() and other.is_file() and _content(own) != _content(other)
        return {own.name: []} if is_other else {}
    found: dict[str, list[str]] = {}
    for name in sorted({*loaded_files(own), *loaded_files(other)}):
        one, two = own / name, other / name
        if not (one.is_file() and two.is_file()):
            found[name] = []
        elif _content(one) != _content(two):
            own_keys, other_keys = (read_json(each) if name in _KEYED else {} for each in (one, two))
            found[name] = [key for key in own_keys | other_keys if own_keys.get(key) != other_keys.get(key)]
    return found


def _content(path: Path) -> str:
    """The SHA-256 of a file's content, by which the hub's cache names large files."""
    real = path.resolve()
    return real.name if _BLOB.search(real.as_posix()) else file_hash(real)
