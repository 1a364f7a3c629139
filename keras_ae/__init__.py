"""Autoencoders on Keras 3, TensorFlow and TensorFlow Probability."""

import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_ae runs on Keras with the TensorFlow backend. Received: "
        f"backend {_keras.backend.backend()!r}. Set the environment variable "
        'KERAS_BACKEND="tensorflow" before importing keras.'
    )

from keras_ae import callbacks as callbacks  # noqa: E402
from keras_ae import codebooks as codebooks  # noqa: E402
from keras_ae import conditions as conditions  # noqa: E402
from keras_ae import constraints as constraints  # noqa: E402
from keras_ae import corruptions as corruptions  # noqa: E402
from keras_ae import datasets as datasets  # noqa: E402
from keras_ae import evaluation as evaluation  # noqa: E402
from keras_ae import heads as heads  # noqa: E402
from keras_ae import networks as networks  # noqa: E402
from keras_ae import priors as priors  # noqa: E402
from keras_ae import schedules as schedules  # noqa: E402
from keras_ae import sparsity as sparsity  # noqa: E402
from keras_ae.adversarial import BaseAdversarial as BaseAdversarial  # noqa: E402
from keras_ae.base import BaseAutoencoder as BaseAutoencoder  # noqa: E402
from keras_ae.networks import DistributionNetwork as DistributionNetwork  # noqa: E402
from keras_ae.presets import list_presets as list_presets  # noqa: E402
from keras_ae.presets import load as load  # noqa: E402
from keras_ae.registry import create as create  # noqa: E402
from keras_ae.registry import get as get  # noqa: E402
from keras_ae.registry import register as register  # noqa: E402
from keras_ae.registry import variants as variants  # noqa: E402
from keras_ae.variants.autoencoder import Autoencoder as Autoencoder  # noqa: E402
from keras_ae.variants.beta_vae import BetaVAE as BetaVAE  # noqa: E402
from keras_ae.variants.conditional_vae import ConditionalVAE as ConditionalVAE  # noqa: E402
from keras_ae.variants.contractive import (  # noqa: E402
    ContractiveAutoencoder as ContractiveAutoencoder,
)
from keras_ae.variants.denoising import (  # noqa: E402
    DenoisingAutoencoder as DenoisingAutoencoder,
)
from keras_ae.variants.hyperspherical_vae import (  # noqa: E402
    HypersphericalVAE as HypersphericalVAE,
)
from keras_ae.variants.iwae import IWAE as IWAE  # noqa: E402
from keras_ae.variants.renyi_vae import RenyiVAE as RenyiVAE  # noqa: E402
from keras_ae.variants.sparse import SparseAutoencoder as SparseAutoencoder  # noqa: E402
from keras_ae.variants.vae import VAE as VAE  # noqa: E402
from keras_ae.variants.vae_gan import VAEGAN as VAEGAN  # noqa: E402
from keras_ae.variants.vqvae import VQVAE as VQVAE  # noqa: E402

__version__ = "0.1.0"
