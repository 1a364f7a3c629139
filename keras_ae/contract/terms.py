"""Checks of the terms and of the distributions."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.contract.tools import close
from keras_ae.contract.tools import evaluate
from keras_ae.contract.tools import examples
from keras_ae.contract.tools import likelihood
from keras_ae.contract.tools import make
from keras_ae.contract.tools import require
from keras_ae.contract.tools import require_declared
from keras_ae.contract.tools import rows
from keras_ae.contract.tools import size_of
from keras_ae.contract.tools import trained
from keras_ae.contract.tools import tree
from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


def check_terms(cls: type[BaseAutoencoder]) -> None:
    """The logs are `terms` and `loss`, their weighted sum, and what the
    likelihood has to be looked at."""
    model, x = trained(cls)
    names = {"loss", *model.terms, *model.decoder.head.monitors()}
    require(
        set(model.history.history) == names,
        f"logged {sorted(model.history.history)}, declared {sorted(names)}",
    )
    logs = evaluate(model, x)
    weights = model.loss_weights(model.moment(), logs)
    unknown = set(weights) - set(model.terms)
    require(not unknown, f"weights of unknown terms: {unknown}")
    total = sum(float(weights.get(n, 1.0)) * logs[n] for n in model.terms)
    close(logs["loss"], total, "rounding", "loss against its sum")


def check_term_shapes(cls: type[BaseAutoencoder]) -> None:
    """Terms are finite, single precision, and one number an example but for
    declared `batch_statistics`."""
    model, x = trained(cls)
    require_declared(model)
    size = size_of(x)
    for training in (False, True):
        for name, value in model.objective(x, training=training).items():
            require(value.dtype == tf.float32, f"{name} is {value.dtype}")
            shape = tuple(value.shape)
            if name in model.batch_statistics:
                expected, fits = "()", shape == ()
            else:
                expected = f"({size},) or (draws, {size})"
                fits = len(shape) > 0 and shape[-1] == size
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
    target, size = examples(x), size_of(x)
    posterior = model.encode(x)
    p_x = likelihood(model, model.code(posterior), x)
    for name, distribution, event in (
        ("encode", posterior, model.encoder.event_shape),
        ("decode", p_x, model.decoder.event_shape),
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
        p_x.log_prob(target).shape == (size,),
        "log-probabilities are not one for each example",
    )


def check_sample_axes(cls: type[BaseAutoencoder]) -> None:
    """Codes `[S, B, ...]` decode as S batches would."""
    model, x = trained(cls)
    target = examples(x)
    z = model.code(model.encode(x))
    stack = tf.stack([z, tf.reverse(z, [0]), tf.roll(z, 1, 0)])
    joint = likelihood(model, stack, x).log_prob(target)
    require(joint.shape == (3, len(target)), f"log-probabilities {joint.shape}")
    deep = likelihood(model, tf.stack([stack, stack]), x).log_prob(target)
    close(deep, tf.stack([joint, joint]), "rounding", "two sample axes")
    for codes, row in zip(tf.unstack(stack), joint, strict=True):
        single = likelihood(model, codes, x).log_prob(target)
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
    p_x = likelihood(model, model.code(model.encode(x)), x)
    require(
        p_x.log_prob(examples(x)).dtype == tf.float32,
        "log-probabilities are not float32",
    )
    moved = [
        bool((a != b).any())
        for a, b in zip(weights, model.get_weights(), strict=True)
    ]
    require(any(moved), "no weight moved: is the loss scaled?")


def check_seeds_of_distributions(cls: type[BaseAutoencoder]) -> None:
    """What a user gets draws with any seed of TensorFlow Probability."""
    model, x = trained(cls)
    posterior = model.encode(x)
    found = {
        "encode": posterior,
        "decode": likelihood(model, model.code(posterior), x),
    }
    if model.prior is not None:
        found["prior"] = model.prior.distribution(model.encode)
    for name, distribution in found.items():
        shape = (3, *distribution.batch_shape, *distribution.event_shape)
        for seed in (None, 1, (0, 1)):
            draw = distribution.sample(3, seed=seed)
            require(
                tuple(draw.shape) == shape and np.isfinite(draw).all(),
                f"{name}.sample(3, seed={seed}): shape {draw.shape}",
            )
        twice = [distribution.sample(seed=(3, 4)).numpy() for _ in range(2)]
        close(*twice, "same", f"{name}: drawn twice from one seed")


def check_rows_alone(cls: type[BaseAutoencoder]) -> None:
    """No answer about a row depends on its place, on how many others come
    with it, or on which."""
    model, x = trained(cls)
    size = size_of(x)
    orders = {
        "reversed": np.arange(size)[::-1],
        "the first half": np.arange(size // 2),
        "one row, repeated": np.zeros(size, int),
    }
    answers = {
        "encode": lambda x: model.code(model.encode(x)).numpy(),
        "embed": model.embed,
        "reconstruct": model.reconstruct,
        "score_samples": model.score_samples,
    }
    for name, answer in answers.items():
        whole = answer(x)
        for order, rows_taken in orders.items():
            part = answer(tree(lambda a, r=rows_taken: a[r], x))
            close(part, whole[rows_taken], "rounding", f"{name}, {order}")
