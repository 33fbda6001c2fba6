"""What every option is: one declared line each, by group.

Flags, help, range checks and a run's flagfile all follow from these lines.
"""

from __future__ import annotations

import dataclasses

from tfxdr.errors import InputError
from tfxdr.options.answers import Compare, Export, Recommend
from tfxdr.options.compute import Compute
from tfxdr.options.evaluate import Evaluate
from tfxdr.options.joint import Joint
from tfxdr.options.settings import Group, path_setting, setting
from tfxdr.options.sweeps import Sweep
from tfxdr.registry.metric_names import RANKING_METRICS, ranking_metric

MODES = (
    *("run", "prepare", "inspect", "pretrain", "evaluate", "compare"),
    *("headroom", "sweep", "report", "results"),
    *("recommend", "explain", "export", "list"),
)
PRETRAIN_MONITORS = (
    "validation_loss",
    *(ranking_metric(name, n) for n in (5, 10) for name in RANKING_METRICS),
)
_SCHEDULES = ("constant", "linear", "cosine")  # of WarmupDecay


@dataclasses.dataclass(frozen=True)
class Run(Group):
    """Which run, and what to do with it."""

    mode: str = setting("run", "What to do.", choices=MODES, replay=False)
    run: str = path_setting(
        "",
        "Folder of the run, the beginning of its name, or latest; empty: new. "
        "--mode=compare, headroom and report take several, with commas, and "
        "patterns.",
        replay=False,
    )
    runs_dir: str = path_setting("runs", "Where new run folders are made.")
    cache_dir: str = path_setting(
        "cache", "Where prepared data and pre-trained weights are kept."
    )
    component: str = setting("", "What --mode=list explains.", replay=False)
    resume: bool = setting(
        False, "Go on with a run that was stopped.", replay=False
    )
    overwrite: bool = setting(False, "Replace a run folder.", replay=False)
    seed: tuple[int, ...] = setting(
        (0,),
        "Decides first weights, order and sampling; of several, with commas, "
        "all are run.",
        lower=0,
        upper=2**31 - 1,
    )
    plugins: tuple[str, ...] = setting(
        (), "Python files or modules that register components."
    )
    checkpoint_seconds: float = setting(
        60.0, "Time between two checkpoints.", lower=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.seed or len(set(self.seed)) < len(self.seed):
            raise InputError(
                "--seed: expected one number or different ones with commas, "
                f"such as 0,1,2, found {','.join(map(str, self.seed))!r}"
            )


@dataclasses.dataclass(frozen=True)
class Data(Group):
    """What is learned from."""

    dataset: str = setting(
        "planted-policies", "A source of data, such as events (--mode=list)."
    )
    data_path: str = path_setting("", "Folder or file that the source reads.")
    split: str = setting(
        "random",
        "How target items are divided.",
        choices=("random", "leave-one-out", "time", "column"),
    )
    split_seed: int = setting(
        0,
        "Decides splits, the share of --train_fraction, and sampled items of "
        "an evaluation.",
        lower=0,
        upper=2**31 - 1,
    )
    split_fractions: tuple[float, ...] = setting(
        (0.8, 0.05, 0.15),
        "Shares of training, validation and test.",
        length=3,
        lower=0,
        upper=1,
    )
    train_fraction: float = setting(
        1.0, "Share of the training items that is used.", above=0, upper=1
    )
    max_history: int = setting(
        50, "The latest source items kept of a user.", lower=1
    )
    max_bad_rows: int = setting(
        0, "Malformed rows that are counted instead of refused.", lower=0
    )
    engine: str = setting(
        "duckdb",
        "What prepares the data; spark is the same in parallel.",
        choices=("duckdb", "spark"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.split_fractions[0]:
            raise InputError(
                "--split_fractions: expected a training share above 0, found "
                f"{self.split_fractions}"
            )
        if abs(sum(self.split_fractions) - 1) > 1e-6:
            raise InputError(
                "--split_fractions: expected three shares that add up to 1, "
                f"found {self.split_fractions} (sum "
                f"{sum(self.split_fractions):g})"
            )


@dataclasses.dataclass(frozen=True)
class Task(Group):
    """What is predicted."""

    task: str = setting(
        "next-target",
        "Target items, or an attribute of the user.",
        choices=("next-target", "profile"),
    )
    attribute: str = setting(
        "", "The attribute that --task=profile predicts, such as gender."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.task == "profile") != bool(self.attribute):
            raise InputError(
                "--task=profile and --attribute=NAME go together, found "
                f"--task={self.task} --attribute={self.attribute}"
            )


@dataclasses.dataclass(frozen=True)
class Model(Group):
    """What is learned."""

    backbone: str = setting(
        "nextitnet(channels=64,dilations=[1,2,4,8])",
        "The sequence encoder.",
    )
    policy: str = setting(
        "all", "What is fine-tuned; several, with commas, are compared."
    )
    policy_network: str = setting(
        "nextitnet(dilations=[1,2])",
        "The encoder from which a learned policy decides; nextitnet is the "
        "paper's, of four layers.",
    )
    policy_pooling: str = setting(
        "mean",
        "How positions become what a learned policy decides from; last is "
        "the paper's.",
        choices=("last", "mean"),
    )
    policy_standardize: bool = setting(
        True,
        "Take what users share out of what a learned policy decides from; "
        "false is the paper's.",
    )
    policy_start: float = setting(
        0.73,
        "The chance that a learned policy tunes a block before it has learned "
        "anything; 0.5 is the paper's.",
        lower=0.01,
        upper=0.99,
    )
    policy_decay: float = setting(
        0.03,
        "The weight of an L2 penalty on what makes a learned policy's "
        "decisions differ by user; 0 is the paper's.",
        lower=0.0,
    )
    policy_embedding: str = setting(
        "auto",
        "The items' vectors from which a learned policy decides: they stay "
        "as pre-training left them, or are trained, as the paper's are; auto: "
        "trained for rl-scst.",
        choices=("auto", "frozen", "trained"),
    )
    policy_retrain: bool = setting(
        True,
        "Once a policy has learned, train all else again, from the weights "
        "that it started from, as the policy decides by then; false is the "
        "paper's.",
    )
    tuner: str = setting(
        "copy", "What a tuned block is: all of its weights, or adapters."
    )
    pooling: str = setting(
        "last", "How positions become a user.", choices=("last", "mean")
    )
    train_embeddings: str = setting(
        "auto",
        "Fine-tune the item embedding; auto: as the policy's paper does.",
        choices=("auto", "true", "false"),
    )
    head_start: str = setting(
        "popularity",
        "The first scores of target items: popularity: the log of their share "
        "of the training items, and little beside it.",
        choices=("random", "popularity"),
    )

    def network_options(self, train_embedding: bool) -> dict[str, object]:
        """Those of `tfxdr.policy_networks.PolicyNetwork`.

        Args:
          train_embedding: what the policy wants where nothing is said.
        """
        trained = {"frozen": False, "trained": True, "auto": train_embedding}
        return {
            "pooling": self.policy_pooling,
            "standardize": self.policy_standardize,
            "start": self.policy_start,
            "decay": self.policy_decay,
            "train_embeddings": trained[self.policy_embedding],
        }


@dataclasses.dataclass(frozen=True)
class Pretrain(Group):
    """Pre-training on the source domain."""

    pretrain_epochs: int = setting(20, "Most epochs.", lower=0)
    pretrain_patience: int = setting(
        2, "Epochs without a better validation until it stops.", lower=1
    )
    pretrain_monitor: str = setting(
        "validation_loss",
        "What picks the epoch.",
        choices=PRETRAIN_MONITORS,
    )
    pretrain_batch_size: int = setting(256, "Users in a batch.", lower=1)
    pretrain_learning_rate: float = setting(1e-3, "Adam's rate.", above=0)
    pretrain_lr_schedule: str = setting(
        "constant",
        "How the rate changes over --pretrain_epochs.",
        choices=_SCHEDULES,
    )
    pretrain_loss: str = setting(
        "auto",
        "auto: sampled for large vocabularies.",
        choices=("auto", "softmax", "sampled_softmax"),
    )
    pretrain_num_sampled: int = setting(
        1000, "Items sampled by sampled_softmax.", lower=1
    )
    pretrain_length: int = setting(
        0, "The latest items that a prediction reads; 0: all.", lower=0
    )
    pretrain_windows: bool = setting(
        False,
        "Train on all of a longer history, cut into windows of "
        "--pretrain_length, instead of its latest items alone.",
    )
    pretrain_split: str = setting(
        "users",
        "What is held out: whole users, or of every user the last item for "
        "a test and the one before for validation.",
        choices=("users", "leave-one-out"),
    )
    pretrain_validation: float = setting(
        0.05, "Share of the users held out.", above=0, upper=0.5
    )
    pretrain_mask_seen: bool = setting(
        False, "Validate and test without the items of the user's history."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pretrain_windows and not self.pretrain_length:
            raise InputError(
                "--pretrain_windows needs the length of a window: expected "
                "--pretrain_length of 1 or more, found 0"
            )


@dataclasses.dataclass(frozen=True)
class Finetune(Group):
    """Fine-tuning for the target domain."""

    epochs: int = setting(50, "Most epochs.", lower=1)
    patience: int = setting(
        5, "Epochs without a better validation result until it stops.", lower=1
    )
    monitor: str = setting(
        "",
        "The validation metric that picks the epoch; empty: mrr at the first "
        "of --top_n, and accuracy for a profile.",
    )
    loss: str = setting(
        "auto",
        "The loss of a target item; auto: softmax, and bpr for more than "
        "100,000 target items.",
    )
    num_negatives: int = setting(
        1, "Sampled negatives for every target item.", lower=1
    )
    batch_size: int = setting(256, "Users in a batch.", lower=1)
    targets_per_user: int = setting(
        32, "Most target items of a user in a batch.", lower=1
    )
    optimizer: str = setting("adam", "The optimizer.")
    callbacks: str = setting(
        "", "Keras callbacks that go along, with commas (see --mode=list)."
    )
    learning_rate: float = setting(1e-3, "The rate of new weights.", above=0)
    pretrained_learning_rate: float | None = setting(
        None,
        "The rate of pre-trained weights; none: --learning_rate.",
        optional=float,
        above=0,
    )
    warm_start: str = path_setting(
        "",
        "A finished run of the same components on earlier data, whose weights "
        "this one starts from, item by item; nothing is pre-trained then.",
    )
    warm_start_vanished: str = setting(
        "drop",
        "What becomes of that run's items that the new data do not have.",
        choices=("drop", "keep"),
    )
    policy_learning_rate: float | None = setting(
        None,
        "The rate of the policy network; none: --learning_rate.",
        optional=float,
        above=0,
    )
    lr_schedule: str = setting(
        "constant",
        "How the rates change over the run.",
        choices=_SCHEDULES,
    )
    warmup_steps: int = setting(
        0, "Steps over which the rates rise from 0.", lower=0
    )
    weight_decay: float = setting(
        0.0, "Decoupled weight decay of what is trained.", lower=0
    )
    clip_norm: float = setting(
        0.0, "The gradient's largest norm; 0: any.", lower=0
    )


GROUPS: dict[str, type[Group]] = {
    "run": Run,
    "data": Data,
    "task": Task,
    "model": Model,
    "pretrain": Pretrain,
    "finetune": Finetune,
    "joint": Joint,
    "evaluate": Evaluate,
    "sweep": Sweep,
    "compare": Compare,
    "recommend": Recommend,
    "export": Export,
    "compute": Compute,
}
