"""SavedModels with named endpoints, served by TensorFlow alone."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_ae.model.batch import joined


def endpoints(model: Any) -> dict[str, tuple]:
    """The endpoints that every autoencoder has; all batch-shaped.

    `reconstruct(x)` gives `reconstruction`; `encode(x)` gives `mean` and
    `stddev` of q(z|x); `decode(z)` gives `mean` of p(x|z); `score(x)` gives
    one number per example and term, in nats (see `score_terms`).

    Returns:
        name -> (function of tensors, list of `tf.TensorSpec`).
    """

    def reconstruct(*x: tf.Tensor) -> dict:
        return {"reconstruction": model(joined(x))}

    def encode(*x: tf.Tensor) -> dict:
        posterior = model.encode(joined(x))
        return {"mean": model.code(posterior), "stddev": posterior.stddev()}

    def decode(*z: tf.Tensor) -> dict:
        return {"mean": model.decode(joined(z)).mean()}

    def score(*x: tf.Tensor) -> dict:
        return model.score_terms(joined(x))

    inputs = model.input_specs()
    return {
        "reconstruct": (reconstruct, inputs),
        "encode": (encode, inputs),
        "decode": (decode, model.latent_specs()),
        "score": (score, inputs),
    }


def saved_model(model: Any, folder: str | Path) -> None:
    """Write all of `model.export_endpoints()` as signatures.

    The first endpoint, `reconstruct`, is `serving_default` too. Batches have
    any size; inputs and outputs carry names.

    Raises:
        ValueError: If the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so its input shape is not known. "
            "Expected a built model. Call `fit`, `build` or `create` first."
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.export_endpoints().items():
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(folder), verbose=False)
