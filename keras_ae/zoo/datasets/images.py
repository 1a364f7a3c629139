"""Images of files."""

import math

import keras
import numpy as np

from keras_ae.zoo.datasets import files


def digits() -> tuple:
    """1,797 digits of scikit-learn, every fifth for testing."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    test = np.arange(len(x)) % 5 == 4
    return (x[~test], y[~test]), (x[test], y[test])


def grey(name: str) -> tuple:
    """28x28 grey images of a file of Keras' form, or of Keras itself."""
    path = files.local(name)
    if path:
        with np.load(path) as file:
            train = file["x_train"], file["y_train"]
            test = file["x_test"], file["y_test"]
    else:
        try:
            train, test = getattr(keras.datasets, name).load_data()
        except Exception as error:
            raise FileNotFoundError(files.missing(name)) from error
    return _scaled(*train), _scaled(*test)


def binarized_mnist() -> tuple:
    """Larochelle's bits; training and validation together."""
    with np.load(files.found("binarized_mnist")) as file:
        parts = [file[f"x_{part}"] for part in ("train", "valid", "test")]
    train, valid, test = (
        np.unpackbits(p, axis=1, count=math.prod((28, 28)))
        .reshape(-1, 28, 28, 1)
        .astype(np.float32)
        for p in parts
    )
    return (np.concatenate([train, valid]), None), (test, None)


def sprites() -> tuple:
    """Characters in nine poses; of every fourth of a fixed random order all
    poses are for testing, so that no test character was seen."""
    with np.load(files.found("sprites")) as file:
        x, y = file["x"], file["factors"].astype(np.int64)
    _, character = np.unique(y[:, :4], axis=0, return_inverse=True)
    number = np.random.default_rng(0).permutation(character.max() + 1)
    test = number[character.ravel()] % 4 == 3
    return (x[~test], y[~test]), (x[test], y[test])


def _scaled(x: np.ndarray, y: np.ndarray) -> tuple:
    return x[..., None].astype(np.float32) / 255, y.astype(np.int64)
