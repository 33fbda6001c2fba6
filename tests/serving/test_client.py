"""An export in C++, loaded as TensorFlow Serving loads it."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from served import TARGET, joint, transfer

from tfxdr.serving.export import save

SOURCE = pathlib.Path(__file__).with_name("client.cc")
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The program, built against the headers and libraries of the wheel."""
    compiler = os.environ.get("CXX") or shutil.which("g++")
    compiler = compiler or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler: g++, clang++ or CXX")
    place = pathlib.Path(tf.sysconfig.get_lib())
    missing = [name for name in LIBRARIES if not (place / name).is_file()]
    if missing:
        pytest.skip(f"this build of TensorFlow has no {', '.join(missing)}")
    program = tmp_path_factory.mktemp("client") / "client"
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


def same(found, expected):
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        values = tensor.numpy()
        if tensor.dtype == tf.string:
            own = [[raw.decode() for raw in row] for row in values]
            assert found[name].tolist() == own
        else:
            np.testing.assert_allclose(
                found[name].astype(np.float32), values, rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("policy", ["gumbel", "soft"])
def test_a_transfer_model_answers_the_same(client, tmp_path, policy):
    servable = transfer(policy).servable
    save(servable, tmp_path)
    history = np.array(
        [["a", "c", "e"], ["", "b", ""], ["", "", ""], ["f", "new", "d"]],
        object,
    )
    for name, function in servable.answers().items():
        inputs = {"history": history}
        if name == "score":
            inputs["candidates"] = np.array([[*TARGET, "no", ""]] * 4, object)
        expected = function(**{k: tf.constant(v) for k, v in inputs.items()})
        same(ask(client, tmp_path, name, inputs), expected)


def test_a_joint_model_answers_the_same(client, tmp_path):
    servable = joint()
    save(servable, tmp_path)
    users = np.array(["cem", "ann", "nobody"], object)
    for name, inputs in (
        ("recommend", {"user": users}),
        (
            "serving_default",
            {"user": users, "item": np.array(["h", "no", "c"], object)},
        ),
    ):
        function = servable.answers()[name]
        expected = function(**{k: tf.constant(v) for k, v in inputs.items()})
        same(ask(client, tmp_path, name, inputs), expected)
