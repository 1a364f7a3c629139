"""Data sets: images in [0, 1] as float32, `[N, height, width, channels]`."""

import hashlib
import math
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import rows
from keras_ae.core.types import ArrayLike

Split = tuple[np.ndarray, np.ndarray | None]


def load(name: str) -> tuple[Split, Split]:
    """`(x_train, y_train), (x_test, y_test)` of a named data set.

    Looked for as `<name>.npz` in the folder that the environment variable
    `KERAS_AE_DATA` names, then in Keras' cache, then downloaded as
    `keras.datasets` does. `"digits"` comes with scikit-learn.

    Args:
        name: `"digits"` (1,797 images of 8x8, every fifth for testing),
            `"mnist"`, `"fashion_mnist"` (70,000 of 28x28) or
            `"binarized_mnist"` (Larochelle's fixed bits, 60,000 for training
            and validation, 10,000 for testing, no labels: None).

    Returns:
        Images float32 in [0, 1] with a channel axis; labels int64 or None.

    Raises:
        ValueError: If the name is unknown.
        FileNotFoundError: If the data cannot be had.

    Example:
        >>> (x, y), _ = load("digits")
        >>> x.shape, x.dtype, y.shape
        ((1438, 8, 8, 1), dtype('float32'), (1438,))
    """
    if name not in _LOADERS:
        raise ValueError(registry.unknown("data set", name, _LOADERS))
    return _LOADERS[name]()


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return tuple(_LOADERS)


def fingerprint(name: str) -> str:
    """sha256 of the images and labels that `load` gives.

    Figures can only be found again on the same data, whatever file they came
    in. Arguments and errors are those of `load`.

    Example:
        >>> fingerprint("digits")[:8]
        '718add52'
    """
    digest = hashlib.sha256()
    for part in keras.tree.flatten(load(name)):
        if part is not None:
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def binarize(x: ArrayLike, seed: int = 0) -> np.ndarray:
    """Bits drawn with the grey levels as probabilities.

    Args:
        x: Grey levels in [0, 1], `[N, ...]`.
        seed: Integer; the same bits for the same seed.

    Returns:
        uint8 zeros and ones, shape of `x`.

    Raises:
        ValueError: If a value is outside [0, 1].

    Example:
        >>> int(binarize(np.ones([3, 2])).sum())
        6

    Reference: Salakhutdinov, Murray, 2008. On the Quantitative Analysis of
        Deep Belief Networks. ICML.
    """
    x = _grey_levels(x)
    return _bits(tf.convert_to_tensor(x), tf.constant([seed, 0])).numpy()


def dynamic_binarization(
    x: ArrayLike | tf.data.Dataset, seed: int = 0
) -> rows.RedrawnRows | tf.data.Dataset:
    """Grey levels to be binarized anew at every epoch.

    Args:
        x: Grey levels in [0, 1] in memory, or a `tf.data.Dataset` of them
            (single images or batches).
        seed: Integer, for the data set; rows in memory draw from the seeds
            of the model that is fitted.

    Returns:
        What `fit` takes as `x`: rows that are drawn again at the start of
        each pass, or a data set that is.

    Example:
        >>> rows = dynamic_binarization(np.full([4, 2], 0.5))
        >>> sorted(set(np.ravel(rows.draw(tf.constant([0, 0])))))
        [np.uint8(0), np.uint8(1)]
    """
    if not isinstance(x, tf.data.Dataset):
        return rows.RedrawnRows(_grey_levels(x), _bits)
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    keys = seeds.map(lambda s: tf.stack([s, tf.zeros_like(s)]))
    return tf.data.Dataset.zip(x, keys).map(_bits)


@tf.function(reduce_retracing=True)
def _bits(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    uniform = tf.random.stateless_uniform(tf.shape(x), seed)
    return tf.cast(uniform < tf.cast(x, tf.float32), tf.uint8)


def _grey_levels(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x, np.float32)
    if x.size == 0:
        raise ValueError(
            "There is nothing to binarize. Expected at least one image. "
            f"Received: shape {x.shape}"
        )
    low, high = float(x.min()), float(x.max())
    if not (0 <= low and high <= 1):
        raise ValueError(
            "Only grey levels can be binarized. Expected values in [0, 1]. "
            f"Received: values in [{low:g}, {high:g}]. Divide by 255?"
        )
    return x


def _digits() -> tuple[Split, Split]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    test = np.arange(len(x)) % 5 == 4
    return (x[~test], y[~test]), (x[test], y[test])


def _local(name: str) -> Path | None:
    """The file of a data set on this machine, if there is one."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    folders = [Path(home, "datasets")]
    if os.environ.get("KERAS_AE_DATA"):
        folders.insert(0, Path(os.environ["KERAS_AE_DATA"]))
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return folder / f"{name}.npz"
    return None


def _images(name: str) -> tuple[Split, Split]:
    path = _local(name)
    if path:
        with np.load(path) as file:
            train = file["x_train"], file["y_train"]
            test = file["x_test"], file["y_test"]
    else:
        try:
            train, test = getattr(keras.datasets, name).load_data()
        except Exception as error:
            raise FileNotFoundError(_unavailable(name)) from error
    return _scaled(*train), _scaled(*test)


def _scaled(x: np.ndarray, y: np.ndarray) -> Split:
    return x[..., None].astype(np.float32) / 255, y.astype(np.int64)


def _binarized_mnist() -> tuple[Split, Split]:
    path = _local("binarized_mnist")
    if path is None:
        raise FileNotFoundError(_unavailable("binarized_mnist"))
    with np.load(path) as file:
        parts = [file[f"x_{part}"] for part in ("train", "valid", "test")]
    train, valid, test = (
        np.unpackbits(p, axis=1, count=math.prod((28, 28)))
        .reshape(-1, 28, 28, 1)
        .astype(np.float32)
        for p in parts
    )
    return (np.concatenate([train, valid]), None), (test, None)


def _unavailable(name: str) -> str:
    return (
        f"The data set {name!r} is not on this machine and could not be "
        f"downloaded. Expected the file {name}.npz in the folder that the "
        "environment variable KERAS_AE_DATA names, or in Keras' cache. "
        f"Received: KERAS_AE_DATA={os.environ.get('KERAS_AE_DATA')!r}"
    )


_LOADERS = {
    "digits": _digits,
    "mnist": lambda: _images("mnist"),
    "fashion_mnist": lambda: _images("fashion_mnist"),
    "binarized_mnist": _binarized_mnist,
}
