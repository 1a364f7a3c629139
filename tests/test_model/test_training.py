"""The feeding of `fit` against the plain loop that it stands for."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae import VAE
from keras_ae import Autoencoder
from keras_ae.zoo import datasets
from tests.kinds import first

EVENT = 3


def numbered(rows):
    """Rows that can be told apart: row i holds i / 100."""
    return np.repeat(np.arange(rows, dtype="float32")[:, None] / 100, EVENT, 1)


def make(cls=Autoencoder, *, optimizer="sgd", compiled=None, **options):
    # A likelihood that does not start from the rows: streams have none yet.
    fixed = {"hidden": (4,), "likelihood": {"gaussian": {"scale": 1.0}}}
    options = fixed | {"seed": 0} | options
    model = cls.create((EVENT,), 2, **options)
    model.compile(optimizer, **{"jit_compile": False} | (compiled or {}))
    return model


def weights(model):
    return [w.numpy() for w in model.weights]


def assert_same(model, twin, **tolerance):
    for a, b in zip(weights(model), weights(twin), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.fixture
def spy():
    """A variant that notes the row numbers of each batch, also in graphs."""
    batches = {"train": [], "test": []}

    def note(kind, data):
        x = keras.utils.unpack_x_y_sample_weight(data)[0]

        def keep(x):
            numbers = np.rint(x[:, 0] * 100).astype(int)
            batches[kind].append(numbers.tolist())
            return np.int32(0)

        tf.numpy_function(keep, [tf.cast(x, tf.float32)], tf.int32)

    class Spy(Autoencoder):
        def train_step(self, data):
            note("train", data)
            return super().train_step(data)

        def test_step(self, data):
            note("test", data)
            return super().test_step(data)

    Spy.batches = batches
    return Spy


def flat(batches):
    return [row for batch in batches for row in batch]


# The loop.


@pytest.mark.parametrize("cls", [Autoencoder, VAE])
@pytest.mark.parametrize(
    ("rows", "jit"),
    [(12, False), (14, False), (3, False), (14, True)],
    ids=["full", "ragged", "short", "xla"],
)
def test_fit_is_the_plain_loop(cls, rows, jit):
    if jit and cls is VAE:
        pytest.skip("XLA makes other normals of the same seeds")
    x = np.random.default_rng(0).uniform(size=(rows, EVENT)).astype("float32")
    model = make(cls, optimizer="adam", compiled={"jit_compile": jit})
    history = model.fit(x, batch_size=4, epochs=3, verbose=0).history
    twin = make(cls, optimizer="adam")
    losses = []
    for _ in range(3):
        twin.reset_metrics()
        order = tf.random.experimental.stateless_shuffle(
            tf.range(rows), twin.next_seed()
        )
        for start in range(0, rows, 4):
            batch = x[order.numpy()[start : start + 4]]
            logs = twin.train_step((tf.constant(batch),))
        losses.append(float(logs["loss"]))
    # Graphs fuse operations: single precision over at most 12 steps.
    assert_same(model, twin, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    np.testing.assert_array_equal(
        model.seed_generator.state, twin.seed_generator.state
    )


def test_eager_mode_is_the_same_loop():
    x = numbered(10)
    model, twin = make(VAE), make(VAE, compiled={"run_eagerly": True})
    for m in (model, twin):
        m.fit(x, batch_size=4, epochs=2, verbose=0)
    assert_same(model, twin, rtol=1e-4, atol=1e-6)


# Which rows.


@pytest.mark.parametrize(
    ("rows", "steps"),
    [(12, "auto"), (70, "auto"), (12, 1), (14, 3), (14, 100)],
)
def test_every_row_once_an_epoch(spy, rows, steps):
    model = make(spy, compiled={"steps_per_execution": steps})
    model.fit(numbered(rows), batch_size=4, epochs=3, verbose=0)
    seen = flat(spy.batches["train"])
    epochs = [seen[i * rows : (i + 1) * rows] for i in range(3)]
    assert [sorted(e) for e in epochs] == [list(range(rows))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    sizes = [len(b) for b in spy.batches["train"]]
    assert sizes == ([4] * (rows // 4) + [rows % 4] * (rows % 4 > 0)) * 3


def test_order_follows_from_the_seed(spy):
    orders = []
    for seed in (1, 1, 2):
        spy.batches["train"].clear()
        make(spy, seed=seed).fit(numbered(12), epochs=2, verbose=0)
        orders.append(flat(spy.batches["train"]))
    assert orders[0] == orders[1] != orders[2]


def test_order_is_that_of_the_rows_without_shuffle(spy):
    model = make(spy)
    model.fit(numbered(7), batch_size=3, shuffle=False, epochs=2, verbose=0)
    batches = [[0, 1, 2], [3, 4, 5], [6]]
    assert spy.batches["train"] == batches * 2


def test_evaluation_sees_every_row_in_order(spy):
    model = make(spy)
    model.evaluate(numbered(10), batch_size=4, verbose=0)
    assert flat(spy.batches["test"]) == list(range(10))


def test_streams_of_any_length_are_used_up(spy):
    """Also after a stream whose calls ran another number of steps."""

    def stream(rows):
        return tf.data.Dataset.from_tensor_slices(numbered(rows)).batch(2)

    model = make(spy)
    model.fit(stream(8), verbose=0)
    for rows in (14, 6, 13):
        for kind, run in (("train", model.fit), ("test", model.evaluate)):
            spy.batches[kind].clear()
            run(stream(rows), verbose=0)
            assert flat(spy.batches[kind]) == list(range(rows))


def test_rows_that_are_redrawn_change_every_epoch():
    x = np.full([200, EVENT], 0.5, "float32")
    seen = []

    class Spy(Autoencoder):
        def train_step(self, data):
            tf.numpy_function(
                lambda x: (seen.append(x), np.int32(0))[1], [data[0]], tf.int32
            )
            return super().train_step(data)

    losses = []
    for _ in range(2):
        model = make(Spy)
        rows = datasets.dynamic_binarization(x)
        history = model.fit(rows, batch_size=200, epochs=3, verbose=0)
        losses.append(history.history["loss"])
    bits = np.array(seen, int)
    assert set(bits.ravel()) == {0, 1}
    sums = bits.reshape(2, 3, -1).sum(-1)
    assert len(set(sums[0])) == 3  # 600 coins do not fall alike by chance
    # A fair coin 600 times: a deviation of 12.2.
    assert (abs(sums - 300) < 4 * 12.2).all()
    # The model's seed decides.
    np.testing.assert_array_equal(sums[0], sums[1])
    assert losses[0] == losses[1]


def test_redrawn_rows_validate_on_fixed_bits(spy):
    grey = np.full([40, EVENT], 0.5, "float32")
    rows = datasets.dynamic_binarization(grey)
    model = make(spy)
    model.fit(rows, validation_split=0.25, epochs=2, verbose=0)
    first, second = spy.batches["test"]
    assert first == second and len(first) == 10
    assert len(flat(spy.batches["train"])) == 2 * 30
    spy.batches["test"].clear()
    model.fit(rows, validation_data=rows, verbose=0)
    assert len(flat(spy.batches["test"])) == 40


def test_redrawn_rows_are_no_stream():
    rows = datasets.dynamic_binarization(np.full([40, EVENT], 0.5))
    with pytest.raises(ValueError, match="steps_per_epoch.*tf.data.Dataset"):
        make().fit(rows, steps_per_epoch=2)


# Kinds of data.


def generator(x):
    while True:
        for start in range(0, len(x), 4):
            yield (x[start : start + 4],)


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return -(-len(self.x) // 4)

    def __getitem__(self, i):
        return (self.x[4 * i : 4 * i + 4],)


KINDS = {
    "dataset": lambda x: tf.data.Dataset.from_tensor_slices(x).batch(4),
    "pairs": lambda x: tf.data.Dataset.from_tensor_slices((x, x)).batch(4),
    "generator": generator,
    "pydataset": Batches,
    "lists": lambda x: x.tolist(),
    "double": lambda x: x.astype("float64"),
    "tensor": tf.constant,
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data_train_alike(kind):
    x = numbered(10)
    model, twin = make(VAE), make(VAE)
    steps = 3 if kind == "generator" else None
    model.fit(KINDS[kind](x), shuffle=False, steps_per_epoch=steps, verbose=0)
    # Rows in memory come in batches of 32 if not told, streams as they are.
    streams = ("dataset", "pairs", "generator", "pydataset")
    size = 4 if kind in streams else 32
    twin.fit(x, batch_size=size, shuffle=False, verbose=0)
    assert_same(model, twin, rtol=1e-5, atol=1e-7)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    x = numbered(10)
    model, twin = make(VAE), make(VAE)
    weight = np.linspace(0, 1, 10)
    model.fit(
        pandas.DataFrame(x, columns=list("abc")),
        sample_weight=pandas.Series(weight),
        validation_data=pandas.DataFrame(x),
        verbose=0,
    )
    twin.fit(x, sample_weight=weight, validation_data=x, verbose=0)
    assert_same(model, twin, rtol=0, atol=0)
    np.testing.assert_array_equal(
        model.predict(pandas.DataFrame(x)), twin.predict(x)
    )


def test_bytes_are_numbers():
    x = np.arange(30, dtype="uint8").reshape(10, EVENT)
    model, twin = make(), make()
    model.fit(x, verbose=0)
    twin.fit(x.astype("float32"), verbose=0)
    assert_same(model, twin, rtol=0, atol=0)


# Weights and validation.


def test_weights_are_repetitions():
    """An example of weight 2 is that example twice, in steps and in logs."""
    x = numbered(5)
    weight = np.array([0, 1, 2, 1, 2])
    model, twin = make(), make()
    rows = np.repeat(x, weight, axis=0)
    model.fit(x, batch_size=5, sample_weight=weight, epochs=3, verbose=0)
    twin.fit(rows, batch_size=6, epochs=3, verbose=0)
    assert_same(model, twin, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        model.evaluate(x, batch_size=2, sample_weight=weight, verbose=0),
        twin.evaluate(rows, verbose=0),
        rtol=1e-5,
    )


@pytest.mark.parametrize("how", ["data", "pair", "split", "stream"])
def test_validation_is_evaluation_of_those_rows(how):
    x = np.random.default_rng(0).uniform(size=(20, EVENT)).astype("float32")
    held = x[15:]
    arguments = {
        "data": {"x": x[:15], "validation_data": held},
        "pair": {"x": x[:15], "validation_data": [held, held]},
        "split": {"x": x, "validation_split": 0.25},
        "stream": {
            "x": x[:15],
            "validation_data": tf.data.Dataset.from_tensors(held),
        },
    }[how]
    model, twin = make(VAE), make(VAE)
    history = model.fit(**arguments, batch_size=5, verbose=0).history
    logs = model.evaluate(held, batch_size=5, verbose=0, return_dict=True)
    assert {f"val_{k}" for k in logs} < set(history)
    for name, value in logs.items():
        np.testing.assert_allclose(history[f"val_{name}"], [value], rtol=1e-6)
    # Validation does not change the training.
    twin.fit(x[:15], batch_size=5, verbose=0)
    assert_same(model, twin, rtol=0, atol=0)


def test_evaluation_repeats_itself_and_spares_the_training():
    x = numbered(10)
    model = make(VAE)
    state = model.seed_generator.state.numpy()
    first = model.evaluate(x, verbose=0)
    assert model.evaluate(x, verbose=0) == first
    np.testing.assert_array_equal(model.seed_generator.state, state)


def test_weighted_mean_over_ragged_batches():
    """The log of an epoch is the mean over rows, not over batches."""
    x = np.array([[0.0] * 3] * 4 + [[9.0] * 3])
    model = make()
    each = [model.evaluate(row[None], verbose=0)[0] for row in x]
    found = model.evaluate(x, batch_size=4, verbose=0)[0]
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-5)


def own(regularizer=None, **options):
    """A model of layers of one's own, both networks with a regularizer."""
    bodies = [
        keras.layers.Dense(
            4, kernel_initializer="ones", kernel_regularizer=regularizer
        )
        for _ in range(2)
    ]
    encoder = keras_ae.DistributionNetwork(bodies[0], "point", 2)
    decoder = keras_ae.DistributionNetwork(bodies[1], "gaussian", EVENT)
    model = Autoencoder(encoder, decoder, **options)
    model.build((None, EVENT))
    return model, bodies


