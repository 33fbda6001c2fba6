"""Gradient cosine similarity against whole gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.meta_learners.gcs import (
    AlignedPair,
    GradientCosineSimilarity,
    cosine_similarity,
)
from tfxdr.registry import meta_learners


def whole(gradients, variables):
    return [
        np.zeros(v.shape, np.float32)
        if g is None
        else tf.convert_to_tensor(g).numpy()
        for g, v in zip(gradients, variables, strict=True)
    ]


def reference(model, batch, variables):
    """Whole gradients of target, source and penalty, and the cosine."""
    with tf.GradientTape(persistent=True) as tape:
        source, target = model.example_losses(batch)
        losses = (tf.reduce_mean(target), tf.reduce_mean(source))
        losses += (model.backbone.penalty(),)
    raw = [tape.gradient(loss, variables) for loss in losses]
    by_both = [
        index
        for index, variable in enumerate(variables)
        if raw[0][index] is not None and raw[1][index] is not None
        if any(variable is v for v in model.shared_variables)
    ]
    gradients = [whole(g, variables) for g in raw]
    target, source = (
        np.concatenate([g[index].ravel() for index in by_both])
        for g in gradients[:2]
    )
    norms = np.linalg.norm(target) * np.linalg.norm(source)
    return *gradients, by_both, np.dot(target, source) / norms


def batches(make_batch):
    """Rows of twice the same example, with equal and with opposite labels."""
    batch = make_batch(has_source=tf.ones([8]))
    batch = batch._replace(source=batch.target, target_label=tf.ones([8]))
    return (
        batch._replace(source_label=tf.ones([8])),
        batch._replace(source_label=tf.zeros([8])),
    )


def agreeing_model(make_model, **options):
    """Both domains have the same weights, so labels decide the cosine."""
    model = make_model(**options)
    for source, target in (
        (model.backbone.source_embedding, model.backbone.target_embedding),
        (model.source_head, model.target_head),
    ):
        target.set_weights(source.get_weights())
    for unit in model.backbone.units:
        unit.target_kernel.assign(unit.source_kernel)
    return model


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [0.0, 0.3])
def test_source_counts_only_if_gradients_agree(
    make_model, make_batch, weighted, sparse, compiled
):
    model = agreeing_model(make_model, sparse=sparse)
    variables = model.variables_to_train
    meta = GradientCosineSimilarity(weighted)
    meta.build(model.backbone)
    compute = tf.function(meta.gradients) if compiled else meta.gradients
    signs = []
    for batch in batches(make_batch):
        loss, found = compute(model, batch, variables)
        target, source, penalty, by_both, cosine = reference(
            model, batch, variables
        )
        signs.append(np.sign(cosine))
        factor = max(cosine, 0.0) if weighted else float(cosine > 0)
        for index, gradient in enumerate(whole(found, variables)):
            scale = factor if index in by_both else 1.0
            expected = target[index] + scale * source[index] + penalty[index]
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
        rows = len(batch.user)
        all_of_it = model.lower_loss(batch, tf.fill([rows], 1 / rows))
        np.testing.assert_allclose(loss, all_of_it, rtol=1e-6)
    assert signs == [1, -1]


def test_heads_and_tables_stay_apart(make_model, make_batch):
    """Heads always learn; a table's gradient has rows, each once."""
    model = agreeing_model(make_model)
    variables = model.variables_to_train
    conflict = batches(make_batch)[1]
    _, found = GradientCosineSimilarity().gradients(model, conflict, variables)
    gradients = {
        variable.ref(): gradient
        for variable, gradient in zip(variables, found, strict=True)
    }
    head = gradients[model.source_head.kernel.ref()]
    assert np.abs(head).max() > 0
    users = gradients[model.backbone.user_embedding.embeddings.ref()]
    assert isinstance(users, tf.IndexedSlices)
    seen = users.indices.numpy()
    assert sorted(seen) == sorted(set(conflict.user.numpy()))
    assert len(conflict.user) > len(seen)


def test_cosine_by_hand():
    # (3, 0, 4, 0) and (4, 3, 0, 0): 12 / 25.
    pairs = [
        AlignedPair(tf.constant([[3.0], [0.0]]), tf.constant([[4.0], [3.0]])),
        AlignedPair(tf.constant([4.0, 0.0]), tf.constant([0.0, 0.0])),
    ]
    np.testing.assert_allclose(cosine_similarity(pairs), 0.48, rtol=1e-6)
    tiny = [AlignedPair(*(1e-12 * x for x in pair[:2])) for pair in pairs]
    np.testing.assert_allclose(cosine_similarity(tiny), 0.48, rtol=1e-6)
    zero = AlignedPair(tf.zeros([2]), tf.ones([2]))
    assert cosine_similarity([zero]) == 0.0
    assert cosine_similarity([]) == 0.0


def test_needs_both_domains(make_model):
    meta = meta_learners.build("gcs(weighted=true)")
    assert meta.weighted
    message = "--meta=gcs .* --backbone=conet leaves the source domain out"
    with pytest.raises(InputError, match=message):
        meta.build(make_model(only_target=True).backbone)
