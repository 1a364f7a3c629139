"""Every part that a variant can be made of: heads, priors, schedules, ..."""

import importlib
import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.contract import tools
from keras_ae.core import registry

tfd = tfp.distributions

#: Arguments for parts that have no default for them, and small sizes.
ARGUMENTS = {
    "BatchTopK": {"k": 2},
    "Capacity": {"target": 2.0},
    "Classes": {"count": 3},
    "Columns": {"likelihoods": ["gaussian", "bernoulli"], "widths": [1, 2]},
    "Constant": {"constant": 4.0},
    "Cosine": {"start": 0.5, "end": 4.0, "steps": 10},
    "Cyclical": {"start": 0.5, "end": 4.0, "period": 10},
    "Exemplar": {"components": 3},
    "EMACodebook": {"size": 6},
    "Features": {"network": keras.Sequential([keras.layers.Flatten()])},
    "GaussianMixture": {"components": 3},
    "GradientCodebook": {"size": 6},
    "KernelMixture": {
        "centers": [[0.0, 1.0]] * 3,
        "scales": [[0.5, 1.0], [1.0, 0.0], [0.1, 0.1]],
    },
    "Linear": {"start": 4.0, "end": 0.0, "steps": 10},
    "Ordinal": {"levels": 3},
    "Residual": {"table": {"ema": {"size": 6}}, "depth": 2},
    "SomeClasses": {"count": 3},
    "Sigmoid": {"start": 0.5, "end": 4.0, "steps": 10},
    "TopK": {"k": 2},
    "Vector": {"size": 3},
    "VampPrior": {"components": 3},
}
#: Shapes of events of heads that are not for vectors.
EVENTS = {"MSSSIM": (11, 12, 3)}
KINDS = {
    "heads": "BaseHead",
    "priors": "BasePrior",
    "schedules": "BaseSchedule",
    "corruptions": "BaseCorruption",
    "sparsity": "BaseSparsity",
    "codebooks": "BaseCodebook",
    "conditions": "BaseCondition",
    "constraints": "BaseConstraint",
}


def concrete(cls):
    """All classes below `cls` that can be constructed."""
    for below in cls.__subclasses__():
        own = below.__module__.startswith("keras_ae")
        # Those that no training fits are in test_analysis/test_samplers.
        if own and getattr(below, "kind", "") != "sampler":
            if not inspect.isabstract(below):
                yield below
            yield from concrete(below)


def module(kind):
    return importlib.import_module(f"keras_ae.{kind}")


PARTS = {
    kind: sorted(
        set(concrete(getattr(module(kind), base))), key=lambda c: c.__name__
    )
    for kind, base in KINDS.items()
}
ALL = [
    pytest.param(kind, cls, id=f"{kind}-{cls.__name__}")
    for kind, found in PARTS.items()
    for cls in found
]


def every(kind):
    return pytest.mark.parametrize(
        "part", PARTS[kind], ids=lambda cls: cls.__name__
    )


def make(cls, **changes):
    return cls(**ARGUMENTS.get(cls.__name__, {}) | changes)


def uniform(*shape):
    values = np.random.default_rng(0).uniform(size=shape)
    return tf.constant(values, tf.float32)


# All parts.


@pytest.mark.parametrize("kind, cls", ALL)
def test_config_survives_json(kind, cls):
    part = make(cls)
    text = json.dumps(keras.saving.serialize_keras_object(part))
    twin = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(twin) is cls
    assert twin.get_config() == part.get_config()
    assert json.loads(text)["registered_name"] == f"keras_ae>{cls.__name__}"


@pytest.mark.parametrize("kind, cls", ALL)
def test_arguments_are_attributes(kind, cls):
    part = make(cls)
    for name in part.parameters():
        assert hasattr(part, name)


@pytest.mark.parametrize("kind, cls", ALL)
def test_numbers_are_checked(kind, cls):
    for name, parameter in cls.parameters().items():
        value = ARGUMENTS.get(cls.__name__, {}).get(name, parameter.default)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            with tools.refused(f"`{name}`.*Received:.*nan"):
                make(cls, **{name: float("nan")})


@pytest.mark.parametrize("kind, cls", ALL)
def test_unknown_argument_is_refused(kind, cls):
    with pytest.raises((TypeError, ValueError), match="argument"):
        make(cls, no_such_argument=1)


@pytest.mark.parametrize("kind, cls", ALL)
def test_get_knows_the_part_by_a_name(kind, cls):
    names = [
        name
        for name in registry.names(cls.kind)
        if registry.find(cls.kind, name) is cls
    ]
    assert len(names) == 1
    assert registry.saved_as(f"keras_ae>{cls.__name__}") is cls
    part = make(cls)
    extra = ["beta"] if kind == "schedules" else []
    assert module(kind).get(part, *extra) is part


