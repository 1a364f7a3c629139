"""Autoencoders on Keras 3, TensorFlow and TensorFlow Probability."""

import importlib as _importlib
import sys as _sys

import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_ae runs on Keras with the TensorFlow backend. Received: "
        f"backend {_keras.backend.backend()!r}. Set the environment variable "
        'KERAS_BACKEND="tensorflow" before importing keras.'
    )

from keras_ae import contract as contract  # noqa: E402
from keras_ae import data as data  # noqa: E402
from keras_ae import spaces as spaces  # noqa: E402
from keras_ae.analysis import callbacks as callbacks  # noqa: E402
from keras_ae.analysis import evaluation as evaluation  # noqa: E402
from keras_ae.analysis import plots as plots  # noqa: E402
from keras_ae.core import registry as registry  # noqa: E402
from keras_ae.core import shards as shards  # noqa: E402
from keras_ae.core import validation as validation  # noqa: E402
from keras_ae.core.registry import create as create  # noqa: E402
from keras_ae.core.registry import get as get  # noqa: E402
from keras_ae.core.registry import register as register  # noqa: E402
from keras_ae.model.base import BaseAutoencoder as BaseAutoencoder  # noqa: E402
from keras_ae.model.finite import NonFiniteError as NonFiniteError  # noqa: E402
from keras_ae.parts import code_priors as code_priors  # noqa: E402
from keras_ae.parts import codebooks as codebooks  # noqa: E402
from keras_ae.parts import conditions as conditions  # noqa: E402
from keras_ae.parts import constraints as constraints  # noqa: E402
from keras_ae.parts import corruptions as corruptions  # noqa: E402
from keras_ae.parts import fitted as fitted  # noqa: E402
from keras_ae.parts import flows as flows  # noqa: E402
from keras_ae.parts import heads as heads  # noqa: E402
from keras_ae.parts import mechanisms as mechanisms  # noqa: E402
from keras_ae.parts import networks as networks  # noqa: E402
from keras_ae.parts import penalties as penalties  # noqa: E402
from keras_ae.parts import priors as priors  # noqa: E402
from keras_ae.parts import schedules as schedules  # noqa: E402
from keras_ae.parts import sparsity as sparsity  # noqa: E402
from keras_ae.parts import weights as weights  # noqa: E402
from keras_ae.parts.networks import DistributionNetwork as DistributionNetwork  # noqa: E402
from keras_ae.variants.aae import AAE as AAE  # noqa: E402
from keras_ae.variants.adversarial import BaseAdversarial as BaseAdversarial  # noqa: E402
from keras_ae.variants.autoencoder import Autoencoder as Autoencoder  # noqa: E402
from keras_ae.variants.beta_tcvae import BetaTCVAE as BetaTCVAE  # noqa: E402
from keras_ae.variants.beta_vae import BetaVAE as BetaVAE  # noqa: E402
from keras_ae.variants.categorical_vae import CategoricalVAE as CategoricalVAE  # noqa: E402
from keras_ae.variants.ciwae import CIWAE as CIWAE  # noqa: E402
from keras_ae.variants.conditional_vae import ConditionalVAE as ConditionalVAE  # noqa: E402
from keras_ae.variants.contractive import (  # noqa: E402
    ContractiveAutoencoder as ContractiveAutoencoder,
)
from keras_ae.variants.denoising import (  # noqa: E402
    DenoisingAutoencoder as DenoisingAutoencoder,
)
from keras_ae.variants.dip_vae import DIPVAE as DIPVAE  # noqa: E402
from keras_ae.variants.factor_vae import FactorVAE as FactorVAE  # noqa: E402
from keras_ae.variants.hamiltonian_vae import HamiltonianVAE as HamiltonianVAE  # noqa: E402
from keras_ae.variants.hierarchical_vae import (  # noqa: E402
    HierarchicalVAE as HierarchicalVAE,
)
from keras_ae.variants.hyperspherical_vae import (  # noqa: E402
    HypersphericalVAE as HypersphericalVAE,
)
from keras_ae.variants.info_vae import InfoVAE as InfoVAE  # noqa: E402
from keras_ae.variants.iwae import IWAE as IWAE  # noqa: E402
from keras_ae.variants.m2 import M2 as M2  # noqa: E402
from keras_ae.variants.masked import MaskedAutoencoder as MaskedAutoencoder  # noqa: E402
from keras_ae.variants.miwae import MIWAE as MIWAE  # noqa: E402
from keras_ae.variants.piwae import PIWAE as PIWAE  # noqa: E402
from keras_ae.variants.rae import RAE as RAE  # noqa: E402
from keras_ae.variants.renyi_vae import RenyiVAE as RenyiVAE  # noqa: E402
from keras_ae.variants.sparse import SparseAutoencoder as SparseAutoencoder  # noqa: E402
from keras_ae.variants.sparse_dictionary import (  # noqa: E402
    SparseDictionary as SparseDictionary,
)
from keras_ae.variants.swae import SWAE as SWAE  # noqa: E402
from keras_ae.variants.vae import VAE as VAE  # noqa: E402
from keras_ae.variants.vae_gan import VAEGAN as VAEGAN  # noqa: E402
from keras_ae.variants.vqvae import VQVAE as VQVAE  # noqa: E402
from keras_ae.variants.wae import WAE as WAE  # noqa: E402
from keras_ae.zoo import datasets as datasets  # noqa: E402
from keras_ae.zoo.errors import PresetError as PresetError  # noqa: E402
from keras_ae.zoo.store import list_presets as list_presets  # noqa: E402
from keras_ae.zoo.store import load as load  # noqa: E402

__version__ = "0.1.0"

# The function, not the room of that name.
variants = registry.variants


#: Name -> the module that it is in, or is.
_LATE = {
    "AnomalyDetector": "keras_ae.sklearn",
    "explore": "keras_ae.jobs.explorer",
    "fit_sampler": "keras_ae.analysis.samplers",
    "report": "keras_ae.jobs.report",
    "samplers": "keras_ae.analysis.samplers",
    "sklearn": "keras_ae.sklearn",
}


def __getattr__(name: str) -> object:
    """What builds on scikit-learn, imported when it is asked for."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _importlib.import_module(_LATE[name])
    return getattr(module, name, module)


def __dir__() -> list[str]:
    """All names, those that come late too."""
    return sorted({*globals(), *_LATE})


# The rooms are for readers; users know these modules by their last name.
for _module in (
    callbacks,
    code_priors,
    codebooks,
    conditions,
    constraints,
    corruptions,
    datasets,
    evaluation,
    fitted,
    flows,
    heads,
    mechanisms,
    networks,
    penalties,
    plots,
    priors,
    schedules,
    shards,
    sparsity,
    validation,
    weights,
):
    _sys.modules[f"keras_ae.{_module.__name__.rpartition('.')[2]}"] = _module
