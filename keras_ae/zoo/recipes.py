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
a name with arguments, `{"vamp": {"components": 500}}`. A training may also
have `"start"`, a preset whose encoder, decoder and prior it starts from (the
prior where it is of the same kind), or a recipe, which is trained first;
`"kl_warmup"`, epochs in which the weight of the KL rises to 1; `"beta_1"` of
Adam; and `"sampler"`, what `keras_ae.fit_sampler` is to fit afterwards. Data
may have `"shards"`, a folder
of rows on disk that are trained on instead of those of that name; see
`keras_ae.shards`. Instead of a name they may have `"path"`, a file or folder,
and the options of `keras_ae.data.load`: a tenth of its rows is for testing.
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
import tensorflow as tf

from keras_ae import spaces
from keras_ae.analysis import measures
from keras_ae.analysis import samplers
from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import shards
from keras_ae.core.types import Logs
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.training import spread
from keras_ae.model.training.checkpoint import Checkpoint
from keras_ae.parts import priors
from keras_ae.parts import schedules
from keras_ae.zoo import splits
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
#: What a training has, and what it may have.
TRAINING = ("epochs", "batch_size", "learning_rate")
OPTIONS = ("start", "kl_warmup", "beta_1", "sampler")
RUNS = Path("runs")


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
    return _check(recipe, str(path))


def _check(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    missing = sorted(set(KEYS) - set(recipe))
    surplus = sorted(set(recipe) - set(KEYS))
    if missing or surplus:
        raise ValueError(
            f"The recipe {name!r} has other keys than a recipe. Expected "
            f"{list(KEYS)}. Missing: {missing}. Unknown: {surplus}"
        )
    training, model, source = (
        recipe[part] if isinstance(recipe[part], dict) else {}
        for part in ("training", "model", "data")
    )
    for part, expected, fits in (
        (
            "training",
            f"{list(TRAINING)}, and may be {list(OPTIONS)}",
            set(TRAINING) <= set(training) <= {*TRAINING, *OPTIONS},
        ),
        ("model", "a variant", "variant" in model),
        ("data", "a name, or a path", {"name", "path"} & set(source)),
    ):
        if not fits:
            raise ValueError(
                f"The {part} of the recipe {name!r} is not understood. "
                f"Expected {expected}. Received: {recipe[part]!r}"
            )
    first = training.get("start")
    if isinstance(first, dict):
        _check(first, f"{name}, start")
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
        owned = claimed(folder, recipe)
    with owned:
        space, ((x, _), _) = splits.of(recipe["data"], verbose)
        if replicas.is_chief(strategy):
            check_data(folder, recipe["data"])
        _check_workers(strategy, recipe, x)
        return fitted(recipe, space, x, folder, verbose, strategy)[0]


def fitted(
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
    if isinstance(first := settings.get("start"), dict):
        other = train(first, folder.parent, verbose, strategy)
        start(model, first["preset"], other)
    elif first is not None:
        start(model, first, store.load(first))
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


def warmup(steps: int) -> schedules.BaseSchedule:
    """A weight of the KL that rises from 0 to 1.

    At full weight from the start, the KL shuts units of the code that the
    decoder has not learned to read yet, and most of them stay shut.

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
    """
    return schedules.Linear(0.0, 1.0, steps)


def start(model: BaseAutoencoder, preset: str, other: BaseAutoencoder) -> None:
    """Give a model the encoder and the decoder of a pretrained one, and the
    prior where it is of the same kind; of levels also below another top.

    Raises:
        ValueError: If their networks or priors differ in size.
    """
    pairs = [("encoder", model.encoder, other.encoder)]
    pairs += [("decoder", model.decoder, other.decoder)]
    pairs += _alike(model.prior, other.prior)
    for name, mine, theirs in pairs:
        shapes = [[w.shape for w in part.weights] for part in (mine, theirs)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"The {name} of {preset!r} does not fit the model that is to "
                f"start from it. Expected weights {shapes[0]}. Received: "
                f"{shapes[1]}"
            )
        mine.set_weights(theirs.get_weights())


def _alike(
    mine: priors.BasePrior | None, theirs: priors.BasePrior | None
) -> list[tuple[str, keras.Layer, keras.Layer]]:
    """What two priors have in common, by name."""
    if mine is None or type(mine) is not type(theirs):
        return []
    if not isinstance(mine, priors.Hierarchical):
        return [("prior", mine, theirs)]
    if len(mine.networks) != len(theirs.networks):
        return [("prior", mine, theirs)]  # is refused
    networks = zip(mine.networks, theirs.networks, strict=True)
    below = [("level", *pair) for pair in networks]
    return below + _alike(mine.top, theirs.top)


@contextlib.contextmanager
def claimed(folder: Path, recipe: dict[str, Any]) -> Iterator[Path]:
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


def check_data(folder: Path, wanted: dict[str, Any]) -> None:
    """Refuse to go on with a training on a file that has changed since."""
    if "path" not in wanted:
        return
    path, found = folder / "data.sha256", splits.fingerprint(wanted)
    if path.is_file() and path.read_text(encoding="utf-8").strip() != found:
        raise ValueError(
            f"The data of the training in {str(folder)!r} have changed. "
            f"Expected {wanted['path']!r} with the sha256 in {path.name} "
            f"there. Received: {found}. Delete the folder to train anew, or "
            "choose another for `runs`."
        )
    files.write_text(path, found + "\n")


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
