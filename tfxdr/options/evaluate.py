"""How what was learned is judged."""

from __future__ import annotations

import dataclasses

from tfxdr.errors import InputError
from tfxdr.options.settings import Group, setting


@dataclasses.dataclass(frozen=True)
class Evaluate(Group):
    """Ranking metrics on held-out target items."""

    top_n: tuple[int, ...] = setting(
        (5, 10), "The N of hr@N, mrr@N and ndcg@N.", lower=1
    )
    eval_negatives: int = setting(
        0, "Rank among so many sampled items too; 0: among all only.", lower=0
    )
    eval_batch_size: int = setting(256, "Users in a batch.", lower=1)
    class_metrics: str = setting(
        "", "More metrics for --task=profile, with commas (--mode=list)."
    )
    published: str = setting(
        "",
        "Figures of a publication that a report shows beside the run's, such "
        "as hr@5=0.8993,mrr@5=0.6910.",
    )
    explain_by: str = setting(
        "",
        "Explain the table by ATTRIBUTE, or ATTRIBUTE=VALUE (to be tuned; with "
        "a joint model category=VALUE, to count nothing).",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.top_n:
            raise InputError("--top_n: expected integers such as 5,10")
