"""The plain autoencoder."""

import functools

from keras_ae.core.registry import register
from keras_ae.model.base import BaseAutoencoder
from keras_ae.parts import heads


@register("autoencoder")
class Autoencoder(BaseAutoencoder):
    """Encoder and decoder trained to copy the input through a code.

    With a code shorter than the input (undercomplete) the copy cannot be
    perfect and the code keeps what matters most; `network="linear"` finds the
    subspace of principal component analysis, `"tied"` an orthonormal basis of
    it. A longer code (overcomplete) can copy without learning anything and
    needs a regulariser: the sparse, denoising and contractive variants. A
    family: variants build on it.

    Formula:
        h = f(x)
        loss = -log p(x | h)
             = ||x - g(h)||^2 / 2 + constant   for the default likelihood,
                                               a Gaussian of unit scale

    Args:
        encoder, decoder, seed: see `BaseAutoencoder`.

    Example:
        >>> model = Autoencoder.create((8,), latent_dim=2, hidden=(16,))
        >>> model.reconstruct(np.zeros([3, 8])).shape
        (3, 8)

    Reference: Bourlard, Kamp, 1988. Auto-association by multilayer
        perceptrons and singular value decomposition. Biological Cybernetics.
    """

    terms = {"reconstruction": "-log p(x|h), nats"}
    likelihood_head = functools.partial(heads.Gaussian, scale=1.0)
