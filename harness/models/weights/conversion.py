"""Makes a folder of weights from a GGUF file."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.weights.gguf_header import gguf_settings

_SPECIAL, _USER_DEFINED = 3, 4

_RECIPE = "recipe 1"
_SENTENCEPIECE_RECIPE = "recipe 2"


def recipe(settings: Mapping[str, Any]) -> str:
    """Part of the digest of converted weights: changed with anything here that changes what is written.

    Args:
        settings: of the file.
    """
    return _SENTENCEPIECE_RECIPE if settings.get("tokenizer.ggml.model") == SENTENCEPIECE else _RECIPE


_UNREADABLE = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError)
"""What readers of GGUF raise for tensors and tokens that make no sense."""


def convert_gguf(source: Path, folder: Path, dtype: str) -> None:
    """Write the GGUF file's model, tokenizer and chat template into `folder` as transformers saves them.

    Args:
        dtype: of the written tensors: "bfloat16", "float16" or "float32".

    Raises:
        SettingsError: transformers cannot read this file's architecture, a package that it needs is missing, or what
            comes out is not the file's model.
    """
    settings = gguf_settings(source)
    pieces = None
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        location: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        quantized = AutoModelForCausalLM.from_pretrained(**location, dtype=getattr(torch, dtype))
        if settings.get("tokenizer.ggml.model") == SENTENCEPIECE:
            pieces = read_pieces(source, settings)
            tokenizer = build_tokenizer(pieces, settings)
        else:
            tokenizer = AutoTokenizer.from_pretrained(**location, clean_up_tokenization_spaces=False)
            _restore_special_tokens(tokenizer, settings)
    except ImportError as error:
        raise SettingsError(
            f"{source} can't be converted: {error}. Install what is missing: pip install 'steelyard[transformers]'"
        ) from error
    except _UNREADABLE as error:
        raise SettingsError(f"{source} can't be converted: {error or type(error).__name__}") from error
    config = quantized.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(quantized)(config)
    plain.load_state_dict(quantized.state_dict(), assign=True)
    plain.tie_weights()
    check_tokenizer(tokenizer, pieces, settings, source)
    check_likelihood(quantized, tokenizer, source)
    plain.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def _restore_special_tokens(tokenizer: Any, settings: dict[str, Any]) -> None:
    """Name the special tokens as the file does: transformers takes some from the tokenizer class's defaults."""
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        token_id = settings.get(f"tokenizer.ggml.{key}_token_id")
        if token_id is not None:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(token_id))


SENTENCEPIECE = "llama"
"""What GGUF files call a SentencePiece vocabulary whose pieces are merged by their scores."""


_SPACE = "▁"


