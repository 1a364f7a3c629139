"""Installed packages that announce themselves, so that nobody imports them.

A package with variants or parts of its own names the module that registers
them in its `pyproject.toml`:

    [project.entry-points.keras_ae]
    my-autoencoders = "my_autoencoders"
"""

import importlib.metadata
import warnings

GROUP = "keras_ae"
_looked_for = False


def load() -> None:
    """Import what installed packages announce; done once.

    Called where a name is not found or names are listed, never by an import:
    a plugin costs nothing until something is asked for that is not ours. One
    that cannot be imported is warned of, and keeps nobody else out.
    """
    global _looked_for
    if _looked_for:
        return
    _looked_for = True  # a plugin may list names while it is imported
    failures = []
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            failures.append((point, error))
    for point, error in failures:
        owner = point.dist.name if point.dist else "unknown"
        warnings.warn(
            f"The distribution {owner!r} announces variants or parts that "
            f"cannot be loaded. Expected a module to import. Received: "
            f"{point.name} = {point.value!r}, {type(error).__name__}: {error}. "
            f"Upgrade {owner}, or uninstall it.",
            stacklevel=2,
        )
