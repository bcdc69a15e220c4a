"""Record the part of Kubernetes' schema that a Job with plain containers needs, without descriptions.

The schemas are those that `kubernetes-validate` brings (PyPI, Apache-2.0, made from Kubernetes' own OpenAPI file):

    uv pip install --target /tmp/kubernetes kubernetes-validate==1.37.0
    python -m tests.ci.kubernetes_schema /tmp/kubernetes > tests/ci/kubernetes-job.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path("kubernetes_validate", "kubernetes-json-schema", "v1.37.0-local-strict")
_API = "io.k8s.api."
KEPT = (
    "batch.v1.Job",
    "batch.v1.JobSpec",
    "core.v1.PodTemplateSpec",
    "core.v1.PodSpec",
    "core.v1.Container",
    "core.v1.EnvVar",
    "core.v1.EnvVarSource",
    "core.v1.SecretKeySelector",
    "core.v1.ResourceRequirements",
)
"""What is held to its words; anything else may be whatever it is."""


def recorded(definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a Job with the definitions of `KEPT`."""
    kept = {f"{_API}{name}": _bare(definitions[f"{_API}{name}"]) for name in KEPT}
    return {"$ref": f"#/definitions/{_API}{KEPT[0]}", "definitions": kept}


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {"$ref": f"#/definitions/{name}"} if name.removeprefix(_API) in KEPT else {}
    bare = {name: _bare(value) for name, value in schema.items() if name != "properties" and name[:2] != "x-"}
    if isinstance(bare.get("description"), str):
        del bare["description"]
    if "properties" in schema:
        bare["properties"] = {name: _bare(value) for name, value in schema["properties"].items()}
    return bare


if __name__ == "__main__":
    given = json.loads((Path(sys.argv[1]) / FOLDER / "_definitions.json").read_text(encoding="utf-8"))
    print(json.dumps(recorded(given["$defs"]), separators=(",", ":")))
