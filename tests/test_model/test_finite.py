"""Where a fit stops, and which weights and rows are refused."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae import VAEGAN
from keras_ae import VQVAE
from keras_ae import Autoencoder
from keras_ae import DenoisingAutoencoder
from keras_ae import NonFiniteError
from keras_ae.model.training import watch
from tests.kinds import first

EVENT = 6
BATCH = 4
ROWS = np.random.default_rng(0).random((40, EVENT)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Burst(keras.optimizers.SGD):
    """SGD whose gradients are multiplied once, at the step `at`, from 1."""

    def __init__(self, at=7, factor=np.inf, first=False, **kwargs):
        super().__init__(0.01, **kwargs)
        self.at, self.factor, self.first = at, factor, first

    def apply(self, grads, trainable_variables=None):
        due = tf.equal(tf.cast(self.iterations, tf.int32), self.at - 1)
        factor = tf.where(due, tf.constant(self.factor, tf.float32), 1.0)
        touched = 1 if self.first else len(grads)
        grads = [
            g * tf.cast(factor, g.dtype) if i < touched else g
            for i, g in enumerate(grads)
        ]
        super().apply(grads, trainable_variables)


def make(optimizer, cls=Autoencoder, compiled=None, **options):
    options = {"hidden": (8,), "likelihood": "gaussian", "seed": 0} | options
    model = cls.create((EVENT,), 2, **options)
    model.compile(optimizer, **{"jit_compile": False} | (compiled or {}))
    return model


def stream(rows=ROWS):
    return tf.data.Dataset.from_tensor_slices(rows).batch(BATCH)


def generated(rows=ROWS):
    for start in range(0, len(rows), BATCH):
        yield (rows[start : start + BATCH],)


FORMS = {
    "rows": lambda: {"x": ROWS, "batch_size": BATCH, "shuffle": False},
    "stream": lambda: {"x": stream()},
    "generator": lambda: {"x": generated(), "steps_per_epoch": 10},
}


def everything(model):
    values = [*model.weights, *model.optimizer.variables]
    return [model.seed_generator.state.numpy(), *(v.numpy() for v in values)]


def assert_same(model, twin):
    for a, b in zip(everything(model), everything(twin), strict=True):
        np.testing.assert_array_equal(a, b)


# Training.


@pytest.mark.parametrize(
    ("form", "compiled"),
    [
        ("rows", {}),
        pytest.param("rows", {"jit_compile": True}, marks=pytest.mark.long),
        ("rows", {"run_eagerly": True}),
        pytest.param(
            "rows", {"steps_per_execution": 1}, marks=pytest.mark.long
        ),
        ("stream", {}),
        pytest.param(
            "stream", {"steps_per_execution": 3}, marks=pytest.mark.long
        ),
        pytest.param("stream", {"run_eagerly": True}, marks=pytest.mark.long),
        pytest.param("generator", {}, marks=pytest.mark.long),
    ],
)
def test_fit_stops_before_the_bad_step(form, compiled):
    """The 7th step brings infinity; what is left is the state after six.
    The gradients of that step are finite: it is the optimizer's doing."""
    model = make(Burst(at=7), compiled=compiled)
    with pytest.raises(NonFiniteError, match="step 7 of epoch 1") as raised:
        model.fit(**FORMS[form](), epochs=3, verbose=0)
    assert f"variable {model.weights[0].path!r}" in str(raised.value)
    assert "largest input 0.9" in str(raised.value)
    assert "learning rate" in str(raised.value)
    twin = make(Burst(at=99), compiled=compiled)
    six = ROWS[: 6 * BATCH]
    given = {
        "rows": {"x": six, "batch_size": BATCH, "shuffle": False},
        "stream": {"x": stream(six)},
        "generator": {"x": generated(six), "steps_per_epoch": 6},
    }
    twin.fit(**given[form], verbose=0)
    assert_same(model, twin)
    model.compile("adam")
    assert np.isfinite(model.fit(ROWS, verbose=0).history["loss"]).all()


def test_a_later_epoch_is_named(monkeypatch):
    model = make(Burst(at=27), keras_ae.VAE)
    with pytest.raises(NonFiniteError, match="step 7 of epoch 3"):
        model.fit(ROWS, batch_size=BATCH, epochs=9, verbose=0)
    assert int(model.optimizer.iterations) == 26
    # Also where the look is not at the end of a block or an epoch.
    monkeypatch.setattr(watch, "STEPS", 2)
    twin = make(Burst(at=27), keras_ae.VAE, compiled={"steps_per_execution": 1})
    with pytest.raises(NonFiniteError, match="step 7 of epoch 3"):
        twin.fit(ROWS, batch_size=BATCH, epochs=9, verbose=0)
    assert_same(model, twin)


def test_weights_that_a_relu_hides_stop_fit():
    """One kernel is NaN: graphs on a processor may take it for zero."""
    model = make(Burst(at=7, factor=np.nan, first=True))
    with pytest.raises(NonFiniteError, match="step 7") as raised:
        model.fit(ROWS, batch_size=BATCH, epochs=3, verbose=0)
    assert model.weights[0].path in str(raised.value)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 1.0}])
