"""The tokenizer of a GGUF file, built from its vocabulary without the packages that read its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.models.weights.gguf_header import gguf_head

SENTENCEPIECE, BYTE_LEVEL = "llama", "gpt2"
"""Names of vocabularies in GGUF files: of pieces merged by their scores, and of bytes merged by a list."""
DEFAULT = "default"
"""Name in a file that does not know how its texts are cut; llama.cpp warns of it."""
_SPECIAL, _USER_DEFINED = 3, 4
_SPACE = "▁"
_PREFIX = "tokenizer.ggml."
_NAMED = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_LLAMA3 = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{%s}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Splitting(NamedTuple):
    """The rules by which a byte-level tokenizer cuts a text before it merges.

    Attributes:
        patterns: each cuts what those before it left in one piece: what it matches, and what stands between.
        composes: whether characters are composed first (NFC), as the tokenizers that this name stands for do.
        keeps_words: whether a part that is a token is one, whatever its merges are.
    """

    patterns: tuple[str, ...]
    composes: bool = False
    keeps_words: bool = False


_FAMILIES = {
    "gpt-2 phi-2 mpt olmo jais": Splitting((_GPT2,)),
    "smollm starcoder refact command-r codeshell exaone minerva-7b": Splitting((r"\p{N}", _GPT2)),
    "llama-bpe llama3 llama-v3 falcon3 pixtral dbrx smaug-bpe": Splitting((_LLAMA3 % "1,3",), keeps_words=True),
    "qwen2 deepseek-r1-qwen": Splitting((_LLAMA3 % "1",), composes=True),
    "stablelm2": Splitting((_LLAMA3 % "1",)),
    "falcon": Splitting((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]")),
    DEFAULT: Splitting((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
}
SPLITTINGS = {name: splitting for names, splitting in _FAMILIES.items() for name in names.split()}
"""By the name in the file.

Source: the patterns are those of ggml-org/llama.cpp, llm_tokenizer_bpe; NFC is that of the tokenizers of Qwen2.
"""


def byte_level(splitting: Splitting) -> Any:
    """The pre-tokenizer of the library `tokenizers`: cuts a text, and turns its bytes into a vocabulary's signs."""
    from tokenizers import Regex, pre_tokenizers

    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in splitting.patterns]
    return pre_tokenizers.Sequence([*cuts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


@dataclass(frozen=True, slots=True)
class GgufVocabulary:
    """A file's vocabulary.

    Attributes:
        kinds: by id, as GGUF numbers them: 3 for control tokens, 4 for those that a user defined.
        scores: of SentencePiece, by id; empty elsewhere.
        merges: of a byte-level one, in the order in which they are made; empty elsewhere.
    """

    settings: Mapping[str, Any]
    tokens: tuple[str, ...]
    kinds: tuple[int, ...]
    scores: tuple[float, ...] = ()
    merges: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The file's name for it: "gpt2", "llama", "bert", …"""
        return str(self.settings.get(f"{_PREFIX}model", ""))

    @property
    def splitting(self) -> str:
        """The name of how texts are cut; "default" where the file says none."""
        return str(self.settings.get(f"{_PREFIX}pre", DEFAULT))

    @property
    def is_buildable(self) -> bool:
        """True if its tokenizer can be built here."""
        return self.model == SENTENCEPIECE or (self.model == BYTE_LEVEL and self.splitting in SPLITTINGS)

    @property
    def special_tokens(self) -> dict[str, str]:
        """The special tokens that the file names, by the names of transformers."""
        numbers = ((name, self.settings.get(f"{_PREFIX}{key}_token_id")) for name, key in _NAMED.items())
        return {name: self.tokens[at] for name, at in numbers if at is not None and at < len(self.tokens)}

    def adds(self, name: str) -> bool:
        """Tell whether the tokenizer puts "bos" before a text, or "eos" after it."""
        default = self.model == SENTENCEPIECE and name == "bos"
        says = self.settings.get(f"{_PREFIX}add_{name}_token", default)
        return bool(says) and f"{_PREFIX}{name}_token_id" in self.settings


def read_vocabulary(path: Path) -> GgufVocabulary:
    """The vocabulary of a GGUF file. Raises ValueError: the file is no GGUF, or its head is damaged."""
    settings = gguf_head(path).settings
    tokens, kinds, *others = (settings.get(_PREFIX + key, ()) for key in ("tokens", "token_type", "scores", "merges"))
    whole = tuple(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in tokens)
    return GgufVocabulary(settings, whole, kinds or (1,) * len(whole), *others)


def build_backend(vocabulary: GgufVocabulary) -> Any:
    """The tokenizer of the library `tokenizers` for a vocabulary that `is_buildable`."""
    from tokenizers import AddedToken, processors

    build = _byte_level if vocabulary.model == BYTE_LEVEL else _sentencepiece
    try:
        tokenizer = build(vocabulary, {text: number for number, text in enumerate(vocabulary.tokens)})
    except Exception as error:  # noqa: BLE001 - the library raises nothing more particular
        raise ValueError(str(error)) from None
    for text, kind in zip(vocabulary.tokens, vocabulary.kinds, strict=True):  # what stands for itself in any text
        if kind == _SPECIAL:
            tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True)])
        elif kind == _USER_DEFINED:
            tokenizer.add_tokens([AddedToken(text, normalized=False, special=False)])
    special = vocabulary.special_tokens
    begins, ends = ([special[name]] if vocabulary.adds(name) and name in special else [] for name in ("bos", "eos"))
    if begins or ends:
        single = [*begins, "$A", *ends]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single,
            pair=[*single, *(f"{each}:1" for each in begins), "$B:1", *(f"{each}:1" for each in ends)],
            special_tokens=[(text, vocabulary.tokens.index(text)) for text in {*begins, *ends}],
        )
    return tokenizer


def _byte_level(vocabulary: GgufVocabulary, ids: dict[str, int]) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    splitting = SPLITTINGS[vocabulary.splitting]
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=splitting.keeps_words))
    if splitting.composes:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = byte_level(splitting)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _sentencepiece(vocabulary: GgufVocabulary, ids: dict[str, int]) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    scores, kinds = vocabulary.scores, vocabulary.kinds
    if not len(vocabulary.tokens) == len(scores) == len(kinds):
        counts = f"{len(vocabulary.tokens):,} pieces, {len(scores):,} scores, {len(kinds):,} types"
        raise ValueError(f"its SentencePiece tokenizer has {counts}")
    pairs = (
        (scores[number], text[:at], text[at:])
        for text, number in ids.items()
        if kinds[number] not in (_SPECIAL, _USER_DEFINED)
        for at in range(1, len(text))
        if text[:at] in ids and text[at:] in ids
    )
    model = models.BPE(
        vocab=ids,
        merges=[(left, right) for _, left, right in sorted(pairs, key=lambda entry: -entry[0])],
        unk_token=vocabulary.special_tokens.get("unk"),
        fuse_unk=True,
        byte_fallback="<0x00>" in ids,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", _SPACE)
    plain = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if vocabulary.settings.get(f"{_PREFIX}add_space_prefix", True):
        # A space where there is none any more, so that a text that begins with one gets its own, too.
        prepend = pre_tokenizers.Metaspace(" ", prepend_scheme="first", split=False)
        replace = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([prepend, replace])
        plain.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(plain)
    return tokenizer
