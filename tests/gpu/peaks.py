"""What NVIDIA publishes of its devices: the most that a product of matrices in bfloat16, and a copy, can come to."""

from __future__ import annotations

from dataclasses import dataclass

_SHEETS = "https://www.nvidia.com/en-us/data-center"
_A100 = (
    "NVIDIA A100 Tensor Core GPU datasheet, https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/"
)
_A100 += "nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf"


@dataclass(frozen=True)
class PublishedPeak:
    """One whole device, without sparsity; sheets that give bfloat16 "with sparsity" are halved.

    Attributes:
        flops: operations a second in bfloat16, summed in float32.
        bandwidth: bytes a second of its memory.
    """

    flops: float
    bandwidth: float
    source: str


PEAKS = {
    "NVIDIA A10": PublishedPeak(125e12, 600e9, f"NVIDIA A10 datasheet, {_SHEETS}/products/a10-gpu"),
    "NVIDIA A40": PublishedPeak(149.7e12, 696e9, f"NVIDIA A40 datasheet, {_SHEETS}/a40"),
    "NVIDIA A100-PCIE-40GB": PublishedPeak(312e12, 1_555e9, _A100),
    "NVIDIA A100-SXM4-40GB": PublishedPeak(312e12, 1_555e9, _A100),
    "NVIDIA A100 80GB PCIe": PublishedPeak(312e12, 1_935e9, _A100),
    "NVIDIA A100-SXM4-80GB": PublishedPeak(312e12, 2_039e9, _A100),
    "NVIDIA L4": PublishedPeak(242e12 / 2, 300e9, f"NVIDIA L4 datasheet, {_SHEETS}/l4"),
    "NVIDIA L40": PublishedPeak(181.05e12, 864e9, f"NVIDIA L40 datasheet, {_SHEETS}/l40"),
    "NVIDIA L40S": PublishedPeak(362.05e12, 864e9, f"NVIDIA L40S datasheet, {_SHEETS}/l40s"),
    "NVIDIA H100 PCIe": PublishedPeak(1_513e12 / 2, 2_000e9, f"NVIDIA H100 datasheet, {_SHEETS}/h100"),
    "NVIDIA H100 80GB HBM3": PublishedPeak(1_979e12 / 2, 3_350e9, f"NVIDIA H100 datasheet, {_SHEETS}/h100"),
    "NVIDIA H200": PublishedPeak(1_979e12 / 2, 4_800e9, f"NVIDIA H200 datasheet, {_SHEETS}/h200"),
    "NVIDIA B200": PublishedPeak(4_500e12 / 2, 8_000e9, f"NVIDIA Blackwell datasheet, HGX B200, {_SHEETS}/hgx"),
}
"""By the name that the driver gives a device. A part of one (MIG) has a name of its own, and no published peak."""
