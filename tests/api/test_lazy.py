import sys
import types

import pytest

from harness import _lazy


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("lazy_example")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    made.__getattr__, made.__dir__ = _lazy(made.__name__, {"math": "pi tau"}, {"text": "string"})
    return made


def test_a_name_is_loaded_when_it_is_asked_for_and_kept(module: types.ModuleType) -> None:
    assert "pi" not in vars(module)
    assert (round(module.pi, 2), module.text.digits) == (3.14, "0123456789")
    assert "pi" in vars(module)


def test_all_names_are_listed(module: types.ModuleType) -> None:
    assert {"pi", "tau", "text"} <= set(dir(module))


def test_an_unknown_name_is_an_attribute_error(module: types.ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_example' has no attribute 'phi'"):
        _ = module.phi
