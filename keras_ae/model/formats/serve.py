"""Answers of a folder of StableHLO programs; needs JAX and NumPy alone.

import serve  # from that folder

model = serve.load("folder")
model["score"](x=images)  # {"kl": ..., "reconstruction": ..., ...}
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np


def load(folder: str | Path) -> dict[str, Callable]:
    """The endpoints by name.

    Args:
        folder: As `model.export(folder, format="stablehlo")` wrote it.

    Returns:
        name -> function of arrays `[N, ...]` by name, for any N, to arrays by
        name. It runs on JAX's default device, in batches of the sizes that
        there are programs for; the last is filled up.

    Raises:
        ValueError: By the functions, on arrays that do not fit.
    """
    import jax

    folder = Path(folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    with _wide(), np.load(folder / "weights.npz") as file:
        weights = {n: jax.device_put(file[n]) for n in file.files}
    answers = {}
    for name, about in manifest["endpoints"].items():
        held = [weights[n] for n in about["weights"]]
        programs = {}
        for size, file in sorted(about["programs"].items(), key=_size):
            inputs, outputs = (
                _sized(about[ports], int(size))
                for ports in ("inputs", "outputs")
            )
            inputs += [(w.shape, w.dtype) for w in held]
            code = (folder / file).read_bytes()
            programs[int(size)] = program(code, inputs, outputs)
        answers[name] = _answer(about, programs, held)
    return answers


def program(code: bytes, inputs: list[tuple], outputs: list[tuple]) -> Callable:
    """A portable program as a compiled function of JAX.

    Args:
        code: A StableHLO portable artifact.
        inputs: (shape, dtype) of each argument, weights among them.
        outputs: (shape, dtype) of each output.

    Returns:
        Function of the arguments to a list of the outputs.
    """
    import jax
    from jax import export  # older ones do not load it by themselves

    def shell(*given):  # noqa: ANN002, ANN202
        del given  # of the same signature; its body is the program's
        return [jax.numpy.zeros(shape, dtype) for shape, dtype in outputs]

    with _wide():
        like = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in inputs]
        exported = dataclasses.replace(
            export.export(jax.jit(shell))(*like),
            mlir_module_serialized=code,
            module_kept_var_idx=tuple(range(len(like))),
        )
    return jax.jit(exported.call)


def _wide():  # noqa: ANN202
    """Inside, JAX keeps 64 bits: a compiled model counts its steps so."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


def _size(item: tuple[str, str]) -> int:
    return int(item[0])


def _sized(ports: list[dict], size: int) -> list[tuple]:
    return [((size, *p["shape"][1:]), p["dtype"]) for p in ports]


def _answer(about: dict, programs: dict[int, Callable], held: list) -> Callable:
    outputs = [port["name"] for port in about["outputs"]]

    def answer(**values: np.ndarray) -> dict[str, np.ndarray]:
        given = _checked(about["inputs"], values)
        rows = len(given[0])
        size = next((s for s in programs if s >= rows), max(programs))
        found = []
        for start in range(0, rows, size):
            part = [g[start : start + size] for g in given]
            real = len(part[0])
            full = [np.resize(p, (size, *p.shape[1:])) for p in part]
            with _wide():
                answered = programs[size](*full, *held)
            found.append([np.asarray(a)[:real] for a in answered])
        joined = map(np.concatenate, zip(*found, strict=True))
        return dict(zip(outputs, joined, strict=True))

    return answer


def _checked(ports: list[dict], values: dict) -> list[np.ndarray]:
    names = [port["name"] for port in ports]
    if set(values) != set(names):
        raise ValueError(f"Expected {names}. Received: {sorted(values)}")
    given = [np.asarray(values[p["name"]], p["dtype"]) for p in ports]
    for port, array in zip(ports, given, strict=True):
        shape = tuple(port["shape"][1:])
        if array.ndim == 0 or array.shape[1:] != shape or not len(array):
            raise ValueError(
                f"Invalid shape of `{port['name']}`. Expected "
                f"{('N', *shape)}. Received: {array.shape}"
            )
    if len({len(array) for array in given}) != 1:
        raise ValueError(
            f"Expected as many rows of each of {names}. Received: "
            f"{[len(array) for array in given]}"
        )
    return given
