"""Names: of variants and of parts, ours and those of other packages."""

import importlib.metadata
import inspect
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.core import plugins
from keras_ae.core import registry
from keras_ae.parts import networks

tfd = tfp.distributions


pytestmark = pytest.mark.usefixtures("own_names")


def hush(name="hush", **members):
    """A corruption as another package would register it."""
    members = {"corrupt": lambda self, x, seed: tf.zeros_like(x)} | members
    bases = (keras_ae.corruptions.BaseCorruption,)
    members = {
        "__module__": "some_package.damage",
        "__doc__": "Zero.",
    } | members
    return keras_ae.register(name)(type("Hush", bases, members))


def test_a_part_of_another_package_has_a_name():
    cls = hush()
    model = keras_ae.DenoisingAutoencoder.create(
        (3,), 2, hidden=(4,), corruption="hush", seed=0
    )
    assert type(model.corruption) is cls
    assert "hush" in registry.names("corruption")
    node = keras.saving.serialize_keras_object(model.corruption)
    assert node["registered_name"] == "some_package>Hush"
    assert type(keras.saving.deserialize_keras_object(node)) is cls


def test_a_name_with_arguments():
    def __init__(self, level: float = 1.0):
        self.level = level

    cls = hush(__init__=__init__)
    part = keras_ae.corruptions.get({"hush": {"level": 2.0}})
    assert type(part) is cls and part.level == 2.0


@pytest.mark.parametrize("arguments", [None, {}, {"steps": 3}])
def test_a_name_lacks_arguments(arguments):
    identifier = "linear" if arguments is None else {"linear": arguments}
    missing = [
        n for n in ("start", "end", "steps") if n not in (arguments or {})
    ]
    with pytest.raises(TypeError) as caught:
        keras_ae.BetaVAE.create((8,), 2, beta=identifier)
    expected = "{'linear': arguments} with ['start', 'end', 'steps']"
    assert expected in str(caught.value)
    assert str(caught.value).endswith(f"Received: none for {missing}")


def test_kinds_have_names_of_their_own():
    """A schedule may be called as a corruption is."""
    hush("linear")
    assert keras_ae.schedules.get({"linear": dict(start=0, end=1, steps=2)}, "")


def test_a_name_is_taken_once():
    hush()
    with pytest.raises(
        ValueError,
        match="Corruption 'hush' is registered already.*Received: "
        "other_package.Hush, taken by some_package.damage.Hush",
    ):
        hush(__module__="other_package")
    with pytest.raises(ValueError, match="Prior 'vamp' is registered"):

        @keras_ae.register("vamp")
        class Vamp(keras_ae.priors.StandardNormal):
            pass


def test_a_class_may_be_defined_again():
    """As a cell of a notebook that runs twice."""
    first, second = hush(), hush()
    assert first is not second
    assert type(keras_ae.corruptions.get("hush")) is second
    node = keras.saving.serialize_keras_object(second())
    assert type(keras.saving.deserialize_keras_object(node)) is second


def test_two_packages_may_use_one_class_name():
    hush()
    hush("quiet", __module__="other_package")
    names = [
        keras.saving.get_registered_name(type(keras_ae.corruptions.get(name)))
        for name in ("hush", "quiet")
    ]
    assert names == ["some_package>Hush", "other_package>Hush"]


def test_one_package_may_not_use_a_class_name_twice():
    """Keras would load one of them for the other."""
    hush()
    with pytest.raises(
        ValueError, match="two classes as 'some_package>Hush'.*Rename"
    ):
        hush("quiet", __module__="some_package.elsewhere")
    assert "quiet" not in registry.names("corruption")


@pytest.mark.parametrize("name", ["", "No", "a b", "../x", "-a", None, object])
def test_a_name_has_a_form(name):
    with pytest.raises(ValueError, match="`name`.*@register.*Received: name="):
        keras_ae.register(name)


@pytest.mark.parametrize("thing", [int, len, tf.Module])
def test_other_things_have_no_names(thing):
    with pytest.raises(TypeError, match="Expected a class below.*Received"):
        keras_ae.register("thing")(thing)


