"""Folders of finished runs, as training leaves them, without training."""

import json

import numpy as np

from tfxdr.evaluation import Ranking
from tfxdr.options import Options

USERS = np.repeat(np.arange(60), 3).astype(np.int32)


def made_run(
    place, name, policy, ranks, *, seed=0, data="d", test=None, **more
):
    """Makes the folder of a run that ranked 180 instances of 60 users."""
    folder = place / name
    folder.mkdir(parents=True)
    protocol = {
        "seed": seed,
        "split_seed": 0,
        "task": "next-target",
        "monitor": "mrr@5",
        "train_fraction": 1.0,
        "split": "random",
        **more.pop("protocol", {}),
    }
    result = more.pop("result", {})
    flags = [
        f"--{key}={value}"
        for key, value in {"policy": policy, "seed": seed, **more}.items()
    ]
    (folder / "options.flags").write_text(
        Options().to_flagfile() + "\n".join(flags) + "\n"
    )
    Ranking(USERS, np.arange(180) if test is None else test, ranks).save(
        folder / "ranks.npz"
    )
    metrics = {"hr@5": float((ranks <= 5).mean())}
    for key in ("mrr@5", "ndcg@5", "hr@10", "mrr@10", "ndcg@10"):
        metrics[key] = 0.5
    found = {
        "policy": policy,
        "data": {"fingerprint": data},
        "protocol": protocol,
        "test": metrics,
        **result,
    }
    (folder / "metrics.json").write_text(json.dumps(found))
    return folder


def drawn(seed, share):
    """Ranks of which a share is 1, and the others 9."""
    random = np.random.default_rng(seed)
    return np.where(random.random(180) < share, 1, 9).astype(np.int32)
