"""`main`, called any number of times, from anywhere."""

import json
import os
import subprocess
import sys

import pytest

from tfxdr import main


@pytest.mark.parametrize(
    "argv",
    [
        ["--mode=list"],
        ["tfxdr", "--mode=list"],
        ["-c", "--mode=list"],
        ["-m", "--mode=list"],
        ("-", "--mode=list"),
        ["tfxdr.py", "-mode", "list"],
    ],
)
def test_a_program_name_may_stand_in_front(argv, capfd):
    for _ in range(2):
        assert main.main(argv) == 0
        assert capfd.readouterr().out.startswith("backbones  --backbone=")


def test_nothing_is_left_of_an_earlier_call(capfd):
    assert main.main(["--mode=list", "--format=json"]) == 0
    assert main.main(["--mode=list"]) == 0
    assert capfd.readouterr().out.count("backbones  --backbone=") == 1


def test_one_text_is_not_read_letter_by_letter(capfd):
    assert main.main("--mode=list") == 1
    assert "expected a list of options" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["/x/ipykernel_launcher.py", "-f", "/run/kernel-1.json"],
        ["/x/ipykernel_launcher.py", "--f=/run/kernel-1.json"],
        ["/x/colab_kernel_launcher.py", "-f", "/root/k.json"],
    ],
)
def test_a_notebooks_own_arguments_are_told_apart(
    arguments, monkeypatch, capfd
):
    monkeypatch.setattr(sys, "argv", arguments)
    assert main.main() == 1
    assert 'main(["--mode=list"])' in capfd.readouterr().err
    assert main.main(["--nonsense"]) == 1
    assert "kernel" not in capfd.readouterr().err


def test_list_as_json(capfd):
    assert main.main(["--mode=list", "--format=json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    policies = listed["kinds"]["policies"]
    assert policies["flag"] == "policy"
    (gumbel,) = (c for c in policies["components"] if c["name"] == "gumbel")
    assert gumbel["summary"].startswith("Straight-through")
    assert gumbel["options"][0] == {
        "name": "temperature",
        "expected": "float",
        "required": False,
        "default": 1.0,
    }


def _python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_other_threads_in_one_process_are_one_sentence():
    done = _python(
        "import tensorflow as tf, tfxdr\n"
        "from tfxdr.experiments.start import make_experiment\n"
        "from tfxdr.options.named import options_from\n"
        "make_experiment(options_from({'threads': 1}))\n"
        "tf.zeros(1) + 1\n"
        "make_experiment(options_from({'threads': 1}))\n"
        "try:\n"
        "    make_experiment(options_from({'threads': 2}))\n"
        "except tfxdr.InputError as error:\n"
        "    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--threads=2: TensorFlow has started")
    assert "with --threads=1" in done.stdout


@pytest.mark.parametrize(
    "backend", ["module://no_such.backend", "nonsense", "inline"]
)
def test_a_backend_that_is_not_there_does_not_matter(backend):
    done = _python(
        "import os\n"
        "from tfxdr.report.figures import as_png, learning_curves\n"
        "row = {'stage': 'finetune', 'epoch': 1, 'loss': 2.0}\n"
        "assert as_png(learning_curves([row])).startswith(b'\\x89PNG')\n"
        "print(os.environ['MPLBACKEND'])\n",
        MPLBACKEND=backend,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == backend


def test_a_backend_that_is_there_is_kept():
    done = _python(
        "import tfxdr.report.figures, matplotlib\n"
        "print(matplotlib.get_backend())\n",
        MPLBACKEND="svg",
    )
    assert done.stdout.strip() == "svg", done.stderr


def test_keras_settings_of_others_come_back():
    from tensorflow import keras

    from tfxdr.start_up import keras_as_it_comes

    backend, precision = keras.backend, keras.mixed_precision
    try:
        backend.set_floatx("float64")
        backend.set_image_data_format("channels_first")
        precision.set_global_policy("mixed_bfloat16")
        with pytest.raises(KeyError), keras_as_it_comes():
            assert backend.floatx() == "float32"
            assert backend.image_data_format() == "channels_last"
            assert precision.global_policy().name == "float32"
            raise KeyError
        assert backend.floatx() == "float64"
        assert backend.image_data_format() == "channels_first"
        assert precision.global_policy().name == "mixed_bfloat16"
    finally:
        backend.set_floatx("float32")
        backend.set_image_data_format("channels_last")
        precision.set_global_policy(None)
