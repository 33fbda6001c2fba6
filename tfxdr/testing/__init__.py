"""What components promise, as checks that an author runs in one line.

    import my_policy  # registers it
    from tfxdr.testing import check_policy

    def test_contract():
        check_policy("my-policy(option=3)")

A check takes the text that would follow the flag, builds small models around
the component, and raises AssertionError at the first promise that is broken,
naming the promise and what was found. These are the checks that tfxdr's own
components pass.
"""

from __future__ import annotations

import importlib

from tfxdr.testing.contract import Contract

__all__ = [
    "check_backbone",
    "check_callback",
    "check_class_metric",
    "check_dataset",
    "check_joint_backbone",
    "check_loss",
    "check_meta_learner",
    "check_optimizer",
    "check_policy",
    "check_policy_network",
    "check_tuner",
]


def check_policy(policy: str) -> None:
    """Checks a policy, or a baseline that takes a policy's place.

    Args:
      policy: a registered name, with options if need be: `budget(blocks=2)`.

    Raises:
      InputError: the name is unknown, or an option is refused.
      AssertionError: a promise is broken; says which and how.
    """
    _module("policies").contract_of(policy).check(policy)


def check_backbone(backbone: str) -> None:
    """Checks a sequential backbone; see `check_policy`.

    Keep it small (`channels=8`), or the checks take long.
    """
    _contract("backbones", "BACKBONE").check(backbone)


def check_joint_backbone(backbone: str) -> None:
    """Checks the backbone of a joint model; see `check_policy`."""
    _contract("joint_backbones", "JOINT_BACKBONE").check(backbone)


def check_policy_network(policy_network: str) -> None:
    """Checks the encoder of a policy network; see `check_policy`."""
    _contract("policy_networks", "POLICY_NETWORK").check(policy_network)


def check_tuner(tuner: str) -> None:
    """Checks a tuner; see `check_policy`."""
    _contract("tuners", "TUNER").check(tuner)


def check_meta_learner(meta_learner: str) -> None:
    """Checks a meta-learner; see `check_policy`."""
    _contract("meta_learners", "META_LEARNER").check(meta_learner)


def check_dataset(dataset: str) -> None:
    """Checks a data source on the data that it names; see `check_policy`."""
    _contract("datasets", "DATASET").check(dataset)


def check_optimizer(optimizer: str) -> None:
    """Checks an optimizer; see `check_policy`."""
    _contract("optimizers", "OPTIMIZER").check(optimizer)


def check_loss(loss: str) -> None:
    """Checks a loss of fine-tuning; see `check_policy`."""
    _contract("losses", "LOSS").check(loss)


def check_callback(callback: str) -> None:
    """Checks a callback; see `check_policy`."""
    _contract("callbacks", "CALLBACK").check(callback)


def check_class_metric(class_metric: str) -> None:
    """Checks a metric of classes; see `check_policy`."""
    _contract("class_metrics", "CLASS_METRIC").check(class_metric)


def _module(name: str):
    # Models are imported when something is checked, not with tfxdr.
    return importlib.import_module(f"tfxdr.testing.{name}")


def _contract(module: str, name: str) -> Contract:
    return getattr(_module(module), name)
