"""Streams of batches, and rows with something beside them: checked, started
from and answered as rows in memory are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.model import streams


def streamed(x, **options):
    """A data set of batches of 32 rows."""
    return tf.data.Dataset.from_tensor_slices(x, **options).batch(32)


class Batches(keras.utils.PyDataset):
    """The same, by number."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return -(-len(self.x) // 32)

    def __getitem__(self, i):
        return (self.x[32 * i : 32 * i + 32],)


def generated(x):
    """The same, once."""
    return (batch for batch in Batches(x))


@pytest.mark.parametrize("form", [streamed, Batches, generated])
def test_a_stream_without_a_batch_is_refused(form):
    model = keras_ae.VAE.create((6,), 2, hidden=(4,), seed=0)
    model.compile("adam", jit_compile=False)
    rows = np.zeros([32, 6], "float32")
    uses = [
        lambda x: model.fit(x, verbose=0),
        lambda x: model.fit(x, steps_per_epoch=2, verbose=0),
        lambda x: model.fit(rows, validation_data=x, verbose=0),
        lambda x: model.evaluate(x, verbose=0),
        lambda x: model.predict(x, verbose=0),
    ]
    if form is streamed:
        uses += [model.embed, model.reconstruct, model.score_samples]
        uses += [model.adapt]
    for use in uses:
        with pytest.raises(ValueError, match="stream is empty.*Received: <"):
            use(form(rows[:0]))
    if form is generated:  # what was looked at is not lost
        assert model.predict(form(rows), steps=1, verbose=0).shape == (32, 6)


@pytest.mark.parametrize("form", [streamed, Batches, generated])
def test_a_stream_is_a_start_and_is_looked_at(form):
    """The deviation starts as that of the first batch; all batches train."""
    x = np.random.default_rng(0).normal(scale=50, size=(96, 6))
    x = x.astype("float32")
    model = keras_ae.VAE.create((6,), 2, hidden=(4,), seed=0)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model.fit(form(x), steps_per_epoch=3, verbose=0, callbacks=[count])
    assert seen[-1] == 2
    deviation = model.decode(np.zeros((1, 2))).stddev()
    about_means = np.sqrt(x[:32].var(axis=0).mean())
    np.testing.assert_allclose(deviation, about_means, rtol=1e-4)
    image = keras_ae.VAE.create(keras_ae.spaces.Image(2, 3), 2, hidden=(4,))
    image.compile("adam")
    with pytest.raises(ValueError, match="first batch of the stream.*divide"):
        image.fit(form(np.abs(x).reshape(-1, 2, 3)), verbose=0)
    with pytest.raises(ValueError, match="Expected an array of shape.*`batch`"):
        model.fit(tf.data.Dataset.from_tensor_slices(x), verbose=0)


def test_answers_to_streams_are_those_to_their_rows():
    x = np.random.default_rng(0).normal(size=(70, 6)).astype("float32")
    model = keras_ae.VAE.create((6,), 2, hidden=(4,), seed=0)
    model.adapt(streamed(x))
    other = keras_ae.VAE.create((6,), 2, hidden=(4,), seed=0)
    other.adapt(x)
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    for name in ("embed", "reconstruct", "score_samples"):
        method = getattr(model, name)
        found = method(streamed((x, x)))  # targets are not looked at
        np.testing.assert_array_equal(found, method(x))
    with pytest.raises(ValueError, match="The stream is empty"):
        model.embed(streamed(x[:0]))


def test_masked_arrays_hide_what_their_masks_hide():
    rng = np.random.default_rng(0)
    values, hidden = rng.normal(size=(50, 4)), rng.random((50, 4)) < 0.3
    masked = np.ma.array(np.where(hidden, 1e3, values), mask=hidden)
    holes = np.where(hidden, np.nan, values)
    model = keras_ae.VAE.create((4,), 2, hidden=(4,), missing="mask", seed=0)
    for method in (model.score_samples, model.embed, model.impute):
        np.testing.assert_array_equal(method(masked), method(holes))
    np.testing.assert_array_equal(
        model.impute(masked)[~hidden], values[~hidden]
    )
    model.compile("adam", jit_compile=False)
    terms = (model.evaluate(values, y, verbose=0) for y in (masked, holes))
    np.testing.assert_array_equal(*terms)
    told = keras_ae.VAE.create((4,), 2, hidden=(4,), given=2, missing="mask")
    classes = np.arange(50) % 2
    np.testing.assert_array_equal(
        told.impute((masked, classes)), told.impute((holes, classes))
    )
    model = keras_ae.VAE.create((4,), 2, hidden=(4,))
    with pytest.raises(ValueError, match='missing="mask"'):
        model.embed(masked)


def test_what_can_be_read_again_is_not_used_up():
    """As loaders of other frameworks are; a generator is put together."""
    batches = [np.zeros(2), np.ones(2)]
    first, again = streams.peeked(batches)
    assert again is batches
    np.testing.assert_array_equal(first, batches[0])
    first, again = streams.peeked(iter(batches))
    np.testing.assert_array_equal([*again], batches)
    ragged = [tf.ragged.constant([[1.0], []])]
    assert streams.peeked(ragged) == (None, ragged)