def test_a_class_that_cannot_be_made_is_refused():
    with pytest.raises(
        TypeError, match=r"abstract.*Expected a class that defines.*corrupt"
    ):

        @keras_ae.register("nothing")
        class Nothing(keras_ae.corruptions.BaseCorruption):
            pass


@pytest.mark.parametrize("name", ["losses", "metrics", "weights", "input"])
def test_an_argument_that_keras_keeps_is_refused(name):
    space = {}
    exec(f"def __init__(self, {name}=1, **kwargs): pass", space, space)
    with pytest.raises(ValueError, match=f"argument `{name}`.*Rename"):
        keras_ae.register("mine")(
            type(
                "Mine",
                (keras_ae.heads.Bernoulli,),
                {"__init__": space["__init__"]},
            )
        )


def test_a_layer_can_be_registered():
    @keras_ae.register("twice")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2.0 * x

    assert registry.find("layer", "twice") is Twice
    assert registry.saved_as(f"{__name__.split('.')[0]}>Twice") is Twice


def test_networks_are_open():
    def wide(shape, hidden, **options):
        return networks.mlp(shape, [2 * n for n in hidden], **options)

    networks.register("broad", wide, wide, hidden=(3,))
    vae = keras_ae.VAE.create((8,), 2, network="broad")
    assert vae.encoder.body.output_shape == (None, 6)
    assert vae.reconstruct(np.zeros([2, 8])).shape == (2, 8)
    with pytest.raises(ValueError, match="Network 'mlp' is registered"):
        networks.register("mlp", wide, wide, hidden=())


def test_our_own_parts_are_all_registered():
    """None has a private table, and none was forgotten."""
    kinds = [kind for kind in registry._TABLES if kind != "network"]
    named = {c for kind in kinds for c in registry._TABLES[kind].values()}
    saved = {
        cls
        for name, cls in keras.saving.get_custom_objects().items()
        if name.startswith("keras_ae>")
    }
    assert saved == {c for c in named if registry.package(c) == "keras_ae"}
    assert not any(map(inspect.isabstract, saved))


# Plugins.


class Distribution:
    """What `importlib.metadata` says of an installed package."""

    name = "some-autoencoders"


def announce(monkeypatch, **modules):
    """Entry points of an installed package, name to module."""
    points = []
    for name, value in modules.items():
        point = importlib.metadata.EntryPoint(name, value, plugins.GROUP)
        points.append(point._for(Distribution()))
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda group: points if group == plugins.GROUP else [],
    )
    monkeypatch.setattr(plugins, "_looked_for", False)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A module that registers a corruption when it is imported."""
    (tmp_path / "announced_damage.py").write_text(
        "import keras_ae\n"
        "assert keras_ae.variants()\n"  # asks back while it is imported
        '@keras_ae.register("announced")\n'
        "class Announced(keras_ae.corruptions.Masking): pass\n"
    )
    (tmp_path / "broken_damage.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_an_installed_package_announces_itself(plugin, monkeypatch):
    announce(monkeypatch, damage="announced_damage")
    keras_ae.corruptions.get("masking")
    assert not plugins._looked_for, "looked for although nothing was missing"
    assert type(keras_ae.corruptions.get("announced")).__name__ == "Announced"


def test_a_broken_plugin_is_named_and_keeps_nobody_out(plugin, monkeypatch):
    announce(monkeypatch, a="broken_damage", b="no_such", c="announced_damage")
    monkeypatch.delitem(sys.modules, "announced_damage", False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert "announced" in registry.names("corruption")
        assert "announced" in registry.names("corruption")
    first, second = [str(w.message) for w in caught]
    assert "'some-autoencoders'" in first and "ZeroDivisionError" in first
    assert "b = 'no_such'" in second and "uninstall" in second


@pytest.mark.parametrize(
    ("name", "hint"),
    [("decode", "Override `likelihood`"), ("train_step", "hooks alone")],
)
def test_a_variant_that_overrides_a_final_method_is_refused(name, hint):
    """It would be passed over in hush."""
    method = {name: lambda self, *arguments: None}
    cls = type("Silent", (keras_ae.VAE,), method | {"__doc__": "Nothing."})
    with pytest.raises(TypeError, match=f"overrides `{name}`.*{hint}"):
        keras_ae.register("silent")(cls)
