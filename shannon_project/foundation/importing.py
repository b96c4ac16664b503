"""Importing a library without what it takes along only because that happens to be installed, or might be asked for."""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any


@contextmanager
def imported_without(*names: str) -> Iterator[None]:
    """Have modules look as if they were not installed, as far as they are not loaded yet.

    For libraries that take something up if it is there and do without it if it is not. Use it where such a library is
    imported first, before there are threads; whoever imports the hidden module afterwards gets it.

    Args:
        names: Modules, dotted.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # which is how Python marks one that is not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def found_first(finder: MetaPathFinder) -> Iterator[None]:
    """Have a finder asked before all others for each module that is imported meanwhile."""
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class NamesAtUse(MetaPathFinder):
    """Finds packages that only name again what their modules hold, and has them load each when it is asked for.

    `from .thing import Thing as Thing` in hundreds of lines loads hundreds of modules for whoever wants one of them. A
    package that does anything else is loaded as it is.
    """

    def __init__(self, root: str) -> None:
        """Make one for a package and those within it."""
        self._root = root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load one of its packages."""
        if fullname != self._root and not fullname.startswith(f"{self._root}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.submodule_search_locations is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _NamesLoader(spec.loader.name, spec.loader.path)
        return spec


class _NamesLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        """Run the package, unless it only names what its modules hold."""
        names = _named_again(ast.parse(self.get_source(module.__name__) or ""), module.__name__)
        if names is None:
            super().exec_module(module)
            return
        vars(module)["__all__"] = list(names)
        for name, (origin, original) in names.items():
            module_at_use(module, origin.removeprefix(f"{module.__name__}.").split(".")[0])
            attribute_at_use(module, name, _loads(origin, original))


def _named_again(tree: ast.Module, package: str) -> Mapping[str, tuple[str, str]] | None:
    """Return what a package names and where it lies: module and name; None when it does anything else."""
    names: dict[str, tuple[str, str]] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.ImportFrom) or any(alias.name == "*" for alias in statement.names):
            return None
        if statement.module == "__future__":
            continue
        if statement.level != 1 or statement.module is None:
            return None
        for alias in statement.names:
            names[alias.asname or alias.name] = (f"{package}.{statement.module}", alias.name)
    modules = {origin.removeprefix(f"{package}.").split(".")[0] for origin, _ in names.values()}
    return None if modules & names.keys() else names  # a name of both would become the module when that is loaded


def _loads(origin: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(origin), name)


def module_at_use(package: ModuleType, name: str) -> None:
    """Have a package get one of its modules when somebody first asks for it; see `attribute_at_use`."""
    attribute_at_use(package, name, lambda: import_module(f"{package.__name__}.{name}"))


def attribute_at_use(module: ModuleType, name: str, load: Callable[[], Any]) -> None:
    """Have a module get one of its attributes when somebody first asks for it, from outside of its own code.

    Args:
        module: Whose; what else it is asked for and has not is looked for as before.
        name: The attribute. What it holds now is let go.
        load: Returns it.
    """
    held = vars(module)
    held.pop(name, None)
    before = held.get("__getattr__")
    if not isinstance(before, _AttributesAtUse):
        before = held["__getattr__"] = _AttributesAtUse(module, before)
    before.loads[name] = load


class _AttributesAtUse:
    """A module's `__getattr__`."""

    def __init__(self, module: ModuleType, before: Callable[[str], Any] | None) -> None:
        self._module = module
        self._before = before
        self.loads: dict[str, Callable[[], Any]] = {}

    def __call__(self, name: str) -> Any:
        if name in self.loads:
            found = self.loads[name]()
            setattr(self._module, name, found)
            return found
        if self._before is not None:
            return self._before(name)
        raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}")
