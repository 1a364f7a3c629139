"""The figures of a report: one function for each, in sections.

A function takes the case and gives figures by name; or it raises a
`ValueError` or `TypeError` whose text is the reason why there are none.
"""

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import scipy.stats
import tensorflow as tf
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_ae import spaces
from keras_ae.analysis import disentanglement
from keras_ae.analysis import evaluation
from keras_ae.analysis import frechet
from keras_ae.analysis import latent
from keras_ae.analysis import measures
from keras_ae.analysis import table_plots
from keras_ae.analysis import unit_plots
from keras_ae.jobs.report.case import Case
from keras_ae.math import discrepancies
from keras_ae.model import compiled
from keras_ae.model import generate
from keras_ae.model import infer

Figures = dict[str, dict[str, Any]]

COMPONENTS = 64  # of the data, in which samples are compared
MOST = 5000  # rows that are compared with others
BLOCKS, BLOCK = 10, 200  # of draws of the prior and of codes, at most
NEIGHBOURS = 5
REPLICATES = 20  # of the data, drawn from the model
CLASSES = 100  # labels of more values are no classes


def measure(case: Case) -> tuple[Figures, dict[str, str]]:
    """All figures, and why others are missing."""
    figures: Figures = {}
    missing: dict[str, str] = {}
    for section, functions in SECTIONS.items():
        for name, function in functions.items():
            if case.verbose:
                print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                found = function(case)
            except (ValueError, TypeError) as reason:
                missing[name] = str(reason)
                continue
            for key, figure in found.items():
                figures[key] = figure | {"section": section}
    return figures, missing


def terms(case: Case) -> Figures:
    """Those of the loss."""
    return _measured(case, {"terms": {}})


def squared_error(case: Case) -> Figures:
    """Of the reconstructions."""
    if isinstance(case.model.space, spaces.Table):
        raise ValueError("the columns of a table have different units")
    if case.model.missing == "mask":
        raise ValueError("the rows may have holes, of which no error is known")
    return _measured(case, {"squared_error": {}})


def rate_and_distortion(case: Case) -> Figures:
    """The two parts of the bound, and the bound."""
    _need_prior(case)
    model, rows = case.model, case.model.check_rows(case.rows)
    found = compiled.batched(model, lambda x: model.score_terms(x), rows)
    names = {
        "rate": found["kl"],
        "distortion": found["reconstruction"],
        "negative_elbo": found["negative_elbo"],
    }
    how = {"estimator": f"{infer.SCORE_DRAWS} draws of each code"}
    return {
        name: measures.estimate(values, "nats") | how
        for name, values in names.items()
    }


def negative_log_likelihood(case: Case) -> Figures:
    """-log p(x), by importance sampling."""
    _need_prior(case)
    name = "negative_log_likelihood"
    if name in case.recorded:
        figure = case.recorded[name]
        how = f"{figure['estimator']}; as recorded in its card"
        return {name: figure | {"estimator": how}}
    return _measured(case, {"nll": {"samples": case.samples}})


def units(case: Case) -> Figures:
    """Which numbers of the code are in use."""
    spread = case.codes.var(axis=0)
    active = evaluation.active_units(case.model, case.rows)
    return {
        "active_units": {
            "value": active,
            "unit": f"of {len(spread)}",
            "rows": case.size,
            "estimator": "variance of the mean code above 0.01",
        },
        "variance_of_units": _list(spread, "", case.size),
    }


def kl_of_units(case: Case) -> Figures:
    """The KL of each number of the code."""
    _need_prior(case)
    kl = unit_plots.unit_kl(case.model, case.rows).mean(axis=0)
    return {"kl_of_units": _list(kl, "nats", case.size)}


