"""Heads of counts."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import discrete
from keras_ae.parts.heads.base import RARE
from keras_ae.parts.heads.base import BaseHead
from keras_ae.parts.heads.base import Range

tfd = tfp.distributions

TINY = np.finfo(np.float32).tiny


def _counts(likelihood: str) -> Range:
    return Range(
        likelihood,
        "counts: whole numbers from 0",
        low=0,
        whole=True,
        advice="Give the raw counts, neither normalized nor logarithms.",
    )


class BaseCounts(BaseHead):
    """Whole numbers from 0, their mean from the network's logarithm.

    Where it is known how many were counted in all, as in the space `Counts`,
    the network says shares of that total alone: then

    Formula:
        mean = total * softmax(logits)
    """

    step = 1.0

    def exposed(
        self, exposure: tf.Tensor, *parts: tf.Tensor
    ) -> tfd.Distribution:
        """See `BaseHead.exposed`; of nothing counted all means are 0."""
        logits, *others = parts
        total = tf.maximum(exposure, TINY)  # its logarithm is finite
        log_mean = tf.math.log_softmax(logits) + tf.math.log(total)
        return self.distribution(log_mean, *others)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; means are at least 0.001."""
        del variance  # of counts, it follows from the mean
        return {0: np.log(np.maximum(mean, RARE))}


@registry.register("poisson")
class Poisson(BaseCounts):
    """Independent Poisson counts by the logarithms of their rates.

    Example:
        >>> poisson = Poisson()(tf.math.log([[2.0, 5.0]]), rank=1)
        >>> np.round(poisson.mean().numpy(), 4).tolist()
        [[2.0, 5.0]]
    """

    range = _counts("Poisson")

    def distribution(self, log_rate: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return tfd.Poisson(log_rate=log_rate)


@registry.register("negative_binomial")
class NegativeBinomial(BaseCounts):
    """Independent counts that vary more than Poisson's.

    Formula:
        variance = mean + mean**2 / r

    Args:
        dispersion: Where r, which is positive, comes from: `"value"`: a
            learned number for each value of an event (a gene, a word);
            `"shared"`: one learned number; `"learned"`: from the network; a
            positive float: fixed. Defaults to `"value"`.

    Raises:
        ValueError: If a number is not positive, or a name unknown.

    Example:
        >>> head = NegativeBinomial(dispersion=4.0)
        >>> counts = head(tf.math.log([[2.0]]), rank=1)
        >>> round(float(counts.variance()[0, 0]), 4)
        3.0

    Reference: Lopez, Regier, Cole, Jordan, Yosef, 2018. Deep generative
        modeling for single-cell transcriptomics. Nature Methods 15.
        https://doi.org/10.1038/s41592-018-0229-2
    """

    range = _counts("negative binomial")

    def __init__(self, dispersion: str | float = "value", **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(dispersion, str):
            names = ("value", "shared", "learned")
            validation.check_in("dispersion", dispersion, names)
        else:
            dispersion = validation.check_number(
                "dispersion", dispersion, 0, open_low=True
            )
        self.dispersion = dispersion
        self.parts = 2 if dispersion == "learned" else 1

    def build(self, input_shape: Shape) -> None:
        """Make the learned logarithms of r, which start at 0."""
        shapes = {"value": tuple(input_shape[1:]), "shared": ()}
        if self.dispersion in shapes:
            self.log_r = self.add_weight(
                shape=shapes[self.dispersion],
                initializer="zeros",
                dtype="float32",
                name="log_r",
            )

    def distribution(
        self, log_mean: tf.Tensor, log_r: tf.Tensor | None = None
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        if isinstance(self.dispersion, float):
            log_r = tf.constant(math.log(self.dispersion))
        elif self.dispersion != "learned":
            log_r = tf.convert_to_tensor(self.log_r)
        log_r = tf.broadcast_to(log_r, tf.shape(log_mean))
        return tfd.NegativeBinomial(tf.exp(log_r), log_mean - log_r)


@registry.register("zero_inflated_negative_binomial")
class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """Negative binomial counts, some of which were lost: they read 0.

    The network's last part is the logit of the share that is lost; the mean
    is that of what is read.

    Args:
        dispersion: See `NegativeBinomial`.

    Example:
        >>> head = ZeroInflatedNegativeBinomial(dispersion=1.0)
        >>> counts = head(tf.zeros([1, 1]), tf.zeros([1, 1]), rank=1)
        >>> float(counts.prob([[0.0]])[0])  # 1/2 lost, and 1/2 of the others
        0.75

    Reference: Lopez et al., 2018, as for `NegativeBinomial`.
    """

    range = _counts("zero-inflated negative binomial")

    def __init__(self, dispersion: str | float = "value", **kwargs: Any):
        super().__init__(dispersion, **kwargs)
        self.parts += 1

    def distribution(self, *parts: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        *counted, lost = parts
        return discrete.ZeroInflated(super().distribution(*counted), lost)


@registry.register("multinomial")
class Multinomial(BaseCounts):
    """Counts along the last axis, given their total: words of a document.

    The total is that of the counts that are scored; means and draws are
    those of `total` counts.

    Args:
        total: Counts that means and draws have in all, where the space does
            not know. Defaults to 1: means are shares.

    Example:
        >>> head = Multinomial()(tf.zeros([1, 4]), rank=1)
        >>> head.mean().numpy().tolist()
        [[0.25, 0.25, 0.25, 0.25]]

    Reference: Srivastava, Sutton, 2017. Autoencoding Variational Inference
        for Topic Models. ICLR. https://arxiv.org/abs/1703.01488
    """

    range = _counts("multinomial")

    def __init__(self, total: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.total = validation.check_count("total", total)

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return discrete.Multinomial(float(self.total), logits=logits)

    def exposed(
        self, exposure: tf.Tensor, *parts: tf.Tensor
    ) -> tfd.Distribution:
        """See `BaseHead.exposed`; means and draws have its total."""
        return discrete.Multinomial(exposure[..., 0], logits=parts[0])