@pytest.mark.parametrize("jit", [False, True])
def test_regularizers_of_own_layers_are_minimized(jit):
    """A step of SGD on strength * sum(w^2) takes 2 * rate * strength * w."""
    rate, strength, x = 0.1, 0.25, numbered(4)
    model, bodies = own(keras.regularizers.L2(strength))
    twin, plain = own()
    twin.set_weights(model.get_weights())
    before = [body.kernel.numpy() for body in bodies]
    for each in (model, twin):
        each.compile(keras.optimizers.SGD(rate), jit_compile=jit)
        each.fit(x, batch_size=4, verbose=0)
    for body, other, kernel in zip(bodies, plain, before, strict=True):
        expected = other.kernel - 2 * rate * strength * kernel
        np.testing.assert_allclose(body.kernel, expected, rtol=1e-5)


def test_regularizers_are_in_the_loss():
    """As in Keras: also where nothing is trained, and not of frozen layers."""
    model, bodies = own(keras.regularizers.L1(0.5))
    model.compile("sgd")
    for trained in (2, 1):
        logs = model.evaluate(numbered(4), verbose=0, return_dict=True)
        # Kernels are ones: EVENT * 4 of the encoder, 2 * 4 of the decoder.
        costs = 0.5 * np.array([EVENT * 4, 2 * 4])
        cost = costs[:trained].sum()
        np.testing.assert_allclose(logs["regularization"], cost, rtol=1e-6)
        expected = logs["reconstruction"] + cost
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
        bodies[1].trainable = False
        model.compile("sgd")