def test_a_term_is_named(clip):
    """Weights of order 1e20 give errors whose squares end single precision."""
    optimizer = Burst(at=3, factor=1e22, **clip)
    model = make(optimizer)
    if clip:  # a gradient that is clipped does no harm
        model.fit(ROWS, batch_size=BATCH, verbose=0)
        return
    with pytest.raises(NonFiniteError, match="step 4.*term 'reconstruction'"):
        model.fit(ROWS, batch_size=BATCH, verbose=0)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (9e8, NonFiniteError, "scale of the inputs"),
        (1e10, ValueError, "too large for training"),
        (1e30, ValueError, "leaves single precision"),
    ],
)
def test_inputs_that_are_too_large(size, error, message):
    model = make("sgd")
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(ROWS * size, batch_size=BATCH, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        if error is ValueError:  # before the first step
            np.testing.assert_array_equal(a, b)
        assert np.isfinite(b).all()


def test_adversarial_players_stop():
    model = VAEGAN.create((EVENT,), 2, hidden=(8,), seed=0)
    model.compile(keras.optimizers.SGD(1e30), jit_compile=False)
    with pytest.raises(NonFiniteError, match="Likely cause: the learning rate"):
        model.fit(ROWS, batch_size=BATCH, epochs=3, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_loss_scaling_skips_and_goes_on():
    """A scale of 2**127 makes the first gradients infinite on purpose."""
    inner = keras.optimizers.SGD(0.01)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**127)
    model = make(scaled)
    model.fit(ROWS, batch_size=BATCH, epochs=3, verbose=0)
    assert 0 < int(inner.iterations) < 30
    assert float(scaled.dynamic_scale) < 2.0**127


def test_half_precision_without_loss_scaling_is_named():
    body = keras.Sequential([keras.layers.Dense(8, dtype="mixed_float16")])
    encoder = keras_ae.DistributionNetwork(body, "point", (2,))
    decoder = keras_ae.DistributionNetwork(
        keras.Sequential([keras.layers.Dense(8)]), "gaussian", (EVENT,)
    )
    model = Autoencoder(encoder, decoder, seed=0)
    model.compile("sgd", jit_compile=False)
    with pytest.raises(NonFiniteError, match="half precision without loss"):
        model.fit(ROWS * 1e6, batch_size=BATCH, verbose=0)


def test_a_callback_may_not_hide_it():
    """What callbacks see at the end of an epoch is finite."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(np.isfinite(self.model.get_weights()[0]).all())

    model = make(Burst(at=10, factor=np.nan, first=True))
    with pytest.raises(NonFiniteError, match="step 10 of epoch 1"):
        model.fit(ROWS, batch_size=BATCH, verbose=0, callbacks=[Look()])
    assert seen == []


SPREAD = """
import sys; sys.path[:0] = {path}
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
import json, numpy as np, keras_ae
from test_finite import BATCH, Burst, ROWS, make, stream
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
found = []
for x in (ROWS, stream()):
    with strategy.scope():
        model = make(Burst(at=7))
    try:
        model.fit(x, batch_size=BATCH, epochs=2, verbose=0)
    except keras_ae.NonFiniteError as error:
        finite = all(np.isfinite(w).all() for w in model.get_weights())
        found.append([str(error), finite, int(model.step)])
print(json.dumps(found))
"""


@pytest.mark.long  # test_replicas has two workers that stop alike
def test_replicas_stop_alike():
    program = SPREAD.format(path=[sys.path[0], str(__file__.rsplit("/", 1)[0])])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    found = json.loads((done.stdout.splitlines() or ["[]"])[-1])
    assert len(found) == 2, done.stderr
    for message, finite, steps in found:
        assert "step 7 of epoch 1" in message and "largest input" in message
        assert finite and steps == 6


# Weights.


def broken(cls=Autoencoder, **options):
    model = make("sgd", cls, **options)
    for use in ("predict", "embed"):  # seen finite before
        getattr(model, use)(ROWS)
    kernel = model.weights[0].numpy()
    kernel[0, 0] = np.nan
    model.weights[0].assign(kernel)
    return model


@pytest.mark.parametrize("stained", ["all", "one"])
def test_the_preset_is_not_believed(stained):
    model = keras_ae.load("vae_digits")
    x = np.zeros((2, 8, 8, 1))
    model.predict(x)
    kernel = model.encoder.weights[0]
    values = kernel.numpy()
    values[... if stained == "all" else (0, 0)] = np.nan
    kernel.assign(values)
    for use in (model.predict, model.embed, model.score_samples):
        with pytest.raises(NonFiniteError, match=kernel.path):
            use(x)


USES = {
    "predict": lambda m: m.predict(ROWS),
    "predict a stream": lambda m: m.predict(stream(), verbose=0),
    "embed": lambda m: m.embed(ROWS),
    "encode": lambda m: m.encode(ROWS),
    "decode": lambda m: m.decode(np.zeros((1, 2), "float32")),
    "reconstruct": lambda m: m.reconstruct(ROWS),
    "score_samples": lambda m: m.score_samples(ROWS),
    "sample": lambda m: m.sample(3),
    "evaluate": lambda m: m.evaluate(ROWS, verbose=0),
    "fit": lambda m: m.fit(ROWS, verbose=0),
    "fit a stream": lambda m: m.fit(stream(), verbose=0),
    "log_likelihood": lambda m: keras_ae.evaluation.log_likelihood(
        m, ROWS, samples=2, verbose=0
    ),
}


@pytest.fixture(scope="module")
def stained():
    return broken(keras_ae.VAE)


@pytest.mark.parametrize("use", USES)
def test_weights_that_are_not_finite_are_refused(stained, use):
    with pytest.raises(NonFiniteError, match=stained.weights[0].path):
        USES[use](stained)


def test_files_of_such_weights_are_refused(stained, tmp_path):
    with pytest.raises(NonFiniteError, match=stained.weights[0].path):
        stained.export(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NonFiniteError, match=stained.weights[0].path):
        stained.save_to_preset(tmp_path / "preset")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_change_are_looked_at_again():
    model = make("sgd")
    good = model.get_weights()
    for _ in range(3):
        model.predict(ROWS)
        model.weights[2].assign(model.weights[2] * np.inf)
        with pytest.raises(NonFiniteError):
            model.predict(ROWS)
        model.set_weights(good)
        model.fit(ROWS, verbose=0)


# Rows.

STAINED = ROWS.copy()
STAINED[5, 1] = np.nan

READERS = {
    "fit": lambda m, x: m.fit(x, verbose=0),
    "fit on a stream": lambda m, x: m.fit(stream(x), verbose=0),
    "fit on pairs": lambda m, x: m.fit(
        tf.data.Dataset.from_tensor_slices((x, ROWS)).batch(BATCH), verbose=0
    ),
    "validation": lambda m, x: m.fit(
        ROWS, validation_data=stream(x), verbose=0
    ),
    "evaluate": lambda m, x: m.evaluate(x, verbose=0),
    "evaluate a stream": lambda m, x: m.evaluate(stream(x), verbose=0),
    "evaluate pairs": lambda m, x: m.evaluate(
        tf.data.Dataset.from_tensor_slices((x, ROWS)).batch(BATCH), verbose=0
    ),
    "predict": lambda m, x: m.predict(x),
    "predict a stream": lambda m, x: m.predict(stream(x), verbose=0),
    "embed": lambda m, x: m.embed(x),
    "encode": lambda m, x: m.encode(x),
    "reconstruct": lambda m, x: m.reconstruct(x),
    "score_samples": lambda m, x: m.score_samples(x),
    "impute": lambda m, x: m.impute(x),
    "log_likelihood": lambda m, x: keras_ae.evaluation.log_likelihood(
        m, x, samples=2, verbose=0
    ),
    "active_units": lambda m, x: keras_ae.evaluation.active_units(m, x),
    "adapt": lambda m, x: m.adapt(x),
}


@pytest.fixture(scope="module")
def reader():
    return make("sgd", keras_ae.VAE)


@pytest.mark.parametrize("use", READERS)
def test_rows_of_nan_are_refused(reader, use):
    with pytest.raises((ValueError, NonFiniteError), match="NaN|finite|holes"):
        READERS[use](reader, STAINED)
    assert all(np.isfinite(w).all() for w in reader.get_weights())


@pytest.mark.parametrize(
    "cls",
    first([keras_ae.VAE], [keras_ae.VAE, VQVAE, DenoisingAutoencoder]),
)
def test_a_saved_model_tells_of_rows_of_nan(cls, tmp_path):
    """Networks with relu, whose fused kernels make zero of NaN."""
    if cls is VQVAE:
        model = cls.create(**cls.contract_case()[0])
    else:
        model = cls.create((EVENT,), 2, hidden=(8,))
    model.export(tmp_path)
    served = tf.saved_model.load(str(tmp_path)).signatures
    x = np.full((3, *model.input_specs()[0].shape[1:]), 0.5, "float32")
    names = {"reconstruct", "encode", "score", "codes"} & set(served)
    before = {name: served[name](x=tf.constant(x)) for name in names}
    x[1].flat[0] = np.nan
    for name in names:
        for key, value in served[name](x=tf.constant(x)).items():
            value = value.numpy()
            floats = value.dtype.kind == "f"
            nothing = np.isnan(value[1]) if floats else value[1] == -1
            assert np.all(nothing), (name, key)
            others = before[name][key].numpy()[[0, 2]]
            np.testing.assert_allclose(value[[0, 2]], others, rtol=1e-5)


def test_holes_are_no_fault():
    model = make("sgd", keras_ae.VAE, missing="mask")
    assert np.isfinite(model.fit(STAINED, verbose=0).history["loss"]).all()
    assert np.isfinite(model.predict(STAINED)).all()
    assert np.isfinite(model.predict(stream(STAINED), verbose=0)).all()
    assert np.isfinite(model.encode(STAINED).mean()).all()
    assert np.isfinite(model.impute(STAINED)).all()
    with pytest.raises(ValueError, match="infinite"):
        model.predict(np.where(np.isnan(STAINED), np.inf, STAINED))
