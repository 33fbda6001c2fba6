"""Options of a sweep; see `groups`."""

from __future__ import annotations

import dataclasses

from tfxdr.errors import InputError
from tfxdr.options.settings import Group, setting


@dataclasses.dataclass(frozen=True)
class Sweep(Group):
    """Many runs, each of a flagfile with a seed: --mode=sweep."""

    sweep: tuple[str, ...] = setting(
        (), "Flagfiles, or folders of them, with commas.", replay=False
    )
    seeds: tuple[int, ...] = setting(
        (),
        "Seeds that every flagfile is run with; empty: its own.",
        of=int,
        lower=0,
        upper=2**31 - 1,
        replay=False,
    )
    worlds: tuple[int, ...] = setting(
        (),
        "Worlds of generated data that every flagfile is run in: the seed of "
        "the data set, of the split and of the run.",
        of=int,
        lower=0,
        upper=2**31 - 1,
        replay=False,
    )
    search: str = setting(
        "",
        "Options that are tuned for every flagfile alike before it is run, "
        "such as learning_rate=log(1e-4,1e-2);batch_size=[64,256].",
        replay=False,
    )
    trials: int = setting(
        20, "Trials of --search, for every flagfile.", lower=1, replay=False
    )
    grid: str = setting(
        "",
        "Like --search, of lists alone: every combination is tried once.",
        replay=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, numbers in (("seeds", self.seeds), ("worlds", self.worlds)):
            if len(set(numbers)) < len(numbers):
                raise InputError(
                    f"--{name}: expected different numbers, found "
                    f"{','.join(map(str, numbers))}"
                )
        if self.seeds and self.worlds:
            raise InputError(
                "--seeds and --worlds: expected one of the two; a world's "
                "number is its run's seed, too"
            )
        if self.search and self.grid:
            raise InputError(
                "--search and --grid both say what is tuned: expected one of "
                "the two"
            )
