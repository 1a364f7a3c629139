"""The seams: one pass, terms and weights, what is given, what is missing."""

import logging

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.core import registry
from keras_ae.math import divergences
from keras_ae.math import draws
from keras_ae.math import quantization
from keras_ae.model import compiled
from keras_ae.model.batch import Forward
from keras_ae.parts import heads
from keras_ae.parts.corruptions import GaussianNoise
from keras_ae.parts.schedules import Linear
from tests.kinds import first
from tests.kinds import variants

X = np.random.default_rng(0).uniform(size=(32, 8)).astype("float32")


def make(cls, seed=0, **options):
    return cls.create((8,), 2, hidden=(16,), seed=seed, **options)


def counted(monkeypatch, owner, name):
    """A list that grows by one at each call."""
    calls = []
    function = getattr(owner, name)

    def wrapper(*args, **kwargs):
        calls.append(name)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapper)
    return calls


def one_step(model):
    model.compile("adam", run_eagerly=True)
    model.build_optimizers()
    return model.train_step((X,))


# One pass.


def test_copies_of_a_row_score_alike():
    model = make(keras_ae.VAE)
    scores = model.score_samples(np.repeat(X[:1], 64, axis=0))
    np.testing.assert_allclose(scores, scores[0], rtol=1e-5)
    np.testing.assert_allclose(
        model.score_samples(X[::-1])[::-1], model.score_samples(X), rtol=1e-5
    )


def test_a_score_is_the_bound_over_eight_codes():
    """By hand, from the noise that all rows share."""
    model = make(keras_ae.VAE, likelihood="bernoulli")
    q = model.encode(X)
    mean, deviation = q.mean().numpy(), q.stddev().numpy()
    noise = draws.normal([8, 1, 2], [0, 0]).numpy()
    p = model.decode(mean + deviation * noise).mean().numpy()
    log_px = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=-1)
    kl = (deviation**2 + mean**2 - 1) / 2 - np.log(deviation)
    expected = log_px.mean(axis=0) - kl.sum(axis=1)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-5)
    bound = evaluation.elbo(model, X, samples=2000)
    assert np.abs(expected - bound).max() < 1.0


def test_the_prior_of_an_iwae_is_built_once(monkeypatch):
    model = make(keras_ae.IWAE, prior="gaussian_mixture")
    calls = counted(monkeypatch, model.prior, "distribution")
    one_step(model)
    assert len(calls) == 1


def test_codes_of_a_vqvae_are_looked_up_once(monkeypatch):
    model = make(keras_ae.VQVAE)
    calls = counted(monkeypatch, quantization, "nearest_code")
    one_step(model)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("constraint", "name"),
    [
        ({"free_bits": {"minimum": 0.1}}, "kl_per_latent"),
        ({"capacity": {"target": 1.0}}, "kl_divergence"),
    ],
)
def test_kl_of_a_constrained_vae_is_computed_once(
    monkeypatch, constraint, name
):
    model = make(keras_ae.BetaVAE, constraint=constraint)
    calls = {
        n: counted(monkeypatch, divergences, n)
        for n in ("kl_per_latent", "kl_divergence")
    }
    one_step(model)
    assert {n: len(c) for n, c in calls.items() if c} == {name: 1}


def test_networks_of_a_vae_gan_run_as_often_as_in_the_paper(monkeypatch):
    model = make(keras_ae.VAEGAN)
    calls = {
        name: counted(monkeypatch, network, method)
        for name, network, method in (
            ("encoder", model.encoder, "features"),
            ("decoder", model.decoder, "features"),
            ("discriminator", model.discriminator, "features"),
        )
    }
    one_step(model)
    assert {name: len(c) for name, c in calls.items()} == {
        "encoder": 1,
        "decoder": 2,
        "discriminator": 3,
    }


def test_players_differentiate_at_the_same_weights():
    """One step of both equals the steps of each alone, from the start."""

    def after(encoder, decoder):
        model = make(keras_ae.VAEGAN)
        sgd = keras.optimizers.SGD
        model.compile(
            sgd(encoder),
            decoder_optimizer=sgd(decoder),
            discriminator_optimizer=sgd(0.0),
            run_eagerly=True,
        )
        model.train_step((X,))
        return model

    both = after(0.1, 0.1)
    for part, alone in (("encoder", (0.1, 0.0)), ("decoder", (0.0, 0.1))):
        expected = getattr(after(*alone), part).get_weights()
        for a, b in zip(
            getattr(both, part).get_weights(), expected, strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-6)


# Compiled functions.


