"""The denoising autoencoder."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import DType
from keras_ae.core.types import Rows
from keras_ae.math import draws
from keras_ae.math import scores
from keras_ae.model import compiled
from keras_ae.model import generate
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import corruptions as corruption_parts
from keras_ae.parts import networks
from keras_ae.variants.autoencoder import Autoencoder

tfd = tfp.distributions

# Of `anneal`: how far a step goes to what is restored, and the share of that
# which is not put back as noise.
STEP, SHARE = 0.1, 0.5


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
        corruption: `GaussianNoise`, `NoiseLevels`, `Masking`,
            `SaltAndPepper`, or a name (`"gaussian_noise"`, `"noise_levels"`,
            `"masking"`, `"salt_and_pepper"`). Defaults to
            `GaussianNoise(0.3)`.
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
        if isinstance(seed, draws.RowSeed):  # knows where examples are
            noisy = self.corruption.corrupt(versions, seed)
        else:
            flat = tf.reshape(versions, [-1, *self.space.shape])
            noisy = tf.reshape(self.corruption.corrupt(flat, seed), shape)
        if batch.seen is not None:
            noisy = tf.where(batch.seen, noisy, 0.0)  # holes stay
        forward = super().forward(batch._replace(x=noisy), moment)
        return forward._replace(batch=batch, extras={"corrupted": noisy})

    def log_density_gradient(
        self, x: Rows, batch_size: int | None = None
    ) -> np.ndarray:
        """Gradient of the log-density of noisy data at `x`, `[N, ...]`.

        Formula:
            (g(f(x)) - x) / stddev^2  ~  d log p(x) / d x,
            p = density of the data plus the noise: smoothed by it

        Noise and gradient are those of values as networks see them: of a
        space that scales, such as `Series`, of scaled ones.

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

        def start(seed: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
            del seed
            return tf.zeros(shape)

        def step(x: tf.Tensor, seed: tf.Tensor) -> tuple:
            damage, draw = tf.unstack(
                tf.random.experimental.stateless_split(seed, 2)
            )
            law = self._restored(self.corruption.corrupt(x, damage))
            return law.sample(seed=draw), law.mean()

        return self._generate(start, step, n, seed, steps, dtype)

    def anneal(
        self,
        n: int,
        seed: int | None = None,
        steps: int = 200,
        dtype: DType = None,
    ) -> np.ndarray:
        """`n` new examples out of noise that is taken away little by little:
        Langevin dynamics whose noise falls with what the model still sees.

        No level is told and no schedule set: how far the model moves an
        example says how noisy it is.

        Formula:
            d = r(x) - x,  s^2 = mean of d^2
            x <- x + h d + s sqrt((1 - b h)^2 - (1 - h)^2) eps,  eps ~ N(0, I)

            r the restored mean, h = 0.1, b = 0.5; from x = high * eps.

        Args:
            n: How many.
            seed: Integer to repeat the draws, or None for fresh ones.
            steps: How many; each leaves about 95 % of the noise. Defaults to
                200.
            dtype: As in `reconstruct`.

        Returns:
            `[n, ...]`, the restored means of the last step.

        Raises:
            ValueError: If the corruption is not `NoiseLevels`, a number is
                out of range, or the model is told something beside examples.

        Reference: Kadkhodaie, Simoncelli, 2021. Stochastic Solutions for
            Linear Inverse Problems using the Prior Implicit in a Denoiser,
            algorithm 1. NeurIPS. https://arxiv.org/abs/2007.13640
        """
        if not isinstance(self.corruption, corruption_parts.NoiseLevels):
            raise ValueError(
                "Noise is taken away little by little by a model that knows "
                "all levels of it. Expected a model with "
                "corruption=NoiseLevels(low, high). Received: "
                f"corruption={self.corruption!r}"
            )
        high = self.corruption.high

        def start(seed: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
            return high * draws.normal(shape, seed)

        def step(x: tf.Tensor, seed: tf.Tensor) -> tuple:
            mean = self._restored(x).mean()
            away = mean - x
            axes = tf.range(1, tf.rank(x))
            square = tf.reduce_mean(away**2, axes, keepdims=True)
            kept = (1 - SHARE * STEP) ** 2 - (1 - STEP) ** 2
            noise = tf.sqrt(kept * square) * draws.normal(tf.shape(x), seed)
            return x + STEP * away + noise, mean

        return self._generate(start, step, n, seed, steps, dtype)

    def _generate(
        self,
        start: Callable,
        step: Callable,
        n: int,
        seed: int | None,
        steps: int,
        dtype: DType,
    ) -> np.ndarray:
        """Means at the end of chains; the draws of a batch are of one seed,
        that of its first row."""
        n = validation.check_count("n", n)
        steps = validation.check_count("steps", steps)
        if self.given is not None:
            raise ValueError(validation.invalid("given", "none", self.given))

        def chain(seeds: tf.Tensor) -> tf.Tensor:
            def body(i: tf.Tensor, x: tf.Tensor, mean: tf.Tensor) -> tuple:
                del mean
                key = tf.stack([tf.cast(seeds[0], tf.int32), i])
                return i + 1, *step(x, key)

            shape = tf.concat([tf.shape(seeds)[:1], self.space.shape], 0)
            key = tf.stack([tf.cast(seeds[0], tf.int32), -1])
            x = tf.ensure_shape(start(key, shape), [None, *self.space.shape])
            return tf.while_loop(
                lambda i, *_: i < steps, body, [tf.constant(0), x, x]
            )[2]

        words = generate.row_seeds(n, generate.seed_words(self, seed))
        return self.space.array(compiled.batched(self, chain, words), dtype)

    def _restored(self, x: tf.Tensor) -> tfd.Distribution:
        """p(x|f(x~)) of damaged examples."""
        batch, moment = Batch(x, x), self.moment()
        z = self.code(self.posterior(batch, moment))
        return self.likelihood(z, batch, moment)

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
