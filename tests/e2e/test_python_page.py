"""docs/python.md runs as it stands."""

import pytest
from documented import ROOT, steps
from following import Reader

_PAGE = ROOT / "docs" / "python.md"


@pytest.mark.large
def test_every_block_runs(tmp_path, capsys, registries):
    reader = Reader(tmp_path)
    reader.follow(steps(_PAGE))
    made, out = reader.names, capsys.readouterr().out
    assert "nothing is not in" not in out  # a list of items was printed
    assert made["answer"].unknown == ["nothing"]
    assert (tmp_path / "actions.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "export/shop/1/saved_model.pb").is_file()
    assert made["backbone"].width == 64
    tuned = made["model"].block.tuned.trainable_variables
    assert tuned and not made["model"].block.frozen.trainable_variables
    # The last block's answer by main is that of the first one.
    first = str(made["best"].recommend(user="u00017", k=3))
    assert out.rstrip().endswith(first)
    for name in ("recommendations.parquet", "recommendations.csv"):
        assert (tmp_path / name).stat().st_size > 0
