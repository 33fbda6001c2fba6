"""What do the table's stages take on one GPU?

    python -m benchmarks --preset=gpu [--device=gpu] [options of the table]

`python -m benchmarks` with the stages whose work is worth a GPU, 20 rounds
each; eight minutes are an estimate, half a minute for each side of a stage to
start and to trace. A step is timed until the device is done, and the peak is
that of the GPU's memory. It has run on CPUs alone (`--device=cpu` and tiny
shapes): there are no figures.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

STAGES = (
    "pre-train",
    "finetune-all",
    "gumbel",
    "rl-scst",
    "cls-cached",
    "infer-all",
    "infer-gumbel",
    "full-ranking",
)


def main() -> None:
    command = [sys.executable, "-m", "benchmarks", "--device=gpu"]
    command += [f"--stages={','.join(STAGES)}", "--rounds=20"]
    folder = pathlib.Path(__file__).parent.parent
    sys.exit(subprocess.call([*command, *sys.argv[1:]], cwd=folder))


if __name__ == "__main__":
    main()
