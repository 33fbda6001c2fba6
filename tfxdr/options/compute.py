"""On what a run computes, and in how much room."""

from __future__ import annotations

import dataclasses

from tfxdr.options.settings import Group, setting


@dataclasses.dataclass(frozen=True)
class Compute(Group):
    """Speed and room; results stay the same up to rounding, if not said."""

    threads: int = setting(
        0, "Threads of TensorFlow; 0: one for each core.", lower=0
    )
    device: str = setting(
        "auto",
        "Where to compute: cpu; gpu, the first one; gpu:1, one by its number; "
        "auto: a GPU where TensorFlow finds one. Results on GPUs are not those "
        "of CPUs to the last digit.",
        replay=False,
    )
    distribute: str = setting(
        "none",
        "Train on several devices: mirrored: all of this machine; "
        "multi-worker: those of all machines that TF_CONFIG names; "
        "parameter-server: tables of items in shards on some of them.",
        choices=("none", "mirrored", "multi-worker", "parameter-server"),
        replay=False,
    )
    mixed_precision: str = setting(
        "none",
        "bfloat16: products of matrices in training steps round to 8 bits, and "
        "results are others; all else stays in float32.",
        choices=("none", "bfloat16"),
    )
    in_memory: str = setting(
        "auto",
        "Hold histories and targets in memory; false: map them from files in "
        "--cache_dir; auto: map what is large for the memory that is free. An "
        "export maps large tables, but for true.",
        choices=("auto", "true", "false"),
        replay=False,
    )
