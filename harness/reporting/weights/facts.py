"""The lines that llama.cpp prints when it loads a model: the name of each, and its value.

Source: ggml-org/llama.cpp, llama_model_loader::print_info, llama_model::print_info, llama_vocab::impl::print_info.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.reporting.shared.text import printable

_MIB, _GIB = 1 << 20, 1 << 30
_NORMAL_ROPE = """
llama mistral ministral mixtral deci baichuan internlm2 minicpm xverse command-r cohere cohere2 olmo arctic deepseek
deepseek2 deepseek_v2 deepseek_v3 chatglm granite granitemoe smollm3 llama4 arcee plm
"""
"""Architectures that turn neighbouring dimensions of a head together; others turn those half a head apart."""
_EXTRA = (
    ("n_layer_dense_lead", "leading_dense_block_count", "d"),
    ("n_lora_q", "attention.q_lora_rank", "d"),
    ("n_lora_kv", "attention.kv_lora_rank", "d"),
    ("n_ff_exp", "expert_feed_forward_length", "d"),
    ("n_ff_shexp", "expert_shared_feed_forward_length", "d"),
    ("n_expert_shared", "expert_shared_count", "d"),
    ("expert_weights_scale", "expert_weights_scale", ".1f"),
    ("ssm_d_conv", "ssm.conv_kernel", "d"),
    ("ssm_d_inner", "ssm.inner_size", "d"),
    ("ssm_d_state", "ssm.state_size", "d"),
    ("ssm_dt_rank", "ssm.time_step_rank", "d"),
    ("ssm_n_group", "ssm.group_count", "d"),
    ("f_embedding_scale", "embedding_scale", "f"),
    ("f_residual_scale", "residual_scale", "f"),
)
"""Lines of some architectures, each where its setting is there: name, setting, format."""


def llama_cpp_facts(described: WeightsDescription) -> dict[str, str]:
    """Name → value of each line, in llama.cpp's order; what is of the weights is left out for a vocabulary alone.

    End-of-generation tokens share a name in llama.cpp; here each has its id in the name.
    """
    facts = {"file format": described.format, "file type": described.ftype, "file size": file_size(described)}
    facts |= {f"type {name}": f"{count} tensors" for name, count in described.types.items()}
    facts |= {"arch": described.kind, "vocab_only": str(int(described.vocab_only)), "no_alloc": "0"}
    if not described.vocab_only:
        facts |= dict(_sizes(described)) | dict(_numbers(described)) | dict(_rope(described)) | dict(_extra(described))
    facts |= {
        "model type": described.model_type,
        "model params": amount(described.n_parameters),
        "general.name": described.name,
        "vocab type": described.vocabulary.kind,
        "n_vocab": str(described.sizes.n_vocab or 0),
        "n_merges": str(described.vocabulary.n_merges),
    }
    facts |= {f"{name} token": f"{token.id} '{token.piece}'" for name, token in described.vocabulary.special.items()}
    facts |= {f"EOG token {token.id}": f"{token.id} '{token.piece}'" for token in described.vocabulary.ends}
    return {**facts, "max token length": str(described.vocabulary.max_token_length)}


def shown_name(name: str) -> str:
    """A fact's name as llama.cpp prints it."""
    return "EOG token" if name.startswith("EOG token") else name


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


