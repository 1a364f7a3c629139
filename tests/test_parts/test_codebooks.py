"""Codebooks: who moves the table, and what happens to dead codes."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_ae.math import quantization
from keras_ae.parts import codebooks


def built(name, **arguments):
    codebook = codebooks.get({name: {"size": 4, **arguments}})
    codebook.build((None, 2))
    return codebook


def rows(count=32, seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=(count, 2)).astype("float32"))


@pytest.mark.parametrize("name", ["ema", "gradient"])
def test_lookup_gives_the_nearest_rows_of_the_table(name):
    codebook = built(name)
    table = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
    codebook.table.assign(table)
    z = tf.reshape(rows(), [2, 4, 4, 2])
    indices = codebook.indices(z)
    brute = ((z.numpy()[..., None, :] - table) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(indices, brute)
    np.testing.assert_array_equal(codebook.lookup(indices), table[brute])


def test_ema_codebook_follows_the_update_rule():
    codebook = built("ema", decay=0.9, restart=0.0)
    codebook.usage.assign(tf.ones(4))
    z = rows()
    indices = codebook.indices(z)
    table, usage = quantization.ema_update(
        tf.convert_to_tensor(codebook.table), tf.ones(4), z, indices, 0.9
    )
    codebook.update(z, indices, tf.constant([0, 0]))
    np.testing.assert_array_equal(codebook.table.numpy(), table)
    np.testing.assert_array_equal(codebook.usage.numpy(), usage)


def test_ema_codebook_converges_to_the_centers_of_clusters():
    centers = np.array([[3, 0], [-3, 0], [0, 3], [0, -3]], "float32")
    codebook = built("ema", decay=0.5, restart=0.0)
    codebook.table.assign(centers / 2)
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.1, 0.1, (25, 2)).astype("float32")
    noise -= noise.mean(0)
    z = tf.constant((centers[:, None] + noise).reshape(-1, 2))
    for step in range(25):
        codebook.update(z, codebook.indices(z), tf.constant([0, step]))
    # What is left of the start is 0.5**25 = 3e-8 of it.
    np.testing.assert_allclose(codebook.table.numpy(), centers, atol=1e-5)


def test_gradient_codebook_leaves_the_table_to_the_optimizer():
    codebook = built("gradient", restart=0.0)
    before = codebook.table.numpy()
    z = rows()
    codebook.update(z, codebook.indices(z), tf.constant([0, 0]))
    np.testing.assert_array_equal(codebook.table.numpy(), before)
    assert codebook.table.trainable
    assert not built("ema").table.trainable


@pytest.mark.parametrize("name", ["ema", "gradient"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_dead_codes_restart_from_encoder_outputs(name, jit_compile):
    codebook = built(name, restart=0.5)
    table = np.array([[0, 0], [9, 9], [8, 8], [7, 7]], "float32")
    z = rows()

    @tf.function(jit_compile=jit_compile)
    def update(seed):
        codebook.update(z, codebook.indices(z), seed)

    def updated(seed):
        codebook.table.assign(table)
        codebook.usage.assign([1.0, 0.4, 1.0, 0.1])
        update(tf.constant([0, seed]))
        return codebook.table.numpy()

    after = updated(1)
    dead = [1, 3]
    for k in dead:
        assert (np.abs(z.numpy() - after[k]).sum(1) == 0).any()
    # All vectors are nearest to code 0; code 2 is unused, but not dead.
    np.testing.assert_allclose(after[2], table[2], rtol=1e-6)
    # A restart is no use: the running counts go on, 0.99 * usage + 0.01 * n.
    np.testing.assert_allclose(
        codebook.usage.numpy(), [1.03, 0.396, 0.99, 0.099], rtol=1e-5
    )
    # The choice follows from the seed.
    np.testing.assert_array_equal(updated(1), after)
    assert not np.array_equal(updated(2)[dead], after[dead])


def test_the_first_batch_makes_the_table():
    codebook = built("ema")
    z = rows() + 100.0
    codebook.update(z, codebook.indices(z), tf.constant([0, 0]))
    assert codebook.table.numpy().min() > 90


def test_a_frozen_codebook_does_not_move():
    codebook = built("ema")
    codebook.trainable = False
    before = codebook.table.numpy()
    z = rows()
    codebook.update(z, codebook.indices(z), tf.constant([0, 0]))
    np.testing.assert_array_equal(codebook.table.numpy(), before)


@pytest.mark.parametrize(
    "arguments", [{"size": 0}, {"decay": 1.0}, {"restart": -1}]
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        codebooks.EMACodebook(**arguments)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="'ema', .*'gradient'"):
        codebooks.get("emma")


# Grids and sums.


def test_finite_scalars_are_the_nearest_points_of_the_grid():
    sides = [3, 4, 5]
    codebook = codebooks.FiniteScalar(sides)
    codebook.build((None, 3))
    assert codebook.size == 60
    points = codebook.lookup(tf.range(60)).numpy()
    axes = [np.array([-1, 0, 1]), np.array([-2, -1, 0, 1]) / 2]
    axes.append(np.array([-2, -1, 0, 1, 2]) / 2)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    assert {tuple(p) for p in points} == {tuple(p) for p in grid}
    z = 2 * np.random.default_rng(0).normal(size=(999, 3)).astype("float32")
    bounded = codebook.bounded(tf.constant(z)).numpy()
    nearest = ((bounded[:, None] - points) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(codebook.indices(bounded), nearest)
    # Every point is in reach, and 0 stays where it is.
    assert len(set(nearest)) == 60
    np.testing.assert_allclose(codebook.bounded(tf.zeros(3)), 0, atol=1e-6)


def test_lookup_free_codes_are_the_nearest_corners():
    codebook = codebooks.LookupFree(entropy=0.5)
    codebook.build((None, 4))
    corners = codebook.lookup(tf.range(16)).numpy()
    z = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    squares = ((z[:, None] - corners) ** 2).sum(-1)
    np.testing.assert_array_equal(codebook.indices(z), squares.argmin(-1))
    # Of independent bits the entropy is that of the softmax over all codes.
    forward = type("Forward", (), {"extras": {"z": tf.constant(z)}})
    term = codebook.loss_terms(forward, None)["entropy"]
    shares = scipy.special.softmax(-squares, axis=1)
    own = scipy.stats.entropy(shares, axis=1).mean()
    ones = (shares @ (corners > 0)).mean(0)
    every = scipy.stats.entropy([ones, 1 - ones]).sum()
    np.testing.assert_allclose(term, own - every, rtol=1e-5)
    assert codebook.loss_weights(0.25)["entropy"] == 0.5


def test_bits_on_which_all_vectors_agree_have_gradients():
    codebook = codebooks.LookupFree()
    codebook.build((None, 3))
    z = tf.constant([[9.0, -9.0, 0.2], [40.0, -40.0, -0.1]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        forward = type("Forward", (), {"extras": {"z": z}})
        term = codebook.loss_terms(forward, None)["entropy"]
    found = tape.gradient(term, z).numpy()
    # Of the one bit that is open, by the derivatives of both entropies.
    logits = 4 * z.numpy()[:, 2].astype("float64")
    share = scipy.special.expit(logits)
    every = scipy.special.logit(share.mean())
    expected = 4 * (every - logits) * share * (1 - share) / 2
    np.testing.assert_allclose(found[:, 2], expected, rtol=1e-5)
    np.testing.assert_allclose(found[:, :2], 0, atol=1e-12)


def test_residual_codes_are_greedy_by_brute_force():
    codebook = codebooks.Residual({"ema": {"size": 5}}, depth=3)
    codebook.build((None, 4, 2))
    rng = np.random.default_rng(0)
    for table in codebook.tables:
        table.table.assign(rng.normal(size=(5, 2)))
    z = rng.normal(size=(6, 4, 2)).astype("float32")
    left, numbers = z, []
    for table in codebook.tables:
        values = table.table.numpy()
        squares = ((left[..., None, :] - values) ** 2).sum(-1)
        numbers.append(squares.argmin(-1))
        left = left - values[numbers[-1]]
    indices = codebook.indices(z)
    np.testing.assert_array_equal(indices, np.stack(numbers, -1))
    # Three sums and three differences of numbers of order 1.
    np.testing.assert_allclose(codebook.lookup(indices), z - left, atol=1e-6)


def test_tables_start_from_k_means():
    centers = np.array([[3, 0], [-3, 0], [0, 3], [0, -3]], "float32")
    noise = 0.1 * np.random.default_rng(0).normal(size=(40, 4, 2))
    vectors = (centers + noise).reshape(-1, 2).astype("float32")
    codebook = built("ema")
    left = codebook.start_from(vectors)
    table = codebook.table.numpy()
    order = ((centers[:, None] - table) ** 2).sum(-1).argmin(-1)
    np.testing.assert_allclose(table[order], (centers + noise).mean(0), 1e-3)
    assert np.abs(left).max() < 0.5
    np.testing.assert_array_equal(codebook.usage, np.ones(4))
