"""Options of the modes that answer from a finished run; see `groups`."""

from __future__ import annotations

import dataclasses

from tfxdr.errors import InputError
from tfxdr.options.settings import Group, path_setting, setting


@dataclasses.dataclass(frozen=True)
class Compare(Group):
    """Which method is better, by finished runs: --mode=compare."""

    baseline: str = setting(
        "",
        "The method that the others are held against; empty: all in pairs.",
        replay=False,
    )
    compare_by: tuple[str, ...] = setting(
        (),
        "Metrics of single instances, such as hr@5; empty: those at the "
        "first of --top_n.",
        replay=False,
    )


@dataclasses.dataclass(frozen=True)
class Recommend(Group):
    """Items or behaviors of users: --mode=recommend, --mode=explain."""

    user: str = setting(
        "", "A user of the data, by raw id.", replay=False, verbatim=True
    )
    history: tuple[str, ...] = setting(
        (),
        "Raw source ids, oldest first, with commas; instead of --user. One "
        'that holds a comma stands in quotes: a,"b,c".',
        replay=False,
        verbatim=True,
    )
    users: str = path_setting(
        "",
        "all, or a file of raw user ids, one a line: everyone's answer goes "
        "to --output.",
        replay=False,
    )
    output: str = path_setting(
        "",
        "A file.parquet, .csv or .jsonl for --users; of --mode=compare and "
        "headroom a file.md, .csv or .tex, of --mode=report a file.html or "
        ".md.",
        replay=False,
    )
    k: int = setting(10, "How many items.", lower=1, replay=False)
    format: str = setting(
        "text",
        "How an answer, or --mode=list, is printed.",
        choices=("text", "json"),
        replay=False,
    )


@dataclasses.dataclass(frozen=True)
class Export(Group):
    """A model for TensorFlow Serving: --mode=export, or of a run."""

    export_dir: str = path_setting(
        "",
        "Folder of the versions 1, 2, ...: a run is exported when it is done; "
        "--mode=recommend answers from it, too.",
        replay=False,
    )
    k_max: int = setting(
        100, "Items in an answer of the export.", lower=1, replay=False
    )
    exclude_history: bool = setting(
        False,
        "Never recommend items of the history, where domains share items.",
        replay=False,
    )
    refresh_candidates: str = path_setting(
        "",
        "File of raw target ids, one a line: a new version that recommends "
        "these alone.",
        replay=False,
    )
    export_retrieval: str = setting(
        "brute-force",
        "How the best of many items are found: by a score for each; scann, in "
        "the model; faiss: by an index beside it, for its vectors.",
        choices=("brute-force", "faiss", "scann"),
        replay=False,
    )
    min_recall: float = setting(
        0.95,
        "The least share of brute force's best --k_max items that faiss or "
        "scann has to find.",
        lower=0,
        upper=1,
        replay=False,
    )
    warm_up_sizes: tuple[int, ...] = setting(
        (1,),
        "Rows of the warm-up requests: the server's allowed_batch_sizes.",
        lower=1,
        replay=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.warm_up_sizes:
            raise InputError("--warm_up_sizes: expected integers such as 1,8")
