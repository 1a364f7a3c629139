"""Measures: the figures of a model on test data, each with its error.

The key `metrics` of a recipe says which; see `measure`.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from keras_ae.analysis import evaluation
from keras_ae.analysis import latent
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder

#: Inverse strengths of the probe's penalty, chosen on held-out training rows.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)

BATCH = 500  # rows of a batch, for terms that belong to one
#: How terms are estimated.
ESTIMATOR = "one evaluation with the model's own seeds"

Splits = tuple[tuple[Any, Any], tuple[Any, Any]]


def measure(
    model: BaseAutoencoder,
    wanted: dict[str, Any],
    splits: Splits,
    verbose: int = 0,
) -> dict[str, Any]:
    """Figures of a model on test rows, each with its standard error.

    Args:
        model: A model of a registered variant.
        wanted: Name of the figure to its settings:
            `"terms": {}`, those of `evaluate`;
            `"nll": {"samples": 5000, "rows": 10000}`, -log p(x);
            `"bits_per_dimension": {"samples": 1000, "rows": 10000}`;
            `"squared_error": {}`, of the reconstruction, per value;
            `"normalized_squared_error": {}`, over the variance of the
            training values;
            `"pca": {}`, over the squared error of as many principal
            components as the code has numbers;
            `"probe": {}`, accuracy of a linear classifier of the code.
        splits: `(x_train, y_train), (x_test, y_test)`, as `data` gives them.
            The training rows are looked at by the last three figures only.
        verbose: 1 shows a progress bar.

    Raises:
        ValueError: If a figure is unknown, or a probe finds no labels.
    """
    train, (x, y) = splits
    splits = train, (model.as_rows(x), y)
    figures = {}
    for name, settings in wanted.items():
        validation.check_in("metrics", name, _FIGURES)
        figures |= _FIGURES[name](model, splits, verbose, **settings)
    return figures


def agree(recorded: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether two figures are equal up to rounding.

    Single precision on another processor moves the mean over a test set by
    less than a part in ten thousand; some terms are recorded to 1e-4 nats. It
    may move a few images over the border of a linear classifier, by a quarter
    of the standard error.
    """
    rounding = {
        "nats": 1e-4,
        "%": recorded.get("standard_error", 0.0) / 4,
    }.get(recorded["unit"], 1.5e-6)  # one in the last of 6 decimals
    return math.isclose(
        recorded["value"], found["value"], rel_tol=1e-4, abs_tol=rounding
    )


def estimate(
    values: np.ndarray, unit: str, weights: Sequence[int] | None = None
) -> dict[str, Any]:
    """Mean over rows with its standard error; that of one has none.

    Args:
        values: `[N]`.
        unit: Of the values.
        weights: `[N]`, rows that each value is the mean of.
    """
    values = np.asarray(values, np.float64)
    figure = {"value": round(float(np.average(values, weights=weights)), 6)}
    if len(values) > 1:
        error = values.std(ddof=1) / np.sqrt(len(values))
        figure["standard_error"] = round(float(error), 6)
    return figure | {"unit": unit, "rows": len(values)}


def _terms(
    model: BaseAutoencoder, splits: Splits, verbose: int
) -> dict[str, Any]:
    """Those of `evaluate`, row by row where they are terms of a row, else
    batch by batch. Without XLA, which would make other draws."""
    del verbose
    _, (x, _) = splits
    rows = len(examples(x))

    @tf.function(autograph=False, reduce_retracing=True)
    def terms(x: Rows) -> dict[str, tf.Tensor]:
        return model.objective(x)

    parts, sizes = [], []
    with model.evaluation_seeds():
        for low in range(0, rows, BATCH):
            batch = keras.tree.map_structure(
                lambda leaf, low=low: np.asarray(leaf[low : low + BATCH]), x
            )
            parts.append(keras.tree.map_structure(_by_row, terms(batch)))
            sizes.append(len(examples(batch)))
    weights = model.loss_weights(model.moment(), {})
    for part in parts:
        part["loss"] = sum(
            float(weights.get(name, 1.0)) * part[name] for name in part
        )
    texts = {"loss": "their weighted sum, nats"} | model.terms
    figures = {}
    for name in sorted(texts):
        values = np.concatenate([part[name] for part in parts])
        batches = len(values) < rows
        figures[name] = estimate(
            values,
            # Those that are not in nats are counts, shares and the like.
            "nats" if "nats" in texts[name].split(", ") else "",
            sizes if batches else None,
        ) | {
            "rows": rows,
            "estimator": f"{ESTIMATOR}, batches of {BATCH}"
            if batches
            else ESTIMATOR,
        }
    return figures


def _by_row(term: tf.Tensor) -> np.ndarray:
    """A term `[(S,) B]` as `[B]`, one of a whole batch as `[1]`."""
    value = np.atleast_1d(np.asarray(term, np.float64))
    return value.mean(axis=tuple(range(value.ndim - 1)))


