"""Detectors on disk: a folder that is read without trust, and a SavedModel."""

import json
import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import files
from keras_ae.jobs import learned
from keras_ae.jobs import scores as kinds
from keras_ae.jobs.intake import UNSEEN
from keras_ae.jobs.intake import Intake
from keras_ae.jobs.view import View
from keras_ae.math import conformal
from keras_ae.model import finite
from keras_ae.model.base import BaseAutoencoder
from keras_ae.spaces import BaseSpace
from keras_ae.spaces.columns import Category
from keras_ae.zoo import errors
from keras_ae.zoo import limits
from keras_ae.zoo import store
from keras_ae.zoo import trust
from keras_ae.zoo.errors import PresetError

if TYPE_CHECKING:
    from keras_ae.jobs.anomaly import AnomalyDetector

FORMAT_VERSION = 1
ABOUT = "detector.json"
ARRAYS = "arrays.npz"
#: Arguments of the detector that are plain numbers.
PLAIN = ("false_alarm_rate", "calibration", "outliers", "steps", "seed")
#: Largest difference of a SavedModel from Python, relative to the largest
#: score, or 1: what operations in another order may do in single precision.
TOLERANCE = 1e-3


def save(detector: "AnomalyDetector", folder: str | Path) -> None:
    """Write a fitted detector to a folder, whole or not at all.

    Args:
        detector: Fitted. Of its features, a model of the user's, nothing is
            written.
        folder: Made if it is not there.

    Raises:
        PresetError: If it holds a class that could not be loaded again.
    """
    intake, views = detector.intake_, detector.views_
    models = {id(view.learned): view.learned for view in views}
    places = {key: f"model_{number}" for number, key in enumerate(models)}
    arrays = {"calibration": detector.calibration_}
    if intake.mean is not None:
        arrays |= {"mean": intake.mean, "scale": intake.scale}
    for number, view in enumerate(views):
        for group in ("arrays", "tail"):
            for name, value in (getattr(view, group) or {}).items():
                arrays[f"{number}/{group}/{name}"] = value
    about = {
        "format_version": FORMAT_VERSION,
        "arguments": {name: getattr(detector, name) for name in PLAIN},
        "model": _kind(detector.model),
        "chosen": detector.scores is not None,
        "features": intake.features is not None,
        "long": detector.long_,
        "masks": intake.masks,
        "space": keras.saving.serialize_keras_object(intake.space),
        "columns": getattr(detector, "n_features_in_", None),
        "names": [*map(str, getattr(detector, "feature_names_in_", ()))],
        "views": [
            {
                "score": keras.saving.serialize_keras_object(view.score),
                "model": places[id(view.learned)],
            }
            for view in views
        ],
    }
    trust.check_classes(about, "The detector")
    check_place(Path(folder))
    with files.replacing(Path(os.path.abspath(folder)), ABOUT) as whole:
        whole.mkdir()
        for key, own in models.items():
            store.save(own.copy(), whole / places[key])
        np.savez_compressed(whole / ARRAYS, **arrays)
        written = [f"{p}/{store.METADATA}" for p in places.values()]
        about["sha256"] = {
            name: trust.sha256(whole / name) for name in [ARRAYS, *written]
        }
        plain = operator.methodcaller("tolist")  # of NumPy's numbers
        text = json.dumps(about, indent=2, default=plain) + "\n"
        (whole / ABOUT).write_text(text, encoding="utf-8")


def check_place(folder: Path) -> None:
    """Refuse a folder in which a detector would replace files of something
    else.

    Raises:
        ValueError: If it has some of their names and is no detector.
    """
    files.check_folder(folder)
    files.settle(folder)
    names = sorted(p.name for p in folder.glob("model_*"))
    names += [ARRAYS] if (folder / ARRAYS).exists() else []
    if names and not (folder / ABOUT).exists():
        raise ValueError(
            f"The folder {str(folder)!r} is no detector, and has files that "
            "one would replace. Expected a new folder, or that of a detector. "
            f"Received: {names}. Name another folder."
        )


def load(
    cls: type, folder: str | Path, features: keras.Model | None
) -> "AnomalyDetector":
    """The detector that `save` wrote.

    Raises:
        PresetError: With the file, and what is wrong with it.
        ValueError: If it was fitted with features and there are none, or the
            other way round.
    """
    folder = Path(folder)
    files.settle(folder)
    about, arrays = _read(folder)
    if about["features"] != (features is not None):
        expected = "the model" if about["features"] else "no model"
        raise ValueError(
            f"The detector was fitted with `features`: {about['features']}. "
            f"Expected {expected} as `features`. Received: {features!r}"
        )
    with errors.reading(folder / ABOUT, "the description of a detector"):
        space = keras.saving.deserialize_keras_object(about["space"])
        if not isinstance(space, BaseSpace):
            raise TypeError(type(space))
        models = {}
        for place in dict.fromkeys(v["model"] for v in about["views"]):
            model = store.load(folder / Path(place).name)
            models[place] = learned.described(model, 0)
        scores = [
            kinds.get(keras.saving.deserialize_keras_object(view["score"]))
            for view in about["views"]
        ]
        given = {"none": None, "space": space}
        if about["model"] == "model":
            given["model"] = next(iter(models.values())).copy()
        detector = cls(
            given[about["model"]],
            scores=scores if about["chosen"] else None,
            features=features,
            **{n: v for n, v in about["arguments"].items() if n in PLAIN},
        )
        detector.intake_ = Intake(
            space,
            arrays.get("mean"),
            arrays.get("scale"),
            features,
            bool(about.get("masks")),
        )
        detector.views_ = [
            View(
                score,
                models[view["model"]],
                _group(arrays, f"{number}/arrays/"),
                _group(arrays, f"{number}/tail/") or None,
            )
            for number, (score, view) in enumerate(
                zip(scores, about["views"], strict=True)
            )
        ]
        detector.long_ = bool(about["long"])
        detector.calibration_ = arrays["calibration"]
        rate = detector.false_alarm_rate_
        detector.offset_ = -conformal.threshold(detector.calibration_, rate)
        if about["columns"] is not None:
            detector.n_features_in_ = int(about["columns"])
        if about["names"]:
            names = np.array(about["names"], dtype=object)
            detector.feature_names_in_ = names
    return detector


