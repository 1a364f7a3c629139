"""The contract that every variant keeps: try it on a class of your own.

`check_autoencoder(MyAutoencoder)` runs all of `CHECKS`; each check takes the
class, builds small models of it and raises `AssertionError` with what is
wrong. In a test suite:

    @pytest.mark.parametrize("check", contract.CHECKS)
    def test_contract(check):
        check(MyAutoencoder)

Models and rows come from `cls.contract_case()`.
"""

import contextlib
import functools
import inspect
import json
import math
import re
import tempfile
import typing
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import speed
from keras_ae.base import BaseAutoencoder

tfd = tfp.distributions

#: (variant, name of a check) -> why the variant cannot pass it.
EXCUSED: dict[tuple[str, str], str] = {
    ("vae-gan", "check_loss_falls"): (
        "players work against each other, so that their sum need not fall"
    ),
}

#: Relative to max(1, |expected|): terms and outputs are of order 1 to 10.
TOLERANCES = {
    # The same operations on the same numbers in the same order.
    "same": 0.0,
    # Single precision rounds at 6e-8; one output adds up at most 16 products
    # in each of about 4 layers, and a term 8 outputs: some 100 roundings.
    "rounding": 1e-5,
    # Gradients differ by rounding, 1e-6 of their size. Adam divides by that
    # size, so the rare weight whose gradient is itself mere rounding may go
    # another way: 1e-3 for each of 8 steps, along a flat direction.
    "training": 1e-4,
    # Half precision has 11 bits: 5e-4 for one number, 16 products in each of
    # 4 layers of random sign.
    "half": 1e-2,
}
#: Standard errors between two means of the same random numbers.
SIGMAS = 5.0


def check_autoencoder(cls: type[BaseAutoencoder]) -> None:
    """Run every check that the class is not excused from.

    Args:
        cls: A registered variant.

    Raises:
        AssertionError: Of the first check that fails.

    Example:
        >>> from keras_ae import contract
        >>> contract.check_terms(keras_ae.Autoencoder)
    """
    for check in CHECKS:
        if (cls.variant, check.__name__) not in EXCUSED:
            check(cls)


# Construction.


def check_create(cls: type[BaseAutoencoder]) -> None:
    """`create` with shapes alone gives a built model with its defaults."""
    options = dict(cls.contract_case()[0])
    options.pop("hidden", None)
    model = cls.create(**options)
    require(model.built, "`create` did not build the model")
    require(model.trainable_variables, "there is nothing to train")
    require(model.seed is None, "`seed` is not None by default")


def check_arguments(cls: type[BaseAutoencoder]) -> None:
    """Arguments are attributes; a changed number arrives in the config."""
    default = make(cls)
    for name in cls.parameters():
        require(hasattr(default, name), f"argument {name!r} is no attribute")
    for name, value in own_numbers(cls).items():
        if value is None:
            continue
        other = value + 1 if isinstance(value, int) else value / 2 or 0.5
        changed = make(cls, **{name: other})
        require(
            changed.get_config()[name] != default.get_config()[name],
            f"{name}={other} and {name}={value} give the same config",
        )


def check_unknown_argument(cls: type[BaseAutoencoder]) -> None:
    """A misspelt argument is refused by name."""
    with refused("no_such_argument"):
        make(cls, no_such_argument=1)


def check_argument_ranges(cls: type[BaseAutoencoder]) -> None:
    """Numbers out of range are refused, with the name and the value."""
    for name in own_numbers(cls) | {"seed": None}:
        for value in (-1, math.nan):
            with refused(f"{name}.*Received:.*{value}"):
                make(cls, **{"seed": 0, name: value})


