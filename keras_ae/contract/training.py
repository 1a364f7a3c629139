"""Checks of training."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_ae.contract.tools import SIGMAS
from keras_ae.contract.tools import TOLERANCES
from keras_ae.contract.tools import close
from keras_ae.contract.tools import close_logs
from keras_ae.contract.tools import compiled
from keras_ae.contract.tools import evaluate
from keras_ae.contract.tools import make
from keras_ae.contract.tools import require
from keras_ae.contract.tools import rows
from keras_ae.contract.tools import size_of
from keras_ae.contract.tools import snapshot
from keras_ae.contract.tools import steps
from keras_ae.contract.tools import trained
from keras_ae.contract.tools import tree
from keras_ae.contract.tools import unmoved
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.training import speed
from keras_ae.model.training.step import weighted_sum


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
        # Without a state of its own, which would take as long to compile.
        model = compiled(cls, optimizer="sgd", jit_compile=xla)
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
        player.optimizer.learning_rate = 1e-2
    model.fit(rows(cls), epochs=4, verbose=0)
    still = unmoved(model, before)
    require(not still, f"under XLA these variables do not move: {still}")


def check_traces(cls: type[BaseAutoencoder]) -> None:
    """Neither epochs nor a shorter last batch cost another trace."""
    x = rows(cls)
    model = compiled(cls)
    model.fit(x, batch_size=10, epochs=3, validation_data=(x,), verbose=0)
    for name in ("train", "test"):
        traces = model.block(name).experimental_get_tracing_count()
        require(traces == 1, f"{traces} traces over 3 epochs of ragged data")


def check_gradients(cls: type[BaseAutoencoder]) -> None:
    """Every trainable variable gets a finite gradient and moves."""
    model = compiled(cls)
    batch, moment = model.batch(rows(cls)), model.moment(training=True)
    owned = set()
    for player in model.players():
        with tf.GradientTape() as tape:
            forward = model.forward(batch, moment)
            terms = model.reduce(model.loss_terms(forward, moment), forward)
            weights = model.factors(moment, terms)
            total = weighted_sum(terms, weights, player.terms)
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
    before = model.test_step((x,))["loss"]
    model.fit(x, epochs=40, verbose=0)
    after = model.test_step((x,))["loss"]
    require(after < before, f"loss {before} before, {after} after")


def check_seeds(cls: type[BaseAutoencoder]) -> None:
    """The same seed repeats a run to the last bit, another does not."""
    runs = []
    for seed in (0, 0, 1):
        model = compiled(cls, seed=seed, run_eagerly=True)
        model.fit(rows(cls), batch_size=16, verbose=0)
        runs.append(model.history.history | {"weights": model.get_weights()})
    close_logs(runs[0], runs[1], "same", "two runs of one seed")
    require(
        runs[0]["loss"] != runs[2]["loss"], "another seed gives the same run"
    )


def check_sample_weight(cls: type[BaseAutoencoder]) -> None:
    """Weight zero removes an example from terms and gradients.

    Declared `batch_statistics` are not per example and left out.
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
        terms = model.objective(x)
    whole = {n for n, value in terms.items() if value.shape.rank == 0}
    require(
        whole == model.batch_statistics,
        f"one number a batch: {sorted(whole)}. Expected those that "
        f"`batch_statistics` declares, {sorted(model.batch_statistics)}",
    )
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
