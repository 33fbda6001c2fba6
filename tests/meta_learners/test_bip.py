"""The two levels of BIP."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.meta_learners.bip import BIP
from tfxdr.models.joint import JointModel
from tfxdr.ops.implicit import ConjugateGradient, Neumann
from tfxdr.registry import meta_learners
from tfxdr.types import Items

PERCEPTRON = {"num_heads": 2, "head_size": 3, "hidden": (5,)}


def built(model, **options):
    tf.keras.utils.set_random_seed(7)
    meta = BIP(**{**PERCEPTRON, **options})
    meta.build(model.backbone)
    return meta


def values(variables):
    return [variable.numpy() for variable in variables]


def below_the_head(model):
    head = {variable.ref() for variable in model.replacement_variables}
    return [v for v in model.variables if v.ref() not in head]


class TestWeights:
    @pytest.mark.parametrize("prior", [1.3, 0.0, -0.5])
    def test_share_the_prior(self, make_model, make_batch, prior):
        model, batch = make_model(), make_batch()
        meta = built(model)
        meta.perceptron.prior.assign(prior)
        weights = meta.weights(model, batch).numpy()
        score = np.exp(meta.importance(model, batch).numpy())
        expected = max(prior, 0.0) * score / score.sum()
        np.testing.assert_allclose(weights, expected, rtol=1e-5)
        np.testing.assert_allclose(weights.sum(), max(prior, 0.0), rtol=1e-5)
        assert score.std() > 1e-3

    def test_importance_is_of_a_row_alone(self, make_model, make_batch):
        model, batch = make_model(), make_batch()
        meta = built(model)
        alone = tf.nest.map_structure(
            lambda x: x[2:3] if x.shape.rank and x.shape[0] == 8 else x, batch
        )
        np.testing.assert_allclose(
            meta.importance(model, alone),
            meta.importance(model, batch)[2:3],
            rtol=1e-5,
        )

    def test_padding_does_not_matter(self, make_model, make_batch):
        model, batch = make_model(), make_batch()
        longer = batch._replace(
            source_history=Items(
                *(tf.pad(x, [[0, 0], [3, 0]]) for x in batch.source_history)
            ),
            target_history=Items(
                *(tf.pad(x, [[0, 0], [3, 0]]) for x in batch.target_history)
            ),
        )
        for masked, same in ((True, True), (False, False)):
            meta = built(model, masked=masked)
            found = [meta.importance(model, b) for b in (batch, longer)]
            assert np.allclose(*found, rtol=1e-5) == same

    def test_are_constants_of_a_training_step(self, make_model, make_batch):
        model, batch = make_model(), make_batch()
        meta = built(model)
        variables = model.variables_to_train
        fixed = tf.constant(meta.weights(model, batch).numpy())
        with tf.GradientTape() as tape:
            loss = model.lower_loss(batch, fixed)
        found = meta.gradients(model, batch, variables)
        np.testing.assert_allclose(found[0], loss, rtol=1e-6)
        expected = tape.gradient(loss, variables)
        for ours, theirs in zip(found[1], expected, strict=True):
            ours, theirs = map(tf.convert_to_tensor, (ours, theirs))
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)

    def test_or_take_part_in_it(self, make_model, make_batch):
        model, batch = make_model(), make_batch()
        variables = model.variables_to_train
        fixed, moving = (
            built(model, detached=detached).gradients(model, batch, variables)
            for detached in (True, False)
        )
        np.testing.assert_allclose(fixed[0], moving[0], rtol=1e-6)
        table = model.backbone.source_embedding.trainable_variables[0]
        for variable, *pair in zip(variables, fixed[1], moving[1], strict=True):
            one, other = map(tf.convert_to_tensor, pair)
            same = np.allclose(one, other, rtol=1e-3, atol=1e-6)
            assert same or "source" in variable.name, variable.name
            assert not (same and variable is table)


class TestHead:
    def test_steps_are_adams(self, make_model, make_batch):
        model, batch = make_model(), make_batch(20)
        meta = built(model, head_steps=7, head_learning_rate=0.05)
        expected = [tf.Variable(v) for v in model.replacement_variables]
        vector = model.target_vector(batch)
        adam = keras.optimizers.Adam(0.05)
        for _ in range(7):
            with tf.GradientTape() as tape:
                logit = vector @ expected[0] + expected[1]
                loss = tf.nn.sigmoid_cross_entropy_with_logits(
                    batch.target_label[:, tf.newaxis], logit
                )
                loss = tf.reduce_mean(loss)
            adam.apply_gradients(
                zip(tape.gradient(loss, expected), expected, strict=True)
            )
        meta.train_head(model, batch)
        for ours, theirs in zip(
            model.replacement_variables, expected, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_nothing_below_moves_or_is_computed_again(
        self, make_model, make_batch, monkeypatch
    ):
        model, batch = make_model(), make_batch(20)
        calls = []
        vector = model.target_vector

        def counted(batch):
            calls.append(batch)
            return vector(batch)

        monkeypatch.setattr(model, "target_vector", counted)
        meta = built(model, head_steps=30)
        before = values(below_the_head(model)), values(meta.meta_variables)
        loss = model.replacement_loss(vector(batch), batch)
        meta.train_head(model, batch)
        after = values(below_the_head(model)), values(meta.meta_variables)
        tf.nest.map_structure(np.testing.assert_array_equal, before, after)
        assert len(calls) == 1
        new = model.replacement_loss(vector(batch), batch)
        assert new < loss - 0.01


@pytest.fixture
def eager():
    """To trace an update takes longer than to run a few."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class TestUpdate:
    @pytest.mark.usefixtures("eager")
    @pytest.mark.parametrize("clip_norm", [0.0, 1e-4, 10.0])
    def test_is_a_clipped_and_decayed_step(
        self, make_model, make_batch, clip_norm
    ):
        model = make_model()
        batch, held_out = (make_batch(seed=s) for s in range(2))
        meta = built(
            model,
            head_steps=0,
            learning_rate=0.5,
            weight_decay=0.1,
            clip_norm=clip_norm,
        )
        before, others = values(meta.meta_variables), values(model.variables)
        gradients = [
            g.numpy() for g in meta.hypergradient(model, batch, held_out)
        ]
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
        assert 1e-3 < norm < 10  # clipped at one of the bounds alone
        scale = min(1.0, clip_norm / norm) if clip_norm else 1.0
        meta.update(model, batch, held_out)
        for old, gradient, variable in zip(
            before, gradients, meta.meta_variables, strict=True
        ):
            expected = old - 0.5 * (scale * gradient + 0.1 * old)
            np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)
        tf.nest.map_structure(
            np.testing.assert_array_equal, others, values(model.variables)
        )

    @pytest.mark.usefixtures("eager")
    def test_by_adam(self, make_model, make_batch):
        model = make_model()
        batches = [make_batch(seed=s) for s in range(2)]
        meta = built(model, head_steps=0, optimizer="adam", learning_rate=0.1)
        before = values(meta.meta_variables)
        gradients = [g.numpy() for g in meta.hypergradient(model, *batches)]
        meta.update(model, *batches)
        for old, gradient, variable in zip(
            before, gradients, meta.meta_variables, strict=True
        ):  # Adam's first step is the rate, whatever the gradient's size.
            moved = np.abs(gradient) > 1e-4
            np.testing.assert_allclose(
                variable.numpy()[moved],
                (old - 0.1 * np.sign(gradient))[moved],
                atol=0.1 * 0.05,
            )
            assert moved.any() == gradient.any()

    @pytest.mark.usefixtures("eager")
    def test_looks_through_the_head_it_has_just_trained(
        self, make_model, make_batch
    ):
        batches = [make_batch(seed=s) for s in range(2)]
        model = make_model()
        meta = built(model, head_steps=3)
        meta.update(model, *batches)
        other = make_model()
        by_hand = built(other, head_steps=0)
        built(other, head_steps=3).train_head(other, batches[1])
        by_hand.update(other, *batches)
        for one, two in zip(
            meta.meta_variables, by_hand.meta_variables, strict=True
        ):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)

    def test_is_traced_twice_at_most(self, make_model, make_batch):
        model = make_model()
        meta = built(model, head_steps=1)
        for rows in (4, 5, 6, 7, 9):
            meta.update(model, *(make_batch(rows + s) for s in range(2)))
        assert meta._graph.experimental_get_tracing_count() <= 2

    @pytest.mark.usefixtures("eager")
    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_checkpoint_brings_all_back(
        self, make_model, make_batch, tmp_path, optimizer
    ):
        model, batch = make_model(), make_batch()
        meta = built(model, head_steps=1, optimizer=optimizer)
        meta.update(model, batch, batch)
        path = tf.train.Checkpoint(meta=meta).save(tmp_path / "at")
        expected = meta.weights(model, batch).numpy()
        other = BIP(**PERCEPTRON, head_steps=1, optimizer=optimizer)
        other.build(model.backbone)
        for variable in other.meta_variables:
            variable.assign(tf.ones_like(variable))
        restored = tf.train.Checkpoint(meta=other).restore(path)
        restored.assert_consumed()
        found = other.weights(model, batch).numpy()
        np.testing.assert_array_equal(found, expected)
        head = values(model.replacement_variables)
        ends = []
        for one in (meta, other):
            for variable, value in zip(
                model.replacement_variables, head, strict=True
            ):
                variable.assign(value)
            one.update(model, batch, batch)
            ends.append(values(one.meta_variables))
        tf.nest.map_structure(np.testing.assert_array_equal, *ends)


