"""The numbers of a code one by one: which are in use, and how they are
distributed."""

import math

import numpy as np
from matplotlib.figure import Figure

from keras_ae.analysis import latent
from keras_ae.core.types import Rows
from keras_ae.math import divergences
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder

BINS = 30
SHOWN = 8  # panels, those of the units in use first
WIDE = 4  # panels in a row


def units(model: BaseAutoencoder, x: Rows) -> Figure:
    """How much each number of the code says of the examples.

    Bars are KL(q(z_j|x) || p(z_j)) in nats, the largest first; where there is
    none, the variance of the codes.

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`.
    """
    try:
        values, label = unit_kl(model, x).mean(axis=0), "KL, nats"
    except TypeError:  # no prior, or not one of single numbers
        codes = np.asarray(model.embed(x))
        values = codes.reshape(len(codes), -1).var(axis=0)
        label = "variance of the code"
    order = np.argsort(-values)
    places = np.arange(len(order))
    figure = Figure((6, 2.5), 150, layout="constrained")
    axis = figure.subplots()
    axis.bar(places, values[order], 0.8)
    shown = places[:: math.ceil(len(order) / 20)]
    axis.set_xticks(shown, order[shown] + 1, fontsize=7)
    axis.set(xlabel="number in the code", ylabel=label)
    return figure


def unit_kl(model: BaseAutoencoder, x: Rows) -> np.ndarray:
    """KL of each number of the code, `[N, d]`, nats.

    Raises:
        TypeError: If there is no prior, or one that does not factorize.
    """
    if model.prior is None:
        raise TypeError(
            f"{type(model).__name__} has no prior, so there is no KL. Expected "
            "a variant with a prior, such as VAE."
        )
    found = compiled.batched(
        model,
        lambda x: divergences.kl_per_latent(model.encode(x), model.p_z()),
        model.check_inputs(model.as_rows(x)),
    )
    return found.reshape(len(found), -1)


def aggregate(model: BaseAutoencoder, x: Rows, seed: int = 0) -> Figure:
    """Draws of q(z|x) of all examples beside draws of the prior, a panel for
    each number of the code, of the most varied ones.

    Args:
        model: A variant with a prior.
        x: Examples, `[N, ...]`.
        seed: Integer for the draws.

    Raises:
        ValueError: If there is no prior.
    """
    if model.prior is None:
        raise ValueError(
            f"{type(model).__name__} has no prior. Expected a variant with a "
            "prior, such as VAE."
        )
    z = latent.draws(model, x, seed)
    prior = model.p_z().sample(len(z), seed=(seed, 1)).numpy()
    z, prior = (values.reshape(len(values), -1) for values in (z, prior))
    codes = np.asarray(model.embed(x)).reshape(len(z), -1)
    order = np.argsort(-codes.var(axis=0))[:SHOWN]
    columns = min(WIDE, len(order))
    rows = math.ceil(len(order) / columns)
    figure = Figure((2.2 * columns, 1.8 * rows), 150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, unit in zip(axes, order, strict=False):
        both = np.concatenate([z[:, unit], prior[:, unit]])
        bins = np.linspace(*np.percentile(both, [0.5, 99.5]), BINS)
        for values, label in ((z, "codes"), (prior, "prior")):
            values = values[:, unit]
            axis.hist(values, bins, density=True, alpha=0.5, label=label)
        axis.set_title(f"$z_{{{unit + 1}}}$", fontsize=9)
        axis.set_yticks([])
    for axis in axes[len(order) :]:
        axis.remove()
    axes[0].legend(fontsize=7)
    return figure
