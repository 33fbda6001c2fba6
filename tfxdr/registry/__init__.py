"""Named components: `--policy="gumbel(temperature=5)"` becomes an object.

`core` has what a registry is, `kinds` those that there are, `plugins` what
fills them from outside. Standard library only, `plugins` aside, so that names
can be handled before TensorFlow loads.
"""

from tfxdr.registry.core import Registry, Spec
from tfxdr.registry.entry import Entry, Option
from tfxdr.registry.kinds import (
    ALL,
    backbones,
    callbacks,
    class_metrics,
    datasets,
    losses,
    meta_learners,
    optimizers,
    policies,
    policy_networks,
    tuners,
)
from tfxdr.registry.spec_text import split_specs

__all__ = [
    "ALL",
    "Entry",
    "Option",
    "Registry",
    "Spec",
    "backbones",
    "callbacks",
    "class_metrics",
    "datasets",
    "losses",
    "meta_learners",
    "optimizers",
    "policies",
    "policy_networks",
    "split_specs",
    "tuners",
]
