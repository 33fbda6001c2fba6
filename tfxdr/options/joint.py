"""Options of joint models and of their meta-learners; see `groups`."""

from __future__ import annotations

import dataclasses

from tfxdr.options.settings import Group, setting


@dataclasses.dataclass(frozen=True)
class Joint(Group):
    """Joint models: both domains trained together."""

    meta: str = setting(
        "none",
        "What weighs source behaviors; several, with commas, are compared.",
    )
    positive_above: float | None = setting(
        3.0,
        "Ratings above are positives, and unrated events; none: all events.",
        optional=float,
    )
    joint_negatives: int = setting(
        1,
        "Sampled items beside each rated target item, from which a ranking "
        "is learned; 0: rated pairs alone, which teach none.",
        lower=0,
    )
    joint_source_examples: int = setting(
        1,
        "Source examples beside each target example in a step: more, where the "
        "source is long and the target short.",
        lower=1,
    )
    joint_start: str = setting(
        "shared-biases",
        "What the first predictions are: biases: a fit of users and items "
        "that have nothing to do with each other, which training adds to; "
        "shared-biases: with what users' source ratings tell of theirs.",
        choices=("random", "biases", "shared-biases"),
    )
    joint_history: int = setting(
        20,
        "The latest items of each domain that a meta-learner reads.",
        lower=1,
    )
    joint_history_liked: bool = setting(
        False, "Of those items, a meta-learner reads the positives alone."
    )
    meta_fraction: float = setting(
        0.1, "Share of training items for a meta-learner.", lower=0, upper=0.9
    )
    meta_retrain: bool = setting(
        True,
        "Once a meta-learner has learned weights, train a new model by them, "
        "on all rows; false is the paper's.",
    )
    bip_interval: int = setting(
        100, "Steps between two updates of what --meta=bip learns.", lower=1
    )
    bip_head_steps: int = setting(
        100, "Steps of the replacement head in an update.", lower=0
    )
    bip_weight_decay: float = setting(
        0.0, "Weight decay of the perceptron of --meta=bip.", lower=0
    )
