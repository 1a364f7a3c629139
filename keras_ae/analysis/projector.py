"""Files for the projector of TensorBoard, which shows codes in space."""

import math
from pathlib import Path

import matplotlib.image
import numpy as np

from keras_ae.analysis import plots
from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.infer import first

LARGEST = 8192  # pixels of a side of the sprite that TensorBoard takes


def write(
    model: BaseAutoencoder,
    x: Rows,
    folder: str | Path,
    labels: ArrayLike | None = None,
) -> None:
    """Write the codes of examples where `tensorboard --logdir FOLDER` finds
    them: `tensors.tsv`, with labels `metadata.tsv`, of images `sprite.png`.

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`, some thousands at most.
        folder: Made if it is not there.
        labels: `[N]`, words or numbers.

    Raises:
        ValueError: If there are not as many labels as examples.

    Example:
        >>> import os, tempfile
        >>> model = keras_ae.VAE.create((4, 4, 1), latent_dim=3, hidden=(8,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(model, np.zeros([5, 4, 4, 1]), folder, list("abcde"))
        ...     sorted(os.listdir(folder))[:2]
        ['metadata.tsv', 'projector_config.pbtxt']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    codes = np.asarray(model.embed(x))
    codes = codes.reshape(len(codes), -1)
    entries = ['tensor_name: "code"', 'tensor_path: "tensors.tsv"']
    _text(folder / "tensors.tsv", ["\t".join(map(str, z)) for z in codes])
    if labels is not None:
        validation.check_labels(labels, len(codes))
        words = [str(v).replace("\t", " ").replace("\n", " ") for v in labels]
        _text(folder / "metadata.tsv", words)
        entries.append('metadata_path: "metadata.tsv"')
    if plots.draws(model):
        height, width = model.space.shape[:2]
        side = math.ceil(math.sqrt(len(codes)))
        if side * max(height, width) <= LARGEST:
            with files.replacing(folder / "sprite.png") as part:
                sprite = _sprite(model, x, side)
                matplotlib.image.imsave(part, sprite, format="png")
            entries.append(
                'sprite { image_path: "sprite.png" single_image_dim: '
                f"[{width}, {height}] }}"
            )
    body = "\n".join(f"  {entry}" for entry in entries)
    _text(folder / "projector_config.pbtxt", [f"embeddings {{\n{body}\n}}"])


def _sprite(model: BaseAutoencoder, x: Rows, side: int) -> np.ndarray:
    """All images in one, row by row, `[side * height, side * width, 3]`."""
    rows = first(model.check_inputs(model.as_rows(x)))
    images = np.concatenate([*model.space.chunks(rows)])
    count, height, width, channels = images.shape
    places = np.ones([side * side, height, width, channels], np.float32)
    places[:count] = np.clip(images, 0, 1)
    whole = places.reshape(side, side, height, width, channels)
    whole = whole.transpose(0, 2, 1, 3, 4)
    whole = whole.reshape(side * height, side * width, channels)
    return np.broadcast_to(whole, (*whole.shape[:2], 3))


def _text(path: Path, lines: list[str]) -> None:
    with files.replacing(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
