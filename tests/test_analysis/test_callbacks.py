"""Units in use, counted and watched."""

import warnings

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.analysis.callbacks import CollapseMonitor


def model(weights):
    """Linear encoder whose i-th mean is weights[i] times the i-th value."""
    vae = keras_ae.VAE.create((3,), 3, network="linear", likelihood="gaussian")
    kernel = np.concatenate([np.diag(weights), np.zeros((3, 3))], axis=1)
    vae.encoder.projection.set_weights([kernel, np.zeros(6)])
    return vae


def rows(seed=0):
    """Rows whose values have variance 1 exactly."""
    x = np.random.default_rng(seed).normal(size=(200, 3))
    return (x - x.mean(axis=0)) / x.std(axis=0)


def test_active_units_are_those_whose_mean_varies_by_more_than_a_hundredth():
    # Variances 0.0081, 0.0121 and 1 around the threshold of 0.01.
    assert evaluation.active_units(model([0.09, 0.11, 1.0]), rows()) == 2
    assert evaluation.active_units(model([0, 0, 0]), rows()) == 0
    loose = evaluation.active_units(
        model([0.09, 0.11, 1.0]), rows(), threshold=0.0
    )
    assert loose == 3


def test_one_example_tells_no_active_units():
    """It was 0 for any model: collapsed, as it seemed."""
    with pytest.raises(ValueError, match="`x`. Expected at least two.*x=1"):
        evaluation.active_units(model([1.0, 1.0, 1.0]), rows()[:1])


class Collapse(keras.callbacks.Callback):
    """Switches the i-th unit off before the i-th epoch ends."""

    def on_epoch_end(self, epoch, logs=None):
        kernel, bias = self.model.encoder.projection.get_weights()
        kernel[:, :epoch] = 0
        self.model.encoder.projection.set_weights([kernel, bias])


def test_monitor_warns_at_each_loss_and_logs_the_count():
    vae = model([1.0, 1.0, 1.0])
    vae.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    with pytest.warns(UserWarning) as caught:
        history = vae.fit(
            rows(),
            epochs=3,
            verbose=0,
            callbacks=[Collapse(), CollapseMonitor(rows())],
        )
    assert history.history["active_units"] == [3, 2, 1]
    words = [str(w.message) for w in caught]
    assert len(words) == 2
    assert "epoch 2 only 2 of 3 latent units" in words[0]
    assert "epoch 3 only 1 of 3 latent units" in words[1]


def test_monitor_warns_once_about_units_that_are_off_from_the_start():
    vae = model([1.0, 0.0, 0.0])
    vae.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    with pytest.warns(UserWarning, match="only 1 of 3") as caught:
        vae.fit(
            rows(), epochs=3, verbose=0, callbacks=[CollapseMonitor(rows())]
        )
    assert len(caught) == 1


def test_monitor_is_silent_while_all_units_are_in_use():
    vae = model([1.0, 1.0, 1.0])
    vae.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae.fit(rows(), verbose=0, callbacks=[CollapseMonitor(rows())])


def test_negative_threshold_is_refused():
    with pytest.raises(ValueError, match="`threshold`"):
        CollapseMonitor(rows(), threshold=-1)
