"""Recipes: everything that trains a pretrained model, in one JSON file.

```json
{
  "preset": "vae_mnist",
  "description": "...",
  "data": {"name": "mnist", "binarization": "dynamic"},
  "model": {"variant": "vae", "latent_dim": 50, "hidden": [200, 200]},
  "training": {"epochs": 800, "batch_size": 100, "learning_rate": 0.001},
  "metrics": {"nll": {"samples": 5000}},
  "seed": 0
}
```

A part of the model (prior, likelihood, codebook, ...) is a name, `"vamp"`, or
a name with arguments, `{"vamp": {"components": 500}}`. A training may also have
`"start"`, a preset whose encoder and decoder it starts from, `"kl_warmup"`,
epochs in which the weight of the KL rises to 1, `"beta_1"` of Adam, and
`"sampler"`, what `keras_ae.fit_sampler` is to fit afterwards. Data
may have `"shards"`, a folder of rows on disk that are trained on instead of
those of that name; see `keras_ae.shards`. Instead of a name they may have
`"path"`, a file or folder, and the options of `keras_ae.data.load`: a tenth of
its rows is for testing.
"""

import contextlib
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae import data as user_data
from keras_ae import spaces
from keras_ae.analysis import measures
from keras_ae.analysis import plots
from keras_ae.analysis import samplers
from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import shards
from keras_ae.core import validation
from keras_ae.core.types import Logs
from keras_ae.core.types import Rows
from keras_ae.model import spread
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.checkpoint import Checkpoint
from keras_ae.parts import schedules
from keras_ae.zoo import datasets
from keras_ae.zoo import splits as splits_of
from keras_ae.zoo import store

KEYS = (
    "preset",
    "description",
    "data",
    "model",
    "training",
    "metrics",
    "seed",
)
RUNS = Path("runs")
PICTURE = "picture.png"
#: What `data` does for each binarization.
_PREPROCESSING = {
    None: "none, as `keras_ae.datasets.load` gives them",
    "dynamic": "bits drawn from values in [0, 1]: training images anew at "
    "every epoch, test images once from seed 0",
}


def read(path: str | Path) -> dict[str, Any]:
    """A recipe from its file.

    Raises:
        ValueError: If the file is no recipe; the message names the key.
    """
    try:
        recipe = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The recipe {str(path)!r} cannot be read. Expected a JSON file. "
            f"Received: {error}"
        ) from error
    missing = sorted(set(KEYS) - set(recipe))
    surplus = sorted(set(recipe) - set(KEYS))
    if missing or surplus:
        raise ValueError(
            f"The recipe {str(path)!r} has other keys than a recipe. Expected "
            f"{list(KEYS)}. Missing: {missing}. Unknown: {surplus}"
        )
    return recipe


def create(
    recipe: dict[str, Any], input_shape: tuple | spaces.BaseSpace
) -> BaseAutoencoder:
    """The untrained model of a recipe."""
    arguments = dict(recipe["model"])
    return registry.create(
        arguments.pop("variant"), input_shape, seed=recipe["seed"], **arguments
    )


