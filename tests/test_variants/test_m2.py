"""Classes as codes: what is unknown is summed over."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.contract import tools

RNG = np.random.default_rng(0)
X = RNG.random((12, 4)).astype("float32")


def made(**options):
    return keras_ae.M2.create(
        (4,), 2, hidden=(6,), condition=3, seed=0, **options
    )


@pytest.mark.parametrize("prior", ["standard_normal", "gaussian_mixture"])
def test_the_sum_over_classes_is_the_enumeration(prior):
    model = made(prior=prior, strength=2.0)
    moment = model.moment()
    key = moment.keys()
    moment = moment._replace(keys=lambda: key)

    def terms(labels):
        batch = model.batch((X, np.asarray(labels, "int32")))
        found = model.loss_terms(model.forward(batch, moment), moment)
        return {name: value.numpy() for name, value in found.items()}

    shares = model.classify(X)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    unknown = terms(np.full(12, -1))
    assert not unknown["classification"].any()
    expected = {"reconstruction": 0.0, "kl": 0.0}
    for label in range(3):
        known = terms(np.full(12, label))
        np.testing.assert_allclose(known["label"], np.log(3), rtol=1e-5)
        np.testing.assert_allclose(
            known["classification"], -np.log(shares[:, label]), rtol=1e-4
        )
        # What a conditional VAE of this class costs.
        batch = model.batch((X, np.full(12, label, "int32")))
        posterior = model.posterior(batch, moment)
        if prior == "standard_normal":
            kl = posterior.kl_divergence(model.p_z())
            np.testing.assert_allclose(known["kl"], kl, rtol=1e-5)
        for name in expected:
            expected[name] = expected[name] + shares[:, label] * known[name]
    for name, value in expected.items():
        np.testing.assert_allclose(unknown[name], value, rtol=1e-4)
    entropy = -(shares * np.log(shares)).sum(1)
    np.testing.assert_allclose(
        unknown["label"], np.log(3) - entropy, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("missing", ["mask", "refuse"])
def test_where_the_class_is_unknown_the_likelihood_sums_over_classes(missing):
    model = made(missing=missing, likelihood="gaussian")
    x = X.copy()
    if missing == "mask":
        x[:, 1] = np.nan
    model.build_on((x, np.zeros(12, "int32")))
    for weight in model.decoder.weights:
        weight.assign(RNG.normal(scale=0.7, size=weight.shape))
    # Wider than the prior: no draw has a large weight.
    projection = model.encoder.projection
    projection.kernel.assign(0 * projection.kernel)
    projection.bias.assign([0.0, 0.0, 1.0, 1.0])

    def likelihood(labels):
        rows = x, np.asarray(labels, "int32")
        return evaluation.log_likelihood(model, rows, samples=10_000)

    known = np.array([likelihood(np.full(12, y)) for y in range(3)])
    assert np.ptp(known, axis=0).mean() > 1
    expected = scipy.special.logsumexp(known, axis=0) - np.log(3)
    # Means of 10,000 weights that vary by a few of their means.
    unknown = likelihood(np.full(12, -1))
    np.testing.assert_allclose(unknown, expected, atol=0.05)
    some = np.where(np.arange(12) < 6, 2, -1)
    np.testing.assert_allclose(
        likelihood(some), np.where(some == 2, known[2], expected), atol=0.05
    )
    labels = np.full(12, -1)
    bound = evaluation.elbo(model, (x, labels), samples=5_000)
    assert (bound < expected + 0.1).all()
    scores = model.score_samples((x, labels))
    # Of eight draws each.
    assert (scores < expected + 2).all()


def test_unknown_classes_do_not_teach_the_classifier():
    model = made()
    labels = np.where(np.arange(12) < 4, 1, -1).astype("int32")
    bias = model.classifier.projection.bias

    def cost():
        terms = model.objective((X, labels))
        return tf.reduce_sum(terms["classification"])

    with tf.GradientTape() as tape:
        value = cost()
    found = tape.gradient(value, bias).numpy()
    start = bias.numpy()
    for i, axis in enumerate(np.eye(3)):
        ends = []
        for side in (0.01, -0.01):
            bias.assign(start + side * axis)
            ends.append(float(cost()))
        bias.assign(start)
        np.testing.assert_allclose(
            found[i], (ends[0] - ends[1]) / 0.02, rtol=1e-2, atol=1e-2
        )


def test_few_labels_teach_the_classes_of_all():
    centers = np.array([[2, 0, 0, 2], [0, 2, 0, -2], [-2, 0, 2, 0]])
    y = RNG.integers(3, size=300)
    x = (centers[y] + 0.3 * RNG.normal(size=(300, 4))).astype("float32")
    labels = np.where(np.arange(300) < 30, y, -1).astype("int32")
    model = made(strength=10.0)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    tools.steps(model, (x, labels), 20)
    right = (model.classify(x).argmax(1) == y).mean()
    assert right > 0.9
    # The likeliest class stands for one that is unknown.
    likeliest = model.classify(x).argmax(1).astype("int32")
    np.testing.assert_allclose(
        model.embed((x, np.full(300, -1))),
        model.embed((x, likeliest)),
        rtol=1e-5,
        atol=1e-6,
    )
    assert model.sample(4, given=1, seed=0).shape == (4, 4)


def test_other_labels_are_refused():
    for labels in ([3] * 12, [-2] * 12):
        with pytest.raises(ValueError, match="-1 for unknown.*Received"):
            made().embed((X, np.array(labels)))
    with pytest.raises(ValueError, match="condition.*Received"):
        keras_ae.M2.create((4,), 2, hidden=(6,), condition=1)
