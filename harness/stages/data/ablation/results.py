"""Results of training on a corpus with one seed, kept because training again gives the same."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.config import cache_dir
from harness.config.environment import version_of
from harness.config.files import replacing
from harness.models.files.content_hash import file_hash, text_hash
from harness.stages.data.ablation.plan import AblationPlan

_PACKAGES = ("torch", "transformers", "tokenizers", "numpy")
_TRAINING = 1
"""Of the code that trains and measures: raised where it comes to other figures."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """The result of training one tiny model on a corpus.

    Attributes:
        seed: of its first weights, and of the order of the documents.
        loss: nats that a byte of the held-out texts costs it.
        cloze: the share of cloze items that it gets right; None without any.
        tokens: that it was trained on.
        n_documents: that these are of, or parts of long ones.
        n_bytes: of their text.
        epochs: how often the corpus was read; less than 1 where it has more.
        curve: the held-out loss after so many tokens, in the order of the training.
        seconds: that the training and the measuring took.
    """

    seed: int
    loss: float
    cloze: float | None
    tokens: int
    n_documents: int
    n_bytes: int
    epochs: float
    curve: tuple[tuple[int, float], ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as a message carries it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainedModel:
        """The result of `as_json`."""
        return cls(**{**values, "curve": tuple((int(tokens), float(loss)) for tokens, loss in values["curve"])})


@dataclass(frozen=True, slots=True)
class Training:
    """Everything that a result depends on, the machine apart.

    Attributes:
        corpus: the fingerprint of its documents.
        held_out: the file of the held-out texts.
        cloze: the file of the cloze task, or None.
    """

    corpus: str
    seed: int
    plan: AblationPlan
    held_out: Path
    cloze: Path | None

    @property
    def key(self) -> str:
        """A digest of it: of contents and versions of packages, whatever files are called.

        Raises:
            OSError: a file is not there.
        """
        packages = [f"{name}=={version_of(name)}" for name in _PACKAGES]
        told = json.dumps(self.plan.as_json(), sort_keys=True)
        files = [file_hash(self.held_out), "" if self.cloze is None else file_hash(self.cloze)]
        return text_hash(str(_TRAINING), self.corpus, str(self.seed), told, *files, *packages)


def find_result(key: str) -> TrainedModel | None:
    """The result that was kept under a key; None where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return TrainedModel.from_json(json.loads(_place(key).read_text(encoding="utf-8")))
    return None


def keep_result(key: str, result: TrainedModel) -> None:
    """Keep a result. Without a cache folder that can be written it is trained again each time."""
    with contextlib.suppress(OSError):
        _place(key).parent.mkdir(parents=True, exist_ok=True)
        with replacing(_place(key)) as draft:
            draft.write_text(json.dumps(result.as_json()), encoding="utf-8")


def _place(key: str) -> Path:
    return cache_dir() / "ablations" / f"{key}.json"
