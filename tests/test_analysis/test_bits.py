"""Bits per dimension: lengths of codes, whose probabilities add up to 1."""

import itertools

import numpy as np
import pytest

from keras_ae import VAE
from keras_ae import heads
from keras_ae import spaces
from keras_ae.analysis import evaluation
from keras_ae.analysis import measures


def make(shape, head):
    model = VAE.create(shape, 1, hidden=(4,), likelihood=head, seed=0)
    for weight in model.encoder.weights:  # q(z|x) = p(z): weights are bounded
        weight.assign(0 * weight)
    model.encoder.projection.bias.assign([0, np.log(np.expm1(1))])
    return model


@pytest.mark.parametrize(
    ("head", "values"),
    [
        ("bernoulli", [0, 1]),
        (heads.DiscretizedLogistic(levels=4), [0, 1 / 3, 2 / 3, 1]),
        (heads.Ordinal(levels=3), [0, 1, 2]),
    ],
)
def test_all_examples_together_have_probability_one(head, values):
    model = make(2, head)
    x = np.array(list(itertools.product(values, repeat=2)), "float32")
    bits = evaluation.bits_per_dimension(model, x, 2_000)
    # Few draws of a code of one number: a part in a hundred.
    assert np.sum(2.0 ** (-2 * bits)) == pytest.approx(1, abs=0.01)


def test_one_hot_vectors_are_one_value():
    model = make((3, 4), "categorical")
    rows = itertools.product(np.eye(4, dtype="float32"), repeat=3)
    bits = evaluation.bits_per_dimension(model, np.array(list(rows)), 500)
    assert np.sum(2.0 ** (-3 * bits)) == pytest.approx(1, abs=0.01)


def test_a_density_has_no_bits():
    with pytest.raises(TypeError, match="Gaussian is a density.*discrete"):
        evaluation.bits_per_dimension(VAE.create(2, 1), np.zeros([3, 2]))


def test_grey_levels_are_no_bits():
    model = VAE.create(2, 1, likelihood="bernoulli")
    with pytest.raises(ValueError, match="multiples of 1.*Received: 0.5"):
        evaluation.bits_per_dimension(model, np.full([3, 2], 0.5))


def test_as_a_figure_it_is_the_likelihood_in_bits():
    model = VAE.create(3, 1, hidden=(4,), likelihood="bernoulli", seed=0)
    x = np.random.default_rng(0).integers(0, 2, (9, 3)).astype("float32")
    settings = {"samples": 20, "rows": 5}
    wanted = {"nll": settings, "bits_per_dimension": settings}
    found = measures.measure(model, wanted, ((x, None), (x, None)))
    nats, bits = (
        found[name]["value"]
        for name in ("negative_log_likelihood", "bits_per_dimension")
    )
    assert bits == pytest.approx(nats / (3 * np.log(2)), abs=1e-6)
    assert found["bits_per_dimension"]["rows"] == 5


def test_levels_of_images_are_those_of_their_likelihood():
    """Among 256 values, bits are also those of the levels between."""
    images = spaces.Image(1, 1, levels=4)

    def made(**levels):
        likelihood = {"discretized_logistic": levels}
        return VAE.create(images, 1, likelihood=likelihood)

    with pytest.raises(ValueError, match="Expected levels=4. .*: levels=256"):
        made()
    rows = np.arange(4, dtype="uint8").reshape(4, 1, 1, 1)
    z = np.zeros((1, 1))
    probability = np.exp(made(levels=4).decode(z).log_prob(rows / 3))
    np.testing.assert_allclose(probability.sum(), 1, rtol=1e-5)
