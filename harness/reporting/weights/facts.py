"""The listing of a version's weights: a name and a value for each line, by llama.cpp's names where it has one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from harness.models.description.description import WeightsDescription
from harness.models.description.vocabulary import Token

_MIB, _GIB = 1 << 20, 1 << 30


def weights_facts(described: WeightsDescription) -> dict[str, str]:
    """Name → value of each line."""
    vocabulary = described.vocabulary
    facts = {"file format": described.format, "file type": described.ftype, "file size": file_size(described)}
    facts |= {f"type {name}": f"{count} tensors" for name, count in described.types.items()}
    facts["arch"] = described.kind
    if not described.vocab_only:
        facts |= dict(_sizes(described))
    facts |= {
        "model type": described.model_type,
        "model params": amount(described.n_parameters),
        "general.name": described.name,
        "vocab type": vocabulary.kind,
        "pre-tokenizer": vocabulary.pre_tokenizer or "not said",
        "n_vocab": str(described.sizes.n_vocab or 0),
        "n_merges": str(vocabulary.n_merges),
    }
    facts |= {f"{name} token": _token(token) for name, token in vocabulary.special.items()}
    facts |= {
        "EOG tokens": ", ".join(map(_token, vocabulary.ends)) or "none",
        "max token length": str(vocabulary.max_token_length),
        "add BOS": "yes" if vocabulary.add_bos else "no",
        "add EOS": "yes" if vocabulary.add_eos else "no",
        "chat template": _template(vocabulary.chat_template),
    }
    return facts


def _sizes(described: WeightsDescription) -> Iterator[tuple[str, str]]:
    sizes, architecture = described.sizes, described.architecture
    yield "n_ctx_train", str(sizes.n_ctx)
    yield "n_embd", str(sizes.n_embd)
    yield "n_layer", str(sizes.n_layers)
    yield "n_head", str(one_or_all(sizes.n_heads))
    yield "n_head_kv", str(one_or_all(sizes.n_kv_heads))
    yield "n_embd_head_k", str(sizes.key_length)
    yield "n_embd_head_v", str(sizes.value_length)
    yield "n_swa", str(max(sizes.windows, default=0))
    yield "n_ff", str(one_or_all(sizes.n_ff))
    yield "n_expert", str(sizes.n_expert)
    yield "n_expert_used", str(sizes.n_expert_used)
    yield "freq_base_train", "not said" if sizes.rope_base is None else f"{sizes.rope_base:.1f}"
    yield "embedding", "is the head as well (tied)" if architecture.is_tied else "and head are two matrices"
    yield "KV cache", f"{described.kv_bytes_per_token:,} bytes a token in {described.kv_dtype}"
    last, matrices = amount(described.flops_per_token), amount(architecture.flops_matrices)
    yield "FLOPs a token", f"{last} for the last of {sizes.n_ctx:,}, in matrices {matrices}"


def file_size(described: WeightsDescription) -> str:
    """Such as "92.10 MiB (5.74 BPW)"."""
    size = described.tensor_bytes
    told = f"{size / _MIB:.2f} MiB" if size < _GIB else f"{size / _GIB:.2f} GiB"
    return told if described.bits_per_weight is None else f"{told} ({described.bits_per_weight:.2f} BPW)"


def amount(number: float) -> str:
    """A number of parameters or operations with its unit, as llama.cpp writes it.

    >>> amount(134_515_008), amount(1_711_376_384)
    ('134.52 M', '1.71 B')
    """
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return f"{number / 1e3:.2f} K"


def _token(token: Token) -> str:
    return f"{token.id} '{token.piece}'"


def one_or_all(values: Sequence[int]) -> int | list[int]:
    """The number of every layer, or that of each where they differ."""
    different = set(values)
    return next(iter(different), 0) if len(different) <= 1 else list(values)


def _template(template: str | None) -> str:
    """The length of a chat template, and what tells it from others of that length."""
    if not template:
        return "none"
    return f"{len(template):,} characters, {hashlib.sha256(template.encode()).hexdigest()[:8]}"