def test_losses_that_layers_add_are_refused():
    body = keras.layers.Dense(4, activity_regularizer="l1", name="costly")
    encoder = keras_ae.DistributionNetwork(body, "point", 2)
    decoder = keras_ae.DistributionNetwork(
        keras.layers.Dense(4), "gaussian", EVENT
    )
    model = Autoencoder(encoder, decoder)
    model.compile("sgd")
    with pytest.raises(ValueError, match="add losses.*costly.*`loss_terms`"):
        model.fit(numbered(4), verbose=0)


# Passes, traces, steps.


@pytest.mark.parametrize("metrics", [None, ["mse"]])
def test_one_forward_pass_without_metrics(metrics):
    count = []

    class Counting(Autoencoder):
        def likelihood(self, z, batch, moment):
            count.append(moment.training)
            return super().likelihood(z, batch, moment)

    compiled = {"run_eagerly": True, "metrics": metrics}
    model = make(Counting, compiled=compiled)
    model.fit(numbered(9), batch_size=4, verbose=0)
    assert count.count(True) == 3
    # Once more where metrics compare predictions, and to make the metrics.
    assert count.count(False) == (3 + 1 if metrics else 0)


@pytest.mark.parametrize("jit", first([False], [False, True]))
def test_one_trace_whatever_the_rows(jit):
    traces = []

    class Counting(Autoencoder):
        def train_step(self, data):
            traces.append(data)
            return super().train_step(data)

    model = make(Counting, compiled={"jit_compile": jit})
    for rows in (8, 11, 21):
        model.fit(numbered(rows), batch_size=4, epochs=3, verbose=0)
    model.fit(numbered(9), batch_size=3, verbose=0)
    assert len(traces) == 1


