"""Someone who does what a page says, step by step, in a folder of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import runpy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import documented
import named_files
import pytest
import tensorflow as tf
from running import run_here

from tfxdr import options
from tfxdr.experiments import sweeping
from tfxdr.experiments.start import is_joint
from tfxdr.options import Options, presets
from tfxdr.options.help import requested_help
from tfxdr.registry import datasets, plugins

# Behind a command's own options: it does the same, and less of it.
_LESS_PRETRAINING = [
    "--pretrain_epochs=1",
    "--pretrain_length=4",
    "--pretrain_batch_size=2048",  # few steps
]
_LESS_TRAINING = ["--epochs=1", "--train_fraction=0.05"]
_LESS_SWEEPING = ["--seeds=0,1"]
_LESS_SEARCHING = ["--trials=1"]
_USERS = 1000  # of generated data


class Reader:
    """Follows steps in a folder, where the files that pages name are.

    Attributes:
      told: what each command printed, by its text.
      names: what the page's Python has made.
    """

    def __init__(self, folder: pathlib.Path, *, hurried: bool = False) -> None:
        """Starts with the files alone.

        Args:
          folder: an empty one.
          hurried: trains an epoch of a part of the data, without compiling.
        """
        self.folder = folder
        self.told: dict[str, str] = {}
        self.names: dict[str, Any] = {}
        self._hurried = hurried
        self._done: list[list[str]] = []
        named_files.write(folder)

    def follow(self, steps: Iterable[documented.Step]) -> None:
        """Does what can be done here; a command that ends badly fails."""
        for step in steps:
            if isinstance(step, documented.File):
                self._put(step)
            elif isinstance(step, documented.Code):
                self._execute(step)
            elif isinstance(step, documented.Command):
                self._type(step)

    def parsed(self, arguments: Sequence[str]) -> Options | None:
        """Options of a command; none if it asks for help."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            words = presets.expanded(["tfxdr", *arguments])
            if requested_help(words) is not None:
                return None
            parsed = options.parse(words)
            plugins.load_plugins(parsed.run.plugins)
            return parsed

    def _put(self, file: documented.File) -> None:
        path = self.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")

    def _execute(self, code: documented.Code) -> None:
        """Blocks of a page share their names, as those of a notebook."""
        script = self.folder / "page.py"
        script.write_text(code.text, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            self.names = runpy.run_path(str(script), self.names, "page")

    def _type(self, command: documented.Command) -> None:
        if command.words[:1] == ["curl"]:
            self.told[command.text] = json.dumps(self._ask(command.words))
        arguments = command.arguments
        # `make demo` is another name of a command that may stand beside it.
        if arguments is None or arguments in self._done:
            return
        self._done.append(arguments)
        try:
            with self._haste(arguments) as less:
                told = run_here(self.folder, *arguments, *less)
        except AssertionError as error:
            pytest.fail(f"{command.where}: {command.text}\n{error}")
        self.told[command.text] = told

    @contextlib.contextmanager
    def _haste(self, arguments: Sequence[str]) -> Iterator[list[str]]:
        """Gives the options that shorten, if it has to be fast."""
        parsed = self.parsed(arguments) if self._hurried else None
        less = [] if parsed is None else _less(parsed)
        # To trace a few steps takes longer than to run them.
        tf.config.run_functions_eagerly(bool(less))
        try:
            with pytest.MonkeyPatch.context() as patch:
                if less:
                    patch.setattr(sweeping.Job, "run", self._job_runner())
                yield less
        finally:
            tf.config.run_functions_eagerly(False)

    def _job_runner(self) -> Callable[..., bool]:
        """Runs of a sweep in this process, which has imported TensorFlow."""

        def run(job: sweeping.Job, watch: object = None) -> bool:
            parsed = self.parsed(job.arguments)
            assert parsed is not None
            run_here(self.folder, *job.arguments, *_less(parsed))
            return True

        return run

    def _ask(self, words: Sequence[str]) -> dict[str, Any]:
        """What a server would answer, by the export that it would load."""
        (address,) = (word for word in words if word.startswith("http"))
        model, _, verb = address.rpartition("/")[2].partition(":")
        assert verb == "predict", address
        body = json.loads(words[words.index("-d") + 1])
        version = max((self.folder / "export" / model).iterdir())
        signatures = tf.saved_model.load(str(version)).signatures
        asked = body["instances"]
        columns = {key: [one[key] for one in asked] for key in asked[0]}
        given = {key: tf.constant(rows) for key, rows in columns.items()}
        answer = signatures[body.get("signature_name", "serving_default")]
        found = {key: _plain(rows) for key, rows in answer(**given).items()}
        return {
            "predictions": [
                {key: rows[row] for key, rows in found.items()}
                for row in range(len(asked))
            ]
        }


def _plain(tensor: tf.Tensor) -> list[Any]:
    values = tensor.numpy()
    return (values.astype(str) if values.dtype == object else values).tolist()


def _less(parsed: Options) -> list[str]:
    if parsed.run.mode == "pretrain":
        return _LESS_PRETRAINING
    if parsed.run.mode == "sweep":
        searching = _LESS_SEARCHING if parsed.sweep.search else []
        return [*_LESS_SWEEPING, *searching]
    if parsed.run.mode != "run":
        return []
    if is_joint(parsed):
        return _LESS_TRAINING
    return [*_LESS_PRETRAINING, *_LESS_TRAINING, *_fewer_users(parsed)]


def _fewer_users(parsed: Options) -> list[str]:
    """Generated data of fewer users, which are drawn, stored and judged."""
    spec = datasets.parse(parsed.data.dataset)
    users = spec.resolved().get("users", 0)
    if not isinstance(users, int) or users <= _USERS:
        return []
    less = dataclasses.replace(spec, options={**spec.options, "users": _USERS})
    return [f"--dataset={less}"]
