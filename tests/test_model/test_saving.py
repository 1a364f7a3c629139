"""Saving: a run that is cut in two equals one that is not, to the last bit."""

import random
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from keras_ae import VAE
from keras_ae import Autoencoder
from keras_ae.parts import heads

X = np.random.default_rng(0).uniform(size=(22, 3)).astype("float32")


def make(cls=VAE, optimizer="adam", seed=0, **options):
    model = cls.create((3,), 2, hidden=(4,), seed=seed, **options)
    model.compile(optimizer, jit_compile=False)
    return model


def fit(model, epochs):
    model.fit(X, batch_size=8, epochs=epochs, verbose=0)
    return model


def state(model):
    """Everything that a run goes on with."""
    values = [*model.variables, *model.optimizer.variables]
    return [v.numpy() for v in values]


def assert_identical(model, twin):
    for a, b in zip(state(model), state(twin), strict=True):
        np.testing.assert_array_equal(a, b)


GO_ON = """
    import sys

    import keras
    import numpy as np

    import keras_ae

    folder = sys.argv[1]
    x = np.load(folder + "/x.npy")
    for name in ("vae", "autoencoder"):
        model = keras.saving.load_model(f"{folder}/{name}.keras")
        model.fit(x, batch_size=8, epochs=2, verbose=0)
        values = [*model.variables, *model.optimizer.variables]
        np.savez(f"{folder}/{name}.npz", *[v.numpy() for v in values])
"""


@pytest.mark.long
def test_a_new_process_goes_on_exactly(tmp_path):
    np.save(tmp_path / "x.npy", X)
    whole = {"vae": fit(make(VAE), 4), "autoencoder": fit(make(Autoencoder), 4)}
    for name, model in whole.items():
        half = fit(make(type(model)), 2)
        half.save(tmp_path / f"{name}.keras")
    command = [sys.executable, "-c", textwrap.dedent(GO_ON), tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    for name, model in whole.items():
        with np.load(tmp_path / f"{name}.npz") as file:
            found = [file[key] for key in file.files]
        for a, b in zip(state(model), found, strict=True):
            np.testing.assert_array_equal(a, b)


def schedule():
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.01, 12), clipnorm=1.0
    )


@pytest.mark.parametrize(
    "new",
    [
        lambda: make(optimizer=schedule()),
        lambda: make(likelihood=heads.Gaussian("shared")),
    ],
    ids=["schedule", "shared scale"],
)
def test_resuming_in_one_process(new, tmp_path):
    whole = fit(new(), 4)
    fit(new(), 2).save(tmp_path / "half.keras")
    half = keras.saving.load_model(tmp_path / "half.keras")
    assert_identical(fit(half, 2), whole)


def test_weights_alone_resume_too(tmp_path):
    fit(make(), 2).save_weights(tmp_path / "half.weights.h5")
    other = make(seed=5)
    other.load_weights(tmp_path / "half.weights.h5")
    assert_identical(fit(other, 2), fit(make(), 4))


def test_weights_of_an_uncompiled_model(tmp_path):
    model = VAE.create((3,), 2, hidden=(4,), seed=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = VAE.create((3,), 2, hidden=(4,), seed=1)
    assert (other.predict(X) != model.predict(X)).any()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_compile_settings_are_kept(tmp_path):
    model = VAE.create((3,), 2, hidden=(4,), seed=0)
    optimizer = keras.optimizers.SGD(0.125, momentum=0.5)
    model.compile(optimizer, jit_compile=False, metrics=["mse"])
    model.evaluate(X, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.optimizer.get_config() == optimizer.get_config()
    assert twin.jit_compile is False
    assert "jit_compile = False: passed" in twin.speed_policy()
    assert "chosen by fit()" in twin.speed_policy()
    assert "mse" in twin.evaluate(X, verbose=0, return_dict=True)


def test_evaluation_is_the_same_after_loading(tmp_path):
    model = fit(make(), 1)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.evaluate(X, verbose=0) == model.evaluate(X, verbose=0)
    np.testing.assert_array_equal(twin.sample(3, 0), model.sample(3, 0))


def test_a_frozen_network_stays_frozen(tmp_path):
    model = make()
    model.encoder.trainable = False
    model.compile("adam", jit_compile=False)
    fit(model, 1).save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.encoder.trainable_variables == []
    before = twin.encoder.get_weights()
    fit(twin, 1)
    for a, b in zip(before, twin.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Seeds.


def test_seed_decides_weights_and_training():
    first, again, other = make(), make(), make(seed=1)
    assert_identical(first, again)
    kernels = [m.encoder.projection.kernel.numpy() for m in (first, other)]
    assert (kernels[0] != kernels[1]).all()
    keras.utils.set_random_seed(99)  # the global seed is not looked at
    histories = [fit(m, 2).history.history for m in (first, again, other)]
    assert_identical(first, again)
    assert histories[0] == histories[1] != histories[2]


def test_layers_of_one_model_start_apart():
    model = VAE.create((4,), 4, hidden=(4, 4), seed=0)
    kernels = [w.numpy() for w in model.trainable_weights if w.shape == (4, 4)]
    assert len(kernels) >= 4
    for i, kernel in enumerate(kernels):
        assert all((kernel != other).any() for other in kernels[:i])


def test_global_seed_decides_without_one():
    models = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        models.append(fit(make(seed=None), 1))
    assert_identical(models[0], models[1])
    assert models[0].history.history != models[2].history.history


def test_creating_a_model_leaves_the_state_of_random_alone():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    make()
    assert random.random() == expected


@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), (0.5, TypeError), ("a", TypeError)]
)
def test_seed_is_a_count(seed, error):
    with pytest.raises(error, match="`seed`.*at least 0.*Received: seed="):
        make(seed=seed)


@pytest.mark.filterwarnings("ignore:Layer .* `quantize`")
def test_layers_that_quantize_changed_are_not_saved(tmp_path):
    model = VAE.create((8,), 2, hidden=(4,), seed=0)
    model.quantize("int8")
    for save in (model.save, model.save_to_preset):
        with pytest.raises(ValueError, match="`quantize` has changed"):
            save(tmp_path / "model.keras")
    assert not [*tmp_path.iterdir()]
