"""Tables of what there is: parts by kind, and ideas beside other libraries.

What this package has is looked up in its registry; what others have was read
in the files that the page of the table links.
"""

import importlib

from keras_ae.cli import tables
from keras_ae.core import registry

importlib.import_module("keras_ae.jobs.scores")  # registers those

#: Kind of part -> argument that takes it.
KINDS = {
    "space": "`create(space, ...)`",
    "network": "`create(network=)`",
    "head": "`posterior=`, `likelihood=`",
    "prior": "`prior=`",
    "flow": '`prior={"flow": {"flow": ...}}`',
    "code_prior": "`VQVAE.create(prior=)`",
    "sampler": "`sampler=`, by `fit_sampler`",
    "condition": "`given=`",
    "corruption": "`corruption=`",
    "sparsity": "`sparsity=`",
    "codebook": "`codebook=`",
    "schedule": "`beta=`, `loss_weights=`",
    "weight": "`loss_weights=`",
    "constraint": "`constraint=`",
    "penalty": "`penalty=`",
    "mechanism": "`mechanism=`",
    "score": "`AnomalyDetector(scores=)`",
}
LIBRARIES = ("Pythae", "disentanglement_lib", "PyOD", "keras.io, TensorFlow")
#: Idea -> its name here, of a variant or `kind:name`, and its name in each of
#: the `LIBRARIES`; "" where it is not there, here or elsewhere.
IDEAS = {
    "Autoencoder": ("autoencoder", "AE", "", "AutoEncoder", "tutorial"),
    "Denoising": ("denoising", "", "", "", "tutorial"),
    "Contractive": ("contractive", "", "", "", ""),
    "Sparse, L1 or KL": ("sparse", "", "", "", ""),
    "k largest units": ("sparsity:top_k", "", "", "", ""),
    "Sparse dictionaries": ("sparse-dictionary", "", "", "", ""),
    "VAE": ("vae", "VAE", "BetaVAE", "VAE", "tutorial"),
    "beta-VAE": ("beta-vae", "BetaVAE", "BetaVAE", "VAE", ""),
    "Capacity of the KL": (
        "constraint:capacity",
        "DisentangledBetaVAE",
        "AnnealedVAE",
        "VAE",
        "",
    ),
    "beta-TCVAE": ("beta-tcvae", "BetaTCVAE", "BetaTCVAE", "", ""),
    "FactorVAE": ("factor-vae", "FactorVAE", "FactorVAE", "", ""),
    "DIP-VAE I, II": ("dip-vae", "", "DIPVAE", "", ""),
    "Conditional VAE": ("conditional-vae", "", "", "", ""),
    "IWAE": ("iwae", "IWAE", "", "", ""),
    "MIWAE of several bounds": ("", "MIWAE", "", "", ""),
    "MIWAE of missing values": ("miwae", "", "", "", ""),
    "PIWAE": ("piwae", "PIWAE", "", "", ""),
    "CIWAE": ("ciwae", "CIWAE", "", "", ""),
    "Renyi bounds": ("renyi-vae", "", "", "", ""),
    "VampPrior": ("prior:vamp", "VAMP", "", "", ""),
    "Mixture as prior": ("prior:gaussian_mixture", "", "", "", ""),
    "Flow as prior": ("prior:flow", "", "", "", ""),
    "Exemplars as prior": ("prior:exemplar", "", "", "", ""),
    "Mixture fitted to codes": (
        "sampler:fitted_mixture",
        "GaussianMixtureSampler",
        "",
        "",
        "",
    ),
    "Second VAE of the codes": (
        "sampler:two_stage",
        "TwoStageVAESampler",
        "",
        "",
        "",
    ),
    "Flow as posterior": ("head:flow", "VAE_LinNF, VAE_IAF", "", "", ""),
    "Full covariance as posterior": ("head:full_gaussian", "", "", "", ""),
    "Shares as code (Dirichlet)": ("head:dirichlet", "", "", "", ""),
    "Classes as code (Gumbel)": ("categorical-vae", "", "", "", ""),
    "Hyperspherical": ("hyperspherical-vae", "SVAE", "", "", ""),
    "Poincare ball": ("head:wrapped_normal", "PoincareVAE", "", "", ""),
    "Hamiltonian": ("hamiltonian-vae", "HVAE, RHVAE", "", "", ""),
    "Several levels": ("hierarchical-vae", "", "", "", ""),
    "WAE-MMD": ("wae", "WAE_MMD", "", "", ""),
    "InfoVAE": ("info-vae", "INFOVAE_MMD", "", "", ""),
    "Sliced Wasserstein": ("swae", "", "", "", ""),
    "Adversarial": ("aae", "Adversarial_AE", "", "", ""),
    "VAE-GAN": ("vae-gan", "VAEGAN", "", "", ""),
    "RAE": ("rae", "RAE_L2, RAE_GP", "", "", ""),
    "VQ-VAE": ("vqvae", "VQVAE", "", "", "tutorial"),
    "Residual quantization": ("codebook:residual", "HRQVAE", "", "", ""),
    "Finite scalars": ("codebook:finite_scalar", "", "", "", ""),
    "Lookup-free codes": ("codebook:lookup_free", "", "", "", ""),
    "Prior of integer codes": (
        "code_prior:masked_convolution",
        "PixelCNNSampler",
        "",
        "",
        "tutorial",
    ),
    "Values told those before": (
        "head:autoregressive_bernoulli",
        "",
        "",
        "",
        "",
    ),
    "MS-SSIM": ("head:ms_ssim", "MSSSIM_VAE", "", "", ""),
    "Features of a network": ("head:features", "", "", "", ""),
    "Masked autoencoder": ("masked", "", "", "", "tutorial"),
    "Label as latent (M2)": ("m2", "", "", "", ""),
    "GECO": ("weight:geco", "", "", "", ""),
    "ControlVAE": ("weight:control_vae", "", "", "", ""),
}


def parts() -> tables.Table:
    """Every kind of part: its names, and the argument that takes it."""
    rows = [
        [kind, " ".join(f"`{n}`" for n in registry.names(kind)), argument]
        for kind, argument in KINDS.items()
    ]
    return ["kind", "names", "argument"], rows


def side_by_side() -> tables.Table:
    """Every idea: its name here and in other libraries."""
    header = ["idea", "keras_ae", *LIBRARIES]
    rows = [
        [idea, _here(ours), *(f"`{name}`" if name else "" for name in theirs)]
        for idea, (ours, *theirs) in IDEAS.items()
    ]
    named = {ours for ours, *_ in IDEAS.values()}
    rows += [
        [tables.summary(registry.get(name)).rstrip("."), f"`{name}`"]
        + [""] * len(LIBRARIES)
        for name in registry.variants()
        if registry.package(registry.get(name)) == registry.PACKAGE
        and name not in named
    ]
    return header, rows


def _here(ours: str) -> str:
    """The name in this package; an error if nothing is registered so."""
    kind, _, name = ours.rpartition(":")
    if not name:
        return ""
    registry.find(kind or "variant", name)
    return f"`{kind}`: `{name}`" if kind else f"`{name}`"
