"""Sparse dictionaries in the files in which they are published.

A folder of `cfg.json` and `sae_weights.safetensors`, as SAELens writes it.
"""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np

from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.parts import heads
from keras_ae.parts import sparsity
from keras_ae.variants.sparse_dictionary import SparseDictionary

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"

Arrays = dict[str, np.ndarray]


def read(folder: str | Path) -> SparseDictionary:
    """The dictionary in a folder; its codes are those of the original.

    Args:
        folder: Path of the folder.

    Raises:
        ImportError: If `safetensors` is not installed.
        ValueError: If the architecture is unknown, activations are normalized
            or reshaped, or arrays have other names or shapes.
    """
    config = json.loads(Path(folder, CONFIG).read_text(encoding="utf-8"))
    kind = config.get("architecture", "standard")
    validation.check_in("architecture", kind, tuple(_PARTS))
    for name in ("normalize_activations", "reshape_activations"):
        validation.check_in(name, config.get(name, "none"), ("none",))
    arrays = _library().load_file(Path(folder, WEIGHTS))
    size, units = config["d_in"], config["d_sae"]
    _check(arrays, kind, size, units)
    if config.get("rescale_acts_by_decoder_norm", False):
        arrays = _folded(arrays)
    bias = "b_gate" if kind == "gated" else "b_enc"
    offset = arrays[bias]
    if config.get("apply_b_dec_to_input", True):
        offset = offset - arrays["b_dec"] @ arrays["W_enc"]
    rectified = kind in ("standard", "topk")
    model = SparseDictionary.create(
        (size,),
        units,
        sparsity=_PARTS[kind](config),
        posterior=heads.Point("relu" if rectified else None),
    )
    model.encoder.projection.set_weights([arrays["W_enc"], offset])
    model.decoder.projection.set_weights([arrays["W_dec"], arrays["b_dec"]])
    if kind == "jumprelu":
        model.sparsity.thresholds.assign(arrays["threshold"])
    if kind == "gated":
        # There a magnitude's bias comes before the gate's, here after it.
        shift = np.exp(arrays["r_mag"]) * arrays["b_gate"]
        model.sparsity.log_gain.assign(arrays["r_mag"])
        model.sparsity.offset.assign(arrays["b_mag"] - shift)
    return model


def write(model: SparseDictionary, folder: str | Path) -> None:
    """Write a dictionary that `read`, and SAELens, give back.

    A `BatchTopK` is written as what it is outside training, thresholds; codes
    of `L1` and `TopK` have to be those of a rectifier,
    `posterior=heads.Point("relu")`.

    Args:
        model: A dictionary whose encoder is one layer.
        folder: Path to write; it may exist.

    Raises:
        ImportError: If `safetensors` is not installed.
        ValueError: If the format has no such dictionary.
    """
    part, head = model.sparsity, model.encoder.head
    kind = _KINDS.get(type(part))
    rectified = kind in ("standard", "topk")
    wanted = "relu" if rectified else None
    if (
        kind is None
        or model.encoder.body.weights
        or (getattr(head, "activation", "") != wanted)
    ):
        expected = (
            f"an encoder of one layer, one of {sorted(_KINDS.values())}, and "
            f"posterior=Point({wanted!r})"
        )
        received = f"{part!r}, {head!r}, {model.encoder.body.name!r}"
        raise ValueError(validation.invalid("model", expected, received))
    library = _library()
    reads, writes = (
        [np.array(w) for w in network.projection.get_weights()]
        for network in (model.encoder, model.decoder)
    )
    size, units = reads[0].shape
    bias = "b_gate" if kind == "gated" else "b_enc"
    names = ("W_enc", bias, "W_dec", "b_dec")
    arrays = dict(zip(names, reads + writes, strict=True))
    config = {
        "architecture": kind,
        "d_in": size,
        "d_sae": units,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": False,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {},
    }
    if kind == "topk":
        config |= {"k": part.k, "rescale_acts_by_decoder_norm": False}
    if isinstance(part, sparsity.BatchTopK):
        arrays["threshold"] = np.full(units, part.threshold, np.float32)
    if isinstance(part, sparsity.JumpReLU):
        arrays["threshold"] = part.positive().numpy()
    if kind == "gated":
        gain = part.log_gain.numpy()
        arrays["r_mag"] = gain
        arrays["b_mag"] = part.offset.numpy() + np.exp(gain) * reads[1]
    with files.replacing(folder, last=WEIGHTS) as path:
        path.mkdir()
        text = json.dumps(config, indent=2)
        (path / CONFIG).write_text(text, encoding="utf-8")
        library.save_file(arrays, path / WEIGHTS)


#: What an architecture is here.
_PARTS = {
    "standard": lambda config: sparsity.L1(),
    "topk": lambda config: sparsity.TopK(config["k"]),
    "jumprelu": lambda config: sparsity.JumpReLU(),
    "gated": lambda config: sparsity.Gated(),
}
_KINDS = {
    sparsity.L1: "standard",
    sparsity.TopK: "topk",
    sparsity.BatchTopK: "jumprelu",
    sparsity.JumpReLU: "jumprelu",
    sparsity.Gated: "gated",
}
_OWN = {
    "standard": ("b_enc",),
    "topk": ("b_enc",),
    "jumprelu": ("b_enc", "threshold"),
    "gated": ("b_gate", "b_mag", "r_mag"),
}


def _library() -> ModuleType:
    """The package that reads and writes such files."""
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError as error:
        raise ImportError(
            "Published dictionaries are files of safetensors. Expected it to "
            f"be installed. Received: {error}. pip install "
            "'keras-ae[dictionaries]'"
        ) from error


def _check(arrays: Arrays, kind: str, size: int, units: int) -> None:
    """Refuse other arrays than a dictionary of this kind has."""
    shapes = {"W_enc": (size, units), "W_dec": (units, size), "b_dec": (size,)}
    shapes |= dict.fromkeys(_OWN[kind], (units,))
    found = {name: array.shape for name, array in arrays.items()}
    if found != shapes:
        raise ValueError(validation.invalid("weights", str(shapes), found))


def _folded(arrays: Arrays) -> Arrays:
    """The same dictionary with directions of length 1."""
    lengths = np.linalg.norm(arrays["W_dec"], axis=1)
    scaled = {
        name: array * lengths
        for name, array in arrays.items()
        if name in ("W_enc", "b_enc", "b_gate", "b_mag", "threshold")
    }
    return arrays | scaled | {"W_dec": arrays["W_dec"] / lengths[:, None]}
