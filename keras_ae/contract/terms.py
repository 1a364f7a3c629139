"""Checks of the terms and of the distributions."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.contract.tools import close
from keras_ae.contract.tools import evaluate
from keras_ae.contract.tools import make
from keras_ae.contract.tools import objectives
from keras_ae.contract.tools import require
from keras_ae.contract.tools import require_declared
from keras_ae.contract.tools import rows
from keras_ae.contract.tools import trained
from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


def check_terms(cls: type[BaseAutoencoder]) -> None:
    """The logs are `terms` and `loss`, their weighted sum."""
    model, x = trained(cls)
    names = set(cls.terms) | {"loss"}
    require(
        set(model.history.history) == names,
        f"logged {sorted(model.history.history)}, declared {sorted(names)}",
    )
    logs = evaluate(model, x)
    weights = model.loss_weights(model.optimizer.iterations)
    unknown = set(weights) - set(cls.terms)
    require(not unknown, f"weights of unknown terms: {unknown}")
    total = sum(float(weights.get(n, 1.0)) * logs[n] for n in cls.terms)
    close(logs["loss"], total, "rounding", "loss against its sum")


def check_term_shapes(cls: type[BaseAutoencoder]) -> None:
    """Terms are finite, single precision, and one number an example but for
    declared `batch_statistics`."""
    model, x = trained(cls)
    require_declared(model)
    x, target, _ = model.unpack((x,))
    size = len(keras.tree.flatten(x)[0])
    for training in (False, True):
        for name, value in objectives(model, x, target, training).items():
            require(value.dtype == tf.float32, f"{name} is {value.dtype}")
            shape = tuple(value.shape)
            if name in model.batch_statistics:
                expected, fits = "()", shape == ()
            else:
                expected = f"({size},) or (samples, {size})"
                fits = len(shape) in (1, 2) and shape[-1] == size
            require(
                fits,
                f"{name} has shape {shape}. Expected {expected}; "
                "`batch_statistics` names the terms that are one number a "
                "batch",
            )
            require(np.isfinite(value).all(), f"{name} is not finite")


def check_distributions(cls: type[BaseAutoencoder]) -> None:
    """`encode` and `decode` give distributions over one example."""
    model, x = trained(cls)
    x, target, _ = model.unpack((x,))
    size = len(target)
    posterior = model.encode(x)
    likelihood = model.decode_given(posterior.mean(), x)
    for name, distribution, event in (
        ("encode", posterior, model.encoder.event_shape),
        ("decode", likelihood, model.decoder.event_shape),
    ):
        require(
            isinstance(distribution, tfd.Distribution),
            f"{name} gives {type(distribution).__name__}",
        )
        shapes = (
            tuple(distribution.batch_shape),
            tuple(distribution.event_shape),
        )
        require(
            shapes == ((size,), tuple(event)),
            f"{name}: batch and event shape {shapes}, expected "
            f"{((size,), tuple(event))}",
        )
    require(
        likelihood.log_prob(target).shape == (size,),
        "log-probabilities are not one for each example",
    )


def check_sample_axes(cls: type[BaseAutoencoder]) -> None:
    """Codes `[S, B, ...]` decode as S batches would."""
    model, x = trained(cls)
    x, target, _ = model.unpack((x,))
    z = model.encode(x).mean()
    stack = tf.stack([z, tf.reverse(z, [0]), tf.roll(z, 1, 0)])
    joint = model.decode_given(stack, x).log_prob(target)
    require(joint.shape == (3, len(target)), f"log-probabilities {joint.shape}")
    for codes, row in zip(tf.unstack(stack), joint, strict=True):
        single = model.decode_given(codes, x).log_prob(target)
        close(row, single, "rounding", "a draw decoded with others")


def check_mixed_precision(cls: type[BaseAutoencoder]) -> None:
    """Half-precision networks: probabilities and weights stay single."""
    x = rows(cls)
    single = make(cls)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make(cls)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(single.get_weights())
    close(model.predict(x), single.predict(x), "half", "half precision")
    model.compile("adam", jit_compile=False)
    weights = model.get_weights()
    history = model.fit(x, batch_size=8, epochs=2, verbose=0).history
    for name, values in history.items():
        require(np.isfinite(values).all(), f"{name} is not finite")
    x, target, _ = model.unpack((x,))
    posterior = model.encode(x)
    likelihood = model.decode_given(posterior.mean(), x)
    require(
        likelihood.log_prob(target).dtype == tf.float32,
        "log-probabilities are not float32",
    )
    moved = [
        bool((a != b).any())
        for a, b in zip(weights, model.get_weights(), strict=True)
    ]
    require(any(moved), "no weight moved: is the loss scaled?")
