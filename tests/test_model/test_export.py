"""Exports: the same numbers without Python code of the package."""

import importlib.metadata
import importlib.util
import json
import os
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
from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.math import divergences
from keras_ae.model import agreement
from keras_ae.model import export
from keras_ae.model.formats import base
from tests.kinds import first

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


@pytest.fixture(scope="module", params=["vae_digits"])
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

SUFFIXES = {"litert": ".tflite"}
FORMATS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            bool(form.missing()),
            reason=f"needs {', '.join(form.needs)}",
        ),
    )
    for name, form in export.FORMATS.items()
]
#: What cannot be in a format, by the operation that it lacks.
DRAWS = "Stateless.*Random"
LEFT_OUT = {
    ("conditional-vae", "onnx"): {"sample": DRAWS},
    ("conditional-vae", "litert"): {"sample": DRAWS},
    ("conditional-vae", "openvino"): {"sample": DRAWS},
    ("hierarchical-vae", "onnx"): {"sample": DRAWS},
    ("hierarchical-vae", "litert"): {"sample": DRAWS},
    ("hierarchical-vae", "openvino"): {"sample": DRAWS},
    ("hyperspherical-vae", "onnx"): {"score": "Gamma", "sample": DRAWS},
    ("hyperspherical-vae", "litert"): {"score": "Gamma", "sample": DRAWS},
    ("hyperspherical-vae", "openvino"): {"score": "Gamma", "sample": DRAWS},
    ("hyperspherical-vae", "stablehlo"): {"score": "Gamma"},
}


def need(format):
    """Skip a test where the format can not be written."""
    missing = export.FORMATS[format].missing()
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def fresh(name, **options):
    cls = registry.get(name)
    arguments, x = cls.contract_case()
    return cls.create(**arguments | {"seed": 0} | options), x


def exported(model, folder, format, **options):
    """The path, the endpoints, and what the warning said of others."""
    path = folder / f"model{SUFFIXES.get(format, '')}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        written = model.export(path, format=format, **options)
    said = [str(w.message) for w in caught if w.category is UserWarning]
    for name, why in written.left_out.items():
        assert f"no {name!r} ({why})" in said[0]
    return path, written.endpoints, " ".join(said)


def saved_model(path):
    signatures = tf.saved_model.load(path).signatures
    return {n: lambda v, f=f: f(**v) for n, f in signatures.items()}


def onnx(path):
    import onnxruntime

    found = {}
    for file in Path(path).glob("*.onnx"):
        session = onnxruntime.InferenceSession(file)
        names = [output.name for output in session.get_outputs()]
        found[file.stem] = lambda v, s=session, n=names: dict(
            zip(n, s.run(n, arrays(v)), strict=True)
        )
    return found


