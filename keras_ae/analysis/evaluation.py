"""Evaluation: bounds, likelihood and the shape of the latent space."""

import math
import os
from concurrent import futures

import keras
import numpy as np
import tensorflow as tf

from keras_ae.analysis.latent import copying as copying
from keras_ae.analysis.latent import interpolate as interpolate
from keras_ae.analysis.latent import tangent_space as tangent_space
from keras_ae.analysis.latent import traverse as traverse
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.math import bounds
from keras_ae.math import divergences
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.training import speed
from keras_ae.parts import heads

BLOCK = 500  # importance samples decoded at once
ROWS = 100  # examples in one compiled call


def log_likelihood(
    model: BaseAutoencoder,
    x: Rows,
    samples: int = 5000,
    seed: int = 0,
    verbose: int = 0,
) -> np.ndarray:
    """Importance-sampled log p(x) of each example, in nats.

    Each example has draws of its own, which follow from `seed` and its row
    number; memory does not grow with `x` or `samples`.

    Formula:
        log p(x) ~ log(mean_s p(x|z_s) p(z_s) / q(z_s|x)),  z_s ~ q(z|x)

    Args:
        model: A variant with a prior.
        x: Examples, `[N, ...]`; bits if the likelihood is Bernoulli.
        samples: Draws for each example; the estimate rises with it towards
            the exact value. Defaults to 5,000.
        seed: Integer for the draws.
        verbose: 1 shows a progress bar.

    Returns:
        `[N]`, nats.

    Raises:
        TypeError: If the model has no prior, or its likelihood is none.
        ValueError: If data or `samples` are not valid.

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders, section 5. https://arxiv.org/abs/1509.00519
    """
    _check_density(model)
    samples = validation.check_count("samples", samples)
    x = model.check_rows(model.as_rows(x))
    size = len(keras.tree.flatten(x)[0])
    function = compiled.graph(
        model,
        lambda rows, numbers, seed: _log_likelihood(
            model, rows, numbers, samples, seed
        ),
        jit_compile=speed.jit_compile(model).value,
    )
    bar = keras.utils.Progbar(size, verbose=verbose)
    rows = min(ROWS, size)

    def part(start: int) -> np.ndarray:
        taken = keras.tree.map_structure(
            lambda a: compiled.pad(a[start : start + rows], rows), x
        )
        numbers = np.arange(start, start + rows, dtype=np.int32)
        return function(taken, numbers, tf.constant(seed)).numpy()

    results = []
    # A compiled loop over rows runs on one core: give each core a loop.
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(part, range(0, size, rows)):
            results.append(result)
            bar.update(min(len(results) * rows, size))
    return np.concatenate(results)[:size]