def _sizes(described: WeightsDescription) -> Iterator[tuple[str, str]]:
    sizes = described.sizes
    heads, kv_heads = sizes.n_heads, sizes.n_kv_heads
    yield "n_ctx_train", str(sizes.n_ctx)
    yield "n_embd", str(sizes.n_embd)
    yield "n_embd_inp", str(sizes.n_embd)
    yield "n_layer", str(sizes.n_layers)
    yield "n_head", _by_layer(heads)
    yield "n_head_kv", _by_layer(kv_heads)
    yield "n_rot", str(sizes.n_rotated)
    yield "n_swa", str(sizes.window)
    yield "is_swa_any", str(int(sizes.window > 0))
    yield "n_embd_head_k", str(sizes.key_length)
    yield "n_embd_head_v", str(sizes.value_length)
    yield "n_gqa", _by_layer([each // kv if kv else 0 for each, kv in zip(heads, kv_heads, strict=True)])
    yield "n_embd_k_gqa", _by_layer([each * sizes.key_length for each in kv_heads])
    yield "n_embd_v_gqa", _by_layer([each * sizes.value_length for each in kv_heads])


def _numbers(described: WeightsDescription) -> Iterator[tuple[str, str]]:
    for name, key in (
        ("f_norm_eps", "attention.layer_norm_epsilon"),
        ("f_norm_rms_eps", "attention.layer_norm_rms_epsilon"),
        ("f_clamp_kqv", "attention.clamp_kqv"),
        ("f_max_alibi_bias", "attention.max_alibi_bias"),
        ("f_logit_scale", "logit_scale"),
        ("f_attn_scale", "attention.scale"),
    ):
        yield name, f"{_number(described.settings, key):.1e}"
    yield "n_ff", _by_layer(described.sizes.n_ff)
    yield "n_expert", str(described.sizes.n_expert)
    yield "n_expert_used", str(described.sizes.n_expert_used)
    yield "n_expert_groups", f"{_number(described.settings, 'expert_group_count'):.0f}"
    yield "n_group_used", f"{_number(described.settings, 'expert_group_used_count'):.0f}"
    yield "causal attn", str(int(described.settings.get("attention.causal", True)))
    yield "pooling type", f"{_number(described.settings, 'pooling_type'):.0f}"


def _rope(described: WeightsDescription) -> Iterator[tuple[str, str]]:
    settings, base = described.settings, described.sizes.rope_base
    factor = _number(settings, "rope.scaling.factor") or _number(settings, "rope.scale_linear")
    kind = -1 if base is None else 0 if described.kind in _NORMAL_ROPE.split() else 2
    yield "rope type", str(kind)
    yield "rope scaling", str(settings.get("rope.scaling.type", "linear"))
    yield "freq_base_train", f"{base or 10000.0:.1f}"
    yield "freq_scale_train", f"{1 / factor if factor else 1.0:g}"
    if described.sizes.window:
        yield "freq_base_swa", f"{_number(settings, 'rope.freq_base_swa') or base or 10000.0:.1f}"
    original = _number(settings, "rope.scaling.original_context_length") or described.sizes.n_ctx
    yield "n_ctx_orig_yarn", f"{original:.0f}"
    yield "rope_yarn_log_mul", f"{_number(settings, 'rope.scaling.yarn_log_multiplier'):.4f}"
    yield "rope_finetuned", "yes" if settings.get("rope.scaling.finetuned") else "unknown"
    if sections := settings.get("rope.dimension_sections"):
        yield "mrope sections", f"[{', '.join(map(str, sections))}]"


def _extra(described: WeightsDescription) -> Iterator[tuple[str, str]]:
    for name, key, form in _EXTRA:
        if isinstance(described.settings.get(key), int | float):
            value = _number(described.settings, key)
            yield name, format(int(value) if form == "d" else value, form)


def _number(settings: Mapping[str, Any], key: str) -> float:
    value = settings.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _by_layer(values: Sequence[int]) -> str:
    """One number where all layers have the same, else that of each."""
    different = set(values)
    return str(next(iter(different), 0)) if len(different) <= 1 else f"[{', '.join(map(str, values))}]"


def aligned(facts: Sequence[tuple[str, str]], width: int = 80) -> list[str]:
    """Lines of names and values, the equal signs below each other; a long value goes on below itself.

    >>> aligned([("n_head", "9"), ("n_head_kv", "3")])
    ['n_head    = 9', 'n_head_kv = 3']
    """
    longest = max((len(name) for name, _ in facts), default=0)
    lines: list[str] = []
    for name, value in facts:
        lines += _folded(f"{name:<{longest}} = ", printable(value), width)
    return lines


def _folded(start: str, value: str, width: int) -> list[str]:
    from harness.reporting.shared.text import flow, hang

    words = value.split(" ") if cells_over(start + value, width) else [value]
    return hang(start, flow(words, width - len(start), " "))


def cells_over(text: str, width: int) -> bool:
    """Tell whether a text takes more columns than there are."""
    from harness.reporting.shared.text import cells

    return cells(text) > width
