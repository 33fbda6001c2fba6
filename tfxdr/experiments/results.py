"""What a run in Python comes to: its runs, their table, their answers."""

from __future__ import annotations

import dataclasses
import functools
import html
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tfxdr import serving
from tfxdr.errors import InputError, did_you_mean
from tfxdr.evaluation import Actions
from tfxdr.experiments import answers
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.contender import Contender
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.experiments.reporting import write_report
from tfxdr.experiments.running import Outcome
from tfxdr.experiments.start import plain_progress
from tfxdr.options.answers import Export
from tfxdr.options.named import group_from
from tfxdr.registry.metric_names import rising
from tfxdr.report.table import Row, to_html, to_text
from tfxdr.serving.id_files import read_ids
from tfxdr.start_up import keras_as_it_comes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FinishedRun:
    """One component's run: what it scored, and what it answers.

    Attributes:
      name: of the component, with its options.
      seed: of the run.
      folder: of the run.
      result: all that `metrics.json` holds.
    """

    def __init__(self, contender: Contender) -> None:
        self.name = str(contender.spec)
        self.seed = contender.experiment.options.seed
        self.folder = contender.folder.path
        self.result: Mapping[str, Any] = contender.folder.read()
        self._contender = contender

    @property
    def metrics(self) -> Mapping[str, float]:
        """Of the test split, by keys such as `hr@5`."""
        return self.result["test"]

    @property
    def validation(self) -> Mapping[str, float]:
        """Of the epoch that was kept; empty for a baseline."""
        return self.result.get("validation", {})

    def plot_actions(self) -> Figure:
        """Draws how often each block ran tuned for the test users.

        Raises:
          InputError: the component decides nothing for single users.
        """
        from tfxdr.report.figures import as_png
        from tfxdr.report.policies import utilization_heatmap

        path = self.folder / "actions.npz"
        if not path.is_file():
            raise InputError(
                f"{self.folder}: {self.name} decides alike for all users, so "
                "there are no actions to draw; expected a policy such as gumbel"
            )
        figure = utilization_heatmap({self.name: Actions.load(path).rates})
        # A notebook shows figures of pyplot's alone by itself.
        vars(figure)["_repr_png_"] = functools.partial(as_png, figure)
        return figure

    @overload
    def recommend(
        self, *, user: str, k: int = ...
    ) -> serving.Recommendations: ...

    @overload
    def recommend(
        self, *, history: Sequence[str], k: int = ...
    ) -> serving.Recommendations: ...

    @overload
    def recommend(
        self,
        *,
        users: str | os.PathLike[str] | Sequence[str],
        output: str | os.PathLike[str],
        k: int = ...,
    ) -> Path: ...

    def recommend(
        self,
        *,
        user: str = "",
        history: Sequence[str] | None = None,
        users: str | os.PathLike[str] | Sequence[str] = "",
        output: str | os.PathLike[str] = "",
        k: int = 10,
    ) -> serving.Recommendations | Path:
        """The best target items, for one user or for many.

        Args:
          user: raw id of one of the data; the target items that they have are
            left out.
          history: raw source ids, oldest first, instead of a user.
          users: `"all"`, a file of raw ids, or the ids.
          output: a `.parquet`, `.csv` or `.jsonl` file for the answers to
            `users`.
          k: how many items each, at most.

        Returns:
          The items of one user, the best first; or the file.

        Raises:
          InputError: nobody is asked for, or one whom the data do not have.
        """
        wanted = _some(users)
        if bool(user) + (history is not None) + bool(wanted) != 1:
            raise InputError(
                "recommend: expected user=ID, history=[ID, ...] or users=..., "
                "one of the three"
            )
        if bool(wanted) != bool(output):
            raise InputError("recommend: users=... and output=FILE go together")
        if k < 1:
            raise InputError(f"recommend: expected k of at least 1, found {k}")
        with keras_as_it_comes():
            if not wanted:
                return answers.recommend_one(
                    self._contender, user=user, history=history or (), k=k
                )
            path = Path(output).expanduser()
            answers.recommend_many(
                self._contender, users=wanted, output=path, k=k
            )
            return path

    def export(
        self, folder: str | os.PathLike[str], **options: Any
    ) -> serving.Export:
        """Publishes the model for TensorFlow Serving.

        Args:
          folder: of the versions 1, 2, ….
          **options: as of `--mode=export`, such as `k_max`.

        Raises:
          InputError: an option is unknown, or the folder cannot be written.
        """
        chosen = group_from(Export, {**options, "export_dir": folder})
        assert isinstance(chosen, Export)
        with keras_as_it_comes():
            return answers.export(self._contender, chosen)

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4f}" for k, v in self.metrics.items())
        return f"FinishedRun({self.name!r}, {str(self.folder)!r}: {shown})"


