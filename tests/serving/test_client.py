"""An export in C++, loaded as TensorFlow Serving loads it."""

import numpy as np
import pytest
import tensorflow as tf
from cpp_client import ask, build
from served import TARGET, joint, transfer

from tfxdr.serving.export import save


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return build(tmp_path_factory.mktemp("client"))


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


@pytest.mark.parametrize(
    "policy", ["gumbel", pytest.param("soft", marks=pytest.mark.large)]
)
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