def train(
    recipe: dict[str, Any],
    runs: str | Path = RUNS,
    verbose: int = 2,
    strategy: tf.distribute.Strategy | None = None,
) -> BaseAutoencoder:
    """Train the model of a recipe; after a kill, go on where it stopped.

    The state is kept after every epoch in `<runs>/<preset>/checkpoints`, the
    history in `<runs>/<preset>/history.csv`. A training that is complete is
    restored from there.

    Args:
        recipe: See `read`.
        runs: Folder for the states of trainings.
        verbose: As in `fit`.
        strategy: What to train under, one device by default. Of several
            workers each calls this, with the same arguments, and `runs` is a
            folder that they share.

    Returns:
        The trained model; compile it before `evaluate`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    folder = Path(runs) / recipe["preset"]
    owned = contextlib.nullcontext()
    if replicas.is_chief(strategy):
        owned = _claimed(folder, recipe)
    with owned:
        space, ((x, _), _) = _examples(recipe, verbose)
        _check_workers(strategy, recipe, x)
        return _train(recipe, space, x, folder, verbose, strategy)[0]


def _train(
    recipe: dict[str, Any],
    space: tuple | spaces.BaseSpace,
    x: Rows,
    folder: Path,
    verbose: int,
    strategy: tf.distribute.Strategy,
) -> tuple[BaseAutoencoder, float]:
    """The trained model, and the seconds of its epochs."""
    settings = recipe["training"]
    batch_size, epochs = settings["batch_size"], settings["epochs"]
    # The scope is for variables alone: what one worker did in it by itself,
    # such as saving, would wait for the others.
    with strategy.scope():
        model = create(recipe, space)
    x = model.as_rows(x)
    if isinstance(x, shards.Shards):
        steps_per_epoch = x.batches(batch_size)
    else:
        steps_per_epoch = -(-len(measures.examples(x)) // batch_size)
    # Of a file there may be more than fits in memory as floats.
    apart = -(-steps_per_epoch * batch_size // shards.SAMPLE)
    model.adapt(x[::apart] if "path" in recipe["data"] else x)
    if "start" in settings:
        start(model, settings["start"])
    weights = {}
    if "kl_warmup" in settings:
        weights["kl"] = warmup(settings["kl_warmup"] * steps_per_epoch)
    with strategy.scope():
        model.compile(
            optimizer(settings, epochs * steps_per_epoch), loss_weights=weights
        )
    run = Run(folder)
    model.fit(
        x,
        batch_size=batch_size,
        epochs=epochs,
        callbacks=[run],
        verbose=verbose,
    )
    if "sampler" in settings:
        samplers.fit_sampler(
            model, x, seed=recipe["seed"], **settings["sampler"]
        )
    return model, run.seconds


def publish(
    recipe: dict[str, Any],
    folder: str | Path,
    runs: str | Path = RUNS,
    verbose: int = 2,
) -> None:
    """Train a recipe, if that is not done, measure, write the preset.

    Args:
        recipe: See `read`.
        folder: Preset folder to write.
        runs: As in `train`.
        verbose: As in `fit`.
    """
    one = tf.distribute.get_strategy()
    with _claimed(Path(runs) / recipe["preset"], recipe) as work:
        space, splits = _examples(recipe, verbose)
        x = splits[0][0]
        model, seconds = _train(recipe, space, x, work, verbose, one)
    _, (x, y) = splits
    model.compile()
    pictures = {}
    if "path" not in recipe["data"]:
        halve(model)
    if plots.draws(model):
        shown = examples_of_each(model.as_rows(x), y)
        pictures[PICTURE] = plots.overview(model, shown)
    about = {
        **({"picture": PICTURE} if pictures else {}),
        "description": recipe["description"],
        "data": described(recipe["data"]),
        "recipe": recipe,
        "metrics": measures.measure(model, recipe["metrics"], splits, verbose),
        "wall_time": round(seconds, 3),
    }
    store.save(model, folder, pictures, **about)


def warmup(steps: int) -> schedules.BaseSchedule:
    """A weight of the KL that rises from 0 to 1.

    At full weight from the start, the KL shuts units of the code that the
    decoder has not learned to read yet, and most of them stay shut.

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
    """
    return schedules.Linear(0.0, 1.0, steps)


def start(model: BaseAutoencoder, preset: str) -> None:
    """Give a model the encoder and the decoder of a pretrained one.

    Raises:
        ValueError: If their networks differ.
    """
    other = store.load(preset)
    for part in ("encoder", "decoder"):
        mine, theirs = getattr(model, part), getattr(other, part)
        shapes = [[w.shape for w in p.weights] for p in (mine, theirs)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"The {part} of {preset!r} does not fit the model that is to "
                f"start from it. Expected weights {shapes[0]}. Received: "
                f"{shapes[1]}"
            )
        mine.set_weights(theirs.get_weights())


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


@contextlib.contextmanager
def _claimed(folder: Path, recipe: dict[str, Any]) -> Iterator[Path]:
    """Inside, a run folder is this process' own; for good, it is a recipe's
    own, so that no other resumes from it."""
    path = folder / "recipe.json"
    text = json.dumps(recipe, indent=2) + "\n"
    with files.lock(folder):
        if not path.is_file():
            files.write_text(path, text)
        elif path.read_text(encoding="utf-8") != text:
            raise ValueError(
                f"The folder {str(folder)!r} holds the state of another "
                f"training. Expected the recipe in {path.name} there. "
                "Received: a changed recipe. Delete the folder, or choose "
                "another for `runs`."
            )
        yield folder


def _check_workers(
    strategy: tf.distribute.Strategy, recipe: dict[str, Any], x: Rows
) -> None:
    """Refuse that workers train different recipes, or on different shards."""
    text = json.dumps(recipe, sort_keys=True) + getattr(x, "sha256", "")
    digest = hashlib.sha256(text.encode()).digest()
    with spread.guarded(strategy):
        same = replicas.agree(strategy, int.from_bytes(digest[:4], "big"))
    if not same:
        raise ValueError(
            "The workers do not train the same. Expected one recipe and one "
            "folder of shards on all of them. Received: "
            f"{recipe['preset']!r} on this one, another one elsewhere. Give "
            "all of them the same files."
        )


def data(recipe: dict[str, Any]) -> tuple[tuple, tuple]:
    """`(x_train, y_train), (x_test, y_test)` as a recipe wants them.

    With `"binarization": "dynamic"` the training images are drawn anew at
    every epoch and the test images once, from seed 0. With `"condition":
    "labels"` x is the tuple of images and labels that conditional variants
    take; with `"factor": i` labels are the values of one of several factors.
    With `"frame": true` the rows of a table of numbers are a data frame,
    with the columns' names. With `"shards": FOLDER` the training images are
    those that `keras_ae.shards.write` wrote there, and y is None.
    """
    return _examples(recipe)[1]


def _examples(
    recipe: dict[str, Any], verbose: int = 0
) -> tuple[tuple | spaces.BaseSpace, tuple[tuple, tuple]]:
    """What one example is, and the splits that `data` gives."""
    wanted = recipe["data"]
    if "path" in wanted:
        return splits_of.of_file(wanted, int(verbose == 1))
    (x, y), (x_test, y_test) = datasets.load(wanted["name"])
    if "factor" in wanted:
        y, y_test = (_factor(a, wanted["factor"]) for a in (y, y_test))
    if wanted.get("frame"):
        x, x_test = (datasets.framed(wanted["name"], a) for a in (x, x_test))
    space = user_data.space_of(x)
    if "shards" in wanted:
        surplus = sorted(set(wanted) - {"name", "shards", "window"})
        if surplus:
            raise ValueError(
                "Shards are trained on as they are. Expected 'name', 'shards' "
                f"and 'window' in `data` alone. Received: {surplus} too"
            )
        window = {k: wanted[k] for k in ("window",) if k in wanted}
        x, y = shards.Shards(wanted["shards"], **window), None
        space = x.row if x.dtype != "uint8" else spaces.Image(*x.row)
    binarization = validation.check_in(
        "binarization", wanted.get("binarization"), _PREPROCESSING
    )
    if binarization == "dynamic":
        x = datasets.dynamic_binarization(x)
        x_test = datasets.binarize(x_test, seed=0)
        if len(x.shape) == 4:
            space = spaces.Image(*x.shape[1:], levels=2)
    condition = validation.check_in(
        "condition", wanted.get("condition"), (None, "labels")
    )
    if condition == "labels":
        x, x_test = (x, y), (x_test, y_test)
    return space, ((x, y), (x_test, y_test))


def _factor(labels: np.ndarray | None, number: int) -> np.ndarray:
    """One column of the factors of rows."""
    columns = 0 if np.ndim(labels) < 2 else np.shape(labels)[1]
    if number not in range(columns):
        expected = f"the number of one of {columns} factors"
        raise ValueError(validation.invalid("factor", expected, number))
    return labels[:, number]


def described(wanted: dict[str, Any]) -> dict[str, Any]:
    """The data of a recipe, with their hash and what `data` does to them."""
    if "path" in wanted:
        sha256 = splits_of.fingerprint(wanted)
        return wanted | {"sha256": sha256, "preprocessing": splits_of.WORDS}
    if "shards" in wanted:
        sha256 = shards.Shards(wanted["shards"]).sha256
        wanted = wanted | {"sha256_of_shards": sha256}
    return wanted | {
        "sha256": datasets.fingerprint(wanted["name"]),
        "preprocessing": _PREPROCESSING[wanted.get("binarization")],
    }


def examples_of_each(x: Rows, y: np.ndarray | None, count: int = 10) -> Rows:
    """The first row of each class, in order; without classes, rows that are
    evenly apart, since some test sets are sorted."""
    if y is None or y.ndim > 1:  # several factors are no classes
        rows = np.linspace(0, len(measures.examples(x)) - 1, count).astype(int)
    else:
        rows = np.unique(y, return_index=True)[1][:count]
    return keras.tree.map_structure(lambda leaf: leaf[rows], x)


def optimizer(settings: dict[str, Any], steps: int) -> keras.Optimizer:
    """Adam with a short linear warm-up and cosine decay to zero.

    `settings` are those of the training: `learning_rate` and, if it is not to
    be Keras' own, `beta_1`.
    """
    rate = settings["learning_rate"]
    warmup = min(1000, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        max(steps - warmup, 1),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
    return keras.optimizers.Adam(schedule, beta_1=settings.get("beta_1", 0.9))


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
    received = splits_of.fingerprint(used)
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
    found = measures.measure(model, wanted, data(about["recipe"]), verbose)
    return {key: (about["metrics"][key], found[key]) for key in found}


class Run(Checkpoint):
    """A checkpoint with the history beside it, as a file to look at: written
    whole each time, so that it has every epoch once, over restarts too.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path):
        super().__init__(folder / "checkpoints")
        self.path = folder / "history.csv"

    def on_train_begin(self, logs: Logs = None) -> None:
        """Restore; a kill may have come between the two files."""
        super().on_train_begin(logs)
        self._show()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write both."""
        super().on_epoch_end(epoch, logs)
        self._show()

    def _show(self) -> None:
        if not self._chief:
            return
        history = self.model.history
        columns = {"epoch": history.epoch} | history.history
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        files.write_text(self.path, text.getvalue())
