"""Every variant at any magnitude of its data: finite, or refused at once.

Hypothesis draws the examples: magnitudes from 1e-30 to 1e30, constant rows,
one row, one latent, under four types of networks, in a graph and by XLA. The
same few each time, and one type and mode a variant; all of them, many times:

    pytest --long tests/test_magnitudes.py --hypothesis-profile long

It takes an hour. What the mathematics say is in tests/test_math/test_numbers.
"""

import functools

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import keras_ae
from keras_ae.core import registry
from keras_ae.model import magnitude
from keras_ae.model.training import speed
from keras_ae.model.training.step import weighted_sum
from tests.kinds import KINDS
from tests.kinds import variants

VARIANTS = registry.variants()
#: With logarithms, roots or ratios of their own in the loss.
OWN = (*KINDS, "beta-tcvae", "hyperspherical-vae", "renyi-vae")
POLICIES = ["float32", "mixed_float16", "mixed_bfloat16", "float64"]
MODES = [(policy, xla) for xla in (False, True) for policy in POLICIES]
SHAPE = (3,)
CLASSES = 2
#: Its weight of 100 makes gradients of some 500, whose squares, which Adam
#: keeps, are beyond float16.
WITHIN_HALF = {"wae": {"strength": 10.0}}
#: What carries numbers beside a variant's own defaults.
CASES = [(variant, {}) for variant in VARIANTS] + [
    ("vae", {"likelihood": {"gaussian": {"scale": "shared"}}}),
    ("vae", {"likelihood": "bernoulli"}),
    ("vae", {"likelihood": "categorical"}),
    ("vae", {"prior": {"gaussian_mixture": {"components": 2}}}),
    ("vae", {"prior": {"vamp": {"components": 2, "limits": None}}}),
    ("vae", {"missing": "mask"}),
    ("beta-vae", {"constraint": "free_bits"}),
    ("beta-vae", {"constraint": {"capacity": {"target": 1.0}}}),
    ("contractive", {"network": "linear", "hidden": None}),
    ("contractive", {"probes": 1}),
    ("renyi-vae", {"alpha": 0.999}),
    ("sparse", {"sparsity": "kl_to_rho"}),
    ("sparse", {"sparsity": {"top_k": {"k": 1}}}),
    ("vqvae", {"codebook": "gradient"}),
]


def everything():
    """Whether the long profile was asked for."""
    return hypothesis.settings.default.max_examples > 100


def modes(number):
    """Of a case; of the short profile the cases share some of them."""
    return MODES if everything() else [MODES[number % 6]]


def make(variant, options, policy):
    cls = registry.get(variant)
    latents = 2 if variant == "hyperspherical-vae" else 1
    arguments = {"likelihood": "gaussian", "hidden": (4,)} | options
    if variant == "conditional-vae":
        arguments["condition"] = CLASSES
    keras.config.set_dtype_policy(policy)
    model = cls.create(SHAPE, latents, seed=0, **arguments)
    keras.config.set_dtype_policy("float32")
    model.build_on(given_to(model, np.zeros([1, *SHAPE], "float32")))
    model.compile("adam")
    return model


def given_to(model, x):
    if model.given is None:
        return x
    if isinstance(x, tf.TensorSpec):
        return x, tf.TensorSpec([None], tf.int32)
    return x, np.arange(len(x), dtype="int32") % CLASSES


@functools.lru_cache(maxsize=len(MODES))
def compiled(number, policy, xla):
    """A model, and a function of examples to all that is made of them."""
    model = make(*CASES[number], policy)
    xla = xla and all(part.supports_jit for part in speed.layers(model))

    def everything(x):
        batch, moment = model.batch(x), model.moment(training=True)
        players = model.players()
        with tf.GradientTape(persistent=True) as tape:
            forward = model.forward(batch, moment)
            terms = model.reduce(model.loss_terms(forward, moment), forward)
            weights = model.factors(moment, terms)
            totals = [weighted_sum(terms, weights, p.terms) for p in players]
        made = {}
        if model.prior is not None:
            z = forward.prior.sample(batch.size, seed=moment.seed())
            made["samples"] = model.likelihood(z, batch, moment).mean()
        return made | {
            "terms": terms,
            "gradients": [
                tape.gradient(total, player.variables)
                for total, player in zip(totals, players, strict=True)
            ],
            "scores": model.score_terms(x),
            "codes": model.code(model.encode(x)),
            "reconstructions": model(x),
        }

    spec = given_to(model, tf.TensorSpec([None, *SHAPE]))
    return model, tf.function(everything, [spec], jit_compile=xla)


