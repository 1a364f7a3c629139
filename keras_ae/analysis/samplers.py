"""Samplers: laws that are fitted to the codes of a trained model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from keras_ae.analysis import latent
from keras_ae.core import backend
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.parts import heads
from keras_ae.parts import priors
from keras_ae.parts.fitted import FittedMixture
from keras_ae.parts.fitted import TwoStage
from keras_ae.variants.vae import VAE

BATCH = 128
STEPS = 3000


def fit_sampler(
    model: BaseAutoencoder,
    x: Rows,
    kind: str | dict | priors.BasePrior = "mixture",
    *,
    seed: int = 0,
    **options: Any,
) -> BaseAutoencoder:
    """Let `sample` draw codes from a law that is fitted to those of examples.

    A plain autoencoder becomes generative, and samples of a model whose prior
    its codes do not follow become better. The law, `model.sampler`, is saved
    and exported with the model; losses, scores and likelihoods stay those of
    the prior. It is fitted to draws of q(z|x). Fit it anew after more
    training.

    | kind          | the law                                              |
    | ------------- | ---------------------------------------------------- |
    | `"mixture"`   | normals with full covariances, by scikit-learn       |
    | `"two_stage"` | a second VAE, of the codes                           |
    | `"flow"`      | noise, moved by a learned flow                       |
    | another prior | its name, a dict, or the prior itself; trained, as   |
    |               | the flow is, for the density of the codes            |

    Args:
        model: Trained; it is changed.
        x: The training examples, `[N, ...]`.
        kind: See the table. Defaults to `"mixture"`.
        seed: Integer for all draws of the fit.
        **options: Of a mixture `components` (10); of the others `steps`
            (3,000) of training, and of two stages `hidden` ((256, 256)), the
            widths of the networks.

    Returns:
        The model.

    Raises:
        TypeError: If the model's codes are no free numbers: unit vectors,
            classes, shares, points of a ball, or vectors of a table.
        ValueError: If `kind` is unknown, or there are fewer examples than
            components.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,))
        >>> x = np.random.default_rng(0).random([64, 8])
        >>> keras_ae.fit_sampler(model, x, components=3).sample(5, seed=0).shape
        (5, 8)

    References:
        Ghosh et al., 2020. From Variational to Deterministic Autoencoders.
            https://arxiv.org/abs/1903.12436
        Dai, Wipf, 2019. Diagnosing and Enhancing VAE Models.
            https://arxiv.org/abs/1903.05789
    """
    _check(model)
    seed = validation.check_count("seed", seed, 0)
    z = latent.draws(model, x, seed)
    own = isinstance(kind, str) and kind in _FITS
    fit = _FITS[kind] if own else _trained(kind)
    sampler = fit(z, seed, **options)
    sampler.trainable = False  # it is no part of the model's objective
    backend.set_layer(model, "sampler", sampler)
    return model


def _mixture(z: np.ndarray, seed: int, components: int = 10) -> FittedMixture:
    sampler = FittedMixture(components)
    if len(z) < components:
        raise ValueError(
            "Too few examples for a mixture. Expected at least "
            f"{components}, one a component. Received: {len(z)}"
        )
    sampler.build((None, *z.shape[1:]))
    found = GaussianMixture(components, random_state=seed).fit(_flat(z))
    sampler.assign(found.weights_, found.means_, found.covariances_)
    return sampler


def _two_stage(
    z: np.ndarray,
    seed: int,
    hidden: tuple[int, ...] = (256, 256),
    steps: int = STEPS,
) -> TwoStage:
    scaler = StandardScaler().fit(_flat(z))
    rows = scaler.transform(_flat(z)).astype(np.float32)
    size = rows.shape[1]
    second = VAE.create(size, size, hidden=hidden, seed=seed)
    second.compile(keras.optimizers.Adam(1e-3))
    second.fit(rows, batch_size=BATCH, steps_per_epoch=steps, verbose=0)
    sampler = TwoStage(second.decoder)
    sampler.build((None, *z.shape[1:]))
    sampler.location.assign(scaler.mean_)
    sampler.scale.assign(scaler.scale_)
    return sampler


#: Posteriors whose codes are no free numbers.
_KINDS = {
    heads.PowerSpherical: "unit vectors",
    heads.Categorical: "classes",
    heads.Dirichlet: "shares that add up to 1",
    heads.WrappedNormal: "points of a ball",
}
_FITS = {"mixture": _mixture, "two_stage": _two_stage}


def _trained(kind: str | dict | priors.BasePrior) -> Callable:
    """A fit of any prior that has a density of codes alone."""
    names = [*_FITS, *registry.names("prior")]
    if isinstance(kind, str) and kind not in names:
        raise ValueError(registry.unknown("sampler", kind, names))
    prior = priors.get(kind)

    def fit(z: np.ndarray, seed: int, steps: int = STEPS) -> priors.BasePrior:
        if not prior.built:
            with backend.seeded_weights(seed):
                prior.build((None, *z.shape[1:]))
        density = _Density(prior)
        density.compile("adam", loss=lambda _, log_prob: -log_prob)
        rows = z[
            np.random.default_rng(seed).integers(len(z), size=steps * BATCH)
        ]
        density.fit(rows, rows, BATCH, shuffle=False, verbose=0)
        return prior

    return fit


class _Density(keras.Model):
    """Log density of codes, `[B]`."""

    def __init__(self, prior: priors.BasePrior):
        super().__init__(name="density")
        self.prior = prior

    def call(self, z: tf.Tensor) -> tf.Tensor:
        return self.prior.distribution(None).log_prob(z)


def _check(model: BaseAutoencoder) -> None:
    """Refuse models that decode no other codes than those of their kind."""
    table = hasattr(model, "codebook")
    what = "vectors of a table" if table else None
    for kind, words in _KINDS.items():
        if isinstance(model.encoder.head, kind):
            what = words
    if what is not None:
        hint = " Give it prior='causal_transformer' instead." if table else ""
        raise TypeError(
            f"The codes of a {type(model).__name__} are {what}. Expected a "
            "model whose decoder takes any numbers. Received: "
            f"{model.name!r}.{hint}"
        )


def _flat(z: np.ndarray) -> np.ndarray:
    """`[N, ...]` as float64 `[N, d]`."""
    return z.reshape(len(z), -1).astype(np.float64)
