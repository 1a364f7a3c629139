"""A process of tests of distribution strategies: `python replicas.py ROLE ...`.

Roles:
    devices FOLDER NAMES    variants on one device, in `one`, and on two
                            logical ones, in `two`; a training that is cut
    worker FOLDER [--die N] one worker of `TF_CONFIG`, or alone without it
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse  # noqa: E402
import json  # noqa: E402
import shutil  # noqa: E402

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import keras_ae  # noqa: E402
from keras_ae.core import registry  # noqa: E402

EPOCHS = 3
BATCH = 5  # of 2 + 3 rows; the last of 11 rows leaves a replica none
#: Whose last batch may leave a replica without rows. The row that such a
#: replica gets instead takes part in the numbers that are drawn for a batch.
WITHOUT_DRAWS = ("autoencoder", "contractive", "sparse")


def flat(prefix, values):
    return {f"{prefix}/{name}": np.asarray(v) for name, v in values.items()}


def trained(cls, rows, scope, optimizer, **settings):
    """Weights and logs of three epochs, ragged batches, and of evaluation."""
    with scope():
        model = cls.create(**cls.contract_case()[0] | {"seed": 0})
        model.compile(optimizer(), jit_compile=False)
    weight = np.linspace(0.5, 1.5, len(keras.tree.flatten(rows)[0]))
    model.fit(
        rows,
        sample_weight=weight.astype("float32"),
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        **settings,
    )
    logs = model.evaluate(rows, batch_size=BATCH, verbose=0, return_dict=True)
    weights = {
        str(i): v.numpy() for i, v in enumerate(model.trainable_variables)
    }
    return (
        flat("weights", weights)
        | flat("history", model.history.history)
        | flat("evaluate", logs)
    )


def devices(folder, names):
    """Variants on one and on two devices, and a training that is cut."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    variants(folder / "one", names, tf.distribute.get_strategy())
    both = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    variants(folder / "two", names, both)
    cut(folder, both)


def variants(folder, names, strategy):
    """The results of variants, one file each; errors in `errors.json`."""
    folder.mkdir()
    errors = {}
    for name in names:
        cls = registry.get(name)
        size = 11 if name in WITHOUT_DRAWS else 12
        rows = keras.tree.map_structure(
            lambda a, n=size: a[:n], cls.contract_case()[1]
        )
        try:
            found = trained(
                cls, rows, strategy.scope, lambda: keras.optimizers.SGD(0.1)
            )
            np.savez(folder / f"{name}.npz", **found)
        except Exception as error:  # the test reports it
            errors[name] = f"{type(error).__name__}: {error}"
    (folder / "errors.json").write_text(json.dumps(errors))


def cut(folder, strategy):
    """The state after three epochs, of which the last one runs after a
    restart, and after three at once."""
    x = np.random.default_rng(0).uniform(size=(12, 8)).astype("float32")
    found = {}
    for name, seed, epochs in (("whole", 0, 3), ("cut", 0, 2), ("cut", 5, 3)):
        with strategy.scope():
            model = keras_ae.VAE.create((8,), 2, hidden=(4,), seed=seed)
            model.compile("adam", jit_compile=False)
        checkpoint = keras_ae.callbacks.Checkpoint(folder / name)
        model.fit(
            x,
            batch_size=BATCH,
            epochs=epochs,
            verbose=0,
            callbacks=[checkpoint],
        )
        values = [*model.variables, *model.optimizer.variables]
        found |= flat(name, {str(i): v.numpy() for i, v in enumerate(values)})
    np.savez(folder / "cut.npz", **found)


class Death(keras.callbacks.Callback):
    """Ends the process in the middle of an epoch, without a word."""

    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == self.last and batch == 1:
            os._exit(9)


def worker(folder, die):
    """Train a resumable run from rows, then from a stream."""
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.get_strategy()
    workers = strategy.num_replicas_in_sync
    x = np.random.default_rng(0).uniform(size=(21, 8)).astype("float32")
    # The same order at every pass: Keras' own loop, on one device, begins
    # a pass more an epoch than it needs.
    stream = tf.data.Dataset.from_tensor_slices(x)
    stream = stream.shuffle(21, seed=3, reshuffle_each_iteration=False).batch(4)
    held = tf.data.Dataset.from_tensor_slices(x[:7]).batch(4)
    shared = folder.parent / ("checkpoints" if workers > 1 else "of one")
    callbacks = [keras_ae.callbacks.Checkpoint(shared)]
    if die is not None:
        callbacks.append(Death(die))
    runs = {
        "resumed": {
            "x": x,
            "epochs": 5,
            "validation_data": x[:7],
            "callbacks": callbacks,
        },
        "stream": {"x": stream, "epochs": EPOCHS, "validation_data": held},
    }
    for name, settings in runs.items():
        if name != "stream":
            settings["batch_size"] = 4  # the last batch has one row
        with strategy.scope():
            model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,), seed=0)
            model.compile("adam", jit_compile=False, metrics=["mse"])
        model.fit(**settings, verbose=0)
        logs = model.evaluate(x, batch_size=4, verbose=0, return_dict=True)
        weights = {
            str(i): v.numpy() for i, v in enumerate(model.trainable_variables)
        }
        np.savez(
            folder / f"{name}.npz",
            **flat("weights", weights),
            **flat("history", model.history.history),
            **flat("evaluate", logs),
            rows=model.predict(x, verbose=0),
            batches=model.predict(held, verbose=0),
        )
    if workers > 1:  # each has a folder of its own: the first one's has files
        own = keras_ae.callbacks.Checkpoint(folder / "own")
        if folder.name == "first":
            shutil.copytree(shared, own.folder)
        try:
            model.fit(x, epochs=9, callbacks=[own], verbose=0)
        except ValueError as error:
            (folder / "disagreement.txt").write_text(str(error))
    with strategy.scope():
        model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,), seed=0)
        model.compile(keras.optimizers.SGD(1e20), jit_compile=False)
    try:
        model.fit(x, batch_size=4, epochs=EPOCHS, verbose=0)
    except keras_ae.NonFiniteError as error:
        (folder / "stopped.txt").write_text(str(error))
    weights = {str(i): v.numpy() for i, v in enumerate(model.weights)}
    np.savez(folder / "stopped.npz", **weights)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["devices", "worker"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--die", type=int)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    if arguments.role == "worker":
        worker(arguments.folder, arguments.die)
    else:
        devices(arguments.folder, arguments.names)


if __name__ == "__main__":
    main()
