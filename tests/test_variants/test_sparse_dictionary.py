"""Dictionaries: directions of length 1, found where they are known."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.analysis import dictionaries
from keras_ae.zoo import datasets
from keras_ae.zoo import sae_lens

DATA = datasets.superposition(4_000, size=12, directions=24, active=1.5)


def made(sparsity, units=24, **options):
    return keras_ae.SparseDictionary.create(
        (12,), units, sparsity=sparsity, seed=0, **options
    )


def lengths(model):
    return np.linalg.norm(model.decoder.projection.kernel, axis=1)


def test_a_dictionary_finds_the_directions_that_made_the_data():
    model = made({"top_k": {"k": 2}}, patience=60)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(DATA.x, epochs=8, batch_size=100, verbose=0)
    np.testing.assert_allclose(lengths(model), 1, rtol=1e-5)
    directions = model.decoder.projection.kernel.numpy()

    def recovered(directions):
        return dictionaries.recovery(
            directions, DATA.directions, model.embed(DATA.x), DATA.codes
        )

    chance = np.random.default_rng(9).normal(size=directions.shape)
    assert recovered(chance)["mcc"] < 0.6
    assert recovered(directions)["mcc"] > 0.8
    assert model.history.history["explained"][-1] > 0.7


def test_the_loss_is_that_of_its_formula():
    model = made({"top_k": {"k": 3}}, nested=(4, 10), patience=5)
    silent = np.arange(24) % 2 == 0
    model.silence.assign(np.where(silent, 5.0, 4.0))
    x = DATA.x[:50]
    terms = model.objective(x)
    reads, writes = model.encoder.projection, model.decoder.projection
    before = x @ reads.kernel + reads.bias
    h = model.embed(x)
    np.testing.assert_allclose(np.abs(h).astype(bool).sum(1), terms["active"])

    def cost(code):
        error = x - code @ writes.kernel - writes.bias
        return (error**2).sum(1) / 2 + 6 * np.log(2 * np.pi)

    nested = sum(cost(np.where(np.arange(24) < m, h, 0)) for m in (4, 10))
    np.testing.assert_allclose(terms["nested"], nested, rtol=1e-5)
    # Units that were silent and are in use now are counted once.
    assert (h[:, silent] != 0).any()
    spare = np.where(silent & (h == 0), np.maximum(before, 0), 0)
    least = np.sort(spare, axis=1)[:, -6][:, None]  # half of 12 values
    missed = cost(h + np.where(spare >= least, spare, 0))
    np.testing.assert_allclose(terms["auxiliary"], missed, rtol=1e-5)
    np.testing.assert_allclose(terms["silent"], 0.5)
    model.silence.assign(np.zeros(24))
    assert not np.any(model.objective(x)["auxiliary"])


def test_the_batch_decides_in_training_alone():
    part = keras_ae.sparsity.BatchTopK(2, decay=0.5)
    part.build((None, 4))
    a = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    least = np.sort(a, axis=None)[-12]
    code = part.code(tf.constant(a), training=True)
    kept = (a >= least) & (a > 0)
    np.testing.assert_array_equal(code, np.where(kept, a, 0))
    part.threshold.assign(0.3)
    code = part.code(tf.constant(a))
    np.testing.assert_array_equal(code, np.where(a >= 0.3, a, 0))


def test_the_gate_teaches_the_encoder_alone():
    model = made("gated")
    x = DATA.x[:20]
    with tf.GradientTape(persistent=True) as tape:
        gate = model.objective(x)["gate"]
    reads, writes = model.encoder.projection, model.decoder.projection
    code = np.maximum(x @ reads.kernel + reads.bias, 0)
    error = x - code @ writes.kernel - writes.bias
    expected = (error**2).sum(1) / 2 + 6 * np.log(2 * np.pi)
    np.testing.assert_allclose(gate, expected, rtol=1e-5)
    assert np.abs(tape.gradient(gate, reads.kernel)).max() > 0
    assert np.abs(tape.gradient(gate, writes.kernel)).max() < 1e-5


@pytest.mark.parametrize("kind", ["standard", "topk", "jumprelu", "gated"])
def test_published_files_give_the_codes_of_their_formulas(kind, tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    shapes = {"W_enc": (12, 24), "W_dec": (24, 12), "b_dec": 12}
    own = {"jumprelu": ["b_enc", "threshold"], "gated": "b_gate b_mag r_mag"}
    own = own.get(kind, "b_enc")
    names = own.split() if isinstance(own, str) else own
    shapes |= dict.fromkeys(names, 24)
    w = {n: rng.normal(size=s).astype("float32") for n, s in shapes.items()}
    config = {"architecture": kind, "d_in": 12, "d_sae": 24, "k": 5}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    library.save_file(w, tmp_path / "sae_weights.safetensors")
    x = DATA.x[:30]
    along = (x - w["b_dec"]) @ w["W_enc"]
    if kind == "gated":
        size = np.maximum(along * np.exp(w["r_mag"]) + w["b_mag"], 0)
        codes = np.where(along + w["b_gate"] > 0, size, 0)
    else:
        codes = np.maximum(along + w["b_enc"], 0)
    if kind == "topk":
        least = np.sort(codes, axis=1)[:, -5][:, None]
        codes = np.where(codes >= least, codes, 0)
    if kind == "jumprelu":
        codes = np.where(codes > np.maximum(w["threshold"], 0), codes, 0)
    model = sae_lens.read(tmp_path)
    np.testing.assert_allclose(model.embed(x), codes, rtol=1e-4, atol=1e-5)
    again = tmp_path / "again"
    sae_lens.write(model, again)
    twin = sae_lens.read(again)
    np.testing.assert_allclose(twin.embed(x), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        twin.predict(x, verbose=0), codes @ w["W_dec"] + w["b_dec"], rtol=1e-3
    )


def test_what_is_no_dictionary_is_refused(tmp_path):
    for options in ({"nested": (4, 4)}, {"nested": 24}):
        with pytest.raises(ValueError, match="nested.*Expected.*Received"):
            made("l1", **options)
    with pytest.raises(ValueError, match="decoder.*Expected.*Received"):
        made("l1", network="tied", hidden=None).build((None, 12))
    with pytest.raises(ValueError, match="model.*Expected.*Received"):
        sae_lens.write(made({"top_k": {"k": 2}}), tmp_path)
    (tmp_path / "cfg.json").write_text('{"architecture": "transcoder"}')
    with pytest.raises(ValueError, match="architecture.*Expected.*Received"):
        sae_lens.read(tmp_path)