@pytest.mark.parametrize("kind", KINDS)
def test_get_refuses_other_things(kind):
    extra = ["beta"] if kind == "schedules" else []
    with pytest.raises(ValueError, match="Unknown .*no_such_part"):
        module(kind).get("no_such_part", *extra)
    with pytest.raises(TypeError, match="Received:"):
        module(kind).get(object(), *extra)


# Heads.


def event_of(part):
    return EVENTS.get(part.__name__, (3,))


def head_numbers(head, rows=5):
    """Random numbers for a head, and what comes of them."""
    *places, width = event_of(type(head))
    head.build((None, *places, width))
    draws = np.random.default_rng(0)
    parts = [
        tf.constant(draws.normal(size=(rows, *places, size)), tf.float32)
        for size in head.sizes(width)
    ]
    return parts, head(*parts, rank=len(places) + 1)


@every("heads")
def test_head_shapes(part):
    head = make(part)
    _, distribution = head_numbers(head)
    assert distribution.batch_shape == (5,)
    assert distribution.event_shape == event_of(part)
    assert head.code(distribution).shape == (5, *event_of(part))


@every("heads")
def test_head_supports_its_draws(part):
    head = make(part)
    _, distribution = head_numbers(head)
    draws = distribution.sample(100, seed=[0, 0])
    assert draws.dtype == tf.float32
    head.check_support("x", draws.numpy())
    assert head.inside(draws).numpy().all()
    assert np.isfinite(distribution.log_prob(draws)).all()


@every("heads")
def test_head_is_in_single_precision_among_halves(part):
    keras.config.set_dtype_policy("mixed_float16")
    half = make(part)
    _, distribution = head_numbers(half)
    keras.config.set_dtype_policy("float32")
    single = make(part)
    _, expected = head_numbers(single)
    single.set_weights(half.get_weights())  # drawn, those of a flow
    found = half.code(distribution)
    np.testing.assert_array_equal(found, single.code(expected))
    assert found.dtype == tf.float32


# Priors.


def built(part):
    """A prior over two numbers, and an encoder for it."""
    prior = make(part)
    prior.build((None, 2), (None, 8))
    kernel = tf.constant(np.random.default_rng(0).normal(size=(8, 2)))

    def encode(x):
        mean = tf.cast(x, tf.float32) @ tf.cast(kernel, tf.float32)
        return tfd.Independent(tfd.Normal(mean, 0.5), 1)

    return prior, encode


@every("priors")
def test_prior_shapes(part):
    prior, encode = built(part)
    distribution = prior.distribution(encode)
    assert distribution.batch_shape == ()
    assert distribution.event_shape == (2,)
    z = distribution.sample(7, seed=[0, 0])
    assert distribution.log_prob(z).shape == (7,)
    assert np.isfinite(distribution.log_prob(z)).all()


@every("priors")
def test_prior_density_agrees_with_its_draws(part):
    prior, encode = built(part)
    distribution = prior.distribution(encode)
    z = distribution.sample(20_000, seed=[0, 0])
    if part.__name__ == "HypersphericalUniform":
        # On the unit circle: 1 / circumference everywhere.
        np.testing.assert_allclose(
            distribution.log_prob(z), -np.log(2 * np.pi), rtol=1e-5
        )
        return
    if part.__name__ == "SymmetricDirichlet":
        # Uniform over the shares of two: of density 1.
        np.testing.assert_allclose(distribution.log_prob(z), 0, atol=1e-5)
        return
    if part.__name__ == "UniformCategorical":
        np.testing.assert_allclose(distribution.prob(z), 0.5, rtol=1e-6)
        assert abs(np.mean(z[:, 0]) - 0.5) < 5 * 0.5 / np.sqrt(20_000)
        return
    # Share of draws in a square against the density summed over its cells.
    edges = np.linspace(-1.0, 1.0, 201)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middle, middle), -1).astype("float32")
    expected = np.exp(distribution.log_prob(grid)).sum() * 0.01**2
    inside = (np.abs(z) < 1).all(-1).mean()
    # Five standard errors of a share of 20,000.
    assert abs(inside - expected) < 5 * 0.5 / np.sqrt(20_000)