class Taste(JointBackbone):
    """A user vector that both domains read; items tell their category."""

    def __init__(self):
        super().__init__((40, 40, 40, 4, 4), embedding_size=2)
        self.users = keras.layers.Embedding(40, 2)

    def call(self, user, source, target):
        vector = self.users(user)
        return vector, vector

    def source_features(self, items):
        return tf.one_hot(items.category, 4)

    def target_features(self, items):
        return tf.one_hot(items.category, 4)


@pytest.mark.parametrize("solver", ["neumann", "cg"])
def test_harmful_rows_lose_weight(make_batch, solver):
    """Rows of category 3 say the contrary of what the user wants."""
    tf.keras.utils.set_random_seed(2)
    model = JointModel(Taste())
    user = tf.range(2, 34, dtype=tf.int32)
    category = tf.where(user % 4 < 2, 3, 2)
    label = tf.cast(user % 2, tf.float32)
    batch = make_batch(
        32,
        user=user,
        source=Items(category, category),
        source_label=tf.where(category == 3, 1 - label, label),
        target_label=label,
        has_source=tf.ones([32]),
    )
    model.source_head.set_weights([np.array([[1.0], [0.5]]), np.zeros(1)])
    model.target_head.set_weights([np.array([[1.0], [0.5]]), np.zeros(1)])
    options = {"damping": 0.1} if solver == "cg" else {"alpha": 10.0}
    meta = built(
        model, solver=solver, learning_rate=1.0, head_steps=5, **options
    )
    harmful = category.numpy() == 3

    def share():
        weights = meta.weights(model, batch).numpy()
        return weights[harmful].sum() / weights.sum()

    @tf.function
    def train():
        variables = model.shared_variables
        for _ in tf.range(10):
            _, gradients = meta.gradients(model, batch, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(0.5 * tf.convert_to_tensor(gradient))

    shares = [share()]
    for _ in range(20):
        train()
        meta.update(model, batch, batch)
        shares.append(share())
    assert np.all(np.diff(shares) < 0)
    assert shares[-1] < 0.3 < 0.5 < shares[0]


class TestOptions:
    def test_choose_the_solver(self):
        text = "bip(terms=5,alpha=0.1,scale_by_alpha=false,hidden=[8])"
        meta = meta_learners.build(
            text, interval=20, head_steps=10, weight_decay=0.5
        )
        assert meta.solver == Neumann(5, 0.1, False)
        assert (meta.interval, meta.head_steps) == (20, 10)
        assert meta.weight_decay == 0.5
        meta = meta_learners.build("bip(solver=cg,max_steps=4,damping=0.1)")
        assert meta.solver == ConjugateGradient(4, damping=0.1)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("bip(solver=newton)", "neumann or cg. Received: 'newton'"),
            ("bip(solver=cg,terms=5)", "does not read options of solver=neum"),
            ("bip(damping=0.1)", "does not read options of solver=cg"),
            ("bip(terms=-1)", "terms should be 0 or more. Received: -1"),
            ("bip(alpha=0)", "alpha should be above 0"),
            ("bip(optimizer=sgdd)", "optimizer should be sgd or adam"),
            ("bip(warm_up=-1)", "warm_up should be 0 or more"),
            ("bip(meta_set=all)", "held-out, training, rotating. Received"),
            ("bip(learning_rate=0)", "learning_rate should be above 0"),
            ("bip(head_learning_rate=-1)", "head_learning_rate should be abov"),
            ("bip(clip_norm=-1)", "clip_norm should be 0 or more"),
            ("bip(bound=-1)", "bound should be >= 0, received -1"),
            ("bip(num_heads=0)", "num_heads should be"),
            ("bip(interval=5)", "takes 'interval' from the program"),
        ],
    )
    def test_are_refused(self, text, message):
        with pytest.raises(InputError, match=message):
            meta_learners.build(text)

    def test_needs_both_domains(self, make_model):
        message = "--meta=bip .* --backbone=conet leaves the source domain out"
        with pytest.raises(InputError, match=message):
            BIP().build(make_model(only_target=True).backbone)
