"""The modules of the code and the graph of their imports, parsed and not imported."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

FOLDERS = {"fastbg": "fastbg", "cuda_kernels": "fastbg.cuda_kernels", "cli": "fastbg.cli"}
"""Folders of the repository, and the packages as which they are installed."""

PLACES = AT_THE_TOP, IN_A_FUNCTION, FOR_TYPES = "at the top", "in a function", "for types"


@dataclass(frozen=True)
class Module:
    """A file, by the name under which it is imported."""

    name: str
    path: Path
    is_package: bool

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def modules_of(root: Path) -> dict[str, Module]:
    """The modules of a source tree, by name."""
    modules = {}
    for folder, package in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py*")):
            if path.suffix not in (".py", ".pyi"):
                continue
            parts = path.relative_to(root / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join((package, *(parts[:-1] if is_package else parts)))
            modules[name] = Module(name, path, is_package)
    return modules


def room(name: str) -> str:
    """The part of a module's name that follows the package's."""
    return name.split(".")[1] if "." in name else name


def imports_of(modules: dict[str, Module]) -> dict[tuple[str, str], str]:
    """Pairs of importing and imported module, and where the import stands.

    If a module is imported several times, one import counts: one at the top before one in a
    function, and that before one for types.
    """
    found: dict[tuple[str, str], str] = {}
    for module in modules.values():
        for names, where in _import_statements(module.tree, module, AT_THE_TOP):
            imported = next((name for name in names if name in modules), module.name)
            if imported != module.name:
                pair = module.name, imported
                found[pair] = min(where, found.get(pair, where), key=PLACES.index)
    return found


def _import_statements(
    node: ast.AST, module: Module, where: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Names that an import may mean, the most precise first, and where it stands."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside = FOR_TYPES if where == FOR_TYPES else IN_A_FUNCTION
            yield from _import_statements(child, module, inside)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _import_statements(ast.Module(child.body, []), module, FOR_TYPES)
            yield from _import_statements(ast.Module(child.orelse, []), module, where)
        else:
            for names in _named_by(child, module):
                yield names, where
            yield from _import_statements(child, module, where)


def _named_by(node: ast.AST, module: Module) -> Iterator[tuple[str, ...]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name,) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute("." * node.level + (node.module or ""), module)
        yield from ((f"{base}.{alias.name}", base) for alias in node.names)
    elif isinstance(node, ast.Call) and "import_module" in (
        getattr(node.func, "id", ""),
        getattr(node.func, "attr", ""),
    ):
        literal = (each for each in node.args[:1] if isinstance(each, ast.Constant))
        yield from ((_absolute(str(each.value), module),) for each in literal)


def _absolute(name: str, module: Module) -> str:
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parts = module.package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], *filter(None, [name[dots:]])])


def components(nodes: list[str], edges: set[tuple[str, str]]) -> list[int]:
    """The number of the strongly connected component of each node."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {node: number for number, node in enumerate(nodes)}
    # scipy 1.11 finds no component at all where the indices have 64 bits.
    pairs = [[place[a], place[b]] for a, b in sorted(edges)]
    ends = np.array(pairs, np.int32).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), ends), shape=(len(nodes), len(nodes)))
    labels: list[int] = connected_components(graph, connection="strong")[1].tolist()
    return labels


def circles(nodes: list[str], edges: set[tuple[str, str]]) -> list[list[str]]:
    """The members of each circle."""
    label = dict(zip(nodes, components(nodes, edges), strict=True))
    sizes = Counter(label.values())
    members = [[node for node in nodes if label[node] == each] for each in sizes]
    return [sorted(each) for each in members if len(each) > 1]


def floors(nodes: list[str], edges: set[tuple[str, str]]) -> dict[str, int]:
    """The longest path below each node, with circles as one node."""
    label = dict(zip(nodes, components(nodes, edges), strict=True))
    below: dict[int, set[int]] = {each: set() for each in label.values()}
    for importer, imported in edges:
        if label[importer] != label[imported]:
            below[label[importer]].add(label[imported])
    height: dict[int, int] = {}
    for each in TopologicalSorter(below).static_order():
        height[each] = max((height[other] + 1 for other in below[each]), default=0)
    return {node: height[label[node]] for node in nodes}