def examples(rng, rows, power, kind):
    """`[rows, 3]` of a magnitude, in three forms."""
    x = rng.normal(size=(rows, *SHAPE))
    if kind == "constant":
        x[:] = x[0, 0]
    if kind == "mixed":
        x *= 10.0 ** rng.integers(-30, 1, x.shape)
    return (x * 10.0**power).astype("float32")


def fitting(model, x):
    """Examples inside the support of a model's likelihood."""
    name = type(model.decoder.head).__name__
    if name == "Bernoulli":
        return np.clip(np.abs(x), 0, 1)
    if name == "Categorical":
        return np.eye(3, dtype="float32")[np.argmax(x, axis=1)]
    return x


def assert_finite(values, policy):
    """All of them; gradients of half precision may overflow, which the
    scaling of the loss takes as a step not to be made."""
    for name, value in values.items():
        if name == "gradients" and policy == "mixed_float16":
            continue
        for leaf in keras.tree.flatten(value):
            if leaf is not None:
                leaf = tf.convert_to_tensor(leaf)
                assert np.isfinite(leaf.numpy()).all(), (name, leaf)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            number,
            id=f"{number}-{variant}",
            marks=[]
            if variant in OWN and (not options or number % 2)
            else pytest.mark.long,
        )
        for number, (variant, options) in enumerate(CASES)
    ],
)
@given(
    place=st.integers(0, len(MODES) - 1),
    seed=st.integers(0, 999),
    rows=st.sampled_from([1, 3]),
    power=st.integers(-30, 30),
    kind=st.sampled_from(["normal", "constant", "mixed"]),
)
def test_all_that_is_made_of_examples_is_finite(
    number, place, seed, rows, power, kind
):
    own = modes(number)
    policy, xla = own[place % len(own)]
    model, function = compiled(number, policy, xla)
    if xla and not everything():
        rows = 1  # XLA compiles for every number of rows
    x = examples(np.random.default_rng(seed), rows, power, kind)
    x = fitting(model, x)
    if model.missing == "mask":
        x[0, 0] = np.nan
    data = given_to(model, x)
    try:
        model.check_rows(data)
        magnitude.check_trained(model, data)
    except ValueError as error:
        assert "Standardize the data" in str(error)
        limit = magnitude.HALF if "float16" in policy else 1e9
        assert np.nanmax(np.abs(x)) > limit / 1.01
        return
    assert_finite(function(data), policy)


@pytest.mark.parametrize("variant", variants(*OWN))
def test_every_variant_trains_in_half_precision_alone(variant):
    """Weights and all; the modes above have them in single and double."""
    policy = ["float16", "bfloat16"][VARIANTS.index(variant) % 2]
    model = make(variant, WITHIN_HALF.get(variant, {}), policy)
    model.compile("adam", run_eagerly=True)
    x = given_to(model, examples(np.random.default_rng(0), 3, 0, "normal"))
    history = model.fit(x, epochs=1, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert np.isfinite(model.score_samples(x)).all()
    if model.prior is not None:
        more = {"given": 1} if model.given is not None else {}
        assert np.isfinite(model.sample(2, seed=0, **more)).all()


@pytest.mark.parametrize("value", [1e10, -1e10, 1e30])
def test_training_on_huge_numbers_is_refused(value):
    """Before the first step, as rows, as targets and for validation."""
    model = keras_ae.VAE.create(
        SHAPE, 1, hidden=(4,), likelihood={"gaussian": {"scale": 1e15}}
    )
    model.compile("adam")
    x = np.full([4, *SHAPE], value, "float32")
    message = r"`{}` holds values too large for training.*Standardize"
    with pytest.raises(ValueError, match=message.format("x")):
        model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=message.format("y")):
        model.fit(np.zeros_like(x), x, verbose=0)
    assert model.optimizer.iterations == 0
    assert np.isfinite(model.predict(x)).all()


def test_half_precision_refuses_what_it_does_not_reach():
    model = make("autoencoder", {}, "mixed_float16")
    x = np.full([4, *SHAPE], 5e4, "float32")
    for use in (model.fit, model.predict, model.embed, model.score_samples):
        with pytest.raises(ValueError, match="too large.*float16.*16384"):
            use(x)
    single = make("autoencoder", {}, "float32")
    assert np.isfinite(single.score_samples(x)).all()
