"""Checkpoints: a run that is cut equals one that is not, to the last bit."""

import fcntl
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae import VAE
from keras_ae import VAEGAN
from keras_ae import callbacks
from keras_ae import schedules
from keras_ae.core import files
from tests import dying
from tests.kinds import first

X = np.random.default_rng(0).uniform(size=(22, 3)).astype("float32")
STREAM = tf.data.Dataset.from_tensor_slices(X)
STREAM = STREAM.shuffle(22, 3, reshuffle_each_iteration=False).batch(8)


def make(
    cls=VAE, optimizer=None, hidden=(4,), seed=0, run_eagerly=True, **options
):
    """A model; a few eager steps take less time than a trace."""
    model = cls.create((3,), 2, hidden=hidden, seed=seed)
    settings = options | ({"optimizer": optimizer()} if optimizer else {})
    model.compile(jit_compile=False, run_eagerly=run_eagerly, **settings)
    return model


def state(model):
    """Everything that a run goes on with."""
    slots = [v for o, _ in model.owners() for v in o.variables]
    return [v.numpy() for v in [*model.variables, *slots]]


def assert_identical(model, twin):
    for a, b in zip(state(model), state(twin), strict=True):
        np.testing.assert_array_equal(a, b)


class Killed(BaseException):
    pass