def litert(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tells where the class will move
        interpreter = tf.lite.Interpreter(path)
    names = interpreter.get_signature_list()
    runners = {n: interpreter.get_signature_runner(n) for n in names}
    return {n: lambda v, f=f: f(**v) for n, f in runners.items()}


def openvino(path):
    import openvino as ov

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    models = {
        file.stem: ov.compile_model(file, "CPU", options)
        for file in Path(path).glob("*.xml")
    }
    return {n: lambda v, m=m: Named(m(arrays(v))) for n, m in models.items()}


class Named:
    """OpenVINO's answer, which knows an output by several names."""

    def __init__(self, found):
        self.found = found

    def __getitem__(self, name):
        return self.found[name]


def stablehlo(path):
    spec = importlib.util.spec_from_file_location("s", f"{path}/serve.py")
    serve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(serve)
    loaded = serve.load(path)
    return {n: lambda v, f=f: f(**arrays(v)) for n, f in loaded.items()}


def arrays(values):
    return {name: np.asarray(value) for name, value in values.items()}


RUNTIMES = {
    "tf_saved_model": saved_model,
    "onnx": onnx,
    "litert": litert,
    "openvino": openvino,
    "stablehlo": stablehlo,
}


def inputs(model, x):
    """By name: the rows, their codes, and seeds."""
    specs = [*model.input_specs(), *model.latent_specs()[:1]]
    rows = [*keras.tree.flatten(x), model.embed(x)]
    values = {
        s.name: tf.cast(r, s.dtype) for s, r in zip(specs, rows, strict=True)
    }
    return values | {"seed": tf.range(len(rows[0]))}


#: A condition, draws after draws, draws that XLA has not, integers as codes:
#: each where formats differ, in all by `--long`. The contract looks at
#: SavedModels.
SHORT = {
    "conditional-vae": {"stablehlo"},
    "hierarchical-vae": {"onnx"},
    "hyperspherical-vae": {"litert"},
    "vqvae": {"openvino"},
}
CASES = [
    pytest.param(
        name, format, marks=[] if format in formats else pytest.mark.long
    )
    for name, formats in SHORT.items()
    for format in export.FORMATS
]


@pytest.mark.parametrize(("name", "format"), CASES)
def test_a_fresh_model_is_exported(name, format, tmp_path):
    """By the runtimes themselves, on other rows than `export` looks at; what
    the format can not have is named, with the operation."""
    need(format)
    model, x = fresh(name)
    path, names, said = exported(model, tmp_path, format)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    endpoints = model.export_endpoints()
    left_out = LEFT_OUT.get((name, format), {})
    assert names == [n for n in endpoints if n not in left_out]
    for endpoint, operation in left_out.items():
        assert re.search(f"{endpoint!r} [(]the format lacks.*{operation}", said)
    answers = RUNTIMES[format](str(path))
    assert set(answers) - {"serving_default"} == set(names)
    values = inputs(model, x)
    for endpoint in names:
        function, specs = endpoints[endpoint]
        given = {s.name: values[s.name] for s in specs}
        received = answers[endpoint](given)
        if (endpoint, format) == ("sample", "stablehlo"):
            # XLA counts random numbers in another order.
            function = tf.function(function, jit_compile=True)
        for key, expected in function(*given.values()).items():
            # Single precision rounds at 6e-8; a network of this case adds up
            # at most 16 products in each of about 4 layers.
            np.testing.assert_allclose(
                received[key], expected, rtol=1e-5, atol=1e-5, err_msg=endpoint
            )


@pytest.mark.parametrize("name", ["conditional-vae", "vae", "vqvae"])
def test_the_reconstruction_alone_is_one_file_of_onnx(name, tmp_path):
    need("onnx")
    model, x = fresh(name)
    written = model.export(tmp_path / "reconstruct.onnx", format="onnx")
    assert written == (["reconstruct"], {})
    specs = model.input_specs()
    rows = keras.tree.flatten(x)
    values = {
        s.name: tf.cast(r, s.dtype) for s, r in zip(specs, rows, strict=True)
    }
    received = onnx(tmp_path)["reconstruct"](values)["reconstruction"]
    np.testing.assert_allclose(  # see above
        received, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "network, format",
    [
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                ("conv", "onnx"),
                ("conv", "litert"),
                ("conv", "openvino"),
                ("strided", "onnx"),
            )
        ),
        ("strided", "stablehlo"),
    ],
)
def test_convolutions_are_exported(network, format, tmp_path):
    need(format)
    model = keras_ae.Autoencoder.create(
        (8, 8, 1), 2, network=network, hidden=(2, 2)
    )
    path, *_ = exported(model, tmp_path, format)
    x = tf.random.stateless_uniform((5, 8, 8, 1), (0, 1))
    answers = RUNTIMES[format](str(path))
    received = answers["reconstruct"]({"x": x})["reconstruction"]
    # See above; 18 products in each of 5 to 14 layers.
    np.testing.assert_allclose(received, model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("format", first(["onnx"], FORMATS[:3]))
def test_large_concentrations_are_exported(format, tmp_path):
    """LiteRT's softplus is infinite from 89 on; the code was not a number."""
    model, x = fresh("hyperspherical-vae")
    model.encoder.projection.bias.assign([1.0, 0.0, 1000.0])
    path, *_ = exported(model, tmp_path, format)
    answers = RUNTIMES[format](str(path))
    received = answers["reconstruct"]({"x": tf.constant(x)})["reconstruction"]
    np.testing.assert_allclose(
        received, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("x", [1e-6, 1e-3, 0.5, 1.0, 1.5, 40.0, -1e-6, -0.7])
def test_onnx_keeps_small_numbers(x, tmp_path):
    """It has neither expm1 nor log1p; 1 + x - 1 has 3 digits of x = 1e-4."""
    need("onnx")
    from keras_ae.model.formats import onnx as written

    spec = tf.TensorSpec([None], name="x")
    function = tf.function(
        lambda x: {"expm1": tf.math.expm1(x), "log1p": tf.math.log1p(x)},
        input_signature=[spec],
    )
    path = tmp_path / "reconstruct.onnx"
    written.convert(None, {"reconstruct": (function, [spec])}, path)
    found = onnx(tmp_path)["reconstruct"]({"x": np.float32([x])})
    x = np.float64(np.float32(x))
    for name in ("expm1", "log1p"):
        # Four operations in single precision; exp multiplies the rounding of
        # its argument by the argument.
        np.testing.assert_allclose(
            found[name], [getattr(np, name)(x)], rtol=3e-7 * max(2, x)
        )


# StableHLO without TensorFlow.

#: Answers all endpoints by JAX, in batches that no program was made for.
JAX = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import serve
given = np.load(sys.argv[2])
names = {"decode": "z", "sample": "seed"}
answers = {
    f"{name}/{key}": value
    for name, function in serve.load(sys.argv[1]).items()
    for key, value in function(
        **{names.get(name, "x"): given[names.get(name, "x")]}
    ).items()
}
modules = {name.partition(".")[0] for name in sys.modules}
other = {"tensorflow", "keras", "keras_ae", "tensorflow_probability"} & modules
np.savez(sys.argv[3], other=sorted(other), **answers)
"""


@pytest.mark.long
def test_jax_alone_answers(tmp_path):
    need("stablehlo")
    model = keras_ae.load("vae_digits")
    path = tmp_path / "model"
    model.export(path, format="stablehlo", batch_sizes=(1, 4))
    values = inputs(model, model.sample(11, seed=0))
    np.savez(tmp_path / "given.npz", **arrays(values))
    files = [path, tmp_path / "given.npz", tmp_path / "answers.npz"]
    subprocess.run(
        [sys.executable, "-c", JAX, *map(str, files)],
        check=True,
        capture_output=True,
    )
    with np.load(tmp_path / "answers.npz") as file:
        answers = dict(file)
    assert answers.pop("other").tolist() == []
    endpoints = model.export_endpoints()
    assert {key.partition("/")[0] for key in answers} == set(endpoints)
    for name, (function, specs) in endpoints.items():
        if name == "sample":  # see above
            function = tf.function(function, jit_compile=True)
        expected = function(*(values[s.name] for s in specs))
        for key, value in expected.items():
            np.testing.assert_allclose(
                answers[f"{name}/{key}"], value, rtol=1e-5, atol=1e-5
            )


def test_the_reader_says_what_does_not_fit(tmp_path):
    need("stablehlo")
    model, x = fresh("conditional-vae")
    path, *_ = exported(model, tmp_path, "stablehlo", batch_sizes=(2,))
    encode = stablehlo(path)["encode"]
    values = arrays(
        {s.name: inputs(model, x)[s.name] for s in model.input_specs()}
    )
    with pytest.raises(ValueError, match="Expected .*'condition'"):
        encode({"x": values["x"]})
    for wrong in (values["x"][:, :-1], values["x"][:0], np.float32(0)):
        with pytest.raises(ValueError, match="Invalid shape of `x`"):
            encode(values | {"x": wrong})
    with pytest.raises(ValueError, match="as many rows"):
        encode(values | {"x": values["x"][:1]})


@pytest.mark.long
def test_weights_are_stored_once(tmp_path):
    need("stablehlo")
    model = keras_ae.Autoencoder.create((64,), 2, hidden=(256,), seed=0)
    path, *_ = exported(model, tmp_path, "stablehlo", batch_sizes=(1, 3))
    weights = 4 * model.count_params()
    size = sum(file.stat().st_size for file in path.iterdir())
    assert len([*path.glob("*.mlirbc")]) == 8
    assert size < 1.5 * weights


def test_other_endpoints_go_where_one_can_not(tmp_path):
    """An operation that a format lacks costs the endpoints that have it."""
    need("onnx")
    model, _ = fresh("autoencoder")
    ends = model.export_endpoints()

    def unknown(x):
        return {"y": tf.py_function(lambda t: t, [x], tf.float32)}

    model.export_endpoints = lambda: ends | {"odd": (unknown, ends["score"][1])}
    path, names, said = exported(model, tmp_path, "onnx")
    assert names == ["reconstruct", "encode", "decode", "score"]
    assert re.search("'odd' .*EagerPyFunc", said)
    assert not (path / "odd.onnx").exists()
    manifest = json.loads((path / "manifest.json").read_text())
    assert set(manifest["endpoints"]) == set(names)
    assert "EagerPyFunc" in manifest["left_out"]["odd"]


@pytest.mark.parametrize("format", ["tf_saved_model", "litert"])
@pytest.mark.parametrize("posterior", ["wrapped_normal", "flow"])
def test_codes_without_a_deviation_are_exported(posterior, format, tmp_path):
    """No deviation in closed form, on the ball or behind a flow, costs the
    deviation alone, not the code."""
    prior = "wrapped_normal" if posterior == "wrapped_normal" else None
    model, x = fresh("vae", posterior=posterior, prior=prior)
    path, names, _ = exported(model, tmp_path, format)
    assert names[:3] == ["reconstruct", "encode", "decode"]
    served = RUNTIMES[format](str(path))["encode"]({"x": tf.constant(x)})
    assert set(served) == {"mean"}
    # Single precision, as in `test_a_fresh_model_is_exported`.
    np.testing.assert_allclose(
        served["mean"], model.embed(x), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "policy", first(["mixed_float16"], ["mixed_float16", "mixed_bfloat16"])
)
def test_mixed_precision_is_exported(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, x = fresh("vae")
    assert agreement.tolerance(model) > 1e-3
    model.export(tmp_path / "model")
    answers = saved_model(str(tmp_path / "model"))
    received = answers["reconstruct"]({"x": tf.constant(x)})["reconstruction"]
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
        answer = saved_model(str(tmp_path))["reconstruct"]
        received = answer({"x": tf.constant(x)})["reconstruction"]
        np.testing.assert_allclose(received, model.predict(x), atol=1e-5)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [*tmp_path.glob(".*")]


def test_folders_above_are_made(tmp_path):
    model, _ = fresh("autoencoder")
    model.export(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "saved_model.pb").is_file()


# What is not right is not written.

NAMES = {"tf_saved_model": "saved_model.pb"}


def broken(monkeypatch, format, convert=None, **changes):
    """Let a format be written by another converter."""
    form = export.FORMATS[format]
    changes |= {"convert": convert} if convert else {}
    monkeypatch.setitem(export.FORMATS, format, form._replace(**changes))
    return form.convert


@pytest.mark.parametrize("format", first(["onnx"], FORMATS[:3]))
def test_a_file_that_differs_is_refused(format, tmp_path, monkeypatch):
    model, _ = fresh("autoencoder")
    other, _ = fresh("autoencoder", seed=1)
    ends = base.compiled(other.export_endpoints(), None)
    convert = broken(
        monkeypatch, format, lambda _, able, path: convert(other, ends, path)
    )
    path = tmp_path / f"model{SUFFIXES.get(format, '')}"
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

    def mixed(_, able, path):
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


def test_packages_that_are_too_old_are_named_first(tmp_path, monkeypatch):
    need("stablehlo")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9.2")
    model, _ = fresh("autoencoder")
    expected = r"Missing: \['jax>=0.10', .*pip install .*\"jax>=0.10\""
    with pytest.raises(ImportError, match=expected):
        model.export(tmp_path / "made", format="stablehlo")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("format", first(["onnx"], FORMATS[:3]))
def test_a_file_that_is_not_valid_is_refused(format, tmp_path, monkeypatch):
    model, _ = fresh("vae")

    def nonsense(model, ends, path):
        if export.FORMATS[format].folder:
            path.mkdir()
            path = path / NAMES.get(format, "manifest.json")
        path.write_bytes(b"nonsense")

    broken(monkeypatch, format, nonsense)
    path = tmp_path / f"model{SUFFIXES.get(format, '')}"
    path.parent.joinpath("before").write_text("here")
    with pytest.raises(RuntimeError, match="can not be opened or run"):
        model.export(path, format=format)
    assert [p.name for p in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("format", first(["onnx"], FORMATS[:3]))
def test_an_earlier_file_survives_a_refused_one(format, tmp_path, monkeypatch):
    model, _ = fresh("autoencoder")
    path = tmp_path / f"model{SUFFIXES.get(format, '')}"
    model.export(path, format=format)

    def files():
        found = [p for p in tmp_path.rglob("*") if p.is_file()]
        return {p: p.read_bytes() for p in found}

    before = files()
    broken(monkeypatch, format, lambda model, ends, path: 1 / 0)
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
        model.export(
            tmp_path / f"model{SUFFIXES.get(format, '')}", format=format
        )
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


@pytest.mark.long
def test_options_of_keras_reach_its_exporter(tmp_path):
    """A batch of fixed size, and weights of 8 bits, said to be less exact."""
    model = keras_ae.Autoencoder.create((32,), 2, hidden=(512,), seed=0)
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
        answers = litert(str(path))["reconstruct"]({"x": tf.ones((2, 32))})
        received = answers["reconstruction"]
        assert received.shape == (2, 32)
    assert sizes["small"] < 0.6 * sizes["exact"]


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


@pytest.mark.long
def test_a_compiled_model_goes_to_jax(tmp_path):
    """Its optimizer counts steps in 64 bits, which JAX has to be told."""
    need("stablehlo")
    model = keras_ae.VAE.create((8,), 2, hidden=(4,), seed=0)
    model.compile("adam")
    written = model.export(tmp_path, format="stablehlo", batch_sizes=(2,))
    assert {"reconstruct", "score", "sample"} <= set(written.endpoints)


@pytest.mark.parametrize("format", ["onnx", "openvino", "stablehlo"])
def test_an_export_that_is_cut_short_is_not_taken_for_whole(
    tmp_path, monkeypatch, format
):
    """The manifest goes first and comes last, as the graph of a SavedModel."""
    need(format)
    model = keras_ae.Autoencoder.create((8,), 2, hidden=(4,), seed=0)
    model.export(tmp_path, format=format)
    assert (tmp_path / "manifest.json").is_file()
    replace, moved = os.replace, []

    def cut(source, target):
        if Path(target).parent == tmp_path:
            moved.append(Path(target).name)
            if len(moved) > 1:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        model.export(tmp_path, format=format)
    assert "manifest.json" not in moved
    assert not (tmp_path / "manifest.json").exists()
    monkeypatch.undo()
    files.settle(tmp_path)
    assert (tmp_path / "manifest.json").is_file()
