"""SavedModels: the same numbers without Python code of the package."""

import subprocess
import sys

import numpy as np
import pytest

import keras_ae
from keras_ae.math import divergences

BATCHES = (1, 7, 256)

# Answers every signature for every batch; only TensorFlow and NumPy.
SERVER = """
import sys
import numpy as np
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
given = np.load(sys.argv[2])
answers = {}
for name, signature in served.signatures.items():
    (argument,) = signature.structured_input_signature[1]
    for n in map(int, sys.argv[4:]):
        found = signature(**{argument: tf.constant(given[argument][:n])})
        for key, value in found.items():
            answers[f"{name}/{key}/{n}"] = value.numpy()
# TensorFlow itself imports Keras.
other = {"keras_ae", "tensorflow_probability"} & set(sys.modules)
np.savez(sys.argv[3], other=sorted(other), **answers)
"""


@pytest.fixture(scope="module", params=["vae_digits", "vae_mnist"])
def model(request):
    return keras_ae.load(request.param)


@pytest.fixture(scope="module")
def given(model):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((256, *model.encoder.event_shape))
    # Digits, since codes of noise are so large that single precision does not
    # hold them to 1e-5.
    return {
        "x": model.sample(256, seed=0),
        "z": z.astype(np.float32),
        "seed": rng.integers(-(2**31), 2**31, 256).astype(np.int32),
    }


@pytest.fixture(scope="module")
def answers(model, given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    model.export(folder / "model")
    np.savez(folder / "given.npz", **given)
    subprocess.run(
        [
            sys.executable,
            "-c",
            SERVER,
            str(folder / "model"),
            str(folder / "given.npz"),
            str(folder / "answers.npz"),
            *map(str, BATCHES),
        ],
        check=True,
        capture_output=True,
    )
    with np.load(folder / "answers.npz") as file:
        return dict(file)


def test_serving_needs_tensorflow_alone(answers):
    assert answers["other"].tolist() == []


def test_signatures_and_their_outputs(answers):
    found = {tuple(key.split("/")[:2]) for key in answers if "/" in key}
    assert found == {
        ("serving_default", "reconstruction"),
        ("reconstruct", "reconstruction"),
        ("encode", "mean"),
        ("encode", "stddev"),
        ("decode", "mean"),
        ("sample", "mean"),
        ("score", "reconstruction"),
        ("score", "kl"),
        ("score", "negative_elbo"),
    }


@pytest.mark.parametrize("n", BATCHES)
def test_the_numbers_are_those_of_python(model, given, answers, n):
    x, z = given["x"][:n], given["z"][:n]
    posterior = model.encode(x)
    expected = {
        "serving_default/reconstruction": model.predict(x),
        "reconstruct/reconstruction": model.predict(x),
        "encode/mean": posterior.mean(),
        "encode/stddev": posterior.stddev(),
        "decode/mean": model.decode(z).mean(),
        "score/kl": divergences.kl_divergence(
            posterior, model.p_z(), posterior.mean()
        ),
    }
    for key, value in expected.items():
        np.testing.assert_allclose(
            answers[f"{key}/{n}"], value, rtol=1e-5, atol=1e-5, err_msg=key
        )
    # The draw of the score is the signature's own, its terms add up.
    scores = {k: answers[f"score/{k}/{n}"] for k in model.score_terms(x)}
    for key, value in model.score_terms(x).items():
        np.testing.assert_allclose(
            scores[key], value, rtol=1e-5, atol=1e-5, err_msg=key
        )
    np.testing.assert_allclose(
        scores["negative_elbo"], scores["reconstruction"] + scores["kl"], 1e-5
    )


def test_samples_follow_their_seeds_alone(answers):
    """The i-th example is the same in every batch, and they differ."""
    drawn = {n: answers[f"sample/mean/{n}"] for n in BATCHES}
    for n in BATCHES:
        np.testing.assert_allclose(drawn[256][:n], drawn[n], atol=1e-5)
    assert len(np.unique(drawn[256].reshape(256, -1).round(4), axis=0)) == 256


def test_samples_are_those_of_python(model, given, answers):
    seeds = given["seed"][:7]
    expected = model.export_endpoints()["sample"][0](seeds)["mean"]
    np.testing.assert_allclose(answers["sample/mean/7"], expected, atol=1e-5)


def test_other_formats_are_those_of_keras(model, tmp_path):
    with pytest.raises(ValueError, match="format"):
        model.export(tmp_path / "model", format="unknown")
