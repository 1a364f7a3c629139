"""The speed policy: what is chosen, why, and that the user wins."""

import bisect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae import IWAE
from keras_ae import VAE
from keras_ae import DistributionNetwork
from keras_ae.model.training import speed
from keras_ae.parts import heads

no_gpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="a GPU is found"
)


def dense():
    return VAE.create((3,), 2, hidden=(4,), seed=0)


def conv():
    return VAE.create((8, 8, 1), 2, network="strided", hidden=(2,), seed=0)


def steps_that_pay(model, shapes=1):
    """The fewest steps for which XLA is chosen."""
    return bisect.bisect_left(
        range(10**6),
        True,
        key=lambda n: speed.jit_compile_for(model, n, shapes).value,
    )


@no_gpu
@pytest.mark.parametrize(
    ("make", "rows", "batches"),
    [
        # 250 rows in batches of 32, 30 epochs: a fit of a second.
        (lambda: VAE.create((784,), 20, seed=0), 250, 8 * 30),
        (dense, 250, 8 * 30),
    ],
    ids=["wide", "narrow"],
)
def test_xla_must_pay_for_its_compilation(make, rows, batches):
    model = make()
    short = speed.jit_compile_for(model, batches, 2)
    assert not short.value and f"{batches} steps in all" in short.reason
    # An hour is worth it, a stream of unknown length is not known to be.
    assert speed.jit_compile_for(model, 10**6, 2).value
    assert not speed.jit_compile_for(model, None).value


@no_gpu
def test_more_shapes_and_more_layers_cost_more():
    one, two = steps_that_pay(dense()), steps_that_pay(dense(), 2)
    assert 2 * one - 2 <= two <= 2 * one
    deep = VAE.create((3,), 2, hidden=(4, 4, 4), seed=0)
    assert steps_that_pay(deep) > one
    # Where a step takes longer, there is more to gain.
    assert steps_that_pay(VAE.create((784,), 2, hidden=(512,), seed=0)) < one
    # A step does its work once a draw.
    few, *many = (
        IWAE.create((784,), 2, samples=k, groups=m, seed=0)
        for k, m in ((1, 1), (50, 1), (5, 10))
    )
    assert steps_that_pay(many[0]) < steps_that_pay(few) / 10
    assert steps_that_pay(many[0]) == steps_that_pay(many[1])


@no_gpu
def test_fit_decides_by_all_its_epochs():
    model = dense()
    model.compile("adam")
    before = "jit_compile = auto: chosen by fit() from the number of steps"
    assert before in model.speed_policy()
    enough = -(-steps_that_pay(model) // 2)
    x = np.zeros([2, 3], "float32")
    settings = {"batch_size": 1, "verbose": 0}
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True),
    )
    chosen = []
    for epochs, first in ((2, 0), (enough, 0), (enough, enough - 1)):
        model.fit(
            x,
            epochs=epochs,
            initial_epoch=first,
            callbacks=[stop],
            **settings,
        )
        chosen.append(model.jit_compile)
        policy = f"jit_compile = {model.jit_compile}: dense network on a CPU, "
        assert f"{policy}{2 * epochs} steps in all" in model.speed_policy()
    # The last one is a run that is resumed: it goes on as it was begun.
    assert chosen == [False, True, True]


@no_gpu
def test_short_fits_are_not_compiled():
    """Fits of other numbers of rows share one trace and no XLA."""
    model = dense()
    model.compile("adam")
    for rows in (250, 243, 260, 251):
        model.fit(np.zeros([rows, 3]), epochs=2, verbose=0)
        assert not model.jit_compile
    assert model.block("train").experimental_get_tracing_count() == 1


@no_gpu
def test_evaluation_is_no_reason_to_compile():
    model = dense()
    model.compile("adam")
    x = np.random.default_rng(0).uniform(size=[4, 3])
    model.jit_compile = True  # as a long fit leaves it
    first = model.evaluate(x, verbose=0)
    model.jit_compile = False
    assert model.evaluate(x, verbose=0) == first


@no_gpu
def test_convolutions_stay_a_graph():
    model = conv()
    model.compile("adam")
    assert model.jit_compile is False
    assert "jit_compile = False: convolutions" in model.speed_policy()


@no_gpu
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN", "RNN"])
def test_recurrent_layers_stay_a_graph(layer):
    cell = keras.layers.LSTMCell(4) if layer == "RNN" else 4
    layer = keras.layers.Bidirectional(getattr(keras.layers, layer)(cell))
    encoder = DistributionNetwork(keras.Sequential([layer]), "gaussian", 2)
    plain = keras.Sequential([keras.layers.Dense(4)])
    decoder = DistributionNetwork(plain, "bernoulli", (4, 1))
    choice = speed.jit_compile(VAE(encoder, decoder))
    assert not choice.value and "recurrent" in choice.reason


@no_gpu
def test_convolutions_inside_own_networks_are_found():
    body = keras.Sequential(
        [
            keras.layers.Reshape((4, 1)),
            keras.Sequential([keras.layers.Conv1D(2, 3, padding="same")]),
            keras.layers.Flatten(),
        ]
    )
    encoder = DistributionNetwork(body, "gaussian", 2)
    plain = keras.Sequential([keras.layers.Dense(4)])
    decoder = DistributionNetwork(plain, "bernoulli", 4)
    assert not speed.jit_compile(VAE(encoder, decoder)).value


