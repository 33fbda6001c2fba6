"""docs/python.md runs as it stands."""

import pathlib
import re
import runpy

_PAGE = pathlib.Path(__file__).parent.parent / "docs" / "python.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "page.py"
    script.write_text("\n".join(_BLOCK.findall(_PAGE.read_text("utf-8"))))
    made = runpy.run_path(str(script), run_name="page")
    out = capsys.readouterr().out
    assert "nothing is not in" not in out  # a list of items was printed
    assert made["answer"].unknown == ["nothing"]
    assert (tmp_path / "recommendations.parquet").is_file()
    assert (tmp_path / "actions.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "export/shop/1/saved_model.pb").is_file()
    assert made["backbone"].width == 64
    tuned = made["model"].block.tuned.trainable_variables
    assert tuned and not made["model"].block.frozen.trainable_variables
    # The last block's answer by main is that of the first one.
    first = str(made["best"].recommend(user="u00017", k=3))
    assert out.rstrip().endswith(first)
