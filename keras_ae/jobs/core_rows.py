"""Rows to learn from, where anomalies are among those that were given."""

import math
from collections.abc import Sequence

import numpy as np

from keras_ae import spaces
from keras_ae.core import rows as rows_of
from keras_ae.jobs import scores as kinds
from keras_ae.jobs import training
from keras_ae.jobs.view import View

STEPS = 100  # in which a network learns what most rows are like, and no more
SHARE = 0.5  # of the rows, as many as may be kept whatever the others are


def core(
    scores: Sequence[kinds.BaseScore],
    space: spaces.BaseSpace,
    train: training.Part,
    ruler: training.Part | None,
    seed: int,
) -> training.Part:
    """The half of the rows that models find most normal after a short
    training: networks learn first what most rows have in common, and only
    then what few have.

    Args:
        scores: Whose mean says how normal a row is.
        space: Of the rows.
        train: All of them.
        ruler: Rows held out, by which several scores are compared.
        seed: As of the training that follows.

    Reference: Rousseeuw, Van Driessen, 1999. A Fast Algorithm for the Minimum
        Covariance Determinant Estimator (which keeps the half that fits
        best). Technometrics 41. Arpit et al., 2017. A Closer Look at
        Memorization in Deep Networks. https://arxiv.org/abs/1706.05394
    """
    learned = training.models(scores, None, space, train.rows, STEPS, seed)
    views = [
        View.of(score, own, train, ruler)
        for score, own in zip(scores, learned, strict=True)
    ]
    found = np.mean([view.values(train.rows) for view in views], axis=0)
    order = np.argsort(found, kind="stable")
    kept = np.sort(order[: math.ceil(SHARE * len(order))])
    sparse = isinstance(train.rows, rows_of.SparseRows)
    rows = train.rows.take(kept) if sparse else train.rows[kept]
    return train._replace(rows=rows)
