"""From a recipe to a preset with its figures, and the figures once more."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from keras_ae.analysis import measures
from keras_ae.analysis import plots
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo import recipes
from keras_ae.zoo import splits
from keras_ae.zoo import store

PICTURE = "picture.png"
ROWS = 5000  # of a table, drawn beside as many new ones


def publish(
    recipe: dict[str, Any],
    folder: str | Path,
    runs: str | Path = recipes.RUNS,
    verbose: int = 2,
) -> None:
    """Train a recipe, if that is not done, measure, write the preset.

    Args:
        recipe: See `recipes.read`.
        folder: Preset folder to write.
        runs: As in `recipes.train`.
        verbose: As in `fit`.
    """
    store.check_place(folder, (PICTURE,))
    one = tf.distribute.get_strategy()
    with recipes.claimed(Path(runs) / recipe["preset"], recipe) as work:
        space, rows = splits.of(recipe["data"], verbose)
        recipes.check_data(work, recipe["data"])
        x = rows[0][0]
        model, seconds = recipes.fitted(recipe, space, x, work, verbose, one)
    _, (x, y) = rows
    model.compile()
    pictures = {}
    if "path" not in recipe["data"]:
        halve(model)
    if plots.shows(model):
        pictures[PICTURE] = picture(model, x, y)
    about = {
        **({"picture": PICTURE} if pictures else {}),
        "description": recipe["description"],
        "data": splits.described(recipe["data"]),
        "recipe": recipe,
        "metrics": measures.measure(model, recipe["metrics"], rows, verbose),
        "wall_time": round(seconds, 3),
    }
    store.save(model, folder, pictures, **about)


def picture(model: BaseAutoencoder, x: Rows, y: np.ndarray | None) -> Figure:
    """What shows best the examples of a test set: of images, one a class."""
    rows = model.as_rows(x)
    if plots.draws(model):
        rows = splits.examples_of_each(rows, y)
    return plots.examples(model, keras.tree.map_structure(_first, rows))


def _first(rows: Rows) -> Rows:
    return rows[:ROWS]


def halve(model: BaseAutoencoder) -> None:
    """Round the trained weights to half precision, 11 significant bits.

    The file of a preset is then half as large, since zeros compress. Figures
    are measured afterwards, on the weights that are kept.

    Raises:
        ValueError: If a weight is too large for half precision.
    """
    for variable in model.trainable_weights:
        value = keras.ops.convert_to_numpy(variable)
        half = value.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(
                f"The weight {variable.path!r} cannot be rounded to half "
                "precision. Expected values of at most 65,504. Received: "
                f"{np.abs(value).max()}"
            )
        variable.assign(half.astype(value.dtype))


def recompute(
    name: str | Path, only: tuple[str, ...] | None = None, verbose: int = 0
) -> dict[str, tuple[dict, dict]]:
    """The recorded figures of a preset, each with the one found now.

    Args:
        name: Name or folder of a preset that a recipe made.
        only: Names of figures, as in `measures.measure`. Defaults to all
            that the recipe asks for.
        verbose: 1 shows a progress bar.

    Returns:
        Name of the figure to what is recorded and what is found.

    Raises:
        ValueError: If the preset does not say how it was measured, or the
            data of that name are others here.
    """
    about = store.metadata(name)
    if "recipe" not in about:
        raise ValueError(
            f"The preset {str(name)!r} has no figures to recompute. Expected "
            f"a recipe in its {store.METADATA}. Received: the keys "
            f"{sorted(about)}. Write it with `keras-ae train`."
        )
    used = about["data"]
    received = splits.fingerprint(used)
    if received != used.get("sha256"):
        source = used.get("path", used.get("name"))
        advice = "" if "path" in used else " Look at the file in KERAS_AE_DATA."
        raise ValueError(
            f"The preset {str(name)!r} was measured on other data. Expected "
            f"{source!r} with sha256 {used.get('sha256')}. Received: "
            f"{received}.{advice}"
        )
    model = store.load(name)
    model.compile()
    wanted = {
        figure: settings
        for figure, settings in about["recipe"]["metrics"].items()
        if only is None or figure in only
    }
    found = measures.measure(
        model, wanted, splits.of(about["recipe"]["data"])[1], verbose
    )
    return {key: (about["metrics"][key], found[key]) for key in found}
