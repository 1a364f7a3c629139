"""Scores: how abnormal a row is, by one view of it. The higher, the more."""

import abc
import functools
import json
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import Rows
from keras_ae.math import bounds
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.batch import Moment
from keras_ae.variants.denoising import DenoisingAutoencoder

MOST = 50_000  # codes that are kept of training rows

#: Arrays by name that a score learned from training rows.
Arrays = dict[str, np.ndarray]


class BaseScore(AutoConfig, abc.ABC):
    """How abnormal each row is to a model; of a row that row alone decides.

    A score is a function of tensors, the same in Python and in a SavedModel.
    """

    kind = "score"

    #: The variant that a detector trains for it.
    variant = "vae"

    def lacking(self, model: BaseAutoencoder) -> str:
        """What the score needs that a model has not; empty if nothing."""
        del model
        return ""

    def learn(self, model: BaseAutoencoder, rows: Rows) -> Arrays:
        """What it has to know of training rows, arrays by name."""
        del model, rows
        return {}

    @abc.abstractmethod
    def tensor(
        self, model: BaseAutoencoder, rows: Rows, learned: dict
    ) -> tf.Tensor:
        """The score of rows `[B, ...]`, `[B]`.

        Args:
            model: A model that lacks nothing.
            rows: Rows of its space.
            learned: What `learn` gave, as tensors.
        """


class Additive(BaseScore):
    """A score that is the sum of parts, one for each value of an example."""

    @abc.abstractmethod
    def parts(self, model: BaseAutoencoder, rows: Rows) -> tf.Tensor:
        """What each value adds to the score of rows, `[B, *shape]`."""

    def tensor(
        self, model: BaseAutoencoder, rows: Rows, learned: dict
    ) -> tf.Tensor:
        """See `BaseScore.tensor`."""
        del learned
        parts = self.parts(model, rows)
        return tf.reduce_sum(parts, axis=range(1, len(parts.shape)))


@registry.register("reconstruction")
class Reconstruction(Additive):
    """Squared error of the reconstruction, of what was observed.

    Formula:
        score = sum_v (x_v - E[x_v | z])**2,  z the code of x
    """

    def parts(self, model: BaseAutoencoder, rows: Rows) -> tf.Tensor:
        """See `Additive.parts`."""
        batch = model.batch(rows)
        mean = model.reconstruction(batch, model.moment())
        return _observed((mean - batch.target) ** 2, batch.mask)


@registry.register("denoising")
class Denoising(Additive):
    """Squared error of what a denoising autoencoder makes of noisy copies.

    A row is moved off its place, and has to be moved back: rows between
    training rows are, rows far from them are not. The noise is the same for
    every row.

    Formula:
        score = mean_k sum_v (x_v - E[x_v | f(x + noise_k)])**2

    Args:
        draws: Noisy copies of each row. Defaults to 8.
    """

    variant = "denoising"

    def __init__(self, draws: int = 8):
        self.draws = validation.check_count("draws", draws)

    def lacking(self, model: BaseAutoencoder) -> str:
        """See `BaseScore.lacking`."""
        right = isinstance(model, DenoisingAutoencoder)
        return "" if right else "a corruption, as DenoisingAutoencoder has"

    def parts(self, model: BaseAutoencoder, rows: Rows) -> tf.Tensor:
        """See `Additive.parts`."""
        batch = model.batch(rows)
        total = tf.zeros_like(batch.target)
        for number in range(self.draws):
            mean = model.forward(batch, _fixed(number)).likelihood.mean()
            error = (mean - batch.target) ** 2  # [corruptions, B, *shape]
            total += tf.reduce_mean(error, axis=0)
        return _observed(total / self.draws, batch.mask)


@registry.register("elbo")
class Elbo(BaseScore):
    """Negative evidence lower bound of log p(x), in nats."""

    def lacking(self, model: BaseAutoencoder) -> str:
        """See `BaseScore.lacking`."""
        return "" if model.prior is not None else "a prior, as VAE has"

    def tensor(
        self, model: BaseAutoencoder, rows: Rows, learned: dict
    ) -> tf.Tensor:
        """See `BaseScore.tensor`."""
        del learned
        return model.score_terms(rows)["negative_elbo"]