def discrepancy_from_prior(case: Case) -> Figures:
    """How far codes, all together, are from the prior."""
    _need_prior(case)
    size = min(BLOCK, case.size // BLOCKS)
    if size < 10:
        raise ValueError(f"needs {10 * BLOCKS} rows, there are {case.size}")
    chosen = case.take(case.some(BLOCKS * size))
    z = latent.draws(case.model, chosen, case.seed)
    prior = case.model.p_z().sample(len(z), seed=(case.seed, 0))
    shape = (BLOCKS, size, -1)
    found = discrepancies.mmd(tf.reshape(z, shape), tf.reshape(prior, shape))
    how = f"{BLOCKS} blocks of {size} draws; 0 on average for equal laws"
    return {
        "discrepancy_from_prior": measures.estimate(found, "MMD^2")
        | {"estimator": how, "rows": len(z)}
    }


def probe(case: Case) -> Figures:
    """Accuracy of a linear classifier of the code."""
    _need_classes(case)
    train, test = ((case.take(h), case.y[h]) for h in case.halves(MOST))
    return measures.measure(case.model, {"probe": {}}, (train, test))


def neighbours(case: Case) -> Figures:
    """Accuracy of a vote of the nearest codes."""
    _need_classes(case)
    train, test = case.halves(MOST)
    machine = make_pipeline(StandardScaler(), KNeighborsClassifier(NEIGHBOURS))
    machine.fit(case.codes[train], case.y[train])
    right = machine.predict(case.codes[test]) == case.y[test]
    _, counts = np.unique(case.y[test], return_counts=True)
    share = 100 * counts.max() / len(test)
    how = f"{NEIGHBOURS} nearest of {len(train)} other rows; {share:.1f} % "
    return {
        "neighbour_accuracy": measures.estimate(100 * right, "%")
        | {"estimator": how + "have the most frequent label"}
    }


def clusters(case: Case) -> Figures:
    """Whether clusters of codes are the classes."""
    count = _need_classes(case)
    chosen = case.some(2 * MOST)
    machine = KMeans(count, n_init=10, random_state=case.seed)
    found = machine.fit_predict(case.codes[chosen])
    how = f"{count} means, as many as classes"
    return {
        name: _number(score(case.y[chosen], found), len(chosen), how)
        for name, score in (
            ("normalized_mutual_information", _NMI),
            ("adjusted_rand_index", metrics.adjusted_rand_score),
        )
    }


def frechet_distance(case: Case) -> Figures:
    """Of new examples and of reconstructions from the data."""
    if case.model.source is None:
        raise ValueError("the model has no law of codes; see `fit_sampler`")
    if case.model.given is not None:
        raise ValueError("samples depend on what the model is told")
    one, other = case.halves(MOST)
    vectors, about = _features(case, case.take(one))
    size, model = len(one), case.model
    drawn = model.as_rows(model.sample(size, seed=case.seed))
    held = vectors(case.take(other))
    how = f"{size} samples against {len(held)} rows; {about}"
    floor = f"{size} other rows against the same; {about}"
    return {
        "frechet_distance": _number(
            frechet.distance(vectors(drawn), held), size, how
        ),
        "frechet_distance_of_data": _number(
            frechet.distance(vectors(case.take(one)), held), size, floor
        ),
    }


def predictive_checks(case: Case) -> Figures:
    """Whether draws look like the data, where the space is one of draws."""
    space = case.model.space
    if isinstance(space, spaces.Counts):
        return _of_counts(case)
    if isinstance(space, spaces.Table):
        return _of_table(case)
    raise ValueError("these are checks of counts and tables")


def _of_counts(case: Case) -> Figures:
    """Shares of replicates of the data that exceed them."""
    rows, model = case.take(case.some(MOST // 5)), case.model
    size = len(infer.first(rows))
    keys = generate.row_seeds(size, case.seed)

    def replicate(pair: tuple) -> tf.Tensor:
        x, keys = pair
        batch, moment = model.batch(x), model.moment()
        key = tf.stack([keys[0], 0])
        z = model.posterior(batch, moment).sample(seed=key)
        return model.likelihood(z, batch, moment).sample(seed=key + 1)

    real = np.concatenate([*model.space.chunks(infer.first(rows))])
    drawn = [
        compiled.batched(model, replicate, (rows, keys + number))
        for number in range(REPLICATES)
    ]
    checks = {
        "share_of_zeros": lambda v: np.mean(v == 0),
        "largest_count": np.max,
        "dispersion": lambda v: np.mean(
            v.var(axis=0) / np.maximum(v.mean(axis=0), 1e-9)
        ),
    }
    found = {}
    for name, check in checks.items():
        own, others = check(real), np.array([check(v) for v in drawn])
        found[f"{name}_p_value"] = _number(
            np.mean(others >= own),
            size,
            f"of {REPLICATES} replicates at least the data's {own:.4g}; their "
            f"mean is {others.mean():.4g}",
        )
    return found


def _of_table(case: Case) -> Figures:
    """Distances of the marginals of new rows from those of the data."""
    if case.model.given is not None:
        raise ValueError("samples depend on what the model is told")
    model, chosen = case.model, case.some(MOST)
    drawn = model.sample(len(chosen), seed=case.seed)
    values = np.concatenate([*model.space.chunks(case.take(chosen))])
    real = model.space.array(values)
    far = {name: _marginal(real[name], drawn[name]) for name in real}
    worst = max(far, key=far.get)
    gaps = table_plots.associations(real) - table_plots.associations(drawn)
    return {
        "marginals": _number(
            np.mean([*far.values()]),
            len(chosen),
            "Kolmogorov-Smirnov of numbers, total variation of categories, "
            f"mean over columns; the largest, {far[worst]:.3f}, is of "
            f"{worst!r}",
        ),
        "associations": _number(
            np.abs(gaps).mean(), len(chosen), "mean difference of Cramer's V"
        ),
    }


def _marginal(real: Any, drawn: Any) -> float:
    real, drawn = real.dropna(), drawn.dropna()
    if not len(real) or not len(drawn):
        return float(len(real) != len(drawn))
    if real.dtype.kind in "iufM":
        return float(scipy.stats.ks_2samp(real, drawn).statistic)
    shares = [v.astype(str).value_counts(normalize=True) for v in (real, drawn)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def mutual_information_gap(case: Case) -> Figures:
    """MIG."""
    return _of_factors(case, disentanglement.mutual_information_gap)


def dci(case: Case) -> Figures:
    """Disentanglement, completeness, informativeness."""
    _need_factors(case)
    chosen = case.some(MOST)
    found = disentanglement.dci(case.codes[chosen], case.factors[chosen])
    how = "random forests"
    return {
        f"dci_{name}": _number(value, len(chosen), how)
        for name, value in found._asdict().items()
    }


def sap(case: Case) -> Figures:
    """Separated attribute predictability."""
    return _of_factors(case, disentanglement.sap)


def factor_vae_score(case: Case) -> Figures:
    """Majority votes for the number that varies least."""
    return _of_factors(case, disentanglement.factor_vae_score)


def modularity(case: Case) -> Figures:
    """Whether each number tells of one factor alone."""
    return _of_factors(case, disentanglement.modularity)


def anomalies(case: Case) -> Figures:
    """How well the score tells rows of label 1 from the others."""
    if case.y is None or {*np.unique(case.y).tolist()} != {0, 1}:
        raise ValueError("needs labels `y` of 0 and 1, of which 1 is abnormal")
    scores = -case.model.score_samples(case.rows)
    how = f"-score_samples; {int(case.y.sum())} rows of label 1"
    return {
        name: _number(score(case.y, scores), case.size, how)
        for name, score in (
            ("anomaly_auroc", metrics.roc_auc_score),
            ("anomaly_average_precision", metrics.average_precision_score),
        )
    }


_NMI = metrics.normalized_mutual_info_score

_FUNCTIONS: dict[str, tuple[Callable, ...]] = {
    "Loss": (terms, squared_error),
    "Likelihood": (rate_and_distortion, negative_log_likelihood),
    "Code": (units, kl_of_units, discrepancy_from_prior),
    "Classes": (probe, neighbours, clusters),
    "Samples": (frechet_distance, predictive_checks),
    "Factors": (
        mutual_information_gap,
        dci,
        sap,
        factor_vae_score,
        modularity,
    ),
    "Anomalies": (anomalies,),
}
#: Title -> name -> function.
SECTIONS = {
    title: {function.__name__: function for function in functions}
    for title, functions in _FUNCTIONS.items()
}


def _measured(case: Case, wanted: dict) -> Figures:
    splits = (None, None), (case.rows, case.y)
    return measures.measure(case.model, wanted, splits, case.verbose)


def _number(value: float, rows: int, how: str) -> dict[str, Any]:
    return {
        "value": round(float(value), 6),
        "unit": "",
        "rows": rows,
        "estimator": how,
    }


def _list(values: np.ndarray, unit: str, rows: int) -> dict[str, Any]:
    values = [round(float(v), 6) for v in values]
    return {"value": values, "unit": unit, "rows": rows}


def _of_factors(case: Case, score: Callable) -> Figures:
    _need_factors(case)
    chosen = case.some(MOST)
    found = score(case.codes[chosen], case.factors[chosen])
    count = case.factors.shape[1]
    return {score.__name__: _number(found, len(chosen), f"{count} factors")}


def _features(case: Case, rows: Any) -> tuple[Callable, str]:
    """Vectors of rows, as a function, and what they are."""
    space = case.model.space

    def flat(rows: Any) -> np.ndarray:
        parts = space.chunks(infer.first(rows))
        features = [space.features(tf.convert_to_tensor(p)) for p in parts]
        values = np.nan_to_num(np.concatenate([f.numpy() for f in features]))
        return values.reshape(len(values), -1)

    if case.features is not None:
        model: keras.Model = case.features
        return (
            lambda rows: model.predict(infer.first(rows), verbose=0).reshape(
                len(infer.first(rows)), -1
            ),
            f"features of {model.name!r}",
        )
    values = flat(rows)
    count = min(COMPONENTS, len(values) // 4, values.shape[1])
    if not count:
        raise ValueError(f"too few rows, {case.size}, for covariances")
    pca = PCA(count, random_state=case.seed).fit(values)
    share = pca.explained_variance_ratio_.sum()
    about = f"{count} principal components, {share:.0%} of the variance"
    return lambda rows: pca.transform(flat(rows)), about


def _need_prior(case: Case) -> None:
    if case.model.prior is None:
        raise ValueError("the model has no prior, so p(x) is not defined")


def _need_classes(case: Case) -> int:
    """Number of classes."""
    if case.y is None:
        raise ValueError("needs labels `y`")
    count = len(np.unique(case.y))
    if case.y.dtype.kind == "f" or not 1 < count <= CLASSES:
        raise ValueError(
            f"needs labels `y` of 2 to {CLASSES} classes; there are {count} "
            f"values of type {case.y.dtype}"
        )
    return count


def _need_factors(case: Case) -> None:
    if case.factors is None:
        raise ValueError("needs `factors`, what made each example")