@every("priors")
def test_prior_weights_have_gradients(part):
    prior, encode = built(part)
    # On the circle, so that the hyperspherical prior knows them too.
    z = tf.math.l2_normalize(uniform(5, 2), axis=-1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(prior.distribution(encode).log_prob(z))
    for weight, gradient in zip(
        prior.trainable_variables,
        tape.gradient(loss, prior.trainable_variables),
        strict=True,
    ):
        assert np.abs(gradient).max() > 0, weight.path


@every("priors")
def test_prior_in_a_variant(part, tmp_path):
    spherical = part.__name__ == "HypersphericalUniform"
    cls = keras_ae.HypersphericalVAE if spherical else keras_ae.VAE
    model = tools.make(cls, prior=make(part))
    model.compile("adam", run_eagerly=True)
    x = tools.rows(cls)
    before = [w.numpy() for w in model.prior.trainable_variables]
    history = model.fit(x, batch_size=16, verbose=0).history
    assert np.isfinite(history["kl"]).all()
    for old, new in zip(before, model.prior.trainable_variables, strict=True):
        assert (old != new.numpy()).any(), new.path
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    for new, old in zip(twin.prior.weights, model.prior.weights, strict=True):
        np.testing.assert_array_equal(new, old)


# Schedules.


@every("schedules")
def test_schedule_is_elementwise_and_not_negative(part):
    schedule = make(part)
    together = schedule(np.arange(40)).numpy()
    assert together.dtype == np.float32
    assert (together >= 0).all()
    alone = [float(schedule(step)) for step in range(40)]
    # A cosine of one number and of many may differ in the last bit, 6e-8.
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@every("schedules")
def test_schedule_traces_once(part):
    schedule = make(part)
    compiled = tf.function(schedule.__call__)
    values = [float(compiled(tf.constant(step))) for step in range(12)]
    assert compiled.experimental_get_tracing_count() == 1
    # Rounding of the last bit, 6e-8, where the graph fuses operations.
    np.testing.assert_allclose(values, schedule(np.arange(12)), rtol=1e-6)


# Corruptions.


@every("corruptions")
def test_corruption_depends_on_the_seed_alone(part):
    corruption, x = make(part), uniform(32, 8)
    first = corruption.corrupt(x, tf.constant([1, 2]))
    assert first.shape == x.shape
    assert first.dtype == tf.float32
    np.testing.assert_array_equal(first, corruption.corrupt(x, [1, 2]))
    assert (first != corruption.corrupt(x, [1, 3])).numpy().any()
    assert (first != x).numpy().any()


# Sparsity.


@every("sparsity")
@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 4)])
def test_sparsity_shapes(part, shape):
    sparsity = make(part)
    sparsity.check_shape(shape[1:])
    sparsity.build(shape)
    before = 2.0 * uniform(*shape) - 1.0
    h = sparsity.code(before, training=True)
    penalty = sparsity.penalty(h, before)
    assert h.shape == shape
    assert penalty.shape == (() if sparsity.batch_statistics else (5,))
    assert (penalty.numpy() >= 0).all()


# Codebooks.


@every("codebooks")
@pytest.mark.parametrize("places", [(), (3,), (2, 2)])
def test_codebook_finds_its_own_codes(part, places):
    codebook = make(part)
    codebook.build((None, *places, 4))
    if codebook.index_shape((*places, 4)) != places:
        pytest.skip("a sum of codes is found by others too")
    indices = tf.random.stateless_uniform(
        [5, *places], seed=[0, 0], maxval=codebook.size, dtype=tf.int32
    )
    codes = codebook.lookup(indices)
    assert codes.shape == (5, *places, 4)
    np.testing.assert_array_equal(codebook.indices(codes), indices)


# Conditions.


@every("conditions")
def test_condition_vectors(part):
    condition = make(part)
    given = np.zeros((5, *condition.shape))
    checked = tf.constant(condition.check("condition", given, 5))
    assert condition.spec().is_compatible_with(checked)
    assert condition.vector(checked).shape == (5, condition.size)
    with pytest.raises(ValueError, match="Received: shape"):
        condition.check("condition", given[:4], 5)


# Constraints.


@every("constraints")
def test_constraint_is_a_finite_number_with_a_gradient(part):
    constraint = make(part)
    prior = tfd.Independent(tfd.Normal(tf.zeros([2]), 1.0), 1)
    mean = uniform(5, 2) + 1.0
    with tf.GradientTape() as tape:
        tape.watch(mean)
        posterior = tfd.Independent(tfd.Normal(mean, 0.5), 1)
        kl = constraint.divergence(posterior, prior, mean[None])
        value = constraint(kl, tf.constant(3))
    assert value.shape == ()
    assert value >= 0
    assert np.isfinite(tape.gradient(value, mean)).all()


def test_tables_name_parts_that_exist():
    names = {cls.__name__ for found in PARTS.values() for cls in found}
    assert set(ARGUMENTS) <= names
    assert all(PARTS.values())


class Forgetful(keras_ae.VAE):
    def __init__(self, *parts, strength=1.0, **kwargs):
        super().__init__(*parts, **kwargs)


class ForgetfulNoise(keras_ae.corruptions.BaseCorruption):
    def __init__(self, rate=1.0):
        pass

    def corrupt(self, x, seed):
        return x


def test_arguments_that_are_not_kept_are_named():
    with pytest.raises(AttributeError, match="Forgetful .*self.strength = "):
        Forgetful.create((8,), 2, hidden=(4,))
    with pytest.raises(AttributeError, match="ForgetfulNoise.*self.rate = "):
        ForgetfulNoise().get_config()