@registry.register("likelihood")
class Likelihood(Elbo):
    """-log p(x) by importance sampling, in nats; the draws are those of
    standard numbers that are the same for every row.

    Args:
        samples: Draws of the code. Defaults to 64.
    """

    def __init__(self, samples: int = 64):
        self.samples = validation.check_count("samples", samples)

    def lacking(self, model: BaseAutoencoder) -> str:
        """See `BaseScore.lacking`."""
        density = model.decoder.head.normalized
        return super().lacking(model) if density else "a likelihood"

    def tensor(
        self, model: BaseAutoencoder, rows: Rows, learned: dict
    ) -> tf.Tensor:
        """See `BaseScore.tensor`."""
        del learned
        batch, moment = model.batch(rows), _fixed(0)
        posterior = model.posterior(batch, moment)
        z = moment.sample(posterior, (self.samples,))
        likelihood = model.observed(model.likelihood(z, batch, moment), batch)
        weights = bounds.importance_weights(
            batch.target, z, posterior, likelihood, model.p_z()
        )
        return -bounds.importance_bound(weights)


@registry.register("distance")
class Distance(BaseScore):
    """Mean distance to the nearest codes of training rows.

    Args:
        neighbours: How many. Defaults to 5.

    Reference: Ramaswamy, Rastogi, Shim, 2000. Efficient Algorithms for Mining
        Outliers from Large Data Sets. SIGMOD. Of the code, not the row.
    """

    def __init__(self, neighbours: int = 5):
        self.neighbours = validation.check_count("neighbours", neighbours)

    def learn(self, model: BaseAutoencoder, rows: Rows) -> Arrays:
        """The codes of training rows, the first 50,000, `[M, d]`."""
        codes = compiled.batched(
            model, lambda x: self._codes(model, x), rows[:MOST]
        )
        if len(codes) < self.neighbours:
            raise ValueError(
                f"Too few rows to train on. Expected at least "
                f"neighbours={self.neighbours}. Received: {len(codes)}"
            )
        return {"codes": codes}

    def tensor(
        self, model: BaseAutoencoder, rows: Rows, learned: dict
    ) -> tf.Tensor:
        """See `BaseScore.tensor`."""
        own, others = self._codes(model, rows), learned["codes"]
        # Products find the neighbours fast; differences are exact.
        near = 2 * tf.linalg.matmul(own, others, transpose_b=True)
        near -= tf.reduce_sum(others**2, axis=-1)
        _, places = tf.math.top_k(near, self.neighbours)  # [B, k]
        apart = tf.gather(others, places) - own[:, None]
        return tf.reduce_mean(tf.norm(apart, axis=-1), axis=-1)

    def _codes(self, model: BaseAutoencoder, rows: Rows) -> tf.Tensor:
        code = model.code(model.encode(rows))
        return tf.reshape(code, [tf.shape(code)[0], -1])


def get(identifier: str | dict | BaseScore) -> BaseScore:
    """A score by name, by `{name: arguments}`, or itself; one object of each,
    so that what is compiled for it is found again.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> get({"distance": {"neighbours": 3}}) is get(Distance(3))
        True
    """
    score = registry.part(BaseScore, identifier)
    name = next(
        n
        for n in registry.names(BaseScore.kind)
        if registry.find(BaseScore.kind, n) is type(score)
    )
    return _one(name, json.dumps(score.get_config(), sort_keys=True))


def values(
    score: BaseScore, model: BaseAutoencoder, rows: Rows, learned: Arrays
) -> np.ndarray:
    """The score of rows `[N, ...]`, float32 `[N]`."""
    known = {name: tf.constant(array) for name, array in learned.items()}
    return _batched(
        model, lambda part, known: score.tensor(model, part, known), rows, known
    )


def parts(score: Additive, model: BaseAutoencoder, rows: Rows) -> np.ndarray:
    """The parts of an additive score of rows, `[N, *shape]`."""
    return _batched(model, lambda part, _: score.parts(model, part), rows, {})


def _batched(
    model: BaseAutoencoder, function: Callable, rows: Rows, known: dict
) -> np.ndarray:
    """`function` of rows, a batch of one size at a time: what is said of a
    row does not depend on how many there are."""
    graph = compiled.graph(model, function, reduce_retracing=True)
    size = compiled.BATCH_SIZE
    found = [
        graph(compiled.pad(rows[start : start + size], size), known).numpy()
        for start in range(0, len(rows), size)
    ]
    return np.concatenate(found)[: len(rows)]


@functools.cache
def _one(name: str, config: str) -> BaseScore:
    return registry.find(BaseScore.kind, name).from_config(json.loads(config))


def _fixed(number: int) -> Moment:
    """Draws of which every row has the same; others for another number."""
    return Moment(
        False,
        tf.constant(0),
        lambda: tf.constant([number, 0]),
        None,
        True,
    )


def _observed(parts: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return parts if mask is None else tf.where(mask, parts, 0.0)