def _some(
    users: str | os.PathLike[str] | Sequence[str],
) -> str | Sequence[str]:
    """`all`, "" or raw ids."""
    if isinstance(users, str) and users in ("", answers.ALL):
        return users
    if isinstance(users, (str, os.PathLike)):
        return list(read_ids(Path(users), "users", "raw user ids"))
    return list(users)


@dataclasses.dataclass(frozen=True)
class Table:
    """Results side by side: text, and a table in a notebook."""

    rows: Sequence[Row]
    shown: Mapping[str, Any]

    def __repr__(self) -> str:
        return to_text(self.rows, **self.shown)

    def _repr_html_(self) -> str:
        return to_html(self.rows, **self.shown)


class Comparison:
    """The runs of what was compared, in the order in which it was named.

    Attributes:
      folder: of the run; those of several components lie in it.
      rows: of the table: baselines, then the runs.
      warnings: which components are below a baseline, and why.
      findings: which policies decide, and whether there was anything to.
    """

    def __init__(
        self, experiment: Experiment, outcome: Outcome, folder: Path
    ) -> None:
        self.folder = folder
        self.rows = outcome.rows
        self.warnings = outcome.warnings
        self.findings = outcome.findings
        self._experiment = experiment
        self._runs = {
            (str(spec), seed): FinishedRun(
                experiment.with_seed(seed).contender(spec, place)
            )
            for (spec, seed), place in outcome.folders.items()
        }

    def table(self) -> Table:
        """Test metrics at the first cutoff, baselines beside the runs."""
        return Table(self.rows, self._experiment.shown(self.rows))

    @property
    def best(self) -> FinishedRun:
        """The run with the best validation; the test has no say in it.

        With several seeds, the best one of the component that is best on
        average.

        Raises:
          InputError: none was validated, as baselines are not.
        """
        monitor = self._experiment.monitor
        values: dict[str, list[float]] = {}
        for one in self:
            if monitor in one.validation:
                value = rising(monitor, one.validation[monitor])
                values.setdefault(one.name, []).append(value)
        if not values:
            raise InputError(
                f"best: none of {', '.join(self._names)} has a validation by "
                f"{monitor}: expected one that is trained"
            )
        name = max(values, key=lambda name: float(np.mean(values[name])))
        return max(
            (one for one in self if one.name == name),
            key=lambda one: rising(monitor, one.validation[monitor]),
        )

    @property
    def _lines(self) -> list[str]:
        """What is said below the table."""
        return [*(f"warning: {one}" for one in self.warnings), *self.findings]

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self._runs))

    def report(
        self, output: str | os.PathLike[str], baseline: str = ""
    ) -> Path:
        """Writes what the runs show as one page; see `tfxdr.write_report`.

        Args:
          output: a `.html` file that needs nothing else, or a `.md` file.
          baseline: name of the method that the others are held against.

        Returns:
          The file.

        Raises:
          InputError: the file cannot be written.
        """
        path = Path(output).expanduser()
        runs = [JudgedRun.open(one.folder) for one in self]
        say = plain_progress()
        with keras_as_it_comes():
            write_report(runs, path, baseline=baseline, progress=say)
        return path

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[FinishedRun]:
        return iter(self._runs.values())

    def __getitem__(self, key: str | int | tuple[str, int]) -> FinishedRun:
        """A run by its component's name, by name and seed, or by its place.

        Raises:
          KeyError: there is none of this name and seed, or there are several.
        """
        if isinstance(key, int):
            return list(self._runs.values())[key]
        name, *seeds = (key,) if isinstance(key, str) else key
        known = [seed for own, seed in self._runs if own == name]
        if not known:
            raise KeyError(
                f"no run of {name!r}{did_you_mean(name, self._names)}"
            )
        seed = seeds[0] if seeds else known[0]
        if seed not in known or len(known) > 1 and not seeds:
            raise KeyError(
                f"{name!r} was run with the seeds {known}: expected one of "
                f"them beside it, as in [{name!r}, {known[0]}]"
            )
        return self._runs[name, seed]

    def __repr__(self) -> str:
        lines = "".join(f"{text}\n" for text in self._lines)
        return f"{self.table()!r}{lines}runs: {self.folder}"

    def _repr_html_(self) -> str:
        folder = html.escape(str(self.folder))
        lines = "".join(f"<p>{html.escape(text)}</p>" for text in self._lines)
        return f"{self.table()._repr_html_()}{lines}<p>runs: {folder}</p>"
