"""Finished runs by what their folders hold: no data and no model is opened."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfxdr.errors import InputError
from tfxdr.evaluation import Ranking
from tfxdr.evaluation.classification import Predictions
from tfxdr.evaluation.metrics import PER_INSTANCE
from tfxdr.experiments.run_folder import RunFolder, flags_of
from tfxdr.experiments.run_names import find_run
from tfxdr.options import Options
from tfxdr.registry.metric_names import ranking_metric

# What is asked of every run.
_NEEDED_OPTIONS = ("dataset", "top_n", "eval_negatives")
# What a run's protocol tells that does not say how it was judged.
_NOT_OF_JUDGING = ("seed", "monitor", "train_fraction")


@dataclasses.dataclass(frozen=True)
class Instances:
    """What was judged, one value each, by metric.

    Attributes:
      user: `[instances]` rows of the users.
      item: `[instances]` what was held out: items, or classes.
      values: `[instances]` float64 by metric, such as `hr@5`.
    """

    user: np.ndarray
    item: np.ndarray
    values: dict[str, np.ndarray]

    def same_as(self, other: Instances) -> bool:
        """Whether two runs were judged on the same."""
        return np.array_equal(self.user, other.user) and np.array_equal(
            self.item, other.item
        )


@dataclasses.dataclass(frozen=True)
class JudgedRun:
    """A finished run.

    Attributes:
      path: of its folder.
      options: all of its flags, as text by name.
      result: what `metrics.json` holds.
    """

    path: Path
    options: dict[str, str]
    result: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> JudgedRun:
        """Reads a run's folder.

        Raises:
          InputError: it holds no finished run, or is damaged.
        """
        folder = RunFolder(path)
        result = folder.read()
        _check_result(result, folder.metrics)
        text = folder.before()
        Options.from_flagfile(text, str(folder.flags))  # which checks them
        options = flags_of(text)
        for name in _NEEDED_OPTIONS:
            if name not in options:
                raise InputError(
                    f"{folder.flags}: expected --{name}, found none; start "
                    "the run again with --overwrite"
                )
        return cls(path, options, result)

    @property
    def component(self) -> str:
        """The policy or meta-learner, with its options."""
        return self.result.get("policy") or self.result["meta"]

    @property
    def seed(self) -> int:
        return int(self.result["protocol"]["seed"])

    @property
    def published(self) -> dict[str, str]:
        """Figures of a publication by metric, from its `--published`."""
        text = self.options.get("published", "")
        pairs = (part.partition("=") for part in text.split(",") if part)
        return {name.strip(): value.strip() for name, _, value in pairs}

    @property
    def judged_by(self) -> dict[str, str]:
        """Data, split, candidates and the rest of the protocol, as text.

        Before there was a `split_seed`, the seed was that of the split, too.
        """
        protocol = dict(self.result["protocol"])
        protocol.setdefault("split_seed", protocol["seed"])
        told = {
            name: str(value)
            for name, value in protocol.items()
            if name not in _NOT_OF_JUDGING
        }
        return {"data": self.result["data"]["fingerprint"], **told}

    @cached_property
    def instances(self) -> Instances:
        """Single answers of the test.

        Raises:
          InputError: the folder does not hold them.
        """
        if self.result["protocol"]["task"] == "profile":
            found = Predictions.load(self.path / "predictions.npz")
            correct = (found.label == found.prediction).astype(np.float64)
            return Instances(found.user, found.label, {"accuracy": correct})
        cutoffs = [int(n) for n in self.options["top_n"].split(",")]
        sampled = int(self.options["eval_negatives"])
        values = {}
        for negatives in dict.fromkeys((0, sampled)):
            suffix = f"-uni{negatives}" if negatives else ""
            ranking = Ranking.load(self.path / f"ranks{suffix}.npz")
            for n in cutoffs:
                for name, of_ranks in PER_INSTANCE.items():
                    key = ranking_metric(name, n, negatives)
                    values[key] = of_ranks(ranking.rank, n)
        return Instances(ranking.user, ranking.item, values)


def _check_result(result: dict, place: Path) -> None:
    """Finds damage in what is read of a run's `metrics.json`."""
    protocol, data = result.get("protocol"), result.get("data")
    component = result.get("policy") or result.get("meta")
    whole = (
        isinstance(result.get("test"), dict)
        and isinstance(component, str)
        and isinstance(protocol, dict)
        and isinstance(protocol.get("seed"), int)
        and isinstance(protocol.get("task"), str)
        and isinstance(data, dict)
        and isinstance(data.get("fingerprint"), str)
    )
    if not whole:
        raise InputError(
            f"{place}: expected the test, the protocol, the data and the "
            "component of a run, found others; start the run again with "
            "--overwrite"
        )


def find_runs(text: str, runs_dir: str) -> list[JudgedRun]:
    """The finished runs that an option names.

    Args:
      text: folders of runs with commas, each as `find_run` takes it, a folder
        that holds several runs, or a pattern such as `runs/*`.
      runs_dir: where runs are made by default.

    Raises:
      InputError: one of them names no finished run.
    """
    if not text:
        raise InputError(
            "--run: expected folders of finished runs with commas, found "
            "nothing; a folder of several runs, or a pattern such as "
            "'runs/*', stands for all of them"
        )
    paths: dict[Path, None] = {}
    for part in [text] if Path(text).is_dir() else text.split(","):
        paths |= dict.fromkeys(_runs_at(part.strip(), runs_dir))
    return [JudgedRun.open(path) for path in paths]


def _runs_at(text: str, runs_dir: str) -> Sequence[Path]:
    path = find_run(str(Path(text).expanduser()), runs_dir)
    if path.is_dir():
        return runs_in(path) or [path]  # `open` says what is missing
    matching = sorted(map(Path, glob.glob(str(Path(text).expanduser()))))
    found = [run for place in matching for run in runs_in(place)]
    if not found:
        raise InputError(
            f"--run: there is no finished run at {text}; expected the folder "
            "of one, or of several"
        )
    return found


def runs_in(path: Path) -> list[Path]:
    """A finished run itself, or those inside its folder."""
    if (path / "metrics.json").is_file():
        return [path]
    return sorted(inner.parent for inner in path.glob("*/metrics.json"))