def test_compiled_functions_follow_an_attribute():
    model = make(keras_ae.DenoisingAutoencoder, corruption=GaussianNoise(0.5))
    before = model.log_density_gradient(X)
    model.corruption = GaussianNoise(0.1)
    # The gradient is divided by the variance: 25 times as large.
    np.testing.assert_allclose(
        model.log_density_gradient(X), 25 * before, rtol=1e-5
    )
    model.corruption.stddev = 0.5
    np.testing.assert_allclose(model.log_density_gradient(X), before, rtol=1e-6)


def test_compiled_functions_follow_an_attribute_of_a_part():
    model = keras_ae.SparseAutoencoder.create(
        (8,), 16, hidden=(), sparsity=keras_ae.sparsity.TopK(4), seed=0
    )
    assert (model.embed(X) != 0).sum(axis=1).max() == 4
    model.sparsity.k = 2
    assert (model.embed(X) != 0).sum(axis=1).max() == 2


@pytest.mark.parametrize("form", ["rows", "stream"])
def test_training_follows_an_attribute(form):
    model = make(keras_ae.BetaVAE, beta=1.0)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    rows = X
    if form == "stream":
        rows = tf.data.Dataset.from_tensor_slices(X).batch(32)
    for beta in (1.0, 5.0):
        model.beta = keras_ae.schedules.Constant(beta)
        logs = model.fit(rows, batch_size=32, verbose=0).history
        expected = logs["reconstruction"][0] + beta * logs["kl"][0]
        np.testing.assert_allclose(logs["loss"][0], expected, rtol=1e-6)


class Noisy(keras_ae.DenoisingAutoencoder):
    """With a function that closes over nothing, as a method does."""

    def scaled(self, x):
        return x * self.corruption.stddev


def test_compiled_methods_follow_an_attribute():
    model = make(Noisy, corruption=GaussianNoise(0.5))
    for stddev in (0.5, 0.25):
        model.corruption.stddev = stddev
        found = compiled.batched(model, model.scaled, X)
        np.testing.assert_allclose(found, stddev * X)


def test_compiled_functions_follow_weights():
    model = make(keras_ae.Autoencoder)
    model.embed(X)
    model.encoder.set_weights([w * 0 for w in model.encoder.get_weights()])
    np.testing.assert_array_equal(model.embed(X), 0)


def test_compiled_functions_follow_adapters():
    """Low-rank adapters are new variables, and what they learn is heard."""
    model = make(keras_ae.VAE)
    before = model.embed(X)
    dense = model.encoder.body.layers[-1]
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(tf.ones_like(dense.lora_kernel_b))
    found = model.embed(X)
    np.testing.assert_allclose(found, model.encode(X).mean(), atol=1e-6)
    assert np.abs(found - before).max() > 1e-3


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
def test_compiled_functions_follow_quantization():
    model = make(keras_ae.VAE)
    before = model.embed(X)
    model.quantize("int8")
    found = model.embed(X)
    np.testing.assert_allclose(found, model.encode(X).mean(), atol=1e-6)
    assert np.abs(found - before).max() > 0


def test_compiled_functions_follow_layers_from_compile_on():
    """As in Keras, `compile` is where a change of a layer is taken up."""
    model = make(keras_ae.VAE)
    before = model.embed(X)
    model.encoder.body.layers[-1].activation = tf.sin
    model.compile("adam")
    found = model.embed(X)
    np.testing.assert_allclose(found, model.encode(X).mean(), atol=1e-6)
    assert np.abs(found - before).max() > 1e-3


def test_compiled_functions_are_made_once():
    model = make(keras_ae.VAE)
    for rows in (X, X[:20], X):
        model.embed(rows)
        model.reconstruct(rows)
        model.score_samples(rows)
        model.sample(5)
    assert len(model.compiled_functions.kept) == 4


@pytest.mark.long
def test_many_models_print_no_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for seed in range(6):  # after five it would warn
            model = make(keras_ae.VAE, seed)
            for use in (model.embed, model.predict, model.score_samples):
                use(X)
            model.sample(2)
            evaluation.log_likelihood(model, X[:2], samples=2)
    assert "retracing" not in caplog.text


# Terms and weights.


def test_a_term_that_is_not_declared_is_told_how_to_be():
    class More(keras_ae.VAE):
        def loss_terms(self, forward, moment):
            more = {"more": tf.zeros(len(X))}
            return super().loss_terms(forward, moment) | more

    with pytest.raises(ValueError, match=r"\['more'\]. .*`terms = Base.terms"):
        one_step(make(More))


