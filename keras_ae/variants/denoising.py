"""The denoising autoencoder."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import DType
from keras_ae.core.types import Rows
from keras_ae.math import scores
from keras_ae.model import compiled
from keras_ae.model import generate
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import corruptions as corruption_parts
from keras_ae.parts import networks
from keras_ae.variants.autoencoder import Autoencoder


@register("denoising")
class DenoisingAutoencoder(Autoencoder):
    """Autoencoder that sees a corrupted input and has to give the clean one.

    To undo the damage it has to know where data lie; even a code longer than
    the input cannot just copy. Noise is fresh at every training step, and the
    same at every evaluation. With normal noise the model knows the gradient
    of the log-density of its data smoothed by the noise, see
    `log_density_gradient`.

    Formula:
        loss = -mean_i log p(x | f(x~_i)),  x~_i ~ C(x~ | x)

    Args:
        corruption: `GaussianNoise`, `Masking`, `SaltAndPepper`, or a name
            (`"gaussian_noise"`, `"masking"`, `"salt_and_pepper"`). Defaults
            to `GaussianNoise(0.3)`.
        corruptions: Corrupted versions of each example at a step. Defaults
            to 1.
        Other arguments: see `Autoencoder`.

    Example:
        >>> model = DenoisingAutoencoder.create((8,), 4, corruption="masking")
        >>> model.corruption
        Masking(rate=0.25)

    Reference: Vincent, Larochelle, Bengio, Manzagol, 2008. Extracting and
        Composing Robust Features with Denoising Autoencoders. ICML.
    """

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        corruption: str | dict | corruption_parts.BaseCorruption | None = None,
        corruptions: int = 1,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.corruption = corruption_parts.get(
            "gaussian_noise" if corruption is None else corruption
        )
        self.corruptions = validation.check_count("corruptions", corruptions)

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """Corrupt, encode, decode; a sample axis of versions in front."""
        shape = tf.concat([[self.corruptions], tf.shape(batch.x)], axis=0)
        versions = tf.broadcast_to(batch.x, shape)  # [S, B, ...]
        seed = moment.seed(rank=len(batch.x.shape) - 1)
        noisy = self.corruption.corrupt(versions, seed)
        forward = super().forward(batch._replace(x=noisy), moment)
        return forward._replace(batch=batch, extras={"corrupted": noisy})

    def log_density_gradient(
        self, x: Rows, batch_size: int | None = None
    ) -> np.ndarray:
        """Gradient of the log-density of noisy data at `x`, `[N, ...]`.

        Formula:
            (g(f(x)) - x) / stddev^2  ~  d log p(x) / d x,
            p = density of the data plus the noise: smoothed by it

        Args:
            x: Examples, `[N, ...]`.
            batch_size: Rows in a compiled call. Defaults to 256.

        Raises:
            ValueError: If the corruption is not `GaussianNoise`.

        Reference: Alain, Bengio, 2014. What Regularized Auto-Encoders Learn
            from the Data-Generating Distribution, theorem 1.
            https://arxiv.org/abs/1211.4246
        """
        if not isinstance(self.corruption, corruption_parts.GaussianNoise):
            raise ValueError(
                "The gradient is known for normal noise alone. Expected a "
                "model with corruption=GaussianNoise(stddev). Received: "
                f"corruption={self.corruption!r}"
            )
        variance = self.corruption.stddev**2
        return compiled.batched(
            self,
            lambda x: self._gradient(self.batch(x), variance),
            self.check_inputs(self.as_rows(x)),
            batch_size,
        )

    def walk(
        self,
        n: int,
        seed: int | None = None,
        steps: int = 100,
        dtype: DType = None,
    ) -> np.ndarray:
        """`n` new examples, each at the end of a walk: damaged and restored,
        by a draw of p(x|f(x~)), again and again.

        Where the model undoes the damage as well as can be, the walk draws
        from the law of the data, wherever it started; here at 0.

        Args:
            n: How many.
            seed: Integer to repeat the draws, or None for fresh ones.
            steps: Length of the walk. Defaults to 100.
            dtype: As in `reconstruct`.

        Returns:
            `[n, ...]`, the means of the last step.

        Raises:
            ValueError: If a number is out of range, or the model is told
                something beside examples.

        Reference: Bengio, Yao, Alain, Vincent, 2013. Generalized Denoising
            Auto-Encoders as Generative Models. NeurIPS.
            https://arxiv.org/abs/1305.6663
        """
        n = validation.check_count("n", n)
        steps = validation.check_count("steps", steps)
        if self.given is not None:
            raise ValueError(validation.invalid("given", "none", self.given))
        words = generate.row_seeds(n, generate.seed_words(self, seed))
        values = compiled.batched(
            self, lambda seeds: self._walk(seeds, steps), words
        )
        return self.space.array(values, dtype)

    def _walk(self, seeds: tf.Tensor, steps: int) -> tf.Tensor:
        """Means at the end of walks, of one seed: the first of a batch."""
        moment = self.moment()
        rows = tf.shape(seeds)[0]

        def step(i: tf.Tensor, x: tf.Tensor, mean: tf.Tensor) -> tuple:
            del mean
            key = tf.stack([tf.cast(seeds[0], tf.int32), i])
            damage, draw = tf.unstack(
                tf.random.experimental.stateless_split(key, 2)
            )
            batch = Batch(self.corruption.corrupt(x, damage), x)
            z = self.code(self.posterior(batch, moment))
            law = self.likelihood(z, batch, moment)
            return i + 1, law.sample(seed=draw), law.mean()

        start = tf.zeros([rows, *self.space.shape])
        return tf.while_loop(
            lambda i, *_: i < steps, step, [tf.constant(0), start, start]
        )[2]

    def _gradient(self, batch: Batch, variance: float) -> tf.Tensor:
        clean = self.reconstruction(batch, self.moment())
        return scores.denoising_score(clean, batch.x, variance)

    def score(self, x: Rows, batch_size: int | None = None) -> np.ndarray:
        """Former name of `log_density_gradient`."""
        warnings.warn(
            "DenoisingAutoencoder.score is now called log_density_gradient; "
            "the old name goes with the next release.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.log_density_gradient(x, batch_size)
