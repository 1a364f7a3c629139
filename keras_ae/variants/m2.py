"""The semi-supervised variational autoencoder M2."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Rows
from keras_ae.core.types import Shapes
from keras_ae.math import densities
from keras_ae.model import compiled
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import conditions
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.conditional_vae import ConditionalVAE

tfd = tfp.distributions


@register("m2")
class M2(ConditionalVAE):
    """Conditional VAE of examples whose classes are known of a few.

    A class that is not known is a part of the code: a classifier says how
    likely each is, and the bound is averaged over all of them. What the model
    learns of unlabeled examples so helps the classifier.

    Formula:
        L(x, y) = -log p(x|y, z) + KL(q(z|x, y) || p(z)) - log p(y)
        known:   loss = L(x, y) - strength * log q(y|x)
        unknown: loss = sum_y q(y|x) (L(x, y) + log q(y|x)) >= -log p(x)

    What scores and likelihoods say is of log p(x|y) where the class is known,
    of log p(x), the sum over all classes, where it is -1: compare rows of one
    kind. Codes and reconstructions are those of the likeliest class.

    Args:
        classifier: `DistributionNetwork` with a `"categorical"` head: q(y|x).
        condition: Number of classes; they are given as integers, -1 where
            unknown.
        strength: Weight of what the classifier pays for known classes; the
            reference takes a tenth of the number of examples for each that is
            labeled. Defaults to 1.
        Other arguments: see `ConditionalVAE`.

    Example:
        >>> model = M2.create((8,), 2, hidden=(16,), condition=3)
        >>> x, y = np.zeros([4, 8], "float32"), np.array([0, -1, 2, -1])
        >>> sorted(model.objective((x, y)))
        ['classification', 'kl', 'label', 'reconstruction']
        >>> model.classify(x).shape
        (4, 3)

    Reference: Kingma, Rezende, Mohamed, Welling, 2014. Semi-supervised
        Learning with Deep Generative Models, equations 6 to 9. NeurIPS.
        https://arxiv.org/abs/1406.5298
    """

    terms = ConditionalVAE.terms | {
        "label": "KL(q(y|x) || p(y)), of a known class -log p(y), nats",
        "classification": "-log q(y|x) of known classes, else 0, nats",
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        classifier: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        condition: int | conditions.SomeClasses,
        strength: float = 1.0,
        **kwargs: Any,
    ):
        if not isinstance(condition, conditions.SomeClasses):
            count = validation.check_count("condition", condition, 2)
            condition = conditions.SomeClasses(count)
        super().__init__(encoder, decoder, prior, condition=condition, **kwargs)
        self.classifier = validation.check_type(
            "classifier", classifier, networks.DistributionNetwork
        )
        self.strength = validation.check_number("strength", strength, 0)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        self.classifier.build(tuple(input_shape[0]))

    def posterior(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """See `BaseAutoencoder.posterior`; of the likeliest class where it is
        unknown."""
        return super().posterior(self._labeled(batch, moment), moment)

    def likelihood(
        self, z: tf.Tensor, batch: Batch, moment: Moment
    ) -> tfd.Distribution:
        """See `BaseAutoencoder.likelihood`; where the class is unknown, its
        density is the mean over all classes, its mean that of the
        likeliest."""
        one = super().likelihood(z, self._labeled(batch, moment), moment)
        if batch.x is None or len(batch.given.shape) > 1:
            return one
        count, above = self.given.size, super().likelihood

        def each() -> tfd.Distribution:
            axis = -2 - len(self.encoder.event_shape)
            codes = tf.repeat(tf.expand_dims(z, axis), count, axis)
            return above(codes, self._every(batch), moment)

        told = self.given.vector(batch.given)  # 0 where it is unknown
        unknown = tf.cast(batch.given, tf.int32)[:, None] < 0
        shares = tf.where(unknown, 1 / count, told)
        return densities.Summed(one, each, tf.math.log(tf.transpose(shares)))

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; for every class, on a sample axis
        `[C, B]`; `extras` has their `shares`, `[B, C]`."""
        shape = tf.concat([[self.given.size], tf.shape(batch.x)], axis=0)
        every = self._every(batch)
        every = every._replace(x=tf.broadcast_to(batch.x, shape))
        forward = super().forward(every, moment)
        law = self._law(batch, moment)
        return forward._replace(batch=batch, extras={"law": law})

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        law, given = forward.extras["law"], forward.batch.given
        told = self.given.vector(given)
        known = tf.cast(given, tf.int32) >= 0
        shares = tf.where(known[:, None], told, law.mean())  # [B, C]
        terms = super().loss_terms(forward, moment)  # [(S,) C, B]
        average = {
            name: tf.reduce_sum(tf.transpose(shares) * terms[name], axis=-2)
            for name in ("reconstruction", "kl")
        }
        entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1)
        # Not of `told`: the gradient of a cross-entropy takes it for granted
        # that shares add up to 1.
        surprise = -law.log_prob(shares)
        average["label"] = math.log(self.given.size) - entropy
        average["classification"] = tf.where(known, surprise, 0.0)
        return terms | average

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"classification": self.strength}

    def classify(self, x: Rows, batch_size: int | None = None) -> np.ndarray:
        """q(y|x): how likely each class is of examples, `[N, C]`."""
        rows = self.space.rows("x", x)
        self.space.check("x", rows, self.missing == "mask")
        unknown = np.full(len(rows), -1, "int32")
        return compiled.batched(
            self,
            lambda x: self._law(self.batch(x), self.moment()).mean(),
            (rows, unknown),
            batch_size,
        )

    @classmethod
    def create_bodies(
        cls, *network: Any, options: dict, **settings: Any
    ) -> tuple:
        """See `BaseAutoencoder.create_bodies`; the classifier is like the
        encoder."""
        if "classifier" not in options:
            count = conditions.get(options["condition"]).size
            alone = settings | {"condition": None}
            body, _ = super().create_bodies(*network, options={}, **alone)
            options["classifier"] = networks.DistributionNetwork(
                body, "categorical", count
            )
        return super().create_bodies(*network, options=options, **settings)

    def _law(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """q(y|x) over one-hot vectors."""
        seen = self.space.features(batch.x)
        return self.classifier(seen, training=moment.training)

    def _every(self, batch: Batch) -> Batch:
        """Told every class in turn, `[C, 1]`."""
        return batch._replace(given=tf.range(self.given.size)[:, None])

    def _labeled(self, batch: Batch, moment: Moment) -> Batch:
        """With the likeliest class where it is unknown."""
        if batch.x is None or len(batch.given.shape) > 1:
            return batch  # codes alone; or every class in turn
        given = tf.cast(batch.given, tf.int32)
        likeliest = tf.argmax(
            self._law(batch, moment).mean(), -1, output_type=tf.int32
        )
        return batch._replace(given=tf.where(given < 0, likeliest, given))