def _log_likelihood(
    model: BaseAutoencoder,
    x: Rows,
    numbers: tf.Tensor,
    samples: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """One row after the other; a block of draws is one matrix product."""
    prior, moment = model.p_z(), model.moment()
    block = min(BLOCK, samples)
    blocks = -(-samples // block)

    def one(row: tuple) -> tf.Tensor:
        x, number = row
        x = keras.tree.map_structure(lambda t: t[None], x)
        batch = model.batch(x)
        posterior = model.posterior(batch, moment)

        def add(b: tf.Tensor, total: tf.Tensor) -> tuple:
            key = tf.random.experimental.stateless_fold_in(
                tf.stack([seed, number]), b
            )
            z = posterior.sample(block, seed=key)  # [block, 1, d]
            likelihood = model.likelihood(z, batch, moment)
            log_weights = bounds.importance_weights(
                batch.target,
                z,
                posterior,
                model.observed(likelihood, batch),
                prior,
            )[:, 0]
            taken = tf.range(block) < samples - b * block
            log_weights = tf.where(taken, log_weights, -np.inf)
            log_sum = tf.reduce_logsumexp(log_weights)
            return b + 1, tf.reduce_logsumexp(tf.stack([total, log_sum]))

        _, total = tf.while_loop(
            lambda b, _: b < blocks, add, [0, tf.constant(-np.inf)]
        )
        return total - np.log(samples).astype(np.float32)

    return tf.map_fn(one, (x, numbers), fn_output_signature=tf.float32)


def elbo(
    model: BaseAutoencoder, x: Rows, samples: int = 1, seed: int = 0
) -> np.ndarray:
    """Evidence lower bound of each example, in nats.

    Formula:
        elbo = mean_s log p(x|z_s) - KL(q(z|x) || p(z)),  z_s ~ q(z|x)

    Args:
        model: A variant with a prior.
        x: Examples, `[N, ...]`.
        samples: Draws of z for each example.
        seed: Integer for the draws.

    Returns:
        `[N]`, nats; on average at most `log_likelihood`.

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        equation 3. https://arxiv.org/abs/1312.6114
    """
    _check_density(model)
    samples = validation.check_count("samples", samples)
    x = model.check_rows(model.as_rows(x))
    size = len(keras.tree.flatten(x)[0])
    # Seed and row numbers go in as data: one graph serves every seed, and
    # every batch has draws of its own.
    keys = np.stack([np.full(size, seed), np.arange(size)], axis=1)

    def function(rows: tuple) -> tf.Tensor:
        x, keys = rows
        batch, moment = model.batch(x), model.moment()
        posterior = model.posterior(batch, moment)
        z = posterior.sample(samples, seed=keys[0])
        likelihood = model.likelihood(z, batch, moment)
        log_px = model.observed(likelihood, batch).log_prob(batch.target)
        kl = divergences.kl_divergence(posterior, model.p_z(), z)
        return tf.reduce_mean(bounds.elbo(log_px, kl), axis=0)

    return compiled.batched(model, function, (x, keys.astype(np.int32)))


def bits_per_dimension(
    model: BaseAutoencoder,
    x: Rows,
    samples: int = 1000,
    seed: int = 0,
    verbose: int = 0,
) -> np.ndarray:
    """Bits that a code of known length takes for one value of each example.

    Formula:
        -log p(x) / (D log 2)

        where D is the number of values of an example; a one-hot vector is one

    Args:
        model: A variant with a prior and a likelihood of discrete values:
            bits, counts, grades, categories, or the levels of images
            (`"discretized_logistic"`).
        x, samples, seed, verbose: see `log_likelihood`.

    Returns:
        `[N]`, bits; on average at least those of the exact likelihood.

    Raises:
        TypeError: If the likelihood is a density: of a value with many digits
            there are as many bits as one likes.
        ValueError: If values lie between those that have a probability: grey
            levels are no bits; and if some are missing.

    Example:
        >>> model = keras_ae.VAE.create((8,), 2, likelihood="bernoulli")
        >>> bits = bits_per_dimension(model, np.eye(8, dtype="float32"))
        >>> bits.shape, bool((bits > 0).all())
        ((8,), True)

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016. Pixel Recurrent
        Neural Networks, section 5.2. https://arxiv.org/abs/1601.06759
    """
    _check_density(model)
    head = model.decoder.head
    if head.step is None:
        raise TypeError(
            f"{type(head).__name__} is a density, which has no bits per "
            "dimension. Expected a likelihood of discrete values, such as "
            "'discretized_logistic' for the levels of images."
        )
    rows = model.as_rows(x)
    for part in model.space.chunks(keras.tree.flatten(rows)[0]):
        places = part / head.step
        off = np.abs(places - np.rint(places))
        if not (off < 1e-3).all():  # NaN is not
            raise ValueError(
                "`x` has values without a probability. Expected multiples of "
                f"{head.step:g}. Received: {part[~(off < 1e-3)][0]:g}. Draw "
                "bits, or use the likelihood of the levels that there are."
            )
    shape = model.decoder.event_shape
    one_hot = isinstance(head, heads.Categorical)
    dimensions = math.prod(shape[:-1] if one_hot else shape)
    nats = -log_likelihood(model, rows, samples, seed, verbose)
    return nats / (dimensions * math.log(2))


def active_units(
    model: BaseAutoencoder, x: Rows, threshold: float = 0.01
) -> int:
    """Number of latent units whose code depends on the example.

    Formula:
        sum_j [Var_x(E_q(z|x)[z_j]) > threshold]

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`, at least two.
        threshold: Smallest variance that counts. Defaults to 0.01.

    Returns:
        At most the length of a code; the others have collapsed.

    Raises:
        ValueError: On one example, among which nothing varies.

    Example:
        >>> model = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
        >>> active_units(model, np.zeros([5, 8]))
        0

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders, section 5.1. https://arxiv.org/abs/1509.00519
    """
    threshold = validation.check_number("threshold", threshold, 0)
    codes = model.embed(x)
    if len(codes) < 2:
        raise ValueError(
            validation.invalid("x", "at least two examples", len(codes))
        )
    return int(np.sum(np.var(codes, axis=0) > threshold))


def _check_density(model: BaseAutoencoder) -> None:
    """Refuse a model by which p(x) is not defined."""
    if not model.decoder.head.normalized:
        raise TypeError(
            f"{type(model.decoder.head).__name__} is no density, so p(x) is "
            "not defined. Expected a likelihood, such as 'gaussian'. Compare "
            "such models by their reconstructions or samples."
        )
    if model.prior is None:
        raise TypeError(
            f"{type(model).__name__} has no prior, so p(x) is not defined. "
            "Expected a variant with a prior, such as VAE."
        )