def export(detector: "AnomalyDetector", folder: str | Path) -> None:
    """Write the signature `score` as a SavedModel, compared with Python.

    Args:
        detector: Fitted, not on a long series.
        folder: Made if it is not there.

    Raises:
        ValueError: If it was fitted on a long series, or to features.
        RuntimeError: If the file gives other numbers.
    """
    intake = detector.intake_
    if detector.long_ or intake.features is not None:
        what = "a long series" if detector.long_ else "features"
        raise ValueError(
            f"A detector of {what} has no signature. Expected one of rows, "
            "images or windows. Export its models, `detector.models_`."
        )
    models = {id(v.learned): v.learned.copy() for v in detector.views_}
    spec = tf.TensorSpec((None, *intake.space.row_shape), name="x")
    calibration = tf.constant(detector.calibration_, tf.float32)

    def score(x: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = intake.tensor(x)
        found = [
            view.tensor(models[id(view.learned)], rows)
            for view in detector.views_
        ]
        mean = tf.reduce_mean(tf.stack(found), axis=0)
        mean = finite.told(mean, x, intake.holes)
        mean = tf.where(_unseen(intake.space, x), np.float32(UNSEEN), mean)
        below = tf.searchsorted(calibration, mean, side="left")
        size = tf.size(calibration)
        p_value = tf.cast((1 + size - below) / (size + 1), tf.float32)
        return {
            "score": mean,
            "p_value": tf.where(tf.math.is_nan(mean), np.nan, p_value),
            "is_anomaly": mean > np.float32(-detector.offset_),
        }

    target = Path(os.path.abspath(folder))
    with files.replacing(target, "saved_model.pb") as part:
        archive = keras.export.ExportArchive()
        for model in models.values():
            archive.track(model)
        archive.add_endpoint("score", score, input_signature=[spec])
        archive.write_out(str(part), verbose=False)
        x = _examples(intake, next(iter(models.values())))
        answer = tf.saved_model.load(str(part)).signatures["score"](x=x)
        expected = detector.anomaly_score(x.numpy())
        off = np.abs(answer["score"].numpy() - expected).max()
        if not off <= TOLERANCE * max(1.0, np.abs(expected).max()):
            raise RuntimeError(
                f"The SavedModel differs from Python. Expected scores within "
                f"{TOLERANCE:g}. Received: off by {off:.3g}. Nothing was "
                "written. Are the columns far from 0 for single precision?"
            )


def _examples(intake: Intake, model: BaseAutoencoder) -> tf.Tensor:
    """Rows `[3, ...]` as the signature takes them, drawn from a model."""
    shape = (3, *model.encoder.event_shape)
    z = np.random.default_rng(0).normal(size=shape).astype("float32")
    drawn = model.decode(z).sample(seed=(0, 1)).numpy()
    if intake.mean is None:
        return tf.cast(intake.space.array(drawn, like=drawn), tf.float32)
    return tf.cast(intake.back(drawn), tf.float32)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Description and numbers, if they are those that were written."""
    path = folder / ABOUT
    with errors.reading(path, "the description of a detector"):
        limits.check_file(path, limits.MAX_JSON)
        about = json.loads(path.read_text(encoding="utf-8"))
        limits.check_depth(about, path)
        if about["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format {about['format_version']!r}")
        trust.check_classes(about, f"The file {str(path)!r}")
        for name, expected in about["sha256"].items():
            if trust.sha256(folder / name) != expected:
                raise PresetError(
                    f"The file {str(folder / name)!r} is damaged or altered. "
                    f"Expected sha256 {expected}. Save the detector again."
                )
    with errors.reading(folder / ARRAYS, "the numbers of a detector"):
        limits.check_file(folder / ARRAYS, limits.MAX_WEIGHTS)
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        for name, array in arrays.items():
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise ValueError(f"{name}: no finite numbers")
    return about, arrays


def _group(arrays: dict[str, np.ndarray], prefix: str) -> dict:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _kind(model: BaseAutoencoder | BaseSpace | None) -> str:
    if model is None:
        return "none"
    return "space" if isinstance(model, BaseSpace) else "model"


def _unseen(space: BaseSpace, x: tf.Tensor) -> tf.Tensor:
    """Which rows have a category that is none, bool `[B]`."""
    found = tf.zeros(tf.shape(x)[:1], bool)
    for place, column in enumerate(getattr(space, "columns", ())):
        if isinstance(column, Category):
            value = x[:, place]
            top = len(column.categories) - 1
            known = (value >= 0) & (value <= top) & (value == tf.round(value))
            found |= ~(known | tf.math.is_nan(value))
    return found
