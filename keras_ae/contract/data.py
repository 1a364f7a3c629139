"""Checks of what data are taken, and of what comes back."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_ae.contract.tools import close
from keras_ae.contract.tools import close_logs
from keras_ae.contract.tools import compiled
from keras_ae.contract.tools import evaluate
from keras_ae.contract.tools import examples
from keras_ae.contract.tools import make
from keras_ae.contract.tools import refused
from keras_ae.contract.tools import require
from keras_ae.contract.tools import rows
from keras_ae.contract.tools import size_of
from keras_ae.contract.tools import snapshot
from keras_ae.contract.tools import trained
from keras_ae.contract.tools import tree
from keras_ae.contract.tools import unmoved
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder


def check_predict(cls: type[BaseAutoencoder]) -> None:
    """`predict` repeats, has the target's shape, whatever the batch size."""
    model, x = trained(cls)
    first = model.predict(x, verbose=0)
    require(
        first.shape == np.shape(examples(x)),
        f"predictions have shape {first.shape}",
    )
    close(model.predict(x, verbose=0), first, "same", "predicted twice")
    close(model.reconstruct(x), first, "same", "`reconstruct`")
    for batch_size in (1, 5):
        other = model.predict(x, batch_size=batch_size, verbose=0)
        close(other, first, "rounding", f"batch size {batch_size}")
    stream = tf.data.Dataset.from_tensor_slices((x,)).batch(5)
    close(model.predict(stream, verbose=0), first, "rounding", "from a stream")
    codes = model.embed(x)
    shape = (size_of(x), *model.encoder.event_shape)
    require(codes.shape == shape, f"codes have shape {codes.shape}")
    close(model.embed(x), codes, "same", "embedded twice")


def check_input_types(cls: type[BaseAutoencoder]) -> None:
    """Bytes, doubles, tensors and lists are the same data as singles."""
    model, x = trained(cls)
    bits = tree(lambda a: np.round(np.nan_to_num(a)), x)  # bytes: no holes
    expected = evaluate(model, bits)
    kinds: dict[str, Callable] = {
        "uint8": lambda a: a.astype("uint8"),
        "int64": lambda a: a.astype("int64"),
        "float64": lambda a: a.astype("float64"),
        "tensor": tf.constant,
    }
    if not isinstance(bits, tuple):
        kinds["list"] = lambda a: a.tolist()
    for name, kind in kinds.items():
        given = tree(kind, bits)
        close_logs(evaluate(model, given), expected, "same", name)
        close(model.predict(given), model.predict(bits), "same", name)
    model = compiled(cls, run_eagerly=True)
    model.fit(tree(kinds["uint8"], bits), verbose=0)


def check_streams(cls: type[BaseAutoencoder]) -> None:
    """`tf.data` trains as arrays in the same order do, from the same start."""
    x = rows(cls)
    arrays, model, pairs = (
        compiled(cls, run_eagerly=eagerly) for eagerly in (True, False, True)
    )
    for each in (arrays, model, pairs):
        each.adapt(x)
    arrays.fit(x, batch_size=10, shuffle=False, verbose=0)
    stream = tf.data.Dataset.from_tensor_slices((x,)).batch(10)
    model.fit(stream, validation_data=stream, verbose=0)
    logs = model.history.history
    require("val_loss" in logs, "no validation from a stream")
    logs = {k: v for k, v in logs.items() if not k.startswith("val_")}
    expected = arrays.history.history
    close_logs(logs, expected, "training", "a stream against arrays")
    target = keras.tree.flatten(x)[0]
    stream = tf.data.Dataset.from_tensor_slices((x, target)).batch(10)
    pairs.fit(stream, verbose=0)
    logs = pairs.history.history
    close_logs(logs, expected, "training", "a stream of pairs")


def check_evaluate(cls: type[BaseAutoencoder]) -> None:
    """Evaluation repeats, and validation does not disturb training."""
    model, x = trained(cls)
    close_logs(evaluate(model, x), evaluate(model, x), "same", "evaluate")
    runs = []
    for settings in ({}, {"validation_data": (x,)}):
        model = compiled(cls, run_eagerly=True)
        model.fit(x, batch_size=16, epochs=2, verbose=0, **settings)
        logs = model.history.history
        runs.append({k: v for k, v in logs.items() if k[:4] != "val_"})
    close_logs(*runs, "same", "training with and without validation")
    final = {f"val_{k}": v for k, v in evaluate(model, x, 16).items()}
    close_logs(
        final,
        {k: v[-1] for k, v in logs.items() if k in final},
        "rounding",
        "evaluate after fit against validation in fit",
    )


def check_validation_split(cls: type[BaseAutoencoder]) -> None:
    """`validation_split` holds the last rows back."""
    x = rows(cls)
    cut = size_of(x) * 3 // 4
    first, last = tree(lambda a: a[:cut], x), tree(lambda a: a[cut:], x)
    runs = []
    for data, settings in (
        (x, {"validation_split": 0.25}),
        (first, {"validation_data": (last,)}),
    ):
        model = compiled(cls, run_eagerly=True)
        model.fit(data, batch_size=8, verbose=0, **settings)
        runs.append(model.history.history)
    close_logs(*runs, "same", "split by fraction and by hand")


def check_metrics(cls: type[BaseAutoencoder]) -> None:
    """`compile(metrics=...)` compares the reconstruction with the target; it
    is refused where there may be holes."""
    x = rows(cls)
    if make(cls).missing == "mask":
        with refused("Metrics of Keras know nothing of holes"):
            compiled(cls, metrics=["mse"])
        return
    model = compiled(cls, metrics=["mse"], run_eagerly=True)
    model.fit(x, batch_size=10, verbose=0)
    logs = evaluate(model, x, 10)
    known = {"loss", *model.terms, *model.decoder.head.monitors()}
    extra = sorted(set(logs) - known)
    require(len(extra) == 1, f"logged {sorted(logs)}")
    require(extra[0] in model.history.history, "the metric is not logged")
    expected = np.mean((model.predict(x) - examples(x)) ** 2)
    close(logs[extra[0]], expected, "rounding", "mean squared error")


def check_compile_loss(cls: type[BaseAutoencoder]) -> None:
    """`compile(loss=...)` is refused: it would be ignored."""
    with refused("computes its own loss.*Remove the `loss` argument"):
        make(cls).compile("adam", loss="mse")


def check_bad_data(cls: type[BaseAutoencoder]) -> None:
    """Wrong shapes, NaN and empty data are refused, and nothing is lost.

    Where NaN is a hole, infinity takes its place.
    """
    model, x = trained(cls)
    bad = math.inf if model.missing == "mask" else math.nan

    def spoil(change: Callable) -> Rows:
        leaves = keras.tree.flatten(x)
        return keras.tree.pack_sequence_as(x, [change(leaves[0]), *leaves[1:]])

    def with_bad(a: np.ndarray) -> np.ndarray:
        a = a.copy()
        a[3, 0] = bad
        return a

    wrong = {
        "Invalid shape.*Received": spoil(lambda a: np.repeat(a, 2, -1)),
        "NaN or infinite.*Received": spoil(with_bad),
        "empty.*Received": tree(lambda a: a[:0], x),
    }
    before = snapshot(model)
    for message, data in wrong.items():
        for use in (model.fit, model.evaluate, model.predict):
            with refused(message, ValueError):
                use(data, verbose=0)
    require(len(unmoved(model, before)) == len(before), "weights changed")