def test_compiled_metrics_compare_reconstructions():
    x = numbered(10)
    model = make(compiled={"metrics": ["mse", "mae"]})
    logs = model.evaluate(x, batch_size=4, verbose=0, return_dict=True)
    error = model.predict(x) - x
    np.testing.assert_allclose(logs["mse"], np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(logs["mae"], np.mean(abs(error)), rtol=1e-5)
    history = model.fit(x, validation_data=x, verbose=0).history
    assert {"mse", "val_mse"} < set(history)


class Watcher(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


@pytest.mark.parametrize("asked", ["metrics", "weighted_metrics"])
def test_metrics_that_would_count_holes_are_refused(asked):
    with pytest.raises(ValueError, match=f"holes.*Received: {asked}$"):
        make(missing="mask", compiled={asked: ["mse"]})


def test_callback_sees_every_batch():
    watcher = Watcher()
    make().fit(numbered(10), batch_size=3, callbacks=[watcher], verbose=0)
    assert watcher.batches == [0, 1, 2, 3]


def test_steps_of_the_user_are_kept():
    watcher = Watcher()
    model = make(compiled={"steps_per_execution": 2})
    model.fit(numbered(10), batch_size=2, callbacks=[watcher], verbose=0)
    assert watcher.batches == [1, 3, 5]  # the last call has one batch left
    assert model.steps_per_execution == 2
    assert int(model.optimizer.iterations) == 5


# Callbacks of Keras.


def test_early_stopping_restores_the_best():
    x = numbered(10)
    model = make(optimizer=keras.optimizers.SGD(0.0))
    stop = keras.callbacks.EarlyStopping(
        "loss", patience=2, restore_best_weights=True
    )
    before = weights(model)
    model.fit(x, epochs=50, callbacks=[stop], verbose=0)
    assert len(model.history.history["loss"]) == 3
    # Nothing was learned: all but counters is as before.
    kept = zip(before, weights(model), strict=True)
    assert all(np.array_equal(a, b) for a, b in kept if a.dtype == "float32")


def test_checkpoint_holds_the_model(tmp_path):
    x = numbered(10)
    model = make(VAE)
    path = tmp_path / "{epoch}.keras"
    saver = keras.callbacks.ModelCheckpoint(path)
    model.fit(x, epochs=2, callbacks=[saver], verbose=0)
    twin = keras.saving.load_model(tmp_path / "2.keras")
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))


