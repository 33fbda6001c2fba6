"""Hypergradients against closed forms, differences and unrolled training."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops.implicit import ConjugateGradient, Neumann, hypergradient

EXACT = ConjugateGradient(max_steps=50, tolerance=1e-12)


def variable(array):
    return tf.Variable(np.asarray(array, np.float64))


def relative_error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


class Quadratic:
    """Lower: `x^T A x / 2 - x^T B phi`; upper: `|x - c|^2 / 2`.

    The minimum is `x = A^-1 B phi`, so that the hypergradient is
    `B^T A^-1 (x - c)`.
    """

    def __init__(self, eigenvalues=(0.4, 1.0, 1.7)):
        rng = np.random.default_rng(0)
        n = len(eigenvalues)
        basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
        self.a = basis @ np.diag(eigenvalues) @ basis.T
        self.b = rng.normal(size=(n, 2))
        self.c = rng.normal(size=n)
        self.phi = variable([0.3, -0.8])
        self.x = variable(np.linalg.solve(self.a, self.b @ self.phi.numpy()))

    def lower(self):
        pull = tf.linalg.matvec(self.b, self.phi)
        bowl = tf.linalg.matvec(self.a, self.x) / 2
        return tf.reduce_sum(self.x * (bowl - pull))

    def upper(self):
        return tf.reduce_sum((self.x - self.c) ** 2) / 2

    def hypergradient(self, solver):
        found = hypergradient(
            self.lower, self.upper, [self.x], [self.phi], solver=solver
        )
        return found[0].numpy()

    def expected(self):
        slope = self.x.numpy() - self.c
        return self.b.T @ np.linalg.solve(self.a, slope)


class TestQuadratic:
    @pytest.mark.parametrize(
        "solver", [EXACT, Neumann(terms=100), Neumann(terms=200, alpha=0.5)]
    )
    def test_closed_form(self, solver):
        problem = Quadratic()
        found = problem.hypergradient(solver)
        np.testing.assert_allclose(found, problem.expected(), rtol=1e-10)

    def test_a_truncated_series_by_hand(self):
        # A = 0.5, B = 1, x - c = 2: v = 2, 1.6, 1.28 at alpha 0.4.
        problem = Quadratic([0.5])
        problem.b = np.array([[1.0, 0.0]])
        problem.a = np.array([[0.5]])
        problem.c = problem.x.numpy() - 2.0
        authors = Neumann(terms=2, alpha=0.4, scale_by_alpha=False)
        for solver, p in ((authors, 4.88), (Neumann(2, 0.4), 1.952)):
            np.testing.assert_allclose(
                problem.hypergradient(solver), [p, 0.0], rtol=1e-12
            )

    @pytest.mark.parametrize("terms", [0, 1, 4, 9])
    def test_error_falls_at_the_predicted_rate(self, terms):
        problem = Quadratic([0.3, 0.3, 0.3])
        found = problem.hypergradient(Neumann(terms, alpha=0.5))
        missing = problem.expected() - found
        rate = (1 - 0.5 * 0.3) ** (terms + 1)
        np.testing.assert_allclose(
            missing, rate * problem.expected(), rtol=1e-10
        )

    def test_damping_is_added_to_the_diagonal(self):
        problem = Quadratic()
        solver = ConjugateGradient(50, 1e-12, damping=0.7)
        slope = problem.x.numpy() - problem.c
        inverse = np.linalg.solve(problem.a + 0.7 * np.eye(3), slope)
        np.testing.assert_allclose(
            problem.hypergradient(solver), problem.b.T @ inverse, rtol=1e-10
        )

    def test_conjugate_gradients_end_with_as_many_steps_as_dimensions(self):
        problem = Quadratic()
        errors = [
            relative_error(
                problem.hypergradient(ConjugateGradient(steps, 0.0)),
                problem.expected(),
            )
            for steps in (1, 2, 3)
        ]
        assert errors[0] > errors[1] > 1e-6 > 1e-12 > errors[2]

    def test_conjugate_gradients_end_at_the_tolerance(self):
        problem = Quadratic()
        loose = problem.hypergradient(ConjugateGradient(50, 1e9))
        np.testing.assert_array_equal(loose, 0.0)
        one = problem.hypergradient(ConjugateGradient(1))
        close = problem.hypergradient(ConjugateGradient(50, 0.7))
        np.testing.assert_array_equal(one, close)

    def test_non_positive_curvature_leaves_the_upper_gradient(self):
        problem = Quadratic([-0.4, -1.0, -1.7])
        found = problem.hypergradient(ConjugateGradient(50))
        slope = problem.x.numpy() - problem.c
        np.testing.assert_allclose(found, problem.b.T @ slope, rtol=1e-12)

    def test_non_positive_curvature_ends_later_steps(self):
        problem = Quadratic([3.0, 1.0, -0.1])
        vectors = np.linalg.eigh(problem.a)[1]
        slope = vectors @ np.array([0.1, 1.0, 1.0])  # mostly convex
        problem.c = problem.x.numpy() - slope
        stopped = problem.hypergradient(ConjugateGradient(50))
        steps = [problem.hypergradient(ConjugateGradient(k)) for k in (1, 2)]
        assert any(np.array_equal(stopped, step) for step in steps)
        assert not np.allclose(stopped, problem.expected())

    def test_nothing_to_solve_gives_zeros(self):
        problem = Quadratic()
        problem.c = problem.x.numpy()
        for solver in (EXACT, Neumann()):
            np.testing.assert_array_equal(problem.hypergradient(solver), 0.0)


class TestLearnedWeights:
    """Ridge regression whose examples have weights to be learned."""

    def setup_method(self):
        rng = np.random.default_rng(1)
        self.features, self.label = rng.normal(size=(8, 3)), rng.normal(size=8)
        self.test_features = rng.normal(size=(5, 3))
        self.test_label = rng.normal(size=5)
        self.weight = variable(rng.uniform(0.5, 1.5, size=8))
        self.x = variable(self.fit(self.weight.numpy()))

    def matrix(self, weight):
        gram = self.features.T @ (weight[:, None] * self.features)
        return gram + 0.1 * np.eye(3)

    def fit(self, weight):
        moment = self.features.T @ (weight * self.label)
        return np.linalg.solve(self.matrix(weight), moment)

    def fitted_loss(self, weight=None):
        x = self.fit(self.weight.numpy() if weight is None else weight)
        return np.sum((self.test_features @ x - self.test_label) ** 2)

    def lower(self):
        error = tf.linalg.matvec(self.features, self.x) - self.label
        fit = tf.reduce_sum(self.weight * error**2)
        return 0.5 * (fit + 0.1 * tf.reduce_sum(self.x**2))

    def upper(self):
        guess = tf.linalg.matvec(self.test_features, self.x)
        return tf.reduce_sum((guess - self.test_label) ** 2)

    def found(self, solver):
        return hypergradient(
            self.lower, self.upper, [self.x], [self.weight], solver=solver
        )[0].numpy()

    def test_exact_implicit_jacobian(self):
        x = self.x.numpy()
        error = self.features @ x - self.label
        matrix = self.matrix(self.weight.numpy())
        jacobian = -np.linalg.solve(matrix, self.features.T * error)
        slope = (
            2
            * self.test_features.T
            @ (self.test_features @ x - self.test_label)
        )
        np.testing.assert_allclose(
            self.found(EXACT), slope @ jacobian, rtol=1e-10
        )

    def test_finite_differences(self):
        weight, step = self.weight.numpy(), 1e-5
        expected = [
            (self.fitted_loss(weight + d) - self.fitted_loss(weight - d)) / 2e-5
            for d in step * np.eye(8)
        ]
        np.testing.assert_allclose(self.found(EXACT), expected, rtol=1e-6)

    @pytest.mark.parametrize("steps", [1, 3, 200])
    def test_a_series_is_an_unroll(self, steps):
        """From the minimum on, each step of descent adds one term."""
        rate = 0.05
        with tf.GradientTape() as outer:
            outer.watch(self.weight)
            x = tf.identity(self.x)
            for _ in range(steps):
                error = tf.linalg.matvec(self.features, x) - self.label
                slope = tf.linalg.matvec(
                    self.features, self.weight * error, transpose_a=True
                )
                x -= rate * (slope + 0.1 * x)
            guess = tf.linalg.matvec(self.test_features, x)
            loss = tf.reduce_sum((guess - self.test_label) ** 2)
        unrolled = outer.gradient(loss, self.weight).numpy()
        found = self.found(Neumann(steps - 1, alpha=rate))
        np.testing.assert_allclose(found, unrolled, rtol=1e-7)
        if steps == 200:
            assert relative_error(found, self.found(EXACT)) < 2e-3


class TestWhatDependsOnWhat:
    def test_direct_gradient_is_added(self):
        problem = Quadratic()
        found = hypergradient(
            problem.lower,
            lambda: problem.upper() + tf.reduce_sum(problem.phi**3),
            [problem.x],
            [problem.phi],
            solver=EXACT,
        )[0]
        direct = 3 * problem.phi.numpy() ** 2
        np.testing.assert_allclose(
            found, problem.expected() + direct, rtol=1e-10
        )

    def test_unused_variables_give_zeros(self):
        problem = Quadratic()
        table, unused = variable(np.ones((4, 2))), variable(np.ones((2, 2)))

        def upper():  # reads what the lower loss does not
            return problem.upper() + tf.reduce_sum(tf.gather(table, [1, 1]))

        found = hypergradient(
            problem.lower,
            upper,
            [table, problem.x, unused],
            [unused, problem.phi],
            solver=EXACT,
        )
        np.testing.assert_array_equal(found[0], np.zeros((2, 2)))
        np.testing.assert_allclose(found[1], problem.expected(), rtol=1e-10)

    def test_a_lower_loss_without_inner_variables(self):
        x, phi = variable([2.0]), variable([3.0])
        found = hypergradient(
            lambda: tf.reduce_sum(phi**2),
            lambda: tf.reduce_sum(x * phi),
            [x],
            [phi],
            solver=Neumann(),
        )
        np.testing.assert_array_equal(found[0], [2.0])

    def test_a_linear_lower_loss(self):
        # H is 0: every term is v = 1, and the mixed derivative is 1.
        x, phi = variable([2.0]), variable([3.0])
        found = hypergradient(
            lambda: tf.reduce_sum(x * phi),
            lambda: tf.reduce_sum(x),
            [x],
            [phi],
            solver=Neumann(terms=3),
        )
        np.testing.assert_array_equal(found[0], [-4.0])


class Lookups:
    """A small network over two embeddings, or one-hot rows of them.

    The first table is looked up twice with repeated ids; the upper loss reads
    rows that the lower does not, and the other way round.
    """

    def __init__(self, one_hot):
        rng = np.random.default_rng(2)
        self.users = variable(0.5 * rng.normal(size=(9, 3)))
        self.items = variable(0.5 * rng.normal(size=(12, 3)))
        self.kernel = variable(rng.normal(size=(3, 2)))
        self.phi = variable(rng.uniform(size=5))
        self.one_hot = one_hot
        self.inner = [self.users, self.items, self.kernel]

    def look_up(self, table, ids):
        if self.one_hot:
            return tf.one_hot(ids, table.shape[0], dtype=tf.float64) @ table
        return tf.nn.embedding_lookup(table, ids)

    def losses(self, user, friend, item):
        users = self.look_up(self.users, user)
        users *= 1.0 + self.look_up(self.users, friend)
        hidden = tf.tanh(users * self.look_up(self.items, item) @ self.kernel)
        return tf.reduce_sum(hidden**2 + hidden, axis=1)

    def lower(self):
        losses = self.losses([1, 4, 4, 1, 7], [4, 4, 0, 7, 7], [3, 3, 2, 2, 9])
        weight = self.phi * tf.exp(
            self.look_up(self.items, [3, 2, 3, 9, 9])[:, 0]
        )
        return tf.reduce_sum(weight * losses)

    def upper(self):
        return tf.reduce_sum(self.losses([8, 4, 1], [4, 5, 1], [9, 11, 3]))

    def found(self, solver):
        return hypergradient(
            self.lower, self.upper, self.inner, [self.phi], solver=solver
        )[0]


# Converged, for a step of conjugate gradients looks at all rows at once.
SOLVERS = [
    Neumann(3),
    Neumann(5, 0.1, scale_by_alpha=False),
    ConjugateGradient(100, 1e-15, damping=20.0),
]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
class TestLookups:
    def test_rows_give_what_whole_tables_give(self, solver):
        rows = Lookups(one_hot=False).found(solver)
        whole = Lookups(one_hot=True).found(solver)
        assert relative_error(rows, whole) < 1e-13

    def test_graph_gives_what_eager_gives(self, solver):
        problem = Lookups(one_hot=False)
        eager = problem.found(solver)
        graph = tf.function(lambda: problem.found(solver))()
        assert relative_error(graph, eager) < 1e-13

    def test_tables_that_a_penalty_reads_whole(self, solver):
        """Lookups in the upper loss, and in half of the lower one."""
        found = []
        for one_hot in (False, True):
            problem = Lookups(one_hot)
            lower = problem.lower
            problem.lower = lambda p=problem, lower=lower: (
                lower() + 0.1 * tf.reduce_sum(p.items**4)
            )
            found.append(problem.found(solver))
        assert relative_error(*found) < 1e-13

    @pytest.mark.parametrize("reads_whole", [False, True])
    def test_nothing_of_a_tables_size_is_made(self, solver, reads_whole):
        """In the compiled graph, loops included; a penalty does make it."""
        problem = Lookups(one_hot=False)
        problem.items = problem.inner[1] = variable(np.ones((777, 3)))
        lower = problem.lower
        if reads_whole:
            problem.lower = lambda: lower() + tf.reduce_sum(problem.items**2)
        graph = tf.function(lambda: problem.found(solver))
        definition = graph.get_concrete_function().graph.as_graph_def(
            add_shapes=True
        )
        nodes = list(definition.node)
        for function in definition.library.function:
            nodes.extend(function.node_def)
        sizes = {
            dim.size
            for node in nodes
            for shape in node.attr["_output_shapes"].list.shape
            for dim in shape.dim
        }
        assert 3 in sizes
        assert (777 in sizes) == reads_whole


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neumann(terms=-1), "terms should be 0 or more. Received: -1"),
        (lambda: Neumann(alpha=0.0), "alpha should be above 0"),
        (lambda: ConjugateGradient(0), "max_steps should be 1 or more"),
        (lambda: ConjugateGradient(tolerance=-1), "tolerance should be 0 or"),
        (lambda: ConjugateGradient(damping=-0.1), "damping should be 0 or mor"),
    ],
)
def test_values_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
