"""What stands beside an exported model for those who call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DESCRIPTION = "signature.json"

_HEAD = """\
# {name}

A {kind} recommender that tfxdr {tfxdr} exported with TensorFlow {tensorflow}.
Any server of TensorFlow SavedModels runs it; nothing of tfxdr is needed. What
follows stands in `{description}`, too.
"""

_TAIL = """
Every tensor has the batch as its first dimension: requests can be batched, and
a row's answer depends on that row alone. In a batch, pad shorter rows of ids
with `""`.

    tensorflow_model_server --rest_api_port=8501 --model_name={name} \\
      --model_base_path=/path/to/{name}
"""


def readme(description: Mapping[str, Any], name: str) -> str:
    """`README.md` of an export.

    Args:
      description: what `signature.json` holds.
      name: of the folder that holds the versions.
    """
    parts = [_HEAD.format(name=name, description=DESCRIPTION, **description)]
    for signature, tensors in description["signatures"].items():
        parts.append(
            f"\n## {signature}\n\n| | tensor | | |\n|---|---|---|---|\n"
        )
        for side in ("inputs", "outputs"):
            for tensor, facts in tensors[side].items():
                shape = ", ".join(
                    "any" if size < 0 else str(size) for size in facts["shape"]
                )
                parts.append(
                    f"| {side[:-1]} | `{tensor}` | {facts['dtype']} [{shape}] "
                    f"| {facts['meaning']} |\n"
                )
    others = {
        key: value
        for key, value in description.items()
        if key not in ("format", "schema_version", "kind", "signatures")
    }
    parts.append("\n## Facts\n\n")
    parts += [f"- `{key}`: {_text(value)}\n" for key, value in others.items()]
    parts.append(_TAIL.format(name=name))
    return "".join(parts)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
