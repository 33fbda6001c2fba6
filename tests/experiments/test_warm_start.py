"""What a run takes along from one on earlier data."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import tfxdr
from tfxdr.errors import InputError
from tfxdr.experiments.warm_start import (
    GOES_ON,
    Vocabulary,
    carry_optimizers,
    optimizers_of,
    pairs,
)
from tfxdr.registry import optimizers
from tfxdr.testing.models import NUM_ITEMS, NUM_TARGETS, transfer_model
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.slots import slots
from tfxdr.types import FIRST_ITEM

OPTIONS = {
    "backbone": "nextitnet(channels=8,dilations=[1,2])",
    "policy": "gumbel",
    "policy_network": "nextitnet(dilations=[1,2])",
    "pretrain_epochs": 1,
    "epochs": 1,
    "learning_rate": 0.01,
    "pretrained_learning_rate": 0.005,
}


def _write(path, items, users=60):
    draw = np.random.default_rng(3)
    rows = [
        f"u{user},{draw.choice(items)},{time}"
        for user in range(users)
        for time in range(8)
    ]
    path.write_text("\n".join(["user,item,timestamp", *rows]) + "\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A finished run; and later data, with new items before the known ones."""
    home = tmp_path_factory.mktemp("home")
    for name, items in (("s", "bcdefgh"), ("t", "nopqrst")):
        _write(home / f"{name}.csv", list(items))
        later = [chr(ord(items[0]) - 1), *items[:-1], "zz"]
        _write(home / f"{name}-later.csv", later, users=70)
    tfxdr.run(_events(home, ""), run=home / "first", **_places(home), **OPTIONS)
    return home


def _events(home, later):
    source, target = home / f"s{later}.csv", home / f"t{later}.csv"
    return f"events(source='{source}',target='{target}')"


def _places(home):
    return {"cache_dir": home / "cache"}


def _weights(run):
    model = run._contender.trained().model
    data = run._contender.experiment.data
    table = tf.convert_to_tensor(model.backbone.embedding.embeddings)
    source = dict(zip(data.source_ids, table.numpy()[FIRST_ITEM:], strict=True))
    kernel = model.head.kernel.numpy()[FIRST_ITEM:]
    return source, dict(zip(data.target_ids, kernel, strict=True))


def test_known_items_keep_their_weights_wherever_they_stand(home, capsys):
    run = tfxdr.run(
        _events(home, "-later"),
        run=home / "second",
        warm_start=home / "first",
        **_places(home),
        **OPTIONS | {"learning_rate": 1e-9, "head_start": "random"},
    )
    told = run.best.result
    assert "pretrain" not in told
    assert told["warm_start"]["source_items"] == {
        "known": 6,
        "new": 2,
        "kept": 0,
        "gone": 1,
    }
    said = capsys.readouterr().out
    assert "6 source items are known, 2 new, 1 gone" in said
    assert f"; the optimizer {GOES_ON}; " in said
    for before, now in zip(
        _weights(tfxdr.open_run(home / "first")),
        _weights(run.best),
        strict=True,
    ):
        known = before.keys() & now.keys()
        assert len(known) == 6 and len(now) == 8
        for item in known:
            np.testing.assert_allclose(now[item], before[item], atol=1e-6)
    # With a rate of nothing, the test is that of before training.
    test, earlier = told["test"], told["warm_start"]["test"]
    assert earlier["hr@5"] == pytest.approx(test["hr@5"], abs=1e-6)