def check_docstring(cls: type[BaseAutoencoder]) -> None:
    """Sections, every own argument, a dated reference, terms with a line."""
    text = inspect.getdoc(cls) or ""
    parts = re.split(r"^(\w+):", text, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name in ("Formula", "Args", "Example", "Reference"):
        require(sections.get(name, "").strip(), f"no section {name}:")
    require(text.splitlines()[0].endswith("."), "the first line is no sentence")
    require(
        re.search(r"\b(19|20)\d\d\b", sections["Reference"]),
        "the reference has no year",
    )
    inherited = set().union(*(b.parameters() for b in families(cls)))
    for name in set(cls.parameters()) - inherited:
        require(
            re.search(rf"\b{name}\b.*:", sections["Args"]),
            f"argument {name!r} is not under Args:",
        )
    for name, line in cls.terms.items():
        require(line.strip(), f"term {name!r} has no explanation")


def check_config(cls: type[BaseAutoencoder]) -> None:
    """The config survives JSON and rebuilds a model with equal attributes."""
    model = make(cls)
    text = json.dumps(keras.saving.serialize_keras_object(model))
    twin = keras.saving.deserialize_keras_object(json.loads(text))
    require(type(twin) is cls, f"rebuilt as {type(twin).__name__}")
    require(
        json.dumps(twin.get_config(), sort_keys=True)
        == json.dumps(model.get_config(), sort_keys=True),
        "the rebuilt model has another config",
    )
    public = {k for k in vars(model) if not k.startswith("_")}
    other = {k for k in vars(twin) if not k.startswith("_")}
    require(public == other, f"attributes differ: {public ^ other}")
    require(
        [v.shape for v in twin.weights] == [v.shape for v in model.weights],
        "the rebuilt model has other weights",
    )


# Terms and distributions.


def check_terms(cls: type[BaseAutoencoder]) -> None:
    """The logs are `terms` and `loss`, their weighted sum."""
    model, x = trained(cls)
    names = set(cls.terms) | {"loss"}
    require(
        set(model.history.history) == names,
        f"logged {sorted(model.history.history)}, declared {sorted(names)}",
    )
    logs = evaluate(model, x)
    weights = model.loss_weights(model.optimizer.iterations)
    unknown = set(weights) - set(cls.terms)
    require(not unknown, f"weights of unknown terms: {unknown}")
    total = sum(float(weights.get(n, 1.0)) * logs[n] for n in cls.terms)
    close(logs["loss"], total, "rounding", "loss against its sum")


def check_term_shapes(cls: type[BaseAutoencoder]) -> None:
    """Terms are finite, single precision, per example or one number."""
    model, x = trained(cls)
    x, target, _ = model.unpack((x,))
    size = len(keras.tree.flatten(x)[0])
    for training in (False, True):
        for name, value in objectives(model, x, target, training).items():
            require(value.dtype == tf.float32, f"{name} is {value.dtype}")
            shape = tuple(value.shape)
            require(
                shape == () or shape[-1] == size and len(shape) <= 2,
                f"{name} has shape {shape}. Expected (), ({size},) or "
                f"(samples, {size})",
            )
            require(np.isfinite(value).all(), f"{name} is not finite")


def check_distributions(cls: type[BaseAutoencoder]) -> None:
    """`encode` and `decode` give distributions over one example."""
    model, x = trained(cls)
    x, target, _ = model.unpack((x,))
    size = len(target)
    posterior = model.encode(x)
    likelihood = model.decode_given(posterior.mean(), x)
    for name, distribution, event in (
        ("encode", posterior, model.encoder.event_shape),
        ("decode", likelihood, model.decoder.event_shape),
    ):
        require(
            isinstance(distribution, tfd.Distribution),
            f"{name} gives {type(distribution).__name__}",
        )
        shapes = (
            tuple(distribution.batch_shape),
            tuple(distribution.event_shape),
        )
        require(
            shapes == ((size,), tuple(event)),
            f"{name}: batch and event shape {shapes}, expected "
            f"{((size,), tuple(event))}",
        )
    require(
        likelihood.log_prob(target).shape == (size,),
        "log-probabilities are not one for each example",
    )


def check_sample_axes(cls: type[BaseAutoencoder]) -> None:
    """Codes `[S, B, ...]` decode as S batches would."""
    model, x = trained(cls)
    x, target, _ = model.unpack((x,))
    z = model.encode(x).mean()
    stack = tf.stack([z, tf.reverse(z, [0]), tf.roll(z, 1, 0)])
    joint = model.decode_given(stack, x).log_prob(target)
    require(joint.shape == (3, len(target)), f"log-probabilities {joint.shape}")
    for codes, row in zip(tf.unstack(stack), joint, strict=True):
        single = model.decode_given(codes, x).log_prob(target)
        close(row, single, "rounding", "a draw decoded with others")


def check_mixed_precision(cls: type[BaseAutoencoder]) -> None:
    """Half-precision networks: probabilities and weights stay single."""
    x = rows(cls)
    single = make(cls)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make(cls)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(single.get_weights())
    close(model.predict(x), single.predict(x), "half", "half precision")
    model.compile("adam", jit_compile=False)
    weights = model.get_weights()
    history = model.fit(x, batch_size=8, epochs=2, verbose=0).history
    for name, values in history.items():
        require(np.isfinite(values).all(), f"{name} is not finite")
    x, target, _ = model.unpack((x,))
    posterior = model.encode(x)
    likelihood = model.decode_given(posterior.mean(), x)
    require(
        likelihood.log_prob(target).dtype == tf.float32,
        "log-probabilities are not float32",
    )
    moved = [
        bool((a != b).any())
        for a, b in zip(weights, model.get_weights(), strict=True)
    ]
    require(any(moved), "no weight moved: is the loss scaled?")


# Training.


def check_eager(cls: type[BaseAutoencoder]) -> None:
    """Training step by step in Python equals training in a graph."""
    histories = []
    for eager in (True, False):
        model = compiled(cls, run_eagerly=eager)
        model.fit(rows(cls), batch_size=16, epochs=2, verbose=0)
        histories.append(model.history.history)
    close_logs(*histories, "training", "eager against graph")


def check_xla(cls: type[BaseAutoencoder]) -> None:
    """The step compiles by XLA and has the terms of the graph.

    XLA makes other random numbers from the same seeds, so that random terms
    are compared by their means over 16 evaluations at fixed weights. A
    variant with a layer that does not support XLA is compiled without.
    """
    if not all(part.supports_jit for part in speed.layers(make(cls))):
        chosen = compiled(cls, jit_compile="auto").jit_compile
        require(not chosen, "XLA is chosen for a layer that has none")
        return
    logs = {}
    for xla in (False, True):
        model = compiled(cls, jit_compile=xla)
        for player in model.players():
            player.optimizer.learning_rate = 0.0
        model.fit(rows(cls), epochs=16, verbose=0)
        logs[xla] = model.history.history
    for name in logs[True]:
        graph, xla = np.array(logs[False][name]), np.array(logs[True][name])
        noise = math.sqrt((graph.var(ddof=1) + xla.var(ddof=1)) / len(xla))
        slack = TOLERANCES["rounding"] * max(1.0, abs(graph.mean()))
        require(
            abs(graph.mean() - xla.mean()) <= SIGMAS * noise + slack,
            f"{name}: graph {graph.mean()}, XLA {xla.mean()}, standard error "
            f"{noise}",
        )
    before = snapshot(model)
    for player in model.players():
        player.optimizer.learning_rate = 1e-3
    model.fit(rows(cls), epochs=4, verbose=0)
    still = unmoved(model, before)
    require(not still, f"under XLA these variables do not move: {still}")


def check_traces(cls: type[BaseAutoencoder]) -> None:
    """A shorter last batch costs one trace more, epochs cost none."""
    x = rows(cls)
    model = compiled(cls)
    model.fit(x, batch_size=10, epochs=3, validation_data=(x,), verbose=0)
    for function in (model.train_function, model.test_function):
        traces = function.block.experimental_get_tracing_count()
        require(traces <= 2, f"{traces} traces over 3 epochs of ragged data")


def check_gradients(cls: type[BaseAutoencoder]) -> None:
    """Every trainable variable gets a finite gradient and moves."""
    model = compiled(cls)
    x, target, _ = model.unpack((rows(cls),))
    owned = set()
    for player in model.players():
        with tf.GradientTape() as tape:
            terms = model.reduce(player.objective(x, target, True), None)
            total = model.weighted_sum(terms, model.optimizer.iterations)
        gradients = tape.gradient(total, player.variables)
        for variable, gradient in zip(player.variables, gradients, strict=True):
            owned.add(variable.path)
            require(gradient is not None, f"no gradient for {variable.path}")
            require(
                np.isfinite(tf.convert_to_tensor(gradient)).all(),
                f"the gradient of {variable.path} is not finite",
            )
    free = {v.path for v in model.trainable_variables} - owned
    require(not free, f"no player owns {sorted(free)}")
    before = snapshot(model)
    steps(model, rows(cls), 4)
    still = unmoved(model, before)
    require(not still, f"these variables do not move: {still}")


def check_frozen(cls: type[BaseAutoencoder]) -> None:
    """A part that is not trainable stays, the other one moves."""
    for frozen, free in (("encoder", "decoder"), ("decoder", "encoder")):
        model = make(cls)
        getattr(model, frozen).trainable = False
        model.compile("adam", jit_compile=False)
        before = {n: getattr(model, n).get_weights() for n in (frozen, free)}
        steps(model, rows(cls), 2)
        for name, weights in before.items():
            moved = any(
                (a != b).any()
                for a, b in zip(
                    weights, getattr(model, name).get_weights(), strict=True
                )
            )
            require(
                moved == (name == free),
                f"{frozen} frozen: {name} {'moved' if moved else 'stayed'}",
            )


def check_loss_falls(cls: type[BaseAutoencoder]) -> None:
    """Forty steps on one batch lower the loss on it."""
    x = rows(cls)
    model = compiled(cls, optimizer=keras.optimizers.Adam(1e-2))
    before = evaluate(model, x)["loss"]
    model.fit(x, epochs=40, verbose=0)
    after = evaluate(model, x)["loss"]
    require(after < before, f"loss {before} before, {after} after")


def check_seeds(cls: type[BaseAutoencoder]) -> None:
    """The same seed repeats a run to the last bit, another does not."""
    runs = []
    for seed in (0, 0, 1):
        model = compiled(cls, seed=seed, run_eagerly=True)
        model.fit(rows(cls), batch_size=16, epochs=2, verbose=0)
        runs.append(model.history.history | {"weights": model.get_weights()})
    close_logs(runs[0], runs[1], "same", "two runs of one seed")
    require(
        runs[0]["loss"] != runs[2]["loss"], "another seed gives the same run"
    )


def check_sample_weight(cls: type[BaseAutoencoder]) -> None:
    """Weight zero removes an example from terms and gradients.

    Statistics of the whole batch are not per example and left out.
    """
    x = rows(cls)
    half = size_of(x) // 2
    weight = np.repeat([1.0, 0.0], half).astype("float32")
    # [1..half, 1..half]: other examples where the weight is zero.
    other = tree(lambda a: np.concatenate([a[:half], a[:half]]), x)
    runs = []
    for data in (x, other):
        model = compiled(cls)
        model.build_optimizers()
        logs = model.train_step((data, None, weight))
        runs.append((model, {k: np.array(v) for k, v in logs.items()}))
    model, _ = trained(cls)
    with model.evaluation_seeds():
        inputs, target, _ = model.unpack((x,))
        terms = objectives(model, inputs, target, False)
    whole = {n for n, value in terms.items() if value.shape.rank == 0}
    kept = set(terms) - whole
    close_logs(
        {n: runs[0][1][n] for n in kept},
        {n: runs[1][1][n] for n in kept},
        "same",
        "examples of weight zero replaced",
    )
    if not whole:
        close_logs(
            {v.path: v.numpy() for v in runs[0][0].weights},
            dict(
                zip(
                    (v.path for v in runs[0][0].weights),
                    (v.numpy() for v in runs[1][0].weights),
                    strict=True,
                )
            ),
            "same",
            "a step with examples of weight zero replaced",
        )
    logs = evaluate(model, x, sample_weight=weight)
    for name in kept:
        expected = terms[name].numpy()[..., :half].mean()
        close(logs[name], expected, "rounding", f"weighted {name}")


# Data.


def check_predict(cls: type[BaseAutoencoder]) -> None:
    """`predict` repeats, has the target's shape, whatever the batch size."""
    model, x = trained(cls)
    first = model.predict(x, verbose=0)
    require(
        first.shape == np.shape(model.default_target(x)),
        f"predictions have shape {first.shape}",
    )
    close(model.predict(x, verbose=0), first, "same", "predicted twice")
    close(model.reconstruct(x), first, "same", "`reconstruct`")
    for batch_size in (1, 5):
        other = model.predict(x, batch_size=batch_size, verbose=0)
        close(other, first, "rounding", f"batch size {batch_size}")
    stream = tf.data.Dataset.from_tensor_slices((x,)).batch(5)
    close(model.predict(stream, verbose=0), first, "rounding", "from a stream")
    codes = model.embed(x)
    shape = (size_of(x), *model.encoder.event_shape)
    require(codes.shape == shape, f"codes have shape {codes.shape}")
    close(model.embed(x), codes, "same", "embedded twice")


def check_input_types(cls: type[BaseAutoencoder]) -> None:
    """Bytes, doubles, tensors and lists are the same data as singles."""
    model, x = trained(cls)
    bits = tree(np.round, x)
    expected = evaluate(model, bits)
    kinds: dict[str, Callable] = {
        "uint8": lambda a: a.astype("uint8"),
        "int64": lambda a: a.astype("int64"),
        "float64": lambda a: a.astype("float64"),
        "tensor": tf.constant,
    }
    if not isinstance(bits, tuple):
        kinds["list"] = lambda a: a.tolist()
    for name, kind in kinds.items():
        given = tree(kind, bits)
        close_logs(evaluate(model, given), expected, "same", name)
        close(model.predict(given), model.predict(bits), "same", name)
    model = compiled(cls, run_eagerly=True)
    model.fit(tree(kinds["uint8"], bits), verbose=0)


def check_streams(cls: type[BaseAutoencoder]) -> None:
    """`tf.data` trains as arrays in the same order do."""
    x = rows(cls)
    arrays = compiled(cls, run_eagerly=True)
    arrays.fit(x, batch_size=10, shuffle=False, verbose=0)
    stream = tf.data.Dataset.from_tensor_slices((x,)).batch(10)
    model = compiled(cls)
    model.fit(stream, validation_data=stream, verbose=0)
    logs = model.history.history
    require("val_loss" in logs, "no validation from a stream")
    logs = {k: v for k, v in logs.items() if not k.startswith("val_")}
    expected = arrays.history.history
    close_logs(logs, expected, "training", "a stream against arrays")
    target = arrays.default_target(x)
    stream = tf.data.Dataset.from_tensor_slices((x, target)).batch(10)
    model = compiled(cls, run_eagerly=True)
    model.fit(stream, verbose=0)
    logs = model.history.history
    close_logs(logs, expected, "training", "a stream of pairs")


def check_evaluate(cls: type[BaseAutoencoder]) -> None:
    """Evaluation repeats, and validation does not disturb training."""
    model, x = trained(cls)
    close_logs(evaluate(model, x), evaluate(model, x), "same", "evaluate")
    runs = []
    for settings in ({}, {"validation_data": (x,)}):
        model = compiled(cls, run_eagerly=True)
        model.fit(x, batch_size=16, epochs=2, verbose=0, **settings)
        logs = model.history.history
        runs.append({k: v for k, v in logs.items() if k[:4] != "val_"})
    close_logs(*runs, "same", "training with and without validation")
    final = {f"val_{k}": v for k, v in evaluate(model, x, 16).items()}
    close_logs(
        final,
        {k: v[-1] for k, v in logs.items() if k in final},
        "rounding",
        "evaluate after fit against validation in fit",
    )


def check_validation_split(cls: type[BaseAutoencoder]) -> None:
    """`validation_split` holds the last rows back."""
    x = rows(cls)
    cut = size_of(x) * 3 // 4
    first, last = tree(lambda a: a[:cut], x), tree(lambda a: a[cut:], x)
    runs = []
    for data, settings in (
        (x, {"validation_split": 0.25}),
        (first, {"validation_data": (last,)}),
    ):
        model = compiled(cls, run_eagerly=True)
        model.fit(data, batch_size=8, verbose=0, **settings)
        runs.append(model.history.history)
    close_logs(*runs, "same", "split by fraction and by hand")


def check_metrics(cls: type[BaseAutoencoder]) -> None:
    """`compile(metrics=...)` compares the reconstruction with the target."""
    x = rows(cls)
    model = compiled(cls, metrics=["mse"], run_eagerly=True)
    model.fit(x, batch_size=10, verbose=0)
    logs = evaluate(model, x, 10)
    extra = sorted(set(logs) - set(cls.terms) - {"loss"})
    require(len(extra) == 1, f"logged {sorted(logs)}")
    require(extra[0] in model.history.history, "the metric is not logged")
    expected = np.mean((model.predict(x) - model.default_target(x)) ** 2)
    close(logs[extra[0]], expected, "rounding", "mean squared error")


def check_compile_loss(cls: type[BaseAutoencoder]) -> None:
    """`compile(loss=...)` is refused: it would be ignored."""
    with refused("computes its own loss.*Remove the `loss` argument"):
        make(cls).compile("adam", loss="mse")


def check_bad_data(cls: type[BaseAutoencoder]) -> None:
    """Wrong shapes, NaN and empty data are refused, and nothing is lost."""
    model, x = trained(cls)

    def spoil(change: Callable) -> Any:
        leaves = keras.tree.flatten(x)
        return keras.tree.pack_sequence_as(x, [change(leaves[0]), *leaves[1:]])

    def with_nan(a: np.ndarray) -> np.ndarray:
        a = a.copy()
        a[3, 0] = math.nan
        return a

    wrong = {
        "Invalid shape.*Received": spoil(lambda a: np.repeat(a, 2, -1)),
        "NaN or infinite.*Received": spoil(with_nan),
        "empty.*Received": tree(lambda a: a[:0], x),
    }
    before = snapshot(model)
    for message, data in wrong.items():
        for use in (model.fit, model.evaluate, model.predict):
            with refused(message, ValueError):
                use(data, verbose=0)
    require(len(unmoved(model, before)) == len(before), "weights changed")


# Saving.


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
    """Two epochs, save, load, two epochs equal four, to the last bit."""
    x = rows(cls)
    settings = {"batch_size": 16, "verbose": 0}
    straight = compiled(cls)
    straight.fit(x, epochs=4, **settings)
    model = compiled(cls)
    model.fit(x, epochs=2, **settings)
    with folder() as path:
        model.save(path / "model.keras")
        model = keras.saving.load_model(path / "model.keras")
    model.fit(x, epochs=4, initial_epoch=2, **settings)
    close_logs(
        model.history.history,
        {k: v[2:] for k, v in straight.history.history.items()},
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
        outer.fit(x, model.default_target(x), verbose=0)
    require(
        any(
            (a != b).any()
            for a, b in zip(before, model.encoder.get_weights(), strict=True)
        ),
        "no gradient reaches the encoder",
    )


def check_saved_model(cls: type[BaseAutoencoder]) -> None:
    """Every endpoint of the SavedModel equals the Python function."""
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


CHECKS: tuple[Callable, ...] = tuple(
    value
    for name, value in list(globals().items())
    if name.startswith("check_") and name != "check_autoencoder"
)


# What the checks share.


def require(condition: Any, message: str) -> None:
    """Raise `AssertionError` unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def close(value: Any, expected: Any, tolerance: str, what: str) -> None:
    """Require equal shapes and numbers within one of `TOLERANCES`."""
    value, expected = np.asarray(value), np.asarray(expected)
    require(
        value.shape == expected.shape,
        f"{what}: shape {value.shape}, expected {expected.shape}",
    )
    require(np.isfinite(value).all(), f"{what}: {value} is not finite")
    error = np.abs(value - expected) / np.maximum(1.0, np.abs(expected))
    worst = error.max(initial=0.0)
    require(
        worst <= TOLERANCES[tolerance],
        f"{what}: off by {worst:.3g}, allowed {TOLERANCES[tolerance]:.3g}",
    )


def close_logs(value: Any, expected: Any, tolerance: str, what: str) -> None:
    """`close` for each entry of two dicts with the same keys."""
    require(
        set(value) == set(expected),
        f"{what}: {sorted(value)}, expected {sorted(expected)}",
    )
    for name in expected:
        numbers, others = value[name], expected[name]
        if not isinstance(numbers, list):
            numbers, others = [numbers], [others]
        for number, other in zip(numbers, others, strict=True):
            close(number, other, tolerance, f"{what}: {name}")


@contextlib.contextmanager
def refused(
    message: str, kinds: Any = (ValueError, TypeError)
) -> Iterator[None]:
    """Require an error of a kind whose text matches a pattern."""
    try:
        yield
    except kinds as error:
        require(
            re.search(message, str(error), re.S),
            f"the message does not match {message!r}: {error}",
        )
    else:
        raise AssertionError(f"nothing was refused; expected {message!r}")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def tree(function: Callable, x: Any) -> Any:
    """`function` of each array of an input."""
    return keras.tree.map_structure(function, x)


def rows(cls: type[BaseAutoencoder]) -> Any:
    """The 32 examples that the checks use."""
    return cls.contract_case()[1]


def size_of(x: Any) -> int:
    """The number of rows."""
    return len(keras.tree.flatten(x)[0])


def make(
    cls: type[BaseAutoencoder], seed: int = 0, **options: Any
) -> BaseAutoencoder:
    """A small model."""
    return cls.create(**cls.contract_case()[0] | {"seed": seed} | options)


def compiled(
    cls: type[BaseAutoencoder],
    seed: int = 0,
    optimizer: Any = "adam",
    jit_compile: bool = False,
    **settings: Any,
) -> BaseAutoencoder:
    """A small model, ready to train."""
    model = make(cls, seed)
    model.compile(optimizer, jit_compile=jit_compile, **settings)
    return model


@functools.lru_cache(maxsize=1)
def trained(cls: type[BaseAutoencoder]) -> tuple[BaseAutoencoder, Any]:
    """One trained model and its rows, for checks that change neither."""
    model, x = compiled(cls), rows(cls)
    model.fit(x, epochs=2, verbose=0)
    return model, x


def steps(model: BaseAutoencoder, x: Any, count: int) -> None:
    """Optimizer steps in Python on one batch."""
    model.build_optimizers()
    for _ in range(count):
        model.train_step((x,))


def evaluate(
    model: BaseAutoencoder, x: Any, batch_size: int = 32, **settings: Any
) -> dict[str, float]:
    """The terms by name."""
    return model.evaluate(
        x, batch_size=batch_size, verbose=0, return_dict=True, **settings
    )


def objectives(
    model: BaseAutoencoder, x: Any, target: Any, training: bool
) -> dict[str, tf.Tensor]:
    """The terms of all players, the first one's where two share a name."""
    terms: dict[str, tf.Tensor] = {}
    for player in model.players():
        terms = player.objective(x, target, training) | terms
    return terms


def snapshot(model: BaseAutoencoder) -> dict[str, np.ndarray]:
    """Values of the trainable variables."""
    return {v.path: v.numpy() for v in model.trainable_variables}


def unmoved(model: BaseAutoencoder, before: dict) -> list[str]:
    """Names of the trainable variables that are as before."""
    return [
        v.path
        for v in model.trainable_variables
        if np.array_equal(v.numpy(), before[v.path])
    ]


def families(cls: type[BaseAutoencoder]) -> list[type[BaseAutoencoder]]:
    """The classes that it builds on."""
    return [b for b in cls.__mro__[1:] if issubclass(b, BaseAutoencoder)]


def own_numbers(cls: type[BaseAutoencoder]) -> dict[str, float | None]:
    """Numeric arguments beyond the base's, with their defaults or None."""
    found = {}
    for name, parameter in cls.parameters().items():
        kinds = typing.get_args(parameter.annotation) or (parameter.annotation,)
        default = parameter.default
        is_number = isinstance(default, (int, float))
        if isinstance(default, bool) or name in BaseAutoencoder.parameters():
            continue
        if is_number or int in kinds or float in kinds:
            found[name] = default if is_number else None
    return found