def forward_of(shape):
    """A pass with draws of some sample axes over three examples."""
    batch = keras_ae.VAE.create((1,), 1).batch(
        np.zeros([3, 1]), None, np.array([1.0, 1.0, 2.0])
    )
    return Forward(batch, None, tf.zeros([*shape, 3, 1]), None, None, {})


class Plain(keras_ae.Autoencoder):
    """Declares one term."""

    terms = {"a": "nats"}


def plain():
    model = Plain.create((1,), 1)
    model.terms = {"a": "nats"}
    return model


@pytest.mark.parametrize("lead", [(), (2,), (2, 5), (2, 3, 4)])
def test_weights_count_whatever_the_sample_axes(lead):
    values = np.arange(1.0, 4.0) ** 2 + np.zeros([*lead, 3])  # 1, 4, 9
    means = plain().reduce(
        {"a": tf.constant(values, tf.float32)}, forward_of(lead)
    )
    np.testing.assert_allclose(means["a"], (1 + 4 + 2 * 9) / 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("lead", "shape"),
    [((), ()), ((), (3, 2)), ((), (2,)), ((5,), (5, 3, 1)), ((5,), (3, 5))],
)
def test_other_axes_of_a_term_are_an_error(lead, shape):
    with pytest.raises(ValueError, match="'a'.*Expected.*Received.*Sum it"):
        plain().reduce({"a": tf.ones(shape)}, forward_of(lead))


@pytest.mark.parametrize("variant", ["vae", "iwae", "hyperspherical-vae"])
def test_any_variant_takes_schedules_of_weights(variant):
    cls = registry.get(variant)
    model = make(cls)
    term = "bound" if variant == "iwae" else "kl"
    model.compile(
        "sgd", loss_weights={term: Linear(0.0, 1.0, 4)}, jit_compile=False
    )
    logs = model.fit(X, batch_size=32, epochs=6, verbose=0).history
    own = {"reconstruction": 0.0, "kl": 0.0} if variant == "iwae" else {}
    for step in range(6):
        weights = {n: own.get(n, 1.0) for n in model.terms}
        weights[term] *= min(step / 4, 1.0)
        expected = sum(weights[n] * logs[n][step] for n in weights)
        np.testing.assert_allclose(
            logs["loss"][step], expected, rtol=1e-5, atol=1e-6
        )


def test_schedules_of_weights_are_saved(tmp_path):
    model = make(keras_ae.VAE)
    model.compile("sgd", loss_weights={"kl": Linear(0.0, 1.0, 4)})
    model.fit(X, batch_size=16, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.term_weights.named["kl"].end == 1.0
    found = twin.evaluate(X, verbose=0, return_dict=True)
    expected = found["reconstruction"] + 0.5 * found["kl"]  # after two steps
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)


# What is given.


@pytest.mark.parametrize(
    "variant",
    first(
        ["iwae", "vqvae", "contractive", "aae", "factor-vae", "vae-gan"],
        [n for n in registry.variants() if n not in ("conditional-vae", "m2")],
    ),
)
def test_any_variant_is_told_something(variant):
    model = make(registry.get(variant), given=3)
    given = np.arange(32) % 3
    model.compile("adam", jit_compile=False)
    model.fit((X, given), epochs=1, verbose=0)
    model.evaluate((X, given), verbose=0)
    codes = model.embed((X, given))
    others = model.embed((X, (given + 1) % 3))
    assert model.reconstruct((X, given)).shape == X.shape
    assert np.isfinite(model.score_samples((X, given))).all()
    assert (codes != others).any()
    if model.prior is not None:
        assert model.sample(4, given=2).shape == (4, 8)


def test_a_conditional_vae_is_a_vae_that_is_told():
    given = np.arange(32) % 3
    runs = []
    for cls, options in (
        (keras_ae.ConditionalVAE, {"condition": 3}),
        (keras_ae.VAE, {"given": 3}),
    ):
        model = make(cls, **options)
        model.compile("adam", jit_compile=False)
        model.fit((X, given), epochs=2, verbose=0)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_is_told_nothing_refuses_to_be():
    with pytest.raises(ValueError, match="told nothing.*Received: given=1"):
        make(keras_ae.VAE).sample(3, given=1)


# Holes.

HOLES = np.random.default_rng(1).uniform(size=X.shape) < 0.4


def with_holes():
    x = X.copy()
    x[HOLES] = np.nan
    return x


def test_holes_are_refused_unless_asked_for():
    with pytest.raises(ValueError, match="NaN or infinite"):
        make(keras_ae.VAE).embed(with_holes())
    model = make(keras_ae.VAE, missing="mask")
    bad = with_holes()
    bad[3, 1] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite.*first at .3"):
        model.embed(bad)


