"""A program in C++ that loads an export as TensorFlow Serving does."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

SOURCE = pathlib.Path(__file__).with_name("client.cc")
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")


def build(folder):
    """Built against the headers and libraries of the wheel."""
    compiler = os.environ.get("CXX") or shutil.which("g++")
    compiler = compiler or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler: g++, clang++ or CXX")
    place = pathlib.Path(tf.sysconfig.get_lib())
    missing = [name for name in LIBRARIES if not (place / name).is_file()]
    if missing:
        pytest.skip(f"this build of TensorFlow has no {', '.join(missing)}")
    program = folder / "client"
    done = subprocess.run(
        [
            *(compiler, "-O0", "-w", *tf.sysconfig.get_compile_flags()),
            *(str(SOURCE), "-o", str(program), f"-L{place}"),
            *("-Wl,--no-as-needed", *(f"-l:{name}" for name in LIBRARIES)),
            f"-Wl,-rpath,{place}",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return program


def ask(client, folder, signature, inputs):
    """Outputs by name, from the program."""
    command, lines = [str(client), str(folder), signature], []
    for name, values in inputs.items():
        columns = values.shape[1] if values.ndim > 1 else "-"
        command += [name, str(len(values)), str(columns)]
        lines += values.ravel().tolist()
    done = subprocess.run(
        command,
        input="\n".join([*lines, ""]),
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said, outputs = iter(done.stdout.splitlines()), {}
    for name in said:
        _, *shape = map(int, next(said).split())
        values = [next(said) for _ in range(int(np.prod(shape)))]
        outputs[name] = np.array(values, object).reshape(shape)
    return outputs
