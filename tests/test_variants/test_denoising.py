"""The denoising objective and the score that it learns."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import DenoisingAutoencoder
from keras_ae.parts import corruptions
from keras_ae.parts import heads
from keras_ae.variants import denoising

tfd = tfp.distributions


def small(**options):
    return DenoisingAutoencoder.create(
        (3,), 4, hidden=(8,), activation="tanh", seed=0, **options
    )


class Shifts(corruptions.BaseCorruption):
    """The two versions of the worked example: one below, one above."""

    def corrupt(self, x, seed):
        versions = tf.reshape(x, [2, -1, 1])
        shifted = versions + tf.constant([-1.0, 1.0])[:, None, None]
        return tf.reshape(shifted, tf.shape(x))


def test_worked_example_of_the_notes(monkeypatch):
    """x = 5 seen as 4 and 6, x = 10 as 9 and 11; the decoder gives the
    log-likelihoods -0.1, -0.2 and -0.3, -0.4: the objective is 0.25."""
    log_likelihoods = {4.0: -0.1, 6.0: -0.2, 9.0: -0.3, 11.0: -0.4}
    model = DenoisingAutoencoder.create(
        (1,), 1, network="linear", corruption=Shifts(), corruptions=2
    )
    model.encoder.projection.kernel.assign([[1.0]])  # the code is x~

    class Decoded:
        def __init__(self, h):
            self.h = h

        def log_prob(self, x):
            values = [
                [log_likelihoods[float(h)] for h in row]
                for row in self.h[..., 0]
            ]
            np.testing.assert_array_equal(x[:, 0], [5.0, 10.0])
            return tf.constant(values)  # [S, B]

    monkeypatch.setattr(model, "likelihood", lambda h, *rest: Decoded(h))
    model.compile("sgd", run_eagerly=True)
    loss = model.evaluate(np.array([[5.0], [10.0]]), verbose=0)
    np.testing.assert_allclose(
        loss if np.isscalar(loss) else loss[0], 0.25, rtol=1e-6
    )


@pytest.mark.parametrize("corruptions", [1, 3])
def test_versions_stand_in_front(corruptions):
    model = small(corruptions=corruptions)
    batch = model.batch(tf.zeros([5, 3]))
    forward = model.forward(batch, model.moment())
    noisy = forward.extras["corrupted"]
    assert noisy.shape == (corruptions, 5, 3)
    assert forward.likelihood.batch_shape == (corruptions, 5)
    assert len(np.unique(noisy)) == corruptions * 5 * 3


def test_objective_is_the_mean_over_versions():
    model = small(corruptions=4)
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 3]), tf.float32)
    with model.evaluation_seeds():
        forward = model.forward(model.batch(x), model.moment())
    each = [
        0.5 * np.square(model(noisy) - x).sum(axis=1) + 1.5 * np.log(2 * np.pi)
        for noisy in forward.extras["corrupted"]
    ]
    model.compile("sgd", jit_compile=False)
    loss = model.evaluate(x, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(loss, np.mean(each), rtol=1e-5)


class Kept(corruptions.BaseCorruption):
    """Remembers what it drew."""

    def __init__(self):
        self.seeds = tf.Variable(tf.zeros([100, 2], tf.int32))
        self.drawn = tf.Variable(0)

    def corrupt(self, x, seed):
        self.seeds.scatter_nd_update([[self.drawn]], [seed])
        self.drawn.assign_add(1)
        return x


def test_noise_is_fresh_at_every_step():
    corruption = Kept()
    model = small(corruption=corruption)
    model.compile("sgd", jit_compile=False)
    model.fit(np.zeros([64, 3]), batch_size=8, epochs=2, verbose=0)
    steps = int(corruption.drawn)
    assert steps == 16
    assert len(np.unique(corruption.seeds[:steps], axis=0)) == 16


def test_evaluation_noise_repeats_and_leaves_training_alone():
    x = np.random.default_rng(0).normal(size=[32, 3])

    def history(validation_data):
        model = small()
        model.compile("sgd", jit_compile=False)
        logs = model.fit(
            x, epochs=3, verbose=0, validation_data=validation_data
        )
        twice = [model.evaluate(x, verbose=0) for _ in range(2)]
        assert twice[0] == twice[1]
        return logs.history["loss"]

    assert history(None) == history(x)


def test_score_of_gaussian_data():
    """The optimum is linear: -x / (s^2 + sigma^2). The slope of regression
    on n noisy draws has standard error s sigma / ((s^2 + sigma^2) sqrt(n));
    averaged over the last epochs, n = 1e5, that is 0.0013, and at |x| = 3
    it gives the score an error of 3 * 0.0013 / sigma^2 = 0.01."""
    s, sigma = 1.2, 0.6
    model = DenoisingAutoencoder.create(
        (1,),
        1,
        network="linear",
        corruption=corruptions.GaussianNoise(sigma),
        seed=0,
    )
    x = np.random.default_rng(0).normal(scale=s, size=[2**15, 1])
    x = s * (x - x.mean()) / x.std()
    rate = keras.optimizers.schedules.CosineDecay(0.05, 32 * 30)
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    model.fit(x, batch_size=1024, epochs=30, verbose=0)
    points = np.linspace(-3, 3, 13)[:, None].astype("float32")
    expected = -points / (s**2 + sigma**2)
    np.testing.assert_allclose(
        model.log_density_gradient(points), expected, atol=0.04
    )


def test_score_of_a_mixture_in_the_plane():
    means = np.array([[-1.0, 0.0], [1.0, 0.5], [0.0, -1.2]], np.float32)
    width, sigma = 0.3, 0.25
    rng = np.random.default_rng(0)
    x = means[rng.integers(3, size=2**13)]
    x += width * rng.normal(size=x.shape)
    model = DenoisingAutoencoder.create(
        (2,),
        32,
        hidden=(64,),
        activation="tanh",
        corruption=corruptions.GaussianNoise(sigma),
        seed=0,
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 32 * 80)
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    model.fit(x, batch_size=256, epochs=80, verbose=0)

    deviation = np.full([3, 2], np.hypot(width, sigma), np.float32)
    smoothed = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.full(3, 1 / 3, np.float32)),
        tfd.MultivariateNormalDiag(means, deviation),
    )
    points = x[:500] + sigma * rng.normal(size=[500, 2]).astype("float32")
    _, exact = tfp.math.value_and_gradient(
        smoothed.log_prob, tf.constant(points)
    )
    cosine = -keras.losses.cosine_similarity(
        exact, model.log_density_gradient(points)
    )
    # The mean: at a maximum the score vanishes, and so does its direction.
    assert np.mean(cosine) > 0.95
    slope = np.sum(exact * model.log_density_gradient(points)) / np.sum(
        exact**2
    )
    assert 0.9 < slope < 1.1


def test_score_does_not_need_a_gaussian_likelihood():
    model = small(likelihood=heads.Bernoulli())
    x = np.full([4, 3], 0.5, np.float32)
    expected = (model.reconstruct(x) - x) / 0.3**2
    np.testing.assert_allclose(
        model.log_density_gradient(x), expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("name", ["masking", "salt_and_pepper"])
def test_score_needs_gaussian_noise(name):
    with pytest.raises(ValueError, match="GaussianNoise.* Received: "):
        small(corruption=name).log_density_gradient(np.zeros([2, 3]))


@pytest.mark.parametrize("corruptions", [0, -1])
def test_bad_number_of_versions_is_refused(corruptions):
    with pytest.raises(ValueError, match="`corruptions`.* Received: "):
        small(corruptions=corruptions)


def test_a_walk_of_the_best_denoiser_draws_from_the_data():
    # Data N(1, 0.8**2), noise of deviation 0.6: x given x~ is normal.
    noise, variance = 0.36, 0.64
    gain = variance / (variance + noise)
    model = DenoisingAutoencoder.create(
        (1,),
        1,
        network="linear",
        corruption={"gaussian_noise": {"stddev": 0.6}},
        likelihood=heads.Gaussian(scale=float(np.sqrt(gain * noise))),
        seed=0,
    )
    model.encoder.projection.set_weights([np.eye(1), np.zeros(1)])
    model.decoder.projection.set_weights(
        [gain * np.eye(1), 1 - gain * np.ones(1)]
    )
    means = model.walk(2_000, seed=0, steps=20)[:, 0]
    # The mean of the last draw, not the draw: it varies by its noise less.
    found = scipy.stats.kstest(
        means, "norm", (1, np.sqrt(variance - gain * noise))
    )
    assert found.pvalue > 1e-3
    np.testing.assert_array_equal(model.walk(5, 0, 3), model.walk(5, 0, 3))


def test_annealing_ends_in_the_plane_of_the_best_denoiser():
    # Data anywhere in a plane of 64 dimensions: the best denoiser of any
    # level is the projection to it. Outside the plane noise is taken away,
    # inside it what is put back adds up.
    size, steps, high = 64, 40, 2.0
    plane, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(size, 2)))
    model = DenoisingAutoencoder.create(
        (size,),
        2,
        network="linear",
        corruption={"noise_levels": {"low": 0.05, "high": high}},
        likelihood=heads.Gaussian(scale=1.0),
        seed=0,
    )
    model.encoder.projection.set_weights([plane, np.zeros(2)])
    model.decoder.projection.set_weights([plane.T, np.zeros(size)])
    found = model.anneal(4_000, seed=0, steps=steps)
    inside = found @ plane
    np.testing.assert_allclose(inside @ plane.T, found, atol=1e-5)
    h, b = denoising.STEP, denoising.SHARE
    kept = (1 - b * h) ** 2 - (1 - h) ** 2
    outside = (size - 2) / size  # E s^2 / high^2, before the first step
    falls = (1 - h) ** 2 + kept * outside
    added = kept * outside * (1 - falls ** (steps - 1)) / (1 - falls)
    variance = inside.var()
    expected = high**2 * (1 + added)
    # Normal numbers, but for a scale that hardly varies from row to row.
    assert abs(variance / expected - 1) < 4 * np.sqrt(2 / inside.size) + 0.01
    again = model.anneal(5, seed=1, steps=3)
    np.testing.assert_array_equal(again, model.anneal(5, seed=1, steps=3))


def test_annealing_needs_levels_of_noise():
    with pytest.raises(ValueError, match="NoiseLevels.* Received: "):
        small().anneal(2)
