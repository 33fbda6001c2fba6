"""What a policy cannot decide by is said before it is trained."""

import pytest

from tfxdr.experiments.start import make_experiment
from tfxdr.options.named import options_from


@pytest.mark.parametrize(
    ("policy", "network", "pooling", "told"),
    [
        ("gumbel", "nextitnet(dilations=[1,2])", "last", True),
        ("gumbel", "nextitnet(dilations=[1,2])", "mean", False),
        ("all,soft", "nextitnet(dilations=[1,2])", "last", True),
        ("gumbel", "nextitnet", "last", False),
        ("gumbel", "gru", "last", False),
        ("all,random", "nextitnet(dilations=[1,2])", "last", False),
    ],
)
def test_items_that_a_policy_network_does_not_read(
    policy, network, pooling, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    made = make_experiment(
        options_from(
            {
                "dataset": "planted-policies(users=60,length=12)",
                "backbone": "nextitnet(channels=4,dilations=[1,2])",
                "policy": policy,
                "policy_network": network,
                "policy_pooling": pooling,
            }
        )
    )
    made.check(made.specs)
    out = " ".join(capsys.readouterr().out.split())
    assert ("reads the latest 7 of up to 12 source items" in out) == told
