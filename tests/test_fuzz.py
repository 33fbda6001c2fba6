"""Spoilt inputs of every kind are read whole, or refused in a sentence."""

import pytest

from benchmarks import fuzz
from tfxdr.errors import InputError


def test_a_few_of_every_kind(capsys):
    kinds = {*fuzz.SAMPLES, *fuzz.OTHERS} - {"export"}  # which takes seconds
    cases = 3 * len(kinds)
    chosen = f"--kinds={','.join(sorted(kinds))}"
    assert fuzz.main([f"--cases={cases}", "--seed=11", chosen]) == 0
    assert f"{cases} cases: " in capsys.readouterr().out


@pytest.mark.parametrize("error", [ValueError("odd"), InputError("")])
def test_a_fault_is_seen(monkeypatch, capsys, error):
    def broken(folder):
        raise error

    monkeypatch.setitem(fuzz.SAMPLES, "csv", broken)
    assert fuzz.main(["--cases=1", "--kinds=csv"]) == 1
    said = capsys.readouterr().out
    assert "case 0 (csv): " in said and "1 faults" in said


def test_what_is_left_in_a_cache_is_seen(tmp_path):
    (tmp_path / "data").mkdir()
    fuzz._check_left_over(tmp_path)
    (tmp_path / "data" / "work.duckdb").touch()
    with pytest.raises(RuntimeError, match=r"work\.duckdb"):
        fuzz._check_left_over(tmp_path)
