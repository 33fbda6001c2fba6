"""The actions of many users at once, like ones together."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import numpy as np
import scipy.cluster.hierarchy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tfxdr.errors import InputError
from tfxdr.evaluation.actions import Actions
from tfxdr.report.policies import CHOICE, FROZEN, TUNED

_MOST = 400  # users that are drawn: hierarchical clustering is quadratic


def clustered_actions(actions: Actions, most: int = _MOST) -> Figure:
    """Draws a line of cells per user, ordered by a clustering of actions.

    Args:
      actions: of the test users.
      most: of more users as many are drawn, evenly spaced among them.

    Returns:
      Users from top to bottom, blocks from left to right; average linkage of
      Euclidean distances, leaves in the order that keeps neighbors alike.

    Raises:
      InputError: there is not one user.
    """
    if not len(actions):
        raise InputError("there is no user: there are no actions to draw")
    count = min(len(actions), most)
    chosen = np.linspace(0, len(actions) - 1, count).round().astype(int)
    rows = actions.actions[chosen]
    if count > 2:
        linkage = scipy.cluster.hierarchy.linkage(
            rows, "average", optimal_ordering=True
        )
        rows = rows[scipy.cluster.hierarchy.leaves_list(linkage)]
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(
        rows, aspect="auto", cmap=CHOICE, vmin=0, vmax=1, interpolation="none"
    )
    blocks = range(1, actions.num_blocks + 1)
    axes.set_xticks(range(actions.num_blocks), map(str, blocks))
    axes.set(xlabel="block, the bottom one first", ylabel=f"{count:,} users")
    axes.set_yticks([])
    figure.legend(
        handles=[
            Patch(color=FROZEN, label="frozen"),
            Patch(color=TUNED, label="tuned"),
        ],
        loc="outside upper right",
        ncols=2,
        frameon=False,
    )
    return figure
