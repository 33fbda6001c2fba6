"""Runs on data that a program holds, which no command line can name."""

import numpy as np
import pytest

import tfxdr
from tfxdr import main
from tfxdr.errors import InputError
from tfxdr.experiments.given import text_of

pytestmark = pytest.mark.usefixtures("in_place")


class Frame(tfxdr.Source):
    """Rows in memory, which no text can name."""

    def __init__(self, rows):
        self.rows = rows

    def options(self):
        return {"rows": len(self.rows)}

    def load(self, connection, rejects):
        for domain in ("source", "target"):
            users, items = zip(*self.rows, strict=True)
            columns = {
                "user": np.array(users, object),
                "item": np.array([domain[0] + item for item in items], object),
                "time": np.arange(len(users)),
                "rating": np.ones(len(users)),
                "row": np.arange(len(users)),
            }
            tfxdr.datasets.insert_arrays(connection, domain, columns)


class TestDataInMemory:
    OPTIONS = {
        "backbone": "nextitnet(channels=8,dilations=[1,2])",
        "policy": "all",
        "pretrain_epochs": 1,
        "epochs": 1,
    }

    @pytest.fixture
    def frame(self):
        draw = np.random.default_rng(0)
        return Frame(
            [
                (f"u{user}", str(item))
                for user in range(50)
                for item in draw.choice(20, 6, replace=False)
            ]
        )

    def test_it_is_replayed_by_its_content(self, frame, capfd):
        run = tfxdr.run(frame, **self.OPTIONS, split="leave-one-out")
        assert "is replayed as long as the cache" in capfd.readouterr().out
        flags = (run[0].folder / "options.flags").read_text()
        assert "--split=leave-one-out" in flags
        assert main.main(["--mode=evaluate", f"--run={run[0].folder}"]) == 0
        value = f"{run[0].metrics['hr@5']:.4f}"
        assert value in capfd.readouterr().out
        opened = tfxdr.open_run(run[0].folder)
        assert len(opened.recommend(user="u1", k=2)) == 2

    def test_prepared_data_are_the_same_run(self, frame):
        data = tfxdr.prepare(frame, split="leave-one-out")
        run = tfxdr.run(data, **self.OPTIONS)
        first = tfxdr.run(frame, **self.OPTIONS, split="leave-one-out")
        assert run.folder == first.folder
        loaded = tfxdr.PreparedData.load(data.folder)
        assert tfxdr.run(loaded, **self.OPTIONS).folder == run.folder

    def test_other_options_of_the_data_are_refused(self, frame):
        data = tfxdr.prepare(frame, split="leave-one-out")
        with pytest.raises(InputError, match="prepared with leave-one-out"):
            tfxdr.run(data, **self.OPTIONS, split="random")

    def test_another_seed_trains_anew_on_the_same_split(self, frame):
        data = tfxdr.prepare(frame)
        runs = [
            tfxdr.run(data, **self.OPTIONS, seed=seed)[0] for seed in (0, 1)
        ]
        prints = {one.result["data"]["fingerprint"] for one in runs}
        assert prints == {data.fingerprint}
        assert runs[0].folder != runs[1].folder


def test_a_source_has_a_text_if_it_can():
    known = tfxdr.datasets.create("synthetic", users=60)
    assert text_of(known) == "synthetic(users=60)"
    assert text_of(Frame([])) is None