class Killer(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch."""

    def __init__(self, last=2):
        super().__init__()
        self.last = last

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == self.last:
            raise Killed


def fit(model, folder=None, *others, epochs=4, x=X, **options):
    checkpoint = [] if folder is None else [callbacks.Checkpoint(folder)]
    if x is X:
        options["batch_size"] = 8
    return model.fit(
        x,
        epochs=epochs,
        verbose=0,
        callbacks=[*checkpoint, *others],
        **options,
    )


def averaged():
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.01, 12), use_ema=True
    )


WARMUP = {"kl": schedules.Linear(0, 1, 9)}
RUNS = {
    "rows": ({"run_eagerly": False, "loss_weights": WARMUP}, {}),
    "stream": ({"run_eagerly": False}, {"x": STREAM}),
    "endless": ({}, {"steps_per_epoch": 2}),
    "averages": ({"optimizer": averaged}, {"validation_split": 0.3}),
    "players": ({"cls": VAEGAN}, {}),
}


@pytest.mark.parametrize("name", first(["rows", "stream", "players"], RUNS))
def test_a_killed_training_goes_on_exactly(tmp_path, name):
    made, options = RUNS[name]
    whole = make(**made)
    history = fit(whole, **options)
    with pytest.raises(Killed):
        fit(make(**made), tmp_path, Killer(), **options)
    resumed = make(**made, seed=5)
    again = fit(resumed, tmp_path, **options)
    assert_identical(resumed, whole)
    assert again.history == history.history
    assert again.epoch == history.epoch == [0, 1, 2, 3]
    names = sorted(path.name for path in tmp_path.glob("[!.]*"))
    assert names == [f"epoch-00000{i}.weights.h5" for i in (3, 4)]


def test_a_complete_training_is_restored_and_can_go_on(tmp_path):
    whole = make()
    fit(whole, tmp_path, epochs=3)
    restored = make(seed=5)
    history = fit(restored, tmp_path, epochs=3)
    assert_identical(restored, whole)
    assert history.epoch == [0, 1, 2]
    fit(restored, tmp_path, epochs=5)
    longer = make()
    fit(longer, epochs=5)
    assert_identical(restored, longer)
    # The next `fit` begins where it is told to.
    assert fit(restored, epochs=1).epoch == [0]


def test_a_checkpoint_sees_what_later_callbacks_log(tmp_path):
    class Log(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = np.float32(epoch)

    fit(make(), tmp_path, Log(), epochs=2)
    assert fit(make(), tmp_path, Log()).history["mine"] == [0, 1, 2, 3]


def test_every_and_keep(tmp_path):
    checkpoint = callbacks.Checkpoint(tmp_path, every=2, keep=3)
    make().fit(X, epochs=7, verbose=0, callbacks=[checkpoint])
    names = sorted(path.name for path in tmp_path.glob("epoch-*"))
    assert names == [f"epoch-00000{i}.weights.h5" for i in (4, 6, 7)]
    assert checkpoint.seconds > 0
    again = callbacks.Checkpoint(tmp_path)
    make().fit(X, epochs=7, verbose=0, callbacks=[again])
    assert again.seconds == checkpoint.seconds


def test_stopping_early_keeps_the_last_epoch(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    checkpoint = callbacks.Checkpoint(tmp_path, every=100)
    made = make()
    made.fit(X, epochs=99, verbose=0, callbacks=[checkpoint, stop])
    assert [p.name for p in tmp_path.glob("epoch-*")] == [
        "epoch-000002.weights.h5"
    ]


def test_killed_at_every_step_of_a_checkpoint(tmp_path):
    """The newest one that opens is the one before, or the new one."""
    kept = tmp_path / "kept"
    fit(make(), kept, epochs=2)
    ended = make()
    fit(ended, epochs=3)
    folder = tmp_path / "run"
    found = []

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)

    def write():
        checkpoint = callbacks.Checkpoint(folder)
        checkpoint.set_model(ended)
        checkpoint.set_params({"epochs": 9})
        checkpoint._chief = True
        checkpoint.on_epoch_begin(2)
        checkpoint.on_epoch_end(2)

    for _ in dying.deaths(prepare, write):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            path, about = callbacks.Checkpoint(folder)._newest()
        found.append((path.name, about["epoch"], about["step"]))
    old = ("epoch-000002.weights.h5", 2, 6)
    new = ("epoch-000003.weights.h5", 3, 9)
    assert sorted(set(found)) == [old, new]
    assert found == sorted(found)


def test_a_damaged_checkpoint_is_set_aside(tmp_path):
    ended = make()
    fit(ended, tmp_path, epochs=3)
    newest = tmp_path / "epoch-000003.weights.h5"
    data = newest.read_bytes()
    # A weight, where it lies in the file.
    place = data.index(ended.encoder.projection.kernel.numpy().tobytes())
    for damaged in (
        data[: len(data) // 2],
        b"",
        (tmp_path / files.LOCK).read_bytes(),
        data[:place] + b"\xff" + data[place + 1 :],
    ):
        newest.write_bytes(damaged)
        resumed = begun(tmp_path)
        assert int(resumed.step) == 6
        aside = tmp_path / "epoch-000003.weights.h5.damaged"
        assert aside.read_bytes() == damaged
        assert not newest.exists()
    before = make()
    fit(before, epochs=2)
    assert_identical(resumed, before)
    newest.with_name("epoch-000002.weights.h5").write_bytes(b"")
    assert int(begun(tmp_path).step) == 0


def begun(folder):
    """Another model, as a `fit` that finds a damaged file begins with it."""
    model = make(seed=5)
    history = keras.callbacks.History()
    checkpoint = callbacks.Checkpoint(folder)
    keras.callbacks.CallbackList([history, checkpoint], model=model, epochs=4)
    with pytest.warns(UserWarning, match="0000.*damaged.*set aside"):
        checkpoint.on_train_begin()
    checkpoint.on_train_end()
    return model


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    fit(make(), tmp_path, epochs=1)
    for other in (
        lambda: make(hidden=(5,)),
        lambda: make(VAEGAN),
        lambda: make(optimizer=keras.optimizers.SGD),
        lambda: make(hidden=(4, 4)),
    ):
        checkpoint = callbacks.Checkpoint(tmp_path)
        checkpoint.set_model(other())
        with pytest.raises(ValueError, match="epoch-000001.*another model"):
            checkpoint.on_train_begin()
    assert len(fit(make(), tmp_path, epochs=2).epoch) == 2  # it is still there


@pytest.mark.parametrize("x", [X, STREAM], ids=["rows", "stream"])
def test_a_training_that_fails_leaves_the_folder_to_others(tmp_path, x):
    with pytest.raises(Killed):
        fit(make(), tmp_path, Killer(last=0), x=x)
    with open(tmp_path / files.LOCK) as file:  # as another process would
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_in_use_is_refused(tmp_path):
    class Second(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            own, files._OWN = files._OWN, set()  # as another process
            with pytest.raises(ValueError, match="in use.*process"):
                fit(make(), tmp_path)
            files._OWN = own

    fit(make(), tmp_path, Second(), epochs=1)
    fit(make(), tmp_path, epochs=1)


def test_a_model_that_is_not_built_is_refused(tmp_path):
    made = make()
    bare = VAE(made.encoder, made.decoder)
    bare.compile()
    with pytest.raises(ValueError, match="not built"):
        fit(bare, tmp_path, x=STREAM)


@pytest.mark.parametrize("name", ["every", "keep"])
def test_counts_are_checked(tmp_path, name):
    with pytest.raises(ValueError, match=f"`{name}`.*at least 1"):
        callbacks.Checkpoint(tmp_path, **{name: 0})
