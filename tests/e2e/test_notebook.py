"""docs/notebook/own-data.ipynb runs from its first cell to its last one."""

import ast
import re

import nbformat
import pytest
from documented import ROOT
from nbclient import NotebookClient

PATH = ROOT / "docs" / "notebook" / "own-data.ipynb"


@pytest.fixture
def kernel_at_home(tmp_path, monkeypatch):
    """What a kernel keeps of its sessions stays in the test's folder."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def shown(cell):
    """The text of what a cell comes to."""
    (result,) = (
        one["data"]["text/plain"]
        for one in cell["outputs"]
        if one["output_type"] == "execute_result"
    )
    return result


@pytest.mark.large
def test_every_cell_runs(tmp_path, kernel_at_home):
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = nbformat.read(PATH, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    cells = {c["source"]: c for c in notebook.cells if c["cell_type"] == "code"}

    def of(begun):
        (found,) = (c for text, c in cells.items() if text.startswith(begun))
        return found

    assert "item-knn" in shown(of("run = tfxdr.run("))
    assert "Best by HR@5: " in shown(of("found = tfxdr.compare("))
    assert "text/html" in of("found = tfxdr.compare(")["outputs"][0]["data"]
    assert "<h2" in (folder / "report.html").read_text("utf-8")
    asked = re.findall(r"\btea-\d+", shown(of("answer = ")))
    served = ast.literal_eval(shown(of("made = best.export(")))
    assert len(served) == 5 and served == asked


def test_it_is_kept_without_what_it_printed():
    notebook = nbformat.read(PATH, as_version=4)
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