HOSTILE = (
    "The capital of Peru is Lima.",
    "  two  spaces,   three, and a tab:\tend ",
    "line one\nline two\r\n\n\nline five",
    "0123456789 3.14159 1,000,000 -7",
    "naïve café Ångström ǅ İstanbul",
    "日本語のテキスト 한국어 العربية हिन्दी",
    "🙂👩‍👩‍👧‍👦🏳️‍🌈 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "def f(x):\n    return {'a': [x ** 2]}  # <tag> & \\n",
    "e\u0301 \u00a0\u200b\u2028 \ufeff end",
    "x",
)
"""Texts on which tokenizers part ways: spaces, lines, digits, scripts, signs that no vocabulary has."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A file's vocabulary.

    Attributes:
        ids: of each piece.
        scores: by id; the pair of pieces whose piece has the highest is merged first.
        kinds: by id, as GGUF numbers them: 3 for control tokens, 4 for those that a user defined.
        adds_space: whether a space is put before a text.
    """

    ids: Mapping[str, int]
    scores: list[float]
    kinds: list[int]
    adds_space: bool = True
    added: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        apart = (text for text, number in self.ids.items() if self.kinds[number] in (_SPECIAL, _USER_DEFINED))
        object.__setattr__(self, "added", tuple(sorted(apart, key=len, reverse=True)))

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, by the definition: what is added stands for itself, the rest is merged by scores."""
        found: list[int] = []
        for part, is_added in self._parts(text):
            space = _SPACE if self.adds_space and not found else ""
            found += [self.ids[part]] if is_added else self._merged(space + part.replace(" ", _SPACE))
        return found

    def _parts(self, text: str) -> Iterable[tuple[str, bool]]:
        begin = at = 0
        while at < len(text):
            added = next((each for each in self.added if each and text.startswith(each, at)), None)
            if added is None:
                at += 1
                continue
            if begin < at:
                yield text[begin:at], False
            yield added, True
            begin = at = at + len(added)
        if begin < len(text):
            yield text[begin:], False

    def _merged(self, text: str) -> list[int]:
        """Merge neighbours, the pair of the highest score first and the leftmost of equal ones.

        Source: Kudo and Richardson (2018), SentencePiece; ggml-org/llama.cpp, llm_tokenizer_spm.
        """
        parts: list[str | None] = list(text)
        after = [*range(1, len(parts)), -1]
        before = [-1, *range(len(parts) - 1)]
        queue: list[tuple[float, int, str]] = []

        def offer(left: int) -> None:
            right = after[left] if left >= 0 else -1
            if right >= 0:
                both = f"{parts[left]}{parts[right]}"
                if both in self.ids:
                    heapq.heappush(queue, (-self.scores[self.ids[both]], left, both))

        for left in range(len(parts) - 1):
            offer(left)
        while queue:
            _, left, both = heapq.heappop(queue)
            right = after[left] if parts[left] is not None else -1
            if right < 0 or f"{parts[left]}{parts[right]}" != both:
                continue
            parts[left], parts[right] = both, None
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
            offer(left)
            offer(before[left])
        return [number for part in parts if part is not None for number in self._numbers(part)]

    def _numbers(self, part: str) -> list[int]:
        """The id of a piece, or of its bytes; [-1] where there are none."""
        if part in self.ids:
            return [self.ids[part]]
        return [self.ids.get(f"<0x{byte:02X}>", -1) for byte in part.encode()]


def read_pieces(source: Path, settings: Mapping[str, Any]) -> Pieces:
    """The vocabulary of a GGUF file.

    Raises:
        SettingsError: its pieces have no scores, or not as many.
    """
    from gguf import GGUFReader

    reader = GGUFReader(str(source))

    def array(name: str) -> list[Any]:
        found = reader.get_field(f"tokenizer.ggml.{name}")
        return [] if found is None else list(found.contents())

    tokens, scores, kinds = array("tokens"), array("scores"), array("token_type")
    if len(scores) != len(tokens) or (kinds and len(kinds) != len(tokens)):
        raise SettingsError(
            f"{source} can't be converted: its SentencePiece tokenizer has {len(tokens):,} pieces, "
            f"{len(scores):,} scores and {len(kinds):,} types."
        )
    adds_space = bool(settings.get("tokenizer.ggml.add_space_prefix", True))
    return Pieces({text: number for number, text in enumerate(tokens)}, scores, kinds or [1] * len(tokens), adds_space)


def build_tokenizer(pieces: Pieces, settings: Mapping[str, Any]) -> Any:
    """A tokenizer of transformers for these pieces, with the special tokens and the template that the file names."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = special_tokens(pieces.ids, settings)
    merges = sorted(_merges(pieces), key=lambda entry: -entry[2])
    has_bytes = "<0x00>" in pieces.ids
    model = models.BPE(
        vocab=dict(pieces.ids),
        merges=[(left, right) for left, right, _ in merges],
        unk_token=special.get("unk"),
        fuse_unk=True,
        byte_fallback=has_bytes,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", _SPACE)
    if pieces.adds_space:  # a space where there is none any more, so that a text that begins with one gets its own, too
        prepend = pre_tokenizers.Metaspace(" ", prepend_scheme="first", split=False)
        replace = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([prepend, replace])
    strip = [decoders.Strip(" ", 1, 0)] if pieces.adds_space else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    for text, number in pieces.ids.items():
        if pieces.kinds[number] == _SPECIAL:
            tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True)])
        elif pieces.kinds[number] == _USER_DEFINED:
            tokenizer.add_tokens([AddedToken(text, normalized=False, special=False)])
    begins, ends = ([special[name]] if adds(settings, name) else [] for name in ("bos", "eos"))
    if begins or ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[*begins, "$A", *ends],
            pair=[*begins, "$A", *ends, *(f"{each}:1" for each in begins), "$B:1", *(f"{each}:1" for each in ends)],
            special_tokens=[(text, pieces.ids[text]) for text in {*begins, *ends}],
        )
    names = {f"{name}_token": text for name, text in special.items()}
    template = settings.get("tokenizer.chat_template")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, chat_template=template, **names
    )


