"""The importance-weighted bound where log p(x) is known exactly."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.parts import heads
from keras_ae.parts import priors
from keras_ae.variants import iwae

tfd = tfp.distributions
SCALE = 0.5
RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(size=(2, 3)), RNG.normal(size=3)
X = (RNG.normal(size=(2000, 2)) @ KERNEL + BIAS).astype("float32")
X += SCALE * RNG.normal(size=X.shape).astype("float32")


def model(cls, samples, prior=None, **options):
    """A linear-Gaussian model, and a posterior that is a little off."""
    made = cls.create(
        (3,),
        2,
        network="linear",
        likelihood=heads.Gaussian(scale=SCALE),
        samples=samples,
        prior=prior,
        seed=0,
        **options,
    )
    made.decoder.projection.set_weights([KERNEL, BIAS])
    # The exact posterior N((x - b)A, C), its mean shrunk, its deviations
    # without correlation and too wide.
    covariance = np.linalg.inv(np.eye(2) + KERNEL @ KERNEL.T / SCALE**2)
    mean = 0.9 * KERNEL.T @ covariance / SCALE**2
    stddev = 1.3 * np.sqrt(np.diag(covariance))
    made.encoder.projection.set_weights(
        [
            np.concatenate([mean, np.zeros((3, 2))], axis=1),
            np.concatenate([-BIAS @ mean, np.log(np.expm1(stddev))]),
        ]
    )
    return made


def exact():
    """log p(x) of x = zW + b + noise: a normal."""
    covariance = KERNEL.T @ KERNEL + SCALE**2 * np.eye(3)
    return scipy.stats.multivariate_normal(BIAS, covariance).logpdf(X)


def bound(samples):
    """The bound of each row."""
    terms = model(keras_ae.IWAE, samples).objective(
        X, tf.constant(X), training=False
    )
    assert terms["bound"].shape == (len(X),)
    return -terms["bound"].numpy()


def test_bound_rises_with_draws_towards_the_exact_value():
    counts = (1, 3, 10, 50)
    bounds = [bound(k) for k in counts]
    for k, below, above in zip(counts, bounds, bounds[1:], strict=False):
        rise = above - below
        error = rise.std() / np.sqrt(len(X))
        assert rise.mean() > 4 * error, f"no rise after {k} draws"
    gaps = exact() - bounds[0], exact() - bound(3000)
    # The gap is the variance of w / E[w] over 2K to first order, here 1e-4
    # at K = 3000: nothing beside the standard error over the rows.
    error = gaps[1].std() / np.sqrt(len(X))
    assert gaps[0].mean() > 0.1
    assert abs(gaps[1].mean()) < 4 * error + 1e-3


def test_groups_are_a_mean_of_bounds():
    made = model(keras_ae.IWAE, 4, groups=3)
    moment = made.moment(training=False)
    forward = made.forward(made.batch(X), moment)
    log_w = made.log_weights(forward).numpy()
    assert log_w.shape == (12, len(X))
    found = made.loss_terms(forward, moment)["bound"]
    expected = scipy.special.logsumexp(log_w.reshape(4, 3, -1), axis=0)
    expected = (expected - np.log(4)).mean(axis=0)
    np.testing.assert_allclose(found, -expected, rtol=1e-4)


class LogProbOnly(priors.BasePrior):
    """The standard normal as a mixture, for which TFP knows no KL."""

    def distribution(self, encode):
        normal = tfd.Normal(tf.zeros([1, *self.event_shape]), 1.0)
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=[0.0]), tfd.Independent(normal, 1)
        )


def test_one_draw_is_the_loss_of_the_vae():
    # Same seeds, hence same draws; both estimate the KL from the draw.
    losses = []
    for cls in (keras_ae.IWAE, keras_ae.VAE):
        made = model(cls, 1, LogProbOnly())
        made.compile(jit_compile=False)
        losses.append(made.evaluate(X, verbose=0, return_dict=True)["loss"])
    # Same numbers added in another order, of size 10.
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_one_draw_agrees_with_the_closed_form_kl_on_average():
    vae = model(keras_ae.VAE, 1)
    x = np.repeat(X[:1], 4000, axis=0)
    target = tf.constant(x)
    one = model(keras_ae.IWAE, 1).objective(x, target, training=False)
    terms = vae.objective(x, target, training=False)
    difference = one["bound"] - terms["reconstruction"] - terms["kl"]
    error = np.std(difference) / np.sqrt(len(x))
    assert abs(np.mean(difference)) < 4 * error


def test_gradient_weighs_the_draws_by_their_normalized_weights():
    # Burda et al., equation 14: sum_k (w_k / sum_j w_j) grad log w_k. Here
    # with respect to the decoder's bias b: grad log w = (x - zW - b) / s^2.
    made = model(keras_ae.IWAE, 7)
    x = X[:5]
    bias = made.decoder.projection.bias
    with tf.GradientTape() as tape:
        moment = made.moment(training=True)
        forward = made.forward(made.batch(x), moment)
        loss = tf.reduce_sum(made.loss_terms(forward, moment)["bound"])
    z = forward.latent.numpy().astype(np.float64)  # [7, 5, 2]
    q = forward.posterior
    log_w = (
        scipy.stats.norm(z @ KERNEL + BIAS, SCALE).logpdf(x).sum(-1)
        + scipy.stats.norm().logpdf(z).sum(-1)
        - scipy.stats.norm(q.mean(), q.stddev()).logpdf(z).sum(-1)
    )
    w = np.exp(log_w - log_w.max(axis=0))
    w /= w.sum(axis=0)
    slope = (x - z @ KERNEL - BIAS) / SCALE**2
    expected = -(w[..., None] * slope).sum(axis=(0, 1))
    # Weights are exponentials of float32 logarithms of size 10: 1e-5.
    np.testing.assert_allclose(
        tape.gradient(loss, bias), expected, rtol=1e-3, atol=1e-3
    )


def gradients(made, x, term):
    """Of the sum of a term, with respect to the mean of each row's posterior
    and to the decoder's bias."""
    with tf.GradientTape() as tape:
        moment = made.moment(training=True)
        forward = made.forward(made.batch(x), moment)
        loss = tf.reduce_sum(made.loss_terms(forward, moment)[term])
    found = forward.posterior.distribution.loc, made.decoder.projection.bias
    return [g.numpy() for g in tape.gradient(loss, found)]


