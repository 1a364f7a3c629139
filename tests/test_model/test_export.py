"""Exports: the same numbers without Python code of the package."""

import importlib.util
import re
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.core import registry
from keras_ae.math import divergences
from keras_ae.model import agreement
from keras_ae.model import export

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


# Fresh models, in each format.

SUFFIXES = {"tf_saved_model": "", "onnx": ".onnx", "litert": ".tflite"}
FORMATS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            any(importlib.util.find_spec(n) is None for n in form.needs),
            reason=f"needs {', '.join(form.needs)}",
        ),
    )
    for name, form in export.FORMATS.items()
]


def fresh(name, **options):
    cls = registry.get(name)
    arguments, x = cls.contract_case()
    return cls.create(**arguments | {"seed": 0} | options), x


def saved_model(path, values):
    loaded = tf.saved_model.load(path)
    return loaded.signatures["serving_default"](**values)["reconstruction"]


def onnx(path, values):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    feeds = {name: value.numpy() for name, value in values.items()}
    return session.run(["reconstruction"], feeds)[0]


def litert(path, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tells where the class will move
        runner = tf.lite.Interpreter(path).get_signature_runner()
    return runner(**values)["reconstruction"]


RUNTIMES = {"tf_saved_model": saved_model, "onnx": onnx, "litert": litert}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", registry.variants())
def test_a_fresh_model_is_exported(name, format, tmp_path):
    """By the runtimes themselves, on other rows than `export` looks at."""
    model, x = fresh(name)
    path = tmp_path / f"model{SUFFIXES[format]}"
    model.export(path, format=format)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    specs = model.input_specs()
    values = {
        s.name: tf.cast(rows, s.dtype)
        for s, rows in zip(specs, keras.tree.flatten(x), strict=True)
    }
    received = RUNTIMES[format](str(path), values)
    # Single precision rounds at 6e-8; a network of this case adds up at most
    # 16 products in each of about 4 layers.
    np.testing.assert_allclose(
        received, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("format", FORMATS)
def test_convolutions_are_exported(format, tmp_path):
    model = keras_ae.VAE.create((8, 8, 1), 2, network="conv", hidden=(2, 2))
    path = tmp_path / f"model{SUFFIXES[format]}"
    model.export(path, format=format)
    x = tf.random.stateless_uniform((5, 8, 8, 1), (0, 1))
    received = RUNTIMES[format](str(path), {"x": x})
    # See above; 18 products in each of 5 layers.
    np.testing.assert_allclose(received, model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_large_concentrations_are_exported(format, tmp_path):
    """LiteRT's softplus is infinite from 89 on; the code was not a number."""
    model, x = fresh("hyperspherical-vae")
    model.encoder.projection.bias.assign([1.0, 0.0, 1000.0])
    path = tmp_path / f"model{SUFFIXES[format]}"
    model.export(path, format=format)
    received = RUNTIMES[format](str(path), {"x": tf.constant(x)})
    np.testing.assert_allclose(
        received, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_exported(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, x = fresh("vae")
    assert agreement.tolerance(model) > 1e-3
    model.export(tmp_path / "model")
    received = saved_model(str(tmp_path / "model"), {"x": tf.constant(x)})
    # One rounding of a number below 1 in bfloat16, of either side.
    np.testing.assert_allclose(received, model.predict(x, verbose=0), atol=8e-3)


# What `export` leaves behind.


def test_export_leaves_the_model_as_it_was(tmp_path):
    model, x = fresh("vae")
    before = [v.numpy() for v in model.variables]
    model.export(tmp_path / "model")
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    model.compile("adam")
    model.fit(x, verbose=0)


def test_an_earlier_export_is_replaced_and_other_files_stay(tmp_path):
    first, x = fresh("vae")
    second, _ = fresh("vae", seed=1)
    (tmp_path / "notes.txt").write_text("mine")
    for model in (first, second):
        model.export(tmp_path)
        received = saved_model(str(tmp_path), {"x": tf.constant(x)})
        np.testing.assert_allclose(received, model.predict(x), atol=1e-5)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [*tmp_path.glob(".*")]


def test_folders_above_are_made(tmp_path):
    model, _ = fresh("autoencoder")
    model.export(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "saved_model.pb").is_file()


# What is not right is not written.


def broken(monkeypatch, format, convert=None, **changes):
    """Let a format be written by another converter."""
    form = export.FORMATS[format]
    changes |= {"convert": convert} if convert else {}
    monkeypatch.setitem(export.FORMATS, format, form._replace(**changes))
    return form.convert


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_differs_is_refused(format, tmp_path, monkeypatch):
    model, _ = fresh("vae")
    other, _ = fresh("vae", seed=1)
    convert = broken(monkeypatch, format, lambda _, path: convert(other, path))
    path = tmp_path / f"model{SUFFIXES[format]}"
    with pytest.raises(
        RuntimeError,
        match="differs from Python. Expected 'reconstruct' of 1 rows: "
        "'reconstruction' within 0.001. Received: off by 0.*`tolerance`",
    ):
        model.export(path, format=format)
    assert not [*tmp_path.iterdir()]
    # Unless the user says so.
    model.export(path, format=format, tolerance=100)
    assert path.exists()


def test_an_endpoint_that_differs_is_refused(tmp_path, monkeypatch):
    """Others than the first one are looked at too, and seeds are obeyed."""
    model, _ = fresh("vae")
    other, _ = fresh("vae", seed=1)

    def mixed(_, path):
        ends = model.export_endpoints()
        ends |= {"sample": other.export_endpoints()["sample"]}
        monkeypatch.setattr(other, "export_endpoints", lambda: ends)
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.track(other)
        for name, (function, signature) in ends.items():
            archive.add_endpoint(name, function, input_signature=signature)
        archive.write_out(str(path), verbose=False)

    broken(monkeypatch, "tf_saved_model", mixed)
    with pytest.raises(RuntimeError, match="Expected 'sample' of 1 rows"):
        model.export(tmp_path / "model")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_not_valid_is_refused(format, tmp_path, monkeypatch):
    model, _ = fresh("vae")

    def nonsense(model, path):
        if format == "tf_saved_model":
            path.mkdir()
            path = path / "saved_model.pb"
        path.write_bytes(b"nonsense")

    broken(monkeypatch, format, nonsense)
    path = tmp_path / f"model{SUFFIXES[format]}"
    path.parent.joinpath("before").write_text("here")
    with pytest.raises(RuntimeError, match="can not be opened or run"):
        model.export(path, format=format)
    assert [p.name for p in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("format", FORMATS)
def test_an_earlier_file_survives_a_refused_one(format, tmp_path, monkeypatch):
    model, _ = fresh("vae")
    path = tmp_path / f"model{SUFFIXES[format]}"
    model.export(path, format=format)

    def files():
        found = [p for p in tmp_path.rglob("*") if p.is_file()]
        return {p: p.read_bytes() for p in found}

    before = files()
    broken(monkeypatch, format, lambda model, path: 1 / 0)
    with pytest.raises(RuntimeError, match="converted.*ZeroDivisionError"):
        model.export(path, format=format)
    assert files() == before


@pytest.mark.parametrize("format", FORMATS[1:])
def test_an_operation_that_the_format_lacks(format, tmp_path):
    """The point mass of TFP was one, in ONNX, and nobody said so."""

    @keras.saving.register_keras_serializable("test_export")
    class Unknown(keras.Layer):
        def call(self, x):
            return tf.py_function(lambda t: t, [x], tf.float32)

        def compute_output_shape(self, shape):
            return shape

    model = keras_ae.Autoencoder(
        keras_ae.DistributionNetwork(Unknown(), "point", (2,)),
        keras_ae.DistributionNetwork(Unknown(), "bernoulli", (8,)),
    )
    model.build((None, 8))
    with pytest.raises(RuntimeError, match=f"The '{format}' export.*can not"):
        model.export(tmp_path / f"model{SUFFIXES[format]}", format=format)
    assert not [*tmp_path.iterdir()]


# Arguments.


def test_unknown_formats_are_refused_with_a_list(tmp_path):
    model, _ = fresh("autoencoder")
    with pytest.raises(
        ValueError, match="format.*'onnx', 'litert'.*Received: 'onx'"
    ):
        model.export(tmp_path / "model", format="onx")


@pytest.mark.parametrize("package", export.FORMATS["onnx"].needs)
def test_missing_packages_are_named_first(package, tmp_path, monkeypatch):
    model, _ = fresh("autoencoder")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == package else find(name, *rest),
    )
    with pytest.raises(
        ImportError,
        match=rf"Missing: \[.*'{package}'.*pip install .keras-ae\[export\]",
    ):
        model.export(tmp_path / "made" / "model.onnx", format="onnx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("format", "path", "expected"),
    [
        ("tf_saved_model", "file", "a folder"),
        ("tf_saved_model", "gs://bucket/model", "a local path"),
        ("litert", "model.onnx", "a path that ends in '.tflite'"),
        ("litert", "folder.tflite", "a file, not a folder"),
    ],
)
def test_paths_that_do_not_fit(format, path, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder.tflite").mkdir()
    model, _ = fresh("autoencoder")
    with pytest.raises(ValueError, match=f"`filepath`. Expected {expected}"):
        model.export(path, format=format)


def test_unknown_options_are_refused(tmp_path):
    model, _ = fresh("autoencoder")
    with pytest.raises(RuntimeError, match="unexpected keyword.*'nonsense'"):
        model.export(tmp_path / "model", nonsense=1)
    with pytest.raises(RuntimeError, match="attribute 'nonsense'"):
        model.export(tmp_path / "m.tflite", format="litert", nonsense=1)


def test_a_model_that_is_not_built_is_refused(tmp_path):
    networks = [
        keras_ae.DistributionNetwork(keras.layers.Identity(), head, shape)
        for head, shape in (("point", (2,)), ("bernoulli", (8,)))
    ]
    with pytest.raises(ValueError, match="not built.*Expected a built model"):
        keras_ae.Autoencoder(*networks).export(tmp_path / "model")


def test_options_of_keras_reach_its_exporter(tmp_path):
    """A batch of fixed size, and weights of 8 bits, said to be less exact."""
    model = keras_ae.VAE.create((32,), 2, hidden=(64,), seed=0)
    sizes = {}
    for name, options in (
        ("exact", {}),
        ("small", {"optimizations": [tf.lite.Optimize.DEFAULT]}),
    ):
        path = tmp_path / f"{name}.tflite"
        model.export(
            path,
            format="litert",
            tolerance=0.05,
            input_signature=[tf.TensorSpec((2, 32))],
            **options,
        )
        sizes[name] = path.stat().st_size
        received = litert(str(path), {"x": tf.ones((2, 32))})
        assert received.shape == (2, 32)
    assert sizes["small"] < 0.7 * sizes["exact"]


# What `export` takes for equal.


@pytest.mark.parametrize(
    ("expected", "received", "found"),
    [
        ([1.0], [1.0 + 9e-5], ""),
        ([1.0], [1.0 + 2e-4], "off by 0.0002"),
        ([1.0, 1e3], [1.09, 1e3], ""),  # of the largest
        ([np.nan, np.inf], [np.nan, np.inf], ""),
        ([1.0], [np.nan], "off by nan"),
        ([np.inf], [-np.inf], "off by inf"),
        ([1.0], [[1.0]], r"shape \(1,\).*shape \(1, 1\)"),
        ([70000], [70001], "off by 1"),
        ([1], [1.0], "int64.*float64"),
    ],
)
def test_agreement(expected, received, found):
    model, _ = fresh("autoencoder")
    functions = {"f": (lambda: {"y": np.asarray(expected)}, [])}
    model.export_endpoints = lambda: functions
    answers = {"f": lambda values: {"y": np.asarray(received)}}
    said = agreement.difference(model, answers, (1,), 1e-4)
    assert re.search(found, said) if found else said == ""


def test_endpoints_that_draw_are_held_to_shapes():
    model, _ = fresh("vae")
    model.export_endpoints = lambda: {
        "draw": (
            lambda x: {"z": model.encode(x).sample(seed=model.next_seed())},
            model.input_specs(),
        )
    }
    state = model.seed_generator.state.numpy()
    for shape, found in (((3, 2), ""), ((3, 3), "shape")):
        answers = {"draw": lambda values, s=shape: {"z": np.zeros(s, "f")}}
        said = agreement.difference(model, answers, (3,), 1e-4)
        assert found in said and bool(found) == bool(said)
    np.testing.assert_array_equal(model.seed_generator.state, state)
