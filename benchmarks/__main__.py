"""Times tfxdr stage by stage beside plain `tf.keras`.

    python -m benchmarks [--stages=NAME,NAME] [--rounds=5] [--output=FILE.json]
        [--batch=256] [--length=50] [--channels=128] [--layers=16]
        [--items=20000] [--users=100000] [--device=auto]
    python -m benchmarks --list
    python -m benchmarks --preset=NAME [its options]

A stage has a process of its own, in which tfxdr's step and its counterpart's
alternate, each right after a product of two 1536 x 1536 float32 matrices:
machines drift, so that only the ratio of a pair counts, by the clock and in
CPU seconds of all threads, and the share of that product's rate (`%gemm`;
FLOPs are those of the plain computation, whatever is left out). Both have one
more process for their peak memory. Medians over the rounds. `--preset` runs
another script of this folder. A quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import pathlib
import runpy
import subprocess
import sys
import time
import types
from collections.abc import Callable

import numpy as np

FOLDER = pathlib.Path(__file__).parent
NOT_PRESETS = (
    *("__init__", "__main__", "fuzz_samples", "joint", "naive"),
    *("shapes", "stages"),
)
GEMM_SIZE = 1536
WARM_UP = 2  # rounds: the first one traces
SIDES = ("ours", "other")


def main() -> None:
    option, _, name = (sys.argv[1:] or [""])[0].partition("=")
    if option == "--preset" and name in _presets():
        _run_script(FOLDER / f"{name}.py", sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--preset",
        choices=sorted(_presets()),
        help="comes first; what follows is for that script",
    )
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--stages", help="by default all of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, help="JSON")
    for name, size in (
        ("batch", 256),
        ("length", 50),
        ("channels", 128),
        ("layers", 16),
        ("items", 20_000),
        ("users", 100_000),
    ):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--device", default="auto", help="as of tfxdr.main")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    parser.add_argument("--sides", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.preset:
        parser.error("--preset=NAME should be the first option")
    if chosen.list:
        _print_list()
    elif chosen.cell:
        print(json.dumps(_cell(chosen)))
    else:
        _print_table(chosen)


def _run_script(path: pathlib.Path, options: list[str]) -> None:
    sys.argv = [str(path), *options]
    runpy.run_path(str(path), run_name="__main__")


def _presets() -> dict[str, str]:
    """The scripts of this folder, and what each asks."""
    return {
        path.stem: _first_line(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.py"))
        if path.stem not in NOT_PRESETS
    }


def _first_line(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]


def _print_list() -> None:
    print("stages of the table: " + ", ".join(_stages().STAGES))
    for name, question in _presets().items():
        print(f"--preset={name:22}{question}")


def _stages() -> types.ModuleType:
    """Imported late, and quietly: a preset may not need it."""
    from tfxdr.start_up import start_tensorflow

    start_tensorflow()
    from benchmarks import stages

    return stages


def _cell(chosen: argparse.Namespace) -> dict[str, list[float]]:
    """What one process measures: seconds and shares of sides, round by round.

    Keys are `seconds_ours`, `cpu_ours` (of all threads), `gemm_ours` (the
    product's FLOPs a second right before), and likewise of the other; and
    `peak_bytes`.
    """
    from tfxdr.start_up import keep_freed_memory

    keep_freed_memory()  # as the command line does
    stages = _stages()
    import tensorflow as tf

    from tfxdr.experiments.machine import set_device

    set_device(chosen.device)
    tf.config.experimental.enable_op_determinism()  # as in every run
    tf.keras.utils.set_random_seed(0)
    stage = stages.STAGES[chosen.cell](stages.Shapes(chosen))
    steps = {side: getattr(stage, side)() for side in chosen.sides.split(",")}
    product = _product(tf)
    measured: dict[str, list[float]] = {}
    for turn in range(WARM_UP + chosen.rounds):
        for side, step in steps.items():
            rate = 2 * GEMM_SIZE**3 / _seconds(product)[0]
            seconds, cpu = _seconds(step)
            if turn >= WARM_UP:
                measured.setdefault(f"seconds_{side}", []).append(seconds)
                measured.setdefault(f"cpu_{side}", []).append(cpu)
                measured.setdefault(f"gemm_{side}", []).append(rate)
    return measured | {"peak_bytes": [_peak_bytes(tf)]}


def _peak_bytes(tf) -> int:
    """Of the GPU that was used, or of the process."""
    from tfxdr.training.cost import peak_bytes

    if tf.config.get_visible_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return peak_bytes()


def _product(tf) -> Callable[[], object]:
    matrix = tf.random.stateless_normal([GEMM_SIZE, GEMM_SIZE], [0, 0])
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    multiply()
    return multiply


def _seconds(step: Callable[[], object]) -> tuple[float, float]:
    """Of a step, by the clock and of all threads; a GPU is waited for."""
    import tensorflow as tf

    start, cpu = time.perf_counter(), time.process_time()
    step()
    tf.test.experimental.sync_devices()
    return time.perf_counter() - start, time.process_time() - cpu


def _print_table(chosen: argparse.Namespace) -> None:
    stages = _stages()
    names = chosen.stages.split(",") if chosen.stages else list(stages.STAGES)
    unknown = sorted(set(names) - set(stages.STAGES))
    if unknown:
        sys.exit(
            f"--stages: expected some of {', '.join(stages.STAGES)}; found "
            f"{', '.join(unknown)}"
        )
    print(
        "| stage | s/step | CPU s | instances/s | GFLOP/s | %gemm | peak MiB "
        "| beside | s/step | CPU s | %gemm | peak MiB | times as fast "
        "| times less CPU |"
    )
    print("|---|" + "---:|" * 6 + "---|" + "---:|" * 6, flush=True)
    rows = []
    for name in names:
        stage = stages.STAGES[name](stages.Shapes(chosen))
        row = {"stage": name, "beside": stage.other_name}
        row |= _summary(stage, name)
        rows.append(row)
        _print_row(row)
    if chosen.output:
        report = {"shapes": vars(chosen), "cores": os.cpu_count(), "rows": rows}
        text = json.dumps(report, indent=1, default=str)
        chosen.output.write_text(text + "\n", encoding="utf-8")


def _summary(stage, name: str) -> dict[str, float]:
    """Medians of a stage."""
    both = _process(name, ",".join(SIDES))
    row: dict[str, float] = {}
    for side, flops in zip(
        SIDES, (stage.flops, stage.other_flops), strict=True
    ):
        seconds = np.array(both[f"seconds_{side}"])
        rate = flops / seconds
        row |= {
            f"{side}_seconds": float(np.median(seconds)),
            f"{side}_cpu_seconds": float(np.median(both[f"cpu_{side}"])),
            f"{side}_instances": float(np.median(stage.instances / seconds)),
            f"{side}_gflops": float(np.median(rate)) / 1e9,
            f"{side}_gemm": float(np.median(rate / both[f"gemm_{side}"])),
            f"{side}_bytes": _process(name, side, rounds=1)["peak_bytes"][0],
        }
    for key, kind in (("times_as_fast", "seconds"), ("times_less_cpu", "cpu")):
        ratio = np.array(both[f"{kind}_other"]) / both[f"{kind}_ours"]
        row[key] = float(np.median(ratio))
    return row


def _process(
    name: str, sides: str, rounds: int | None = None
) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
    command += [f"--cell={name}", f"--sides={sides}"]
    command += [] if rounds is None else [f"--rounds={rounds}"]
    done = subprocess.run(
        command, capture_output=True, cwd=FOLDER.parent, text=True
    )
    if done.returncode:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _print_row(row: dict) -> None:
    print(
        f"| {row['stage']} | {row['ours_seconds']:.3f} "
        f"| {row['ours_cpu_seconds']:.3f} "
        f"| {row['ours_instances']:,.0f} | {row['ours_gflops']:,.0f} "
        f"| {100 * row['ours_gemm']:.0f} | {row['ours_bytes'] / 2**20:,.0f} "
        f"| {row['beside']} | {row['other_seconds']:.3f} "
        f"| {row['other_cpu_seconds']:.3f} "
        f"| {100 * row['other_gemm']:.0f} | {row['other_bytes'] / 2**20:,.0f} "
        f"| {row['times_as_fast']:.2f} | {row['times_less_cpu']:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
