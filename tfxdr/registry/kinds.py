"""The kinds of components: a registry each."""

from __future__ import annotations

from tfxdr.registry.core import Registry

backbones = Registry(
    "backbone",
    flag="backbone",
    provided=("num_items",),  # a joint one gets sizes instead
    offered=("sizes",),
)
policies = Registry(
    "policy", plural="policies", flag="policy", offered=("run_seed", "users")
)
policy_networks = Registry(
    "policy network",
    flag="policy_network",
    provided=("num_items", "channels"),
)
meta_learners = Registry(
    "meta-learner",
    flag="meta",
    offered=("interval", "weight_decay", "head_steps", "source_categories"),
)
tuners = Registry("tuner", flag="tuner")
datasets = Registry("dataset", flag="dataset")
optimizers = Registry(
    "optimizer",
    flag="optimizer",
    provided=("learning_rate", "weight_decay"),
    offered=("parameters", "pretrained_variables"),
)
losses = Registry(
    "loss", plural="losses", flag="loss", offered=("item_probability",)
)
callbacks = Registry("callback", flag="callbacks")
class_metrics = Registry(
    "class metric", flag="class_metrics", provided=("num_classes",)
)

ALL: tuple[Registry, ...] = (
    *(backbones, policies, policy_networks, meta_learners, tuners, datasets),
    *(optimizers, losses, callbacks, class_metrics),
)
