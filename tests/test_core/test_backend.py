"""What the package takes for granted beyond Keras' documentation."""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae import VAE
from keras_ae.core import backend

PACKAGE = Path(keras_ae.__file__).parent


def model(**settings):
    made = VAE.create((3,), 2, hidden=(4,), seed=0)
    if settings:
        made.compile("sgd", jit_compile=False, **settings)
    return made


def test_no_other_file_touches_what_is_private():
    pattern = (
        r"keras\.src|seed_generator_state|compile_metrics\b|_initial_epoch|"
        r"_assert_compile_called|_use_cached_eval_dataset|_loss_tracker|"
        r"\.distribute_strategy\b|random\.getstate"
    )
    for path in PACKAGE.rglob("*.py"):
        if path.name == "backend.py":
            continue
        found = set(re.findall(pattern, path.read_text(encoding="utf-8")))
        assert not found, f"{path.name}: {sorted(found)}"


def test_classes_of_keras_are_known_by_their_module():
    assert backend.is_keras(keras.Model)
    assert backend.is_keras(keras.layers.Dense)
    assert backend.is_keras(keras.callbacks.EarlyStopping)
    assert not backend.is_keras(VAE)


def test_networks_are_configured_by_their_modules():
    inputs = keras.Input((3,))
    functional = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    sequential = keras.Sequential([keras.layers.Dense(2)])
    found = {
        keras.saving.serialize_keras_object(network)["module"]
        for network in (functional, sequential)
    }
    assert found <= {*backend.NETWORK_MODULES, "keras.models", "keras"}
    for name in backend.NETWORK_MODULES:
        assert name.rpartition(".")[2] in ("functional", "sequential")


def test_seed_states_are_those_of_all_generators():
    layers = [keras.layers.Dense(2), keras.layers.Dropout(0.5, seed=1)]
    encoder = keras_ae.DistributionNetwork(
        keras.Sequential(layers), "gaussian", 2
    )
    made = VAE(encoder, model().decoder, seed=0)
    made.build((None, 3))
    states = backend.seed_states(made)
    assert len(states) == 2
    assert any(s is made.seed_generator.state for s in states)
    assert all(tuple(s.shape) == (2,) for s in states)
    before = [s.numpy() for s in states]
    made.next_seed()
    moved = [
        not np.array_equal(s.numpy(), b)
        for s, b in zip(states, before, strict=True)
    ]
    assert sum(moved) == 1


def test_the_loss_has_a_metric():
    with pytest.raises(ValueError, match="no `loss`"):
        backend.loss_metric(model())
    metric = backend.loss_metric(model(metrics=None))
    assert isinstance(metric, keras.metrics.Mean)


def test_losses_that_layers_add_are_told_from_regularizers():
    layers = [
        keras.layers.Dense(2, kernel_regularizer="l2", name="weights"),
        keras.layers.Dense(2, activity_regularizer="l2", name="values"),
    ]
    model = keras.Sequential(layers)
    assert not backend.layers_with_losses(model)
    model(tf.ones([3, 2]))
    assert backend.layers_with_losses(model) == ["values"]


def test_metrics_of_compile_are_found():
    assert not backend.has_compiled_metrics(model())
    assert not backend.has_compiled_metrics(model(metrics=None))
    assert backend.has_compiled_metrics(model(metrics=["mse"]))
    assert backend.has_compiled_metrics(model(weighted_metrics=["mse"]))


def test_a_backup_names_the_epoch_to_go_on_with(tmp_path):
    x = np.zeros([4, 3], "float32")
    made = model(metrics=None)
    assert backend.first_epoch(made, 2) == 2
    kept = {"delete_checkpoint": False}
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", **kept)
    with pytest.warns(UserWarning, match="keras_ae.callbacks.Checkpoint"):
        made.fit(x, epochs=3, callbacks=[backup], verbose=0)
    other = model(metrics=None)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", **kept)
    backup.set_model(other)
    backup.on_train_begin()
    assert backend.first_epoch(other, 0) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_an_epoch_that_is_set_is_the_first(stream):
    """Keras' own loop, which streams go through, looks at it too."""
    x = np.zeros([4, 3], "float32")
    made = model(metrics=None)
    begin = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: backend.set_first_epoch(made, 2)
    )
    rows = tf.data.Dataset.from_tensor_slices(x).batch(2) if stream else x
    history = made.fit(rows, epochs=3, callbacks=[begin], verbose=0)
    assert history.epoch == [2]
    backend.set_first_epoch(made, None)
    assert backend.first_epoch(made, 1) == 1


def test_initializers_follow_from_the_seed():
    def kernel(seed):
        with backend.seeded_weights(seed):
            layer = keras.layers.Dense(2)
        layer.build((None, 3))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).any()
    assert (kernel(None) != kernel(None)).any()


def test_compile_takes_all_that_its_config_holds():
    """`compile_from_config` hands the config over as it is."""
    made = model(metrics=["mse"])
    names = set(made.get_compile_config())
    known = set(inspect.signature(keras.Model.compile).parameters)
    assert names <= known
    assert made.get_compile_config()["loss"] is None


def test_the_default_strategy_has_one_replica():
    assert backend.strategy(model()).num_replicas_in_sync == 1


def test_a_built_layer_takes_another_layer():
    made = model()
    made.build((None, 3))
    with pytest.raises(ValueError, match="built"):
        made.added = keras.layers.Dense(2)
    before = len(made.variables)
    for units in (2, 4):  # the second in place of the first
        layer = keras.layers.Dense(units)
        backend.set_layer(made, "added", layer)
        layer.build((None, 3))
        assert len(made.variables) == before + 2
        assert any(v is layer.kernel for v in made.variables)
    with pytest.raises(ValueError, match="built"):
        made.another = keras.layers.Dense(2)