def test_checkpoints_of_batches_are_of_those_batches(tmp_path):
    """Every third of eight batches, and so on through the second epoch."""
    save = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}_{batch}.weights.h5",
        save_freq=3,
        save_weights_only=True,
    )
    make().fit(numbered(8), batch_size=1, epochs=2, verbose=0, callbacks=[save])
    found = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    assert found == {"1_3", "1_6", "2_1", "2_4", "2_7"}


def test_log_file_is_the_history(tmp_path):
    model = make(VAE)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    model.fit(numbered(10), epochs=3, callbacks=[log], verbose=0)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, values in model.history.history.items():
        assert [float(row[name]) for row in rows] == values


def test_a_run_that_fails_leaves_the_model_usable():
    model = make()

    def fail(epoch, logs):
        raise KeyboardInterrupt

    stop = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(KeyboardInterrupt):
        model.fit(numbered(10), callbacks=[stop], verbose=0)
    stream = tf.data.Dataset.from_tensor_slices(numbered(4)).batch(2)
    assert len(model.fit(stream, verbose=0).history["loss"]) == 1


def test_labels_as_targets_are_refused_with_the_way_to_give_them():
    x, labels = numbered(4), np.array([0, 1, 2, 0])
    with pytest.raises(ValueError, match=r"shape of `y`.*fit\(\(x, labels"):
        make().fit(x, labels, verbose=0)
    told = make(VAE, given=3)
    with pytest.raises(TypeError, match=r"tuple.*fit\(\(x, labels"):
        told.fit(x, labels, verbose=0)
    told.fit((x, labels), verbose=0)
    pairs = tf.data.Dataset.from_tensor_slices((x, labels)).batch(2)
    with pytest.raises(TypeError, match=r"come as \(\(x, labels\),\)"):
        told.fit(pairs, verbose=0)
    told.fit(pairs.map(lambda x, labels: ((x, labels),)), verbose=0)


@pytest.mark.parametrize("name", ["train_on_batch", "test_on_batch"])
def test_a_batch_is_checked_as_rows_are(name):
    """And read as they are: a list, double precision."""
    model = make(VAE, likelihood="bernoulli")
    twin = make(VAE, likelihood="bernoulli")
    x, method = numbered(8), getattr(model, name)
    expected = getattr(keras.Model, name)(twin, x, x, return_dict=True)
    found = method(x.tolist(), np.float64(x), return_dict=True)
    np.testing.assert_allclose(
        [found[n] for n in expected], [*expected.values()], rtol=1e-6
    )
    before = weights(model)
    for bad, expected in (
        ((2 * x + 1,), "`x` lies outside the support of a Bernoulli"),
        ((x, x - 1), "`y` lies outside the support of a Bernoulli"),
        ((x * np.nan,), "`x` holds NaN"),
        ((x[:, :2],), r"shape \(N, 3\). Received: shape \(8, 2\)"),
        ((x, None, np.full(8, np.nan)), "`sample_weight` holds NaN"),
        ((x, None, np.ones(7)), r"numbers of rows.*\[7, 8\]"),
        (((x, np.zeros(8)),), "told nothing"),
    ):
        with pytest.raises((TypeError, ValueError), match=expected):
            method(*bad)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_class_weight_is_refused():
    with pytest.raises(ValueError, match="`class_weight`.*sample_weight"):
        make().fit(numbered(4), class_weight={0: 1.0})