def _sampled(name: str, unit: str, function: Callable) -> Callable:
    """A figure by importance sampling.

    Args:
        name: Of the figure.
        unit: Of its values.
        function: `(model, x, samples, seed, verbose)` to values `[N]`.
    """

    def figure(
        model: BaseAutoencoder,
        splits: Splits,
        verbose: int,
        samples: int,
        rows: int | None = None,
    ) -> dict[str, Any]:
        _, (x, _) = splits
        x = keras.tree.map_structure(lambda leaf: leaf[:rows], x)
        values = function(model, x, samples, 0, verbose)
        about = {"estimator": f"{samples} importance samples, seed 0"}
        return {name: estimate(values, unit) | about}

    return figure


def _squared_error(
    model: BaseAutoencoder, splits: Splits, verbose: int
) -> dict[str, Any]:
    del verbose
    return {
        "squared_error": estimate(_errors(model, splits), "per value")
        | {"estimator": "at the mean of the code"}
    }


def _normalized(
    model: BaseAutoencoder, splits: Splits, verbose: int
) -> dict[str, Any]:
    del verbose
    variance = np.var(latent.in_units(model, _drawn(splits)), dtype=np.float64)
    return {
        "normalized_squared_error": estimate(
            _errors(model, splits) / variance, "of the variance"
        )
        | {
            "estimator": f"at the mean of the code, variance {variance:.6f} of "
            "the training values"
        }
    }


def _pca(
    model: BaseAutoencoder, splits: Splits, verbose: int
) -> dict[str, Any]:
    """A ratio of two means over the same rows; its standard error is that of
    the rows' differences (delta method)."""
    del verbose
    train, test = (
        _flat(latent.in_units(model, x)) for x in (_drawn(splits), splits[1][0])
    )
    components = math.prod(model.encoder.event_shape)
    pca = PCA(components, svd_solver="covariance_eigh").fit(train)
    rest = pca.inverse_transform(pca.transform(test)) - test
    floor = (rest**2).mean(axis=1)
    errors = _errors(model, splits)
    ratio = errors.mean() / floor.mean()
    figure = estimate(errors / floor.mean(), "of that of PCA")
    spread = estimate((errors - ratio * floor) / floor.mean(), "")
    return {
        "squared_error_over_pca": figure
        | {
            "standard_error": spread["standard_error"],
            "estimator": f"{components} principal components: "
            f"{floor.mean():.6f} per value",
        }
    }


def _probe(
    model: BaseAutoencoder, splits: Splits, verbose: int
) -> dict[str, Any]:
    """Logistic regression on standardized codes of the training rows.

    The last sixth of them is held out to choose the penalty; the test rows
    are classified once.
    """
    del verbose
    (_, y), (x_test, y_test) = splits
    if y is None:
        raise ValueError(
            "A linear classifier needs labels. Expected a data set with "
            "labels for the figure 'probe'. Received: labels None. Remove "
            "the figure from the recipe's `metrics`."
        )
    scaler = StandardScaler()
    codes = scaler.fit_transform(_flat(model.embed(_drawn(splits))))
    held = len(codes) * 5 // 6
    classifier = LogisticRegression(warm_start=True, max_iter=1000)

    def accuracy(penalty: float) -> float:
        classifier.set_params(C=penalty).fit(codes[:held], y[:held])
        return classifier.score(codes[held:], y[held:])

    best = max(PENALTIES, key=accuracy)
    classifier.set_params(C=best, warm_start=False).fit(codes, y)
    tests = scaler.transform(_flat(model.embed(x_test)))
    right = classifier.predict(tests) == y_test
    return {
        "probe_accuracy": estimate(100 * right, "%")
        | {
            "estimator": f"logistic regression, C = {best:g} chosen on "
            f"{len(codes) - held} held-out training rows"
        }
    }


_FIGURES = {
    "terms": _terms,
    "nll": _sampled(
        "negative_log_likelihood",
        "nats",
        lambda *arguments: -evaluation.log_likelihood(*arguments),
    ),
    "bits_per_dimension": _sampled(
        "bits_per_dimension", "bits", evaluation.bits_per_dimension
    ),
    "squared_error": _squared_error,
    "normalized_squared_error": _normalized,
    "pca": _pca,
    "probe": _probe,
}


def _drawn(splits: Splits) -> Rows:
    """The training rows, those that are drawn anew drawn once, seed 0."""
    (x, _), _ = splits
    return keras.tree.map_structure(np.asarray, rows_of.drawn(x, (0, 0)))


def examples(x: Rows) -> ArrayLike:
    """The examples, without what is given beside them."""
    return keras.tree.flatten(x)[0]


def _flat(rows: np.ndarray) -> np.ndarray:
    """`[N, ...]` to `[N, d]`."""
    return rows.reshape(len(rows), -1)


def _errors(model: BaseAutoencoder, splits: Splits) -> np.ndarray:
    """Mean squared error of each test row's reconstruction, `[N]`."""
    _, (x, _) = splits
    target = np.concatenate([*model.space.chunks(examples(x))])
    errors = model.predict(x, verbose=0) - model.space.array(target)
    return _flat(errors**2).mean(axis=1)