@pytest.mark.parametrize(
    "cls, options, term",
    [
        (keras_ae.IWAE, {}, "bound"),
        (keras_ae.IWAE, {"groups": 2}, "bound"),
        (keras_ae.RenyiVAE, {"alpha": 0.3, "groups": 2}, "bound"),
        (keras_ae.CIWAE, {"beta": 0.2}, "bound"),
        (keras_ae.PIWAE, {"groups": 2}, "grouped_bound"),
    ],
)
def test_doubly_reparameterized_gradient_varies_less_around_the_same(
    cls, options, term
):
    far = np.square(X - BIAS).sum(axis=1).argmax()
    x = np.repeat(X[far : far + 1], 20_000, axis=0)
    once, twice = (
        gradients(model(cls, 8, gradient=kind, **options), x, term)
        for kind in ("reparameterized", "doubly_reparameterized")
    )
    error = np.hypot(once[0].std(axis=0), twice[0].std(axis=0))
    error /= np.sqrt(len(x))
    assert (abs(once[0].mean(axis=0) - twice[0].mean(axis=0)) < 4 * error).all()
    assert (abs(once[0].mean(axis=0)) > 8 * error).any()
    assert (twice[0].var(axis=0) < 0.6 * once[0].var(axis=0)).all()
    # The decoder's is as it was, to the draw.
    np.testing.assert_allclose(once[1], twice[1], rtol=1e-4)


def test_other_gradients_are_refused():
    with pytest.raises(ValueError, match="`gradient`"):
        keras_ae.IWAE.create((3,), 2, gradient="score")
    with pytest.raises(ValueError, match="mechanism.*reparameterized"):
        keras_ae.MIWAE.create(
            (3,), 2, mechanism="self_masking", gradient=iwae.GRADIENTS[1]
        )


def test_a_flow_without_inverse_has_no_density_along_the_path():
    flow = {"flow": {"flow": "planar"}}
    made = keras_ae.IWAE.create(
        (3,), 2, posterior=flow, gradient=iwae.GRADIENTS[1], hidden=(4,)
    )
    with pytest.raises(ValueError, match="Expected.*inverse.*reparameterized"):
        made.objective(np.zeros([4, 3], "float32"))


def test_loss_is_the_bound_and_the_other_terms_are_logged():
    made = model(keras_ae.IWAE, 5)
    made.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    logs = made.fit(X, batch_size=len(X), verbose=0).history
    assert logs["loss"] == logs["bound"]
    # The bound of 5 draws is tighter than that of their mean.
    assert logs["bound"][0] < logs["reconstruction"][0] + logs["kl"][0]


def test_less_than_one_draw_is_refused():
    with pytest.raises(ValueError, match="`samples`"):
        keras_ae.IWAE.create((3,), 2, samples=0)