@pytest.mark.long
def test_six_models_of_a_class_are_no_reason_to_warn(caplog):
    """TensorFlow warns when it thinks that a function is traced anew."""
    logger = tf.get_logger()
    before = logger.propagate
    logger.propagate = True
    try:
        for _ in range(6):  # after five it would warn
            model = make(VAE)
            model.fit(numbered(7), batch_size=4, verbose=0)
            model.evaluate(numbered(7), batch_size=4, verbose=0)
            model.fit(numbered(9), batch_size=3, verbose=0)
    finally:
        logger.propagate = before
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("form", ["rows", "stream"])
def test_validation_rows_are_checked_once_a_fit(monkeypatch, form):
    checked = []
    check = Autoencoder.check_rows
    monkeypatch.setattr(
        Autoencoder,
        "check_rows",
        lambda self, x, y=None: checked.append(len(x)) or check(self, x, y),
    )
    x = numbered(10)
    if form == "stream":
        x = tf.data.Dataset.from_tensor_slices(x).batch(5)
    make().fit(x, validation_data=numbered(6), epochs=3, verbose=0)
    # Of a stream the first batch is.
    assert checked == ([10, 6] if form == "rows" else [5, 6])


@pytest.mark.parametrize("form", ["rows", "stream"])
def test_validation_of_some_epochs_and_batches(form):
    x = numbered(10)
    if form == "stream":
        x = tf.data.Dataset.from_tensor_slices(x).batch(5)
    model = make()
    settings = {"validation_data": numbered(9), "validation_batch_size": 2}
    settings |= {"validation_steps": 2, "validation_freq": [1, 3]}
    history = model.fit(x, epochs=4, verbose=0, **settings)
    assert len(history.history["loss"]) == 4
    assert len(history.history["val_loss"]) == 2
    model.fit(x, epochs=1, verbose=0, **settings)
    expected = model.evaluate(numbered(4), batch_size=2, verbose=0)[0]
    found = model.history.history["val_loss"]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_steps_per_epoch_go_on_through_the_rows(spy):
    model = make(spy)
    model.fit(
        numbered(10), batch_size=4, steps_per_epoch=2, epochs=3, verbose=0
    )
    seen = spy.batches["train"]
    assert [len(b) for b in seen] == [4, 4, 2, 4, 4, 2]
    assert sorted(flat(seen[:3])) == sorted(flat(seen[3:])) == list(range(10))


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_what_is_printed(verbose, capsys):
    make().fit(numbered(10), epochs=2, verbose=verbose)
    printed = capsys.readouterr().out
    assert ("Epoch 2/2" in printed) == (verbose != 0)
    assert ("loss" in printed) == (verbose != 0)


def test_a_callback_list_is_kept():
    model = make()
    noted = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: noted.append(sorted(logs)),
        on_test_begin=lambda logs: noted.append("test"),
    )
    given = keras.callbacks.CallbackList(
        [note], add_history=True, model=model, epochs=1, steps=1
    )
    model.fit(
        numbered(4), validation_data=numbered(4), callbacks=given, verbose=0
    )
    names = ["loss", "reconstruction", "val_loss", "val_reconstruction"]
    assert noted == ["test", names]
    assert sorted(model.history.history) == names


def test_stopping_between_batches():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = make()
    model.fit(numbered(20), batch_size=4, callbacks=[Stop()], verbose=0)
    assert int(model.optimizer.iterations) == 2
    assert len(model.history.history["loss"]) == 1


def test_averages_of_the_optimizer_replace_the_weights_in_the_end():
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model, plain = make(optimizer=optimizer), make(optimizer="sgd")
    plain.optimizer.learning_rate = 0.1
    for each in (model, plain):
        each.fit(numbered(8), batch_size=4, shuffle=False, verbose=0)
    average = model.optimizer.variables
    assert any(
        np.array_equal(v.numpy(), model.trainable_variables[0].numpy())
        for v in average
        if tuple(v.shape) == tuple(model.trainable_variables[0].shape)
    )
    assert (
        model.trainable_variables[0].numpy()
        != plain.trainable_variables[0].numpy()
    ).any()


@pytest.mark.parametrize("name", ["fit", "evaluate"])
def test_training_needs_a_compiled_model(name):
    model = Autoencoder.create((EVENT,), 2, hidden=(4,))
    with pytest.raises(ValueError, match=f"compile.*{name}"):
        getattr(model, name)(numbered(4))
