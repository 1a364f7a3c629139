"""The contract that every variant keeps: try it on a class of your own.

`check_autoencoder(MyAutoencoder)` runs all of `CHECKS`; each check takes the
class, builds small models of it and raises `AssertionError` with what is
wrong. In a test suite:

    @pytest.mark.parametrize("check", contract.CHECKS)
    def test_contract(check):
        check(MyAutoencoder)

Models and rows come from `cls.contract_case()`.
"""

from collections.abc import Callable

from keras_ae.contract import construction
from keras_ae.contract import data
from keras_ae.contract import saving
from keras_ae.contract import terms
from keras_ae.contract import training
from keras_ae.model.base import BaseAutoencoder

#: (variant, name of a check) -> why the variant cannot pass it.
EXCUSED: dict[tuple[str, str], str] = {
    ("vae-gan", "check_loss_falls"): (
        "players work against each other, so that their sum need not fall"
    ),
}

CHECKS: tuple[Callable, ...] = tuple(
    value
    for room in (construction, terms, training, data, saving)
    for name, value in vars(room).items()
    if name.startswith("check_")
)


def check_autoencoder(cls: type[BaseAutoencoder]) -> None:
    """Run every check that the class is not excused from.

    Args:
        cls: A registered variant.

    Raises:
        AssertionError: Of the first check that fails.

    Example:
        >>> from keras_ae.contract import terms
        >>> terms.check_terms(keras_ae.Autoencoder)
    """
    for check in CHECKS:
        if (cls.variant, check.__name__) not in EXCUSED:
            check(cls)
