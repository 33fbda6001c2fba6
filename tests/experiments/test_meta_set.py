"""Examples that are held out for a meta-learner that reads none of them."""

import pytest

from tfxdr.experiments.start import make_experiment
from tfxdr.options.named import options_from


@pytest.mark.parametrize(
    ("meta", "fraction", "told"),
    [
        ("none", 0.1, True),
        ("none,constant(weight=2)", 0.1, True),
        ("none", 0.0, False),
        ("none,bip", 0.1, False),
        ("bip(meta_set=training)", 0.1, True),
    ],
)
def test_a_run_says_so(meta, fraction, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = make_experiment(
        options_from(
            {
                "dataset": "planted(users=40,source_items=80,target_items=40)",
                "backbone": "mtl",
                "split": "leave-one-out",
                "meta": meta,
                "meta_fraction": fraction,
            }
        )
    )
    made.check(made.specs)
    out = " ".join(capsys.readouterr().out.split())
    count = len(made.examples.meta)
    note = f"note: {count} training examples are held out"
    assert (note in out) == told
    assert ("--meta_fraction=0 trains on them" in out) == told
