"""Every registered component keeps the promises of its kind."""

from __future__ import annotations

import pytest

from tfxdr import registry
from tfxdr.backbones import is_joint
from tfxdr.modes.start import import_components
from tfxdr.testing.backbones import BACKBONE
from tfxdr.testing.callbacks import CALLBACK
from tfxdr.testing.class_metrics import CLASS_METRIC
from tfxdr.testing.datasets import DATASET
from tfxdr.testing.joint_backbones import JOINT_BACKBONE
from tfxdr.testing.losses import LOSS
from tfxdr.testing.meta_learners import META_LEARNER
from tfxdr.testing.optimizers import OPTIMIZER
from tfxdr.testing.policies import BASELINE, POLICY, contract_of
from tfxdr.testing.policy_networks import POLICY_NETWORK
from tfxdr.testing.tuners import TUNER

import_components()

# Small ones, so that the checks are quick; other names have their defaults.
SMALL = {
    registry.backbones: {
        "bert4rec": "bert4rec(channels=8,mask_prob=0.5)",
        "conet": "conet(embedding_size=3,hidden=[6,4])",
        "ddtcdr": "ddtcdr(embedding_size=3,hidden=[6,4])",
        "gru4rec": "gru4rec(channels=8,num_blocks=2)",
        "hstu": "hstu(channels=8,num_heads=2)",
        "mf": "mf(embedding_size=3,shared=true)",
        "mtl": "mtl(embedding_size=3,hidden=[6,4])",
        "nextitnet": "nextitnet(channels=8,dilations=[1,2,4,8])",
        "sasrec": "sasrec(channels=8,num_heads=2)",
    },
    registry.datasets: {
        "planted": "planted(users=40)",
        "planted-policies": "planted-policies(users=60)",
        "semi-planted": "semi-planted(source=planted(users=40))",
        "synthetic": "synthetic(users=60)",
    },
    registry.meta_learners: {
        "bip": "bip(num_heads=2,head_size=3,hidden=[5])",
        "by-category": "by-category(matched=true)",
        "constant": "constant(weight=0.5)",
        "oracle": "oracle(category=b)",
    },
    registry.policies: {
        "last-N": "last-2",
        "oracle": "oracle(attribute=kind,tuned=new)",
    },
}
# Of these kinds there are plugins alone.
WITHOUT_OWN = {
    registry.callbacks: CALLBACK,
    registry.class_metrics: CLASS_METRIC,
}
# `test_datasets_from_files` writes what these read.
# `tests/data/test_prepared.py` has one in a cache, and
# `tests/meta_learners/test_found.py` a run.
FROM_FILES = {"prepared", "amazon", "coldrec", "events", "movielens", "found"}


def contract(known, text):
    if known is registry.policies:
        return contract_of(text)
    if known is registry.backbones:
        joint = is_joint(known.entry(text.partition("(")[0]))
        return JOINT_BACKBONE if joint else BACKBONE
    return next(c for c in OTHERS if c.registry is known)


OTHERS = (*(DATASET, LOSS, META_LEARNER, OPTIMIZER, POLICY_NETWORK, TUNER),)
OWN = [
    (known, SMALL.get(known, {}).get(entry.name, entry.name))
    for known in registry.ALL
    for entry in known.entries()
    if entry.origin == "tfxdr" and entry.name not in FROM_FILES
]
KINDS = [
    *((contract(known, text), text) for known, text in OWN),
    (JOINT_BACKBONE, "conet(embedding_size=3,hidden=[6,4],only_target=true)"),
    (JOINT_BACKBONE, "mf(embedding_size=3)"),
]


@pytest.mark.parametrize(
    ("contract", "promise", "text"),
    [
        pytest.param(contract, promise, text, id=f"{text}-{promise.__name__}")
        for contract, text in KINDS
        for promise in contract.promises
    ],
)
def test_promise(contract, promise, text):
    contract.check_promise(promise, text)


def test_every_kind_has_promises():
    checked = {contract.registry for contract, _ in KINDS}
    assert checked == set(registry.ALL) - set(WITHOUT_OWN)
    assert {contract.registry for contract in WITHOUT_OWN.values()} == set(
        WITHOUT_OWN
    )
    assert {POLICY, BASELINE} <= {contract for contract, _ in KINDS}
