"""Checks of what is saved, loaded and served."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_ae.contract.tools import close
from keras_ae.contract.tools import close_logs
from keras_ae.contract.tools import compiled
from keras_ae.contract.tools import evaluate
from keras_ae.contract.tools import examples
from keras_ae.contract.tools import folder
from keras_ae.contract.tools import make
from keras_ae.contract.tools import require
from keras_ae.contract.tools import rows
from keras_ae.contract.tools import trained
from keras_ae.contract.tools import tree
from keras_ae.model.base import BaseAutoencoder


def check_keras_file(cls: type[BaseAutoencoder]) -> None:
    """A `.keras` file loads without warnings, with equal outputs."""
    model, x = trained(cls)
    with folder() as path, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.save(path / "model.keras")
        twin = keras.saving.load_model(path / "model.keras")
    require(type(twin) is cls, f"loaded as {type(twin).__name__}")
    close(twin.predict(x), model.predict(x), "same", "predictions")
    close_logs(evaluate(twin, x), evaluate(model, x), "same", "evaluation")


def check_exact_resume(cls: type[BaseAutoencoder]) -> None:
    """A model saved after two epochs goes on as the one that was saved does,
    to the last bit."""
    x = rows(cls)
    settings = {"batch_size": 16, "verbose": 0}
    straight = compiled(cls, optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    straight.fit(x, epochs=2, **settings)
    with folder() as path:
        straight.save(path / "model.keras")
        model = keras.saving.load_model(path / "model.keras")
    for each in (straight, model):
        each.fit(x, epochs=4, initial_epoch=2, **settings)
    close_logs(
        model.history.history,
        straight.history.history,
        "same",
        "logs after resuming",
    )
    states = [
        [v.numpy() for v in m.variables + m.optimizer.variables]
        for m in (model, straight)
    ]
    for resumed, expected in zip(*states, strict=True):
        close(resumed, expected, "same", "state after resuming")


def check_weights_file(cls: type[BaseAutoencoder]) -> None:
    """Weights alone move from one model to another."""
    model, x = trained(cls)
    twin = make(cls, seed=1)
    different = not np.array_equal(twin.predict(x), model.predict(x))
    require(different, "another seed gives the same weights")
    with folder() as path:
        model.save_weights(path / "model.weights.h5")
        with warnings.catch_warnings():
            # The file holds the optimizer's state too, the twin has none.
            warnings.simplefilter("ignore", UserWarning)
            twin.load_weights(path / "model.weights.h5")
    close(twin.predict(x), model.predict(x), "same", "predictions")


def check_preset(cls: type[BaseAutoencoder]) -> None:
    """A preset gives the model back, or its architecture alone."""
    model, x = trained(cls)
    with folder() as path:
        model.save_to_preset(path / "preset")
        twin = cls.from_preset(path / "preset")
        empty = cls.from_preset(path / "preset", load_weights=False)
    require(type(twin) is cls, f"loaded as {type(twin).__name__}")
    close(twin.predict(x), model.predict(x), "same", "predictions")
    require(
        not np.array_equal(empty.predict(x), model.predict(x)),
        "load_weights=False loads weights",
    )


def check_functional(cls: type[BaseAutoencoder]) -> None:
    """The model is a layer of a functional model, which trains it."""
    x = rows(cls)
    model = make(cls)
    inputs = tree(lambda a: keras.Input(a.shape[1:]), x)
    outputs = model(inputs)
    outer = keras.Model(inputs, outputs)
    close(outer.predict(x, verbose=0), model.predict(x), "rounding", "outputs")
    outer.compile("sgd", "mse", run_eagerly=True)
    before = model.encoder.get_weights()
    with warnings.catch_warnings():
        # Players beside the autoencoder get no gradient from outside.
        warnings.simplefilter("ignore", UserWarning)
        outer.fit(x, examples(x), verbose=0)
    require(
        any(
            (a != b).any()
            for a, b in zip(before, model.encoder.get_weights(), strict=True)
        ),
        "no gradient reaches the encoder",
    )


def check_saved_model(cls: type[BaseAutoencoder]) -> None:
    """Every endpoint of the SavedModel equals the Python function, and
    answers for a row whatever its place."""
    model, x = trained(cls)
    known = dict(
        zip(
            (s.name for s in model.latent_specs()),
            keras.tree.flatten(model.embed(x)),
            strict=False,
        )
    )
    inputs = (s.name for s in model.input_specs())
    known |= zip(inputs, keras.tree.flatten(x), strict=True)
    with folder() as path:
        model.export(path)
        served = tf.saved_model.load(path).signatures
        endpoints = model.export_endpoints()
        require(
            set(served) == set(endpoints) | {"serving_default"},
            f"signatures {sorted(served)}, endpoints {sorted(endpoints)}",
        )
        for name, (function, specs) in endpoints.items():
            for size in (1, 7):
                values = {
                    s.name: tf.cast(
                        known[s.name][:size]
                        if s.name in known
                        # Seeds, codes: zeros and ones are valid for both.
                        else np.indices((size, *s.shape[1:])).sum(0) % 2,
                        s.dtype,
                    )
                    for s in specs
                }
                close_logs(
                    served[name](**values),
                    function(*values.values()),
                    "rounding",
                    f"endpoint {name}, batch of {size}",
                )
                close_logs(
                    served[name](**{n: v[::-1] for n, v in values.items()}),
                    {n: v[::-1] for n, v in served[name](**values).items()},
                    "rounding",
                    f"endpoint {name}, the rows reversed",
                )