def test_gpu_compiles_convolutions(monkeypatch):
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind=None: ["gpu"]
    )
    assert speed.jit_compile(conv()) == (True, "GPU found")


def test_layers_can_veto():
    model = dense()
    veto = model.decoder.body.layers[-1]
    veto.supports_jit = False
    choice = speed.jit_compile(model)
    assert not choice.value and veto.name in choice.reason


@pytest.mark.parametrize("make", [dense, conv])
@pytest.mark.parametrize("jit", [True, False])
def test_choice_of_the_user_wins(make, jit):
    model = make()
    model.compile("adam", jit_compile=jit, steps_per_execution=7)
    assert model.jit_compile is jit and model.steps_per_execution == 7
    assert model.speed_policy().splitlines() == [
        f"jit_compile = {jit}: passed to compile()",
        "steps_per_execution = 7: passed to compile()",
    ]


def test_eager_mode_is_not_compiled():
    model = dense()
    model.compile("adam", run_eagerly=True)
    assert model.jit_compile is False
    assert "jit_compile = False: run_eagerly=True" in model.speed_policy()


def test_strategy_takes_single_steps_without_xla():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = dense()
        model.compile("adam")
    # As with plain Keras, `fit` need not be inside the scope.
    x = np.zeros([12, 3], "float32")
    model.fit(x, batch_size=3, verbose=0)
    assert model.speed_policy().splitlines() == [
        "jit_compile = False: a distribution strategy is in use",
        "steps_per_execution = 1: a distribution strategy is in use",
    ]
    assert model.optimizer.iterations.numpy() == 4


@pytest.mark.parametrize("batches", [1, 2, 31, 32, 33, 64, 65, 469, 10_001])
def test_steps_are_spread_evenly(batches):
    steps = speed.steps_per_execution(batches, None).value
    calls = -(-batches // steps)
    assert 1 <= steps <= speed.LONGEST_BLOCK
    # No fewer calls are possible, and no shorter longest call with as many.
    assert calls == -(-batches // speed.LONGEST_BLOCK)
    assert (steps - 1) * calls < batches


def test_unknown_number_of_batches():
    choice = speed.steps_per_execution(None, None)
    assert choice == (1, "the number of batches is not known")


class Watcher(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("callback", "steps"),
    [
        (Watcher(), 1),
        (keras.callbacks.LambdaCallback(on_train_batch_end=print), 1),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), 20),
        (keras.callbacks.EarlyStopping(), 20),
        (keras.callbacks.ModelCheckpoint("x.keras"), 20),
        (keras.callbacks.TerminateOnNaN(), 20),
    ],
    ids=lambda c: getattr(c, "__class__", type(c)).__name__,
)
def test_who_watches_batches_sees_each(callback, steps):
    for callbacks in ([callback], keras.callbacks.CallbackList([callback])):
        choice = speed.steps_per_execution(20, callbacks)
        assert choice.value == steps
    assert speed.steps_per_execution(20, callback).value == steps
    if steps == 1:
        assert type(callback).__name__ in choice.reason


def test_policy_after_fit_names_the_steps():
    model = dense()
    model.compile("adam", jit_compile=False)
    assert "chosen by fit()" in model.speed_policy()
    model.fit(np.zeros([12, 3]), batch_size=3, verbose=0)
    expected = "steps_per_execution = 4: 4 batches in 1 equal calls"
    assert expected in model.speed_policy()


def test_policy_needs_a_compiled_model():
    with pytest.raises(ValueError, match="not compiled.*`compile"):
        dense().speed_policy()


class Layered(heads.Gaussian):
    """A head whose own argument has a name that Keras knows on models."""

    def __init__(self, layers=3, inputs=2, **kwargs):
        super().__init__(**kwargs)
        self.layers = layers
        self.inputs = inputs


class Stack(keras.layers.Layer):
    """Holds its layers in a list, and one of them in a dict."""

    def __init__(self):
        super().__init__()
        self.stack = [keras.layers.Dense(3), keras.layers.Flatten()]
        self.named = {"last": keras.layers.Dense(2)}

    def call(self, x):
        for layer in [*self.stack, self.named["last"]]:
            x = layer(x)
        return x


def test_an_argument_called_layers_is_no_list_of_layers():
    model = VAE.create((8,), 2, hidden=(4,), likelihood=Layered())
    model.compile("adam")
    model.fit(np.zeros([8, 8], "float32"), verbose=0)
    assert Layered in map(type, speed.layers(model))


def test_layers_in_lists_and_dicts_are_found():
    found = [type(layer).__name__ for layer in speed.layers(Stack())]
    assert sorted(found) == ["Dense", "Dense", "Flatten", "Stack"]


def test_a_layer_that_is_reached_twice_is_listed_once():
    stack = Stack()
    stack.again = stack.stack[0]
    stack.stack[0].parent = stack
    assert len(list(speed.layers(stack))) == 4
