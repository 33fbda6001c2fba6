"""The joint model, over every joint backbone."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones  # noqa: F401
from tfxdr.backbones import is_joint
from tfxdr.meta_learners.base import MetaLearner
from tfxdr.models import joint
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointBatch, JointSizes

SIZES = JointSizes(
    users=6,
    source_items=9,
    target_items=8,
    source_categories=4,
    target_categories=5,
)


NAMES = [e.name for e in backbones.entries() if is_joint(e)]
ONLY_TARGET = "conet(only_target=true)"


@pytest.fixture(params=[*NAMES, "conet(sparse=0.01)", ONLY_TARGET])
def name(request):
    return request.param


def items(rng, domain, *shape):
    return Items(
        *(
            tf.constant(
                rng.integers(1, getattr(SIZES, f"{domain}_{what}"), shape),
                tf.int32,
            )
            for what in ("items", "categories")
        )
    )


def make_batch(rows=7, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, [2, rows]).astype(np.float32)
    has_source = (np.arange(rows) % 3 != 1).astype(np.float32)
    source = items(rng, "source", rows)
    return JointBatch(
        user=tf.constant(rng.integers(1, 6, rows), tf.int32),
        source=Items(*(ids * has_source.astype(np.int32) for ids in source)),
        target=items(rng, "target", rows),
        source_label=tf.constant(labels[0]),
        target_label=tf.constant(labels[1]),
        has_source=tf.constant(has_source),
        source_history=items(rng, "source", rows, 4),
        target_history=items(rng, "target", rows, 4),
        seed=tf.constant([1, 2]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )


def make(name, seed=1):
    tf.keras.utils.set_random_seed(seed)
    return JointModel(backbones.build(name, sizes=SIZES))


def strong(name):
    """Weights large enough that no error can hide."""
    model = make(name)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        scale = max(variable.shape[0], 4) ** -0.5  # no logit saturates
        variable.assign(rng.normal(0.1 * scale, scale, variable.shape))
    return model


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def gradients(loss, variables):
    """Of a function; 0 where it does not depend on a variable."""
    with tf.GradientTape() as tape:
        value = loss()
    zero = tf.UnconnectedGradients.ZERO
    return [
        tf.convert_to_tensor(gradient).numpy()
        for gradient in tape.gradient(
            value, variables, unconnected_gradients=zero
        )
    ]


def rows_of(batch, rows):
    return JointBatch(
        *(
            part
            if field in ("seed", "step", "epoch")
            else tf.nest.map_structure(
                lambda values: tf.gather(values, rows), part
            )
            for field, part in zip(batch._fields, batch, strict=True)
        )
    )


def test_all_of_them_are_here():
    assert {"conet", "ddtcdr", "mtl"} <= set(NAMES)


def test_all_variables_exist_after_construction(name):
    model = make(name)
    before = [variable.name for variable in model.variables]
    model(make_batch())
    model.lower_loss(make_batch(), tf.ones([7]))
    assert [variable.name for variable in model.variables] == before


def test_the_same_seed_gives_the_same_weights(name):
    one, same, other = (make(name, seed).get_weights() for seed in (1, 1, 2))
    for left, right in zip(one, same, strict=True):
        np.testing.assert_array_equal(left, right)
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def test_shapes_and_probabilities(name):
    model, batch = strong(name), make_batch()
    vectors = model.backbone(batch.user, batch.source, batch.target)
    assert vectors[0].shape == vectors[1].shape == (7, vectors[0].shape[-1])
    close(vectors[1], model.target_vector(batch))
    probabilities = model(batch)
    for logit, probability, head, vector in zip(
        model.logits(batch),
        probabilities,
        (model.source_head, model.target_head),
        vectors,
        strict=True,
    ):
        assert probability.shape == (7,)
        kernel, bias = head.get_weights()
        close(logit, (vector.numpy() @ kernel + bias)[:, 0])
        close(probability, 1 / (1 + np.exp(-logit.numpy())))


def test_features_have_the_shape_of_the_ids(name):
    model, batch = strong(name), make_batch()
    of_target = model.backbone.target_features
    width = of_target(batch.target).shape[-1]
    assert of_target(batch.target_history).shape == (7, 4, width)
    close(
        of_target(batch.target_history)[:, 2],
        of_target(Items(*(ids[:, 2] for ids in batch.target_history))),
    )
    if model.backbone.uses_source:
        of_source = model.backbone.source_features
        assert of_source(batch.source_history).shape[:2] == (7, 4)


@pytest.mark.parametrize("jit", [False, True])
def test_eager_graph_and_xla_agree(name, jit):
    model, batch = strong(name), make_batch()

    def compute(batch):
        weights = tf.linspace(0.1, 0.7, 7)
        return (*model.call(batch), model.lower_loss(batch, weights))

    graph = tf.function(compute, jit_compile=jit)
    for one, other in zip(compute(batch), graph(batch), strict=True):
        close(one, other)


def test_a_row_does_not_depend_on_the_others(name):
    model, batch = strong(name), make_batch()
    together = [*model(batch), *model.example_losses(batch)]
    for row in range(7):
        alone_batch = rows_of(batch, [row])
        alone = [*model(alone_batch), *model.example_losses(alone_batch)]
        for one, other in zip(alone, together, strict=True):
            close(one[0], other[row])


def test_losses_are_cross_entropies(name):
    model, batch = strong(name), make_batch()
    losses = model.example_losses(batch)
    probabilities = [p.numpy().astype(float) for p in model(batch)]
    labels = (batch.source_label.numpy(), batch.target_label.numpy())
    expected = [
        -np.log(np.where(label == 1, p, 1 - p))
        for label, p in zip(labels, probabilities, strict=True)
    ]
    expected[0] *= batch.has_source.numpy()
    if not model.backbone.uses_source:
        expected[0] *= 0
    assert {0.0, 1.0} == set(batch.has_source.numpy())
    for loss, value in zip(losses, expected, strict=True):
        np.testing.assert_allclose(loss, value, rtol=1e-3, atol=1e-5)


def test_lower_loss_is_the_sum_of_its_parts(name):
    model, batch = strong(name), make_batch()
    weights = np.linspace(0.1, 0.7, 7).astype(np.float32)
    source, target = (loss.numpy() for loss in model.example_losses(batch))
    expected = target.mean() + model.backbone.penalty().numpy()
    if model.backbone.uses_source:
        expected += (weights * source).sum()
    np.testing.assert_allclose(
        model.lower_loss(batch, weights), expected, rtol=1e-5
    )


def test_the_lower_loss_reaches_what_is_trained_and_nothing_else(name):
    model, batch = strong(name), make_batch()
    trained = model.variables_to_train
    left_out = [
        variable
        for variable in model.trainable_variables
        if all(variable is not other for other in trained)
    ]

    def loss():
        return model.lower_loss(batch, tf.ones([7]))

    for variable, gradient in zip(
        trained, gradients(loss, trained), strict=True
    ):
        assert np.isfinite(gradient).all(), variable.name
        assert np.abs(gradient).max() > 1e-6, variable.name
    heads = list(model.replacement_variables)
    if not model.backbone.uses_source:
        heads += model.source_head.trainable_variables
    assert {v.ref() for v in left_out} == {v.ref() for v in heads}
    assert not any(g.any() for g in gradients(loss, left_out))


def test_the_replacement_loss_reaches_its_head_and_the_backbone(name):
    model, batch = strong(name), make_batch()

    def loss():
        vector = model.target_vector(batch)
        return model.replacement_loss(vector, batch)

    heads = [model.source_head, model.target_head]
    others = [v for head in heads for v in head.trainable_variables]
    assert not any(g.any() for g in gradients(loss, others))
    for gradient in gradients(loss, model.replacement_variables):
        assert np.abs(gradient).max() > 1e-6
    reached = gradients(loss, model.shared_variables)
    assert sum(np.abs(g).max() > 1e-6 for g in reached) >= 4
    model.replacement_head.set_weights(model.target_head.get_weights())
    close(loss(), tf.reduce_mean(model.example_losses(batch)[1]))


def test_a_missing_source_example_teaches_nothing(name):
    model, batch = strong(name), make_batch()
    weights = np.full(7, 1 / 7, np.float32)
    other = batch._replace(source_label=1 - batch.source_label)
    absent = batch.has_source.numpy() == 0
    mixed = tf.where(absent, other.source_label, batch.source_label)
    one = model.lower_loss(batch, weights)
    close(one, model.lower_loss(batch._replace(source_label=mixed), weights))
    if model.backbone.uses_source:
        assert abs(one - model.lower_loss(other, weights)) > 1e-3


def test_without_the_source_nothing_of_it_counts():
    model, batch = strong(ONLY_TARGET), make_batch()
    changed = batch._replace(
        source=Items(batch.source.item * 0 + 5, batch.source.category * 0 + 2),
        source_label=1 - batch.source_label,
        has_source=1 - batch.has_source,
    )
    one = model.lower_loss(batch, tf.ones([7]))
    assert one == model.lower_loss(changed, tf.zeros([7]))
    np.testing.assert_array_equal(model(batch)[1], model(changed)[1])


def test_equal_weights_make_the_mean_of_both_domains(name):
    model, batch = strong(name), make_batch()
    learner = MetaLearner()
    loss, found = learner.gradients(model, batch, model.variables_to_train)
    source, target = model.example_losses(batch)
    expected = tf.reduce_mean(source) + tf.reduce_mean(target)
    close(loss, expected + model.backbone.penalty())
    assert len(found) == len(model.variables_to_train)


@pytest.mark.parametrize("pairs", [1 << 16, 10, 3])
def test_scores_are_the_logits_of_every_pair(name, pairs, monkeypatch):
    monkeypatch.setattr(joint, "_PAIRS", pairs)
    model, batch = strong(name), make_batch(5)
    catalogue = items(np.random.default_rng(3), "target", 4)
    args = (batch.user, batch.source, catalogue)
    eager = model.score_items(*args)
    close(eager, tf.function(model.score_items)(*args))
    for column in range(4):
        target = Items(*(tf.fill([5], ids[column]) for ids in catalogue))
        close(eager[:, column], model.logits(batch._replace(target=target))[1])


@pytest.mark.parametrize(("users", "catalogue"), [(0, 4), (5, 0), (1, 1)])
def test_few_or_no_pairs_can_be_scored(users, catalogue):
    model, batch = strong("conet"), make_batch(users)
    targets = items(np.random.default_rng(3), "target", catalogue)
    scores = model.score_items(batch.user, batch.source, targets)
    assert scores.shape == (users, catalogue)


def test_config_round_trip(name):
    backbone = make(name).backbone
    config = backbone.get_config()
    for given in (config, json.loads(json.dumps(config))):
        assert type(backbone).from_config(given).get_config() == config
    model, batch = strong(name), make_batch()
    twin = JointModel(type(backbone).from_config(model.backbone.get_config()))
    twin.set_weights(model.get_weights())
    close(model(batch)[1], twin(batch)[1])


def test_a_checkpoint_restores_into_a_new_model(name, tmp_path):
    model, batch = strong(name), make_batch()
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "model"))
    other = make(name, seed=5)
    status = tf.train.Checkpoint(model=other).read(path)
    status.assert_consumed()
    close(model(batch)[1], other(batch)[1])


def test_mixed_precision_keeps_logits_whole(name):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model, batch = make(name), make_batch()
        loss = model.lower_loss(batch, tf.fill([7], 1 / 7))
        logits = model.logits(batch)
    finally:
        tf.keras.mixed_precision.set_global_policy(None)
    assert {loss.dtype, *(logit.dtype for logit in logits)} == {tf.float32}
    assert np.isfinite(loss)


@pytest.fixture(params=[*NAMES, ONLY_TARGET])
def ranking(request):
    """A model that learns a ranking, and a batch with sampled items."""
    tf.keras.utils.set_random_seed(1)
    model = JointModel(
        backbones.build(request.param, sizes=SIZES), counts=np.arange(8)
    )
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0.0, 0.5, variable.shape))
    return model, make_batch()._replace(negatives=items(rng, "target", 7, 3))


def test_a_ranking_is_learned_of_the_example_and_of_sampled_items(ranking):
    model, batch = ranking

    def logits(chosen):
        _, vector = model.backbone(batch.user, batch.source, chosen)
        return model.ranking_head(vector, chosen.item).numpy().astype(float)

    sampled = [
        logits(Items(*(ids[:, column] for ids in batch.negatives)))
        for column in range(3)
    ]
    own, label = logits(batch.target), batch.target_label.numpy()
    losses = [np.logaddexp(0, own) - label * own]
    losses += [np.logaddexp(0, one) for one in sampled]
    judged = model.logits(batch)[1].numpy().astype(float)
    expected = (
        np.logaddexp(0, judged) - label * judged + np.mean(losses, axis=0)
    )
    close(model.example_losses(batch)[1], expected)


def test_the_ranking_head_orders_the_catalogue(ranking):
    model, batch = ranking
    table = Items(tf.range(8), tf.range(8) % 5)
    scores = model.score_items(batch.user, batch.source, table)
    for item in range(8):
        chosen = Items(*(tf.fill([7], ids[item]) for ids in table))
        _, vector = model.backbone(batch.user, batch.source, chosen)
        close(scores[:, item], model.ranking_head(vector, chosen.item))


def test_the_ranking_head_is_trained(ranking):
    model, batch = ranking
    head = model.ranking_head.trainable_variables
    trained = {variable.ref() for variable in model.variables_to_train}
    assert {variable.ref() for variable in head} <= trained

    def loss():
        return model.lower_loss(batch, tf.ones([7]))

    assert all(np.abs(g).max() > 1e-6 for g in gradients(loss, head))
