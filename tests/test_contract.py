"""Every registered variant keeps every point of the contract."""

import pytest

from keras_ae import contract
from keras_ae.core import registry

NAMES = {check.__name__: check for check in contract.CHECKS}
KEPT = [
    pytest.param(variant, check, id=f"{variant}-{name}")
    for variant in registry.variants()
    for name, check in NAMES.items()
    if (variant, name) not in contract.EXCUSED
]


@pytest.mark.parametrize("variant, check", KEPT)
def test_contract(variant, check):
    check(registry.get(variant))


@pytest.mark.parametrize("variant, name", sorted(contract.EXCUSED))
def test_excuse_is_needed(variant, name):
    with pytest.raises(AssertionError):
        NAMES[name](registry.get(variant))


def test_excuses_have_reasons():
    for (variant, name), reason in contract.EXCUSED.items():
        assert variant in registry.variants()
        assert name in NAMES
        assert len(reason.split()) > 3
