"""TensorFlow's own format: every endpoint, and requests checked."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from keras_ae.model.formats import requests
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


def convert(
    model: "BaseAutoencoder",
    endpoints: Endpoints,
    path: Path,
    verbose: bool = False,
) -> None:
    """All endpoints as signatures that check what they are asked.

    The first endpoint, `reconstruct`, is `serving_default` too. Batches have
    any size; inputs and outputs carry names.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, specs) in endpoints.items():
        checked = requests.checked(model, name, function, specs)
        archive.add_endpoint(name, checked, input_signature=specs)
    archive.write_out(str(path), verbose=verbose)


def read(path: Path) -> dict[str, Callable]:
    """The signatures, without the second name of the first."""
    signatures = dict(tf.saved_model.load(str(path)).signatures)
    signatures.pop("serving_default")
    return {n: lambda v, f=f: f(**v) for n, f in signatures.items()}


FORMAT = Format(convert, read, folder=True, last="saved_model.pb")
