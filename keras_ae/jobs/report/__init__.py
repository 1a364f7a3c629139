"""Reports: is this model any good? All figures and pictures of one model."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.jobs.report import page
from keras_ae.jobs.report import pictures
from keras_ae.jobs.report import sections
from keras_ae.jobs.report.case import Case
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.infer import first


def report(
    model: BaseAutoencoder,
    x_test: Rows,
    y: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    *,
    features: keras.Model | None = None,
    samples: int = 5000,
    recorded: dict[str, dict] | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> "Report":
    """All figures of a model on test data, and its pictures.

    What cannot be computed is named with the reason.

    Args:
        model: Trained, of any variant.
        x_test: Test data as the model takes them, `[N, ...]`.
        y: Labels `[N]`, classes as whole numbers or words. Where they are 0
            and 1, rows of label 1 are looked at as anomalies, too.
        factors: `[N, k]`, what made each example, each value one of a few.
        features: A Keras model from examples to vectors in which samples are
            compared with the data, or None for principal components.
        samples: Codes a row for the likelihood. Defaults to 5,000.
        recorded: Figures of the same data that are not to be computed anew,
            such as `metadata["metrics"]` of a preset; the likelihood alone,
            which may take minutes, is taken from there.
        seed: Integer for all draws and choices of rows.
        verbose: 1 shows what is being done.

    Returns:
        The report, with `to_markdown()`, `to_json()` and `save(path)`.

    Raises:
        ValueError: If labels or factors do not fit the rows.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,))
        >>> x = np.random.default_rng(0).random([40, 8])
        >>> found = keras_ae.report(model, x)
        >>> "squared_error" in found.figures
        True
        >>> found.missing["negative_log_likelihood"]
        'the model has no prior, so p(x) is not defined'
    """
    rows = model.check_inputs(model.as_rows(x_test))
    size = len(first(rows))
    if size < 2:
        raise ValueError(validation.invalid("x_test", "2 rows or more", size))
    samples = validation.check_count("samples", samples)
    y, factors = _beside("y", y, size, 1), _beside("factors", factors, size, 2)
    codes = np.asarray(model.embed(rows)).reshape(size, -1)
    case = Case(
        model,
        rows,
        y,
        factors,
        codes,
        features,
        samples,
        recorded or {},
        seed,
        verbose,
    )
    figures, missing = sections.measure(case)
    drawn, undrawn = pictures.draw(case)
    return Report(_about(case), figures, missing | undrawn, drawn)


class Report:
    """What `report` found.

    Attributes:
        about: What the model is, name to text.
        figures: Name to `{"value", "unit", "rows", ...}`, with
            `"standard_error"` and `"estimator"` where there are such.
        missing: What could not be computed: name to why.
        pictures: Name to Matplotlib figure.
    """

    def __init__(self, about: dict, figures: dict, missing: dict, drawn: dict):
        self.about, self.figures = about, figures
        self.missing, self.pictures = missing, drawn

    def to_markdown(self) -> str:
        """The figures as tables in Markdown."""
        return page.markdown(self)

    def to_json(self) -> str:
        """All but the pictures as JSON."""
        return page.json_text(self)

    def to_html(self) -> str:
        """One page with the pictures inside."""
        return page.html(self)

    def save(self, path: str | Path) -> None:
        """Write a file, `.html`, `.md` or `.json`; or a folder with all three.

        Raises:
            ValueError: If the suffix is another.
        """
        path = Path(path)
        texts = {
            ".html": self.to_html,
            ".md": self.to_markdown,
            ".json": self.to_json,
        }
        if path.suffix and path.suffix not in texts:
            expected = f"a folder, or a file of {sorted(texts)}"
            raise ValueError(validation.invalid("path", expected, str(path)))
        if path.suffix:
            _write(path, texts[path.suffix]())
            return
        path.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            _write(path / f"report{suffix}", text())


def _write(path: Path, text: str) -> None:
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _beside(name: str, values: Any, size: int, rank: int) -> np.ndarray | None:
    """Labels or factors that fit the rows."""
    if values is None:
        return None
    values = np.asarray(values)
    if values.ndim != rank or len(values) != size:
        expected = f"{rank} axes, the first of {size}, one for each row"
        received = f"shape {values.shape}"
        raise ValueError(validation.invalid(name, expected, received))
    return values


def _about(case: Case) -> dict[str, str]:
    model = case.model
    return {
        "variant": type(model).__name__,
        "name": model.name,
        "examples": f"{type(model.space).__name__} {model.space.row_shape}",
        "code": f"{model.encoder.event_shape}, {_class(model.encoder.head)}",
        "likelihood": _class(model.decoder.head),
        "prior": _class(model.prior),
        "sampler": _class(model.sampler),
        "parameters": f"{model.count_params():,}",
        "test rows": f"{case.size:,}",
    }


def _class(part: Any) -> str:
    return "none" if part is None else type(part).__name__
