"""Ways to train: again on other rows, in blocks, by images, on a strategy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.contract import tools


def rows(count=32, width=8, seed=0):
    x = np.random.default_rng(seed).uniform(size=(count, width))
    return x.astype("float32")


def vae(**settings):
    model = keras_ae.VAE.create((8,), 2, hidden=(16,), seed=0)
    model.compile("adam", **{"jit_compile": False} | settings)
    return model


def assert_equal_weights(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_fit_trains_on_its_own_rows():
    x, y = rows(24, seed=1), rows(40, seed=2)
    graph, eager = vae(), vae(run_eagerly=True)
    for model in (graph, eager):
        model.fit(x, batch_size=8, verbose=0)
        model.fit(y, batch_size=8, verbose=0)
        # Rows of a number that was seen before, but other ones.
        model.fit(y[:24], batch_size=8, verbose=0)
    expected = eager.history.history["loss"]
    tolerance = tools.TOLERANCES["training"]
    assert graph.history.history["loss"] == pytest.approx(
        expected, rel=tolerance
    )
    traces = graph.block("train").experimental_get_tracing_count()
    graph.fit(x, batch_size=8, verbose=0)
    graph.fit(y, batch_size=8, verbose=0)
    now = graph.block("train").experimental_get_tracing_count()
    assert now == traces


def test_blocks_of_steps_do_not_change_the_result():
    x = rows(40)
    runs = []
    for steps in (1, 3, "auto"):
        model = vae(steps_per_execution=steps)
        model.fit(x, batch_size=7, epochs=2, verbose=0)
        runs.append(model)
    for model in runs[1:]:
        # The same steps in loops of other lengths, to the last bit.
        assert model.history.history == runs[0].history.history
        assert_equal_weights(model, runs[0])


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3)])
def test_convolutions_train(shape):
    model = keras_ae.VAE.create(
        shape, 2, network="strided", hidden=(4, 6), seed=0
    )
    model.compile("adam", run_eagerly=True)
    x = rows(6, int(np.prod(shape))).reshape(6, *shape)
    before = tools.snapshot(model)
    model.fit(x, batch_size=3, verbose=0)
    assert not tools.unmoved(model, before)
    assert model.predict(x).shape == x.shape


def test_a_mirrored_strategy_trains_as_none(tmp_path):
    x = rows()
    stream = tf.data.Dataset.from_tensor_slices(x).batch(
        16, drop_remainder=True
    )
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        model = vae(jit_compile="auto")
    assert "strategy" in model.speed_policy()
    alone = vae()
    for each in (alone, model):
        each.fit(stream, epochs=2, verbose=0)
    for name, values in alone.history.history.items():
        # Rounding of gradients through four steps of Adam.
        tolerance = tools.TOLERANCES["training"]
        assert model.history.history[name] == pytest.approx(
            values, rel=tolerance
        )
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))
