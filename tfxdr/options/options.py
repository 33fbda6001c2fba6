"""All options of a run, as frozen dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfxdr.errors import InputError
from tfxdr.options.earlier import unspoken
from tfxdr.options.flagfile import line, words_of_line
from tfxdr.options.groups import (
    GROUPS,
    Compare,
    Compute,
    Data,
    Evaluate,
    Export,
    Finetune,
    Joint,
    Model,
    Pretrain,
    Recommend,
    Run,
    Sweep,
    Task,
)
from tfxdr.options.settings import settings_of
from tfxdr.registry import spec_text
from tfxdr.registry.metric_names import (
    BINARY_METRICS,
    CLASS_METRICS,
    RANKING_METRICS,
    ranking_metric,
)


@dataclasses.dataclass(frozen=True)
class Options:
    """All options, by group.

    `extra` holds the flags that plugins define and that were set, as text;
    `given` the names of the options that a command line or its flagfiles set.
    """

    run: Run = dataclasses.field(default_factory=Run)
    data: Data = dataclasses.field(default_factory=Data)
    task: Task = dataclasses.field(default_factory=Task)
    model: Model = dataclasses.field(default_factory=Model)
    pretrain: Pretrain = dataclasses.field(default_factory=Pretrain)
    finetune: Finetune = dataclasses.field(default_factory=Finetune)
    joint: Joint = dataclasses.field(default_factory=Joint)
    evaluate: Evaluate = dataclasses.field(default_factory=Evaluate)
    sweep: Sweep = dataclasses.field(default_factory=Sweep)
    compare: Compare = dataclasses.field(default_factory=Compare)
    recommend: Recommend = dataclasses.field(default_factory=Recommend)
    export: Export = dataclasses.field(default_factory=Export)
    compute: Compute = dataclasses.field(default_factory=Compute)
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        self._check_profile()
        known = self._metrics()
        trains = self.run.mode == "run"
        if trains and self.finetune.monitor not in ("", *known):
            raise InputError(
                f"--monitor: expected one of {', '.join(known)} (an N is "
                f"one of --top_n), found {self.finetune.monitor!r}"
            )

    def _check_profile(self) -> None:
        if self.task.task != "profile":
            if self.evaluate.class_metrics:
                raise InputError(
                    "--class_metrics: expected --task=profile, found "
                    f"--task={self.task.task}"
                )
            return
        if self.data.split != "random":
            raise InputError(
                "--split: --task=profile splits users at random, found "
                f"--split={self.data.split}"
            )
        if self.evaluate.eval_negatives:
            raise InputError(
                "--eval_negatives: --task=profile ranks nothing, expected 0, "
                f"found {self.evaluate.eval_negatives}"
            )

    def _metrics(self) -> list[str]:
        """What validation may give."""
        if self.task.task == "profile":
            return [*CLASS_METRICS, *self._more_class_metrics()]
        sampled = self.evaluate.eval_negatives
        return [
            *(
                ranking_metric(metric, n, num_negatives)
                for metric in RANKING_METRICS
                for n in self.evaluate.top_n
                for num_negatives in ((0, sampled) if sampled else (0,))
            ),
            *BINARY_METRICS,
        ]

    def _more_class_metrics(self) -> list[str]:
        """As `str` of their specs: plugins need not be loaded for it."""
        text = self.evaluate.class_metrics
        if not text:
            return []
        try:
            calls = [
                spec_text.parse_call(t) for t in spec_text.split_specs(text)
            ]
        except InputError as error:
            raise InputError(f"--class_metrics: {error}") from error
        return [spec_text.render_call(*call) for call in calls]

    @property
    def seed(self) -> int:
        """The one of `--seed`.

        Raises:
          InputError: There are several, and somebody has to choose.
        """
        if len(self.run.seed) > 1:
            seeds = ",".join(map(str, self.run.seed))
            raise InputError(
                f"--seed: expected one with --mode={self.run.mode}, found "
                f"{seeds}"
            )
        return self.run.seed[0]

    def with_seed(self, seed: int) -> Options:
        """The same with one seed alone."""
        run = dataclasses.replace(self.run, seed=(seed,))
        return dataclasses.replace(self, run=run)

    @property
    def monitor(self) -> str:
        """`--monitor`, or what stands for it when it is empty."""
        if self.finetune.monitor:
            return self.finetune.monitor
        if self.task.task == "profile":
            return CLASS_METRICS[0]
        return ranking_metric("mrr", self.evaluate.top_n[0])

    def to_flagfile(self) -> str:
        """A flagfile that replays the run: every option, one a line."""
        lines = []
        for name, group in GROUPS.items():
            lines += [f"# {group.__name__}"]
            for key, declared in settings_of(group).items():
                value = getattr(getattr(self, name), key)
                if declared.replay:
                    lines += [line(key, declared.format(value))]
        return "\n".join([*lines, *self.extra]) + "\n"

    def to_plain(self) -> dict[str, bool | int | float | str]:
        """What a run is, by name: all that a flagfile holds but paths.

        Lists, and what is not set, are text as in a flagfile.
        """
        values: dict[str, bool | int | float | str] = {}
        for group, declared in GROUPS.items():
            for name, one in settings_of(declared).items():
                if one.replay and not one.path:
                    value = getattr(getattr(self, group), name)
                    plain = isinstance(value, (bool, int, float, str))
                    values[name] = value if plain else one.format(value)
        return values

    @classmethod
    def from_flagfile(cls, text: str, place: str) -> Options:
        """Reads what `to_flagfile` wrote; no flag is involved.

        Args:
          text: of the file; an option that it lacks has its default, or what
            stood for it before there was one.
          place: its name, for a message.

        Raises:
          InputError: An option is unknown, as a plugin's flags are, or its
            value is not what is expected.
        """
        values: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
        rows = [*unspoken(text), *text.splitlines()]
        words = [w for row in rows for w in words_of_line(row)]
        for word in words:
            key, equals, value = word.partition("=")
            group = _group_of(key[2:])
            if not equals or group is None:
                raise InputError(
                    f"{place}: {key} is no option of tfxdr's own; where it is "
                    "a plugin's flag, use the command line"
                )
            declared = settings_of(GROUPS[group])[key[2:]]
            try:
                values[group][key[2:]] = declared.parse(value)
            except ValueError as error:
                raise InputError(f"{place}: {key}: {error}") from error
        groups = {name: GROUPS[name](**given) for name, given in values.items()}
        return cls(**groups)  # type: ignore[arg-type]


def _group_of(name: str) -> str | None:
    found = (
        g for g, declared in GROUPS.items() if name in settings_of(declared)
    )
    return next(found, None)
