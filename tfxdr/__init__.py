"""tfxdr: train, compare and serve cross-domain recommenders in TensorFlow."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that holds it; imported when first asked for.
_PUBLIC = {
    "Backbone": "tfxdr.backbones",
    "Baseline": "tfxdr.policies",
    "ComparedMethods": "tfxdr.experiments.compared_methods",
    "Comparison": "tfxdr.experiments.results",
    "Context": "tfxdr.types",
    "FinishedRun": "tfxdr.experiments.results",
    "InputError": "tfxdr.errors",
    "JointBackbone": "tfxdr.backbones",
    "InstanceLoss": "tfxdr.losses",
    "MetaLearner": "tfxdr.meta_learners",
    "Policy": "tfxdr.policies",
    "Rollout": "tfxdr.policies",
    "PreparedData": "tfxdr.data.prepared",
    "Source": "tfxdr.datasets",
    "events": "tfxdr.datasets.events",
    "TrainingError": "tfxdr.errors",
    "Tuner": "tfxdr.tuners",
    "compare": "tfxdr.experiments.api",
    "INTERFACE": "tfxdr.registry.interface",
    "open_run": "tfxdr.experiments.api",
    "headroom": "tfxdr.experiments.api",
    "prepare": "tfxdr.data.prepare",
    "require_interface": "tfxdr.registry.interface",
    "run": "tfxdr.experiments.api",
    "write_report": "tfxdr.experiments.api",
}
# Registries of what tfxdr has no components of its own for.
_REGISTRIES = ("callbacks", "class_metrics")
# Packages of one kind of component each, imported when first asked for. Each
# stands beside a registry of the same name and exports its `register`, so that
# tfxdr.policies.register means one thing however it was imported; importing
# one registers tfxdr's own, so that a name that is taken is refused to whoever
# comes second.
COMPONENTS = (
    "backbones",
    "datasets",
    "losses",
    "meta_learners",
    "optimizers",
    "policies",
    "policy_networks",
    "tuners",
)
_PACKAGES = (*COMPONENTS, "layers", "models", "serving", "testing")

__all__ = ["__version__", *_PUBLIC, *_REGISTRIES, *_PACKAGES]

# TensorFlow's start-up banners; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _choose_keras() -> None:
    """Has TensorFlow use Keras 2.

    tensorflow-recommenders, tensorflow-addons and parameter servers exist for
    it alone. Where `keras` itself is Keras 2 nothing is to be said, and better
    not: TensorFlow 2.15 knows it by that name, and AutoGraph would rewrite
    the code of `tf_keras` at every trace.
    """
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if not version.startswith("2."):
        # TensorFlow reads this when its Keras is first touched.
        os.environ["TF_USE_LEGACY_KERAS"] = "1"


def _check_keras() -> None:
    """Stops a process whose TensorFlow already resolved to Keras 3."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not hasattr(tensorflow, "keras"):
        return
    # Keras 2 has no `keras.__version__` under the legacy switch, and `keras`
    # in sys.modules proves nothing: look at where a layer comes from.
    home = tensorflow.keras.layers.Layer.__module__
    if home.startswith("keras.src.layers"):
        raise ImportError(
            "tfxdr needs Keras 2, but this process already uses Keras 3: set "
            "the environment variable TF_USE_LEGACY_KERAS=1, or import tfxdr, "
            "before TensorFlow's Keras is first used."
        )


_choose_keras()
_check_keras()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _REGISTRIES:
        return getattr(importlib.import_module("tfxdr.registry"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"tfxdr.{name}")
    raise AttributeError(f"module 'tfxdr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