def test_infinity_in_a_stream_is_no_hole():
    x = with_holes()
    x[3, 1] = np.inf
    model = make(keras_ae.Autoencoder, missing="mask")
    model.compile("sgd", jit_compile=False)
    # Beyond the first batch, which is looked at.
    stream = tf.data.Dataset.from_tensor_slices(x).batch(2)
    # Whether a layer makes NaN of infinity is up to the processor's kernels.
    try:
        loss = model.evaluate(stream, verbose=0)
    except keras_ae.NonFiniteError:
        return
    assert not np.isfinite(loss).any()


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (keras_ae.SparseAutoencoder, {"sparsity": {"top_k": {"k": 1}}}),
        (keras_ae.VAE, {"prior": {"vamp": {"components": 4}}}),
        (
            keras_ae.VAE,
            {"likelihood": {"gaussian": {"scale": "shared", "start": "data"}}},
        ),
    ],
)
def test_rows_with_holes_adapt(cls, options):
    network = {"hidden": (), "network": "linear", "missing": "mask"}
    model = cls.create((8,), 2, seed=0, **network, **options)
    model.adapt(with_holes())
    assert all(np.isfinite(w).all() for w in model.get_weights())
    if "likelihood" in options:
        seen = np.ma.masked_array(X, HOLES)
        np.testing.assert_allclose(
            model.decoder.projection.bias, seen.mean(axis=0), rtol=1e-5
        )


def test_only_observed_values_are_scored():
    model = make(
        keras_ae.Autoencoder,
        missing="mask",
        likelihood=heads.Gaussian(scale=0.5),
    )
    x = with_holes()
    mean = model.reconstruct(np.where(HOLES, 0, X))
    density = scipy.stats.norm(mean, 0.5).logpdf(X)
    expected = np.where(HOLES, 0, density).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), mean, rtol=1e-5)


@pytest.mark.parametrize("variant", variants())
def test_every_variant_trains_on_rows_with_holes(variant):
    cls = registry.get(variant)
    options, x = cls.contract_case()
    model = cls.create(**options, missing="mask", seed=0)
    leaves = keras.tree.flatten(x)
    leaves[0] = with_holes()
    x = keras.tree.pack_sequence_as(x, leaves)
    model.compile("adam", run_eagerly=True)
    logs = model.fit(x, batch_size=16, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    assert np.isfinite(model.score_samples(x)).all()
    filled = model.impute(x)
    np.testing.assert_array_equal(filled[~HOLES], X[~HOLES])
    assert np.isfinite(filled).all()


def test_fillings_are_the_conditional_normal():
    """A linear Gaussian model of known weights: E[x_mis | x_obs] exactly."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(2, 4)).astype("float32")
    model = keras_ae.VAE.create(
        4,
        2,
        network="linear",
        likelihood=heads.Gaussian(scale=0.5),
        missing="mask",
        seed=0,
    )
    model.decoder.set_weights([w, np.zeros(4, "float32")])
    # A posterior as wide as the prior: the weights do the work.
    kernel, bias = model.encoder.get_weights()
    bias = np.concatenate([np.zeros(2), np.full(2, np.log(np.expm1(1.0)))])
    model.encoder.set_weights([np.zeros_like(kernel), bias])
    covariance = w.T @ w + 0.25 * np.eye(4)
    x = np.array([[0.3, -0.2, np.nan, np.nan]])
    seen, hole = [0, 1], [2, 3]
    gain = covariance[np.ix_(hole, seen)] @ np.linalg.inv(
        covariance[np.ix_(seen, seen)]
    )
    left = (
        covariance[np.ix_(hole, hole)] - gain @ covariance[np.ix_(seen, hole)]
    )
    rows = np.repeat(x, 400, axis=0)
    mean = gain @ x[0, seen]
    drawn = model.impute(rows, draws=20, seed=1)
    assert drawn.shape == (20, 400, 4)
    # 8,000 draws, of 100 candidates a row: 5 standard errors, doubled for
    # the candidates that rows of one draw share.
    error = 10 * np.sqrt(np.diag(left) / 8000)
    assert (
        np.abs(drawn[..., hole].mean(axis=(0, 1)) - mean) < error + 0.02
    ).all()
    one = model.impute(rows, seed=1)[:, hole]
    assert (np.abs(one.mean(axis=0) - mean) < error + 0.02).all()
    np.testing.assert_array_equal(one, model.impute(rows, seed=1)[:, hole])


def test_impute_needs_a_model_of_holes():
    with pytest.raises(ValueError, match='missing="mask"'):
        make(keras_ae.VAE).impute(X)
