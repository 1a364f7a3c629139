"""Estimators of scikit-learn: codes and filled holes in pipelines."""

from typing import Any
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.base import OneToOneFeatureMixin
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array
from sklearn.utils.validation import check_is_fitted

from keras_ae.core import validation
from keras_ae.jobs import learned
from keras_ae.jobs.intake import Intake
from keras_ae.jobs.intake import checked
from keras_ae.jobs.intake import is_frame
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder

BATCH = compiled.BATCH_SIZE


class _Estimator(TransformerMixin, BaseEstimator):
    """What both share: one model, trained on standardized rows or a table."""

    _holes = False

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Train.

        Args:
            X: Numbers `[N, columns]`, or a data frame of any columns.
            y: Not used.
        """
        del y
        steps = validation.check_count("steps", self.steps)
        x = checked(self, X, True, True, self._holes)
        self.intake_ = Intake.of(x)
        rows = self.intake_.rows(x)
        plan = learned.planned(
            self.variant,
            self.intake_.space,
            steps,
            latent_dim=self.latent_dim,
            hidden=self.hidden,
            seed=self.seed,
            **self._options(),
        )
        self.learned_ = learned.trained(plan, rows, steps)
        self._n_features_out = int(np.prod(self.latent_dim))
        return self

    @property
    def model_(self) -> BaseAutoencoder:
        """An autoencoder of its own with what was learned; of rows that are
        standardized, unless it is one of a `Table`."""
        check_is_fitted(self)
        return self.learned_.copy()

    def _options(self) -> dict[str, Any]:
        """More arguments of `create`."""
        if self.intake_.mean is None:
            return {}  # a table says what is natural
        return {"likelihood": "gaussian"}

    def _rows(self, x: Any) -> Any:
        check_is_fitted(self)
        x = checked(self, x, False, self.intake_.mean is not None, self._holes)
        return x, self.intake_.rows(x)


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, _Estimator):
    """Codes of an autoencoder as columns, for pipelines.

    Columns of numbers are standardized within; of a data frame with other
    columns or holes, a `Table` is made. Fits of the same settings, such as the
    folds of a search, share one compiled model.

    Args:
        variant: Name of an autoencoder of this package. Defaults to `"vae"`.
        latent_dim: Length of a code. Defaults to 8.
        hidden: Widths of the hidden layers. Defaults to (128, 64).
        steps: Training steps of 128 rows. Defaults to 1,000.
        seed: Integer for initial weights and the order of rows.

    Raises:
        ValueError: By `fit`, on settings out of range and data that do not
            fit.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> x = np.random.default_rng(0).normal(size=(100, 6))
        >>> codes = keras_ae.sklearn.AutoencoderTransformer(steps=5)
        >>> pipeline = make_pipeline(codes, LogisticRegression())
        >>> pipeline.fit(x, x[:, 0] > 0).predict(x).shape
        (100,)
    """

    def __init__(
        self,
        variant: str = "vae",
        latent_dim: int = 8,
        *,
        hidden: tuple[int, ...] = (128, 64),
        steps: int = 1000,
        seed: int = 0,
    ):
        self.variant = variant
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.steps = steps
        self.seed = seed

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Mean codes `[N, latent_dim]`, float32."""
        x, rows = self._rows(X)
        with self.learned_.model() as model:
            return _padded(model.embed, rows).reshape(len(rows), -1)

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        """What codes `[N, latent_dim]` stand for, in the units of the data."""
        check_is_fitted(self)
        codes = check_array(X, dtype="float32")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"Invalid shape of codes. Expected {self._n_features_out} "
                f"columns. Received: {codes.shape[1]}"
            )
        with self.learned_.model() as model:
            means = compiled.batched(
                model, lambda z: model.decode(z).mean(), codes
            )
        return self.intake_.back(means)

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Evidence lower bounds of standardized rows, in nats, `[N]`; the
        log-density at the code where a variant has no prior."""
        x, rows = self._rows(X)
        with self.learned_.model() as model:
            return _padded(model.score_samples, rows)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Mean of `score_samples`: for searches, the higher, the better."""
        del y
        return float(np.mean(self.score_samples(X)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class AutoencoderImputer(OneToOneFeatureMixin, _Estimator):
    """Fills holes (NaN) with what a deep latent variable model expects.

    Args:
        variant: Name of an autoencoder with a prior. Defaults to `"miwae"`.
        latent_dim: Length of a code. Defaults to 8.
        hidden: Widths of the hidden layers. Defaults to (128, 64).
        steps: Training steps of 128 rows. Defaults to 3,000.
        samples: Codes that are weighed for each row, see
            `BaseAutoencoder.impute`. Defaults to 100.
        seed: Integer for initial weights and all draws.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> x[0, 1] = np.nan
        >>> imputer = keras_ae.sklearn.AutoencoderImputer(steps=5)
        >>> bool(np.isnan(imputer.fit_transform(x)).any())
        False

    Reference: Mattei, Frellsen, 2019. MIWAE: Deep Generative Modelling and
        Imputation of Incomplete Data Sets. ICML.
        https://arxiv.org/abs/1812.02633
    """

    _holes = True

    def __init__(
        self,
        variant: str = "miwae",
        latent_dim: int = 8,
        *,
        hidden: tuple[int, ...] = (128, 64),
        steps: int = 3000,
        samples: int = 100,
        seed: int = 0,
    ):
        self.variant = variant
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.steps = steps
        self.samples = samples
        self.seed = seed

    def transform(self, X: Any) -> Any:  # noqa: N803
        """The data with their holes filled; what was observed is as it was."""
        x, rows = self._rows(X)
        with self.learned_.model() as model:
            if is_frame(x):
                return model.impute(x, seed=self.seed, samples=self.samples)
            filled = model.impute(rows, seed=self.seed, samples=self.samples)
        return np.where(np.isnan(x), self.intake_.back(filled), x)

    def _options(self) -> dict[str, Any]:
        if self.intake_.mean is None:
            return {}
        return {"likelihood": "student_t", "missing": "mask"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _padded(function: Any, rows: Any) -> np.ndarray:
    """`function` of rows in batches of one size, so that what is said of a
    row does not depend on how many there are."""
    return function(compiled.pad(rows, BATCH), BATCH)[: len(rows)]