def _merges(pieces: Pieces) -> Iterable[tuple[str, str, float]]:
    """The pairs of pieces that make a piece, with its score."""
    for text, number in pieces.ids.items():
        if pieces.kinds[number] in (_SPECIAL, _USER_DEFINED):
            continue
        for at in range(1, len(text)):
            if text[:at] in pieces.ids and text[at:] in pieces.ids:
                yield text[:at], text[at:], pieces.scores[number]


def special_tokens(ids: Mapping[str, int], settings: Mapping[str, Any]) -> dict[str, str]:
    """The special tokens that a file names, by the names of transformers."""
    texts = {number: text for text, number in ids.items()}
    keys = (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
    numbers = {name: settings.get(f"tokenizer.ggml.{key}_token_id") for name, key in keys}
    return {name: texts[number] for name, number in numbers.items() if number in texts}


def adds(settings: Mapping[str, Any], name: str) -> bool:
    """Whether a file's tokenizer puts "bos" before a text, or "eos" after it."""
    is_sentencepiece = settings.get("tokenizer.ggml.model") == SENTENCEPIECE
    default = is_sentencepiece and name == "bos"
    return bool(settings.get(f"tokenizer.ggml.add_{name}_token", default)) and (
        f"tokenizer.ggml.{name}_token_id" in settings
    )


def check_tokenizer(tokenizer: Any, pieces: Pieces | None, settings: Mapping[str, Any], source: Path) -> None:
    """Refuse a tokenizer that is not the file's own.

    Args:
        pieces: a SentencePiece vocabulary, whose tokens must come out; None for another, where texts must come back.

    Raises:
        SettingsError: with the text that it splits otherwise.
    """
    for text in HOSTILE:
        found = tokenizer.encode(text, add_special_tokens=False)
        if pieces is not None and -1 in (expected := pieces.encode(text)):
            continue  # a vocabulary without bytes: what it does not know is one unknown token or several
        if pieces is not None and found != expected:
            raise _wrong(source, f"it makes {found[:12]} of {text!r}, and the file's own pieces make {expected[:12]}")
        back = tokenizer.decode(found, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if pieces is None and back != text and tokenizer.unk_token_id in found:
            raise _wrong(source, f"it has no tokens for {text!r}")
    whole = tokenizer.encode("x")
    for name, at in (("bos", 0), ("eos", -1)):
        number = settings.get(f"tokenizer.ggml.{name}_token_id")
        if pieces is not None and adds(settings, name) != (whole[at] == number):
            verb = "lacks" if adds(settings, name) else "adds"
            raise _wrong(source, f"it {verb} the {name} token (add_{name}_token)")


def check_likelihood(model: Any, tokenizer: Any, source: Path) -> None:
    """Refuse a model to which a plain text is impossible, or no number at all.

    Raises:
        SettingsError: with the mean log likelihood of its tokens.
    """
    import math

    import torch

    ids = torch.tensor([tokenizer.encode(HOSTILE[0])])
    with torch.no_grad():
        logits = model(ids).logits[0, :-1].float()
    found = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None]).mean().item()
    lowest = -3 * math.log(logits.shape[-1]) - 5
    if not math.isfinite(found) or found < lowest:
        raise SettingsError(
            f"{source} can't be converted: to the converted model a plain sentence has a log likelihood of {found:.3g} "
            f"a token, where guessing at random gives {-math.log(logits.shape[-1]):.3g}. The file, or what was made of "
            "it, is broken."
        )


def _wrong(source: Path, what: str) -> SettingsError:
    return SettingsError(
        f"{source} can't be converted: the tokenizer made of it is not the file's own: {what}. Name the model's own "
        'tokenizer with tokenizer = "FOLDER", or serve the file with an engine that reads GGUF, such as llama.cpp.'
    )