@pytest.mark.large
def test_items_that_vanished_stay_where_they_are_asked_to(home, capsys):
    """Also when the run that had them is gone, and from run to run."""
    first = home / "copied"
    shutil.copytree(home / "first", first)
    run = tfxdr.run(
        _events(home, "-later"),
        run=home / "keeping",
        warm_start=first,
        warm_start_vanished="keep",
        **_places(home),
        **OPTIONS | {"learning_rate": 1e-9, "head_start": "random"},
    )
    expected = _weights(tfxdr.open_run(first))
    shutil.rmtree(first)
    found = _weights(tfxdr.open_run(home / "keeping"))
    for before, now, gone in zip(expected, found, "ht", strict=True):
        assert len(now) == 9 and before.keys() <= now.keys()
        assert [*now][-1] == gone
        for item, weights in before.items():
            np.testing.assert_allclose(now[item], weights, atol=1e-6)
    told = run.best.result["warm_start"]
    for domain in ("source_items", "target_items"):
        assert told[domain] == {"known": 6, "new": 2, "kept": 1, "gone": 0}
    said = capsys.readouterr().out
    assert (
        "6 target items are known, 2 new, 1 kept that the data no lon" in said
    )
    best = tfxdr.open_run(home / "keeping").recommend(history=["h"], k=9)
    assert "t" in {one.item for one in best.items}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "all"}, "expected a run with the same backbone, policy"),
        ({"warm_start": "nowhere"}, "nowhere"),
    ],
)
def test_another_model_is_refused(home, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        tfxdr.run(
            _events(home, "-later"),
            run=tmp_path / "run",
            **{"warm_start": home / "first"}
            | _places(home)
            | OPTIONS
            | options,
        )


def test_what_the_optimizer_knew_is_read_beside_the_best_weights(home):
    contender = tfxdr.open_run(home / "first")._contender
    kept = [v.numpy() for v in contender.trained().model.variables]
    found = contender.moved()
    assert len(found.groups) == 2  # By their rates.
    assert all(int(o.iterations) > 0 for o, _ in found.groups)
    moments = slots(found)
    (table,) = contender.trained().model.backbone.embedding.variables
    assert [np.any(m != 0) for m in moments[id(table)].values()] == [True] * 2
    for variable, before in zip(
        contender.trained().model.variables, kept, strict=True
    ):
        np.testing.assert_array_equal(variable, before)


def test_an_optimizer_starts_anew_where_it_has_to(home, tmp_path):
    first = home / "first"
    chosen = tfxdr.open_run(first)._contender.experiment.options.finetune
    expected = "expected the checkpoint of a finished run, found none"
    shutil.copytree(first, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "checkpoints")
    for run, options, why in (
        (first, {"optimizer": "sgd"}, "that run's was adam"),
        (first, {"warmup_steps": 3}, "--warmup_steps count its steps from 0"),
        (tmp_path / "copy", {}, expected),
    ):
        new = SimpleNamespace(
            options=SimpleNamespace(finetune=replace(chosen, **options)),
            optimizer=optimizers.parse(options.get("optimizer", "adam")),
        )
        with pytest.raises(InputError, match=why):
            optimizers_of(tfxdr.open_run(run)._contender, new)


@pytest.mark.parametrize("backbone", ["bert4rec(channels=8,num_blocks=1)"])
@pytest.mark.parametrize("policy", ["mtl", "gumbel", "all"])
def test_every_table_is_carried_row_by_row(backbone, policy):
    old, new = (
        transfer_model(policy=policy, backbone=backbone) for _ in range(2)
    )
    for variable in old.variables:
        variable.assign(2 * tf.convert_to_tensor(variable))
    same = Vocabulary(np.arange(NUM_ITEMS - FIRST_ITEM), NUM_ITEMS - FIRST_ITEM)
    turned = Vocabulary(
        np.arange(NUM_TARGETS - FIRST_ITEM)[::-1].copy(),
        NUM_TARGETS - FIRST_ITEM,
    )
    for pair in pairs(old, new, same, turned):
        pair.carry(pair.now, pair.before)
    heads = {id(v) for v in new.head.variables}
    for own, before in zip(new.variables, old.variables, strict=True):
        expected = tf.convert_to_tensor(before).numpy().copy()
        if id(own) in heads:
            expected[FIRST_ITEM:] = expected[FIRST_ITEM:][::-1]
        np.testing.assert_array_equal(tf.convert_to_tensor(own), expected)


@pytest.mark.parametrize("optimizer", ["adam", "lazyadam", "sgd(momentum=0.9)"])
def test_known_rows_move_as_they_would_have(optimizer):
    """Whatever their place, and however few steps Adam had done before."""
    old, new = (transfer_model(policy="all") for _ in range(2))
    same = Vocabulary(np.arange(NUM_ITEMS - FIRST_ITEM), NUM_ITEMS - FIRST_ITEM)
    order = np.arange(NUM_TARGETS - FIRST_ITEM)[::-1].copy()
    turned = Vocabulary(order, NUM_TARGETS - FIRST_ITEM)
    before, now = (_groups(model, optimizer) for model in (old, new))
    for _ in range(2):
        before.apply(_gradients(before, old))
    found = pairs(old, new, same, turned)
    for pair in found:
        pair.carry(pair.now, pair.before)
    carry_optimizers(now, before=before, pairs=found)
    before.apply(_gradients(before, old))
    now.apply(_gradients(now, new, order))
    for pair in found:
        expected = tf.convert_to_tensor(pair.before).numpy().copy()
        if pair.items is turned:
            expected[FIRST_ITEM:] = expected[FIRST_ITEM:][order]
        np.testing.assert_allclose(pair.now, expected, atol=1e-7)


def _groups(model, optimizer):
    settings = OptimizerSettings(optimizers.parse(optimizer), 0.01)
    return ParameterGroups(
        settings, pretrained=[], new=model.trainable_variables, total_steps=1
    )


def _gradients(groups, model, order=None):
    """Others for each row, which are those of the items."""
    heads = {id(v) for v in model.head.variables}
    found = []
    for variable in groups.variables_to_train:
        values = np.arange(1.0, variable.shape.num_elements() + 1)
        values = values.reshape(variable.shape).astype(np.float32)
        if order is not None and id(variable) in heads:
            values[FIRST_ITEM:] = values[FIRST_ITEM:][order]
        found.append(tf.constant(values))
    return found
