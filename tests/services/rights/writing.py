"""Which functions of the services write: found in the source, so that a new one cannot be forgotten.

A function writes when it calls something that writes (to a collection or to the storage), or refers to a function that
does, anywhere below it in the services. Whether it is called or handed on makes no difference: too much found
is an entry in a list, too little is a hole.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("webapp.services",)
#: Calls that write, whatever they are called on.
WRITES = frozenset(
    ["save", "insert", "insert_one", "insert_many", "update_one", "update_many", "delete_one", "delete_many", "modify",
     "bulk_write", "replace_one", "find_one_and_update", "find_one_and_replace", "find_one_and_delete", "drop",
     "drop_collection", "ensure_indexes", "create_index", "put"]
)  # fmt: skip
#: Dictionaries and sets have these too: they write when it is documents or files that they are called on.
WRITES_ON_DOCUMENTS = frozenset(["update", "delete", "move"])


@dataclass
class Function:
    module: str  # below webapp, as jobs.lifecycle
    name: str  # of a method: Class.method
    node: ast.FunctionDef
    refers_to: set[tuple[str, str]] = field(default_factory=set)
    writes: bool = False

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def key(self) -> tuple[str, str]:
        return self.module, self.name

    @property
    def parameters(self) -> list[str]:
        arguments = self.node.args
        return [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


@cache
def writing_functions() -> dict[str, Function]:
    """Every public function of the services that writes, as `folder.module.function`."""
    functions = _read()
    writing = {function.key for function in functions.values() if function.writes}
    while True:
        more = {each.key for each in functions.values() if each.key not in writing and each.refers_to & writing}
        if not more:
            break
        writing |= more
    return {
        f"{module.removeprefix('webapp.services.')}.{name}": functions[module, name]
        for module, name in sorted(writing)
        if module.startswith("webapp.services") and functions[module, name].is_public
    }


def writes_of(path: Path) -> list[str]:
    """Calls in this file that write by themselves, as `line: source`."""
    tree = ast.parse(path.read_text())
    return [f"{call.lineno}: {ast.unparse(call)[:80]}" for call in ast.walk(tree) if _is_write(call)]


def _read() -> dict[tuple[str, str], Function]:
    functions: dict[tuple[str, str], Function] = {}
    trees: dict[str, ast.Module] = {}
    for part in PARTS:
        for path in sorted((ROOT / part.replace(".", "/")).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            trees[module] = ast.parse(path.read_text())
            for function in _functions_of(module, trees[module]):
                functions[function.key] = function
    every = {module: _names(module, tree, trees) for module, tree in trees.items()}
    for function in functions.values():
        # What is imported from another module may be one of a class there.
        names = {
            name: every.get(found[0], {}).get(found[1], found) if found[1] else found
            for name, found in every[function.module].items()
        }
        for node in ast.walk(function.node):
            function.writes |= _is_write(node)
            function.refers_to |= _targets(node, function, names, functions)
    return functions


def _functions_of(module: str, tree: ast.Module) -> Iterator[Function]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield Function(module, node.name, node)
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield Function(module, f"{node.name}.{each.name}", each)


def _names(module: str, tree: ast.Module, trees: dict[str, ast.Module]) -> dict[str, tuple[str, str]]:
    """What the names in this module stand for: (module, "") or (module, name in it)."""
    names: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                whole = f"{node.module}.{each.name}"
                names[each.asname or each.name] = (whole, "") if whole in trees else (node.module, each.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = (module, node.name)
        elif (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        ):
            # One of a class stands for the class.
            for target in node.targets:
                if isinstance(target, ast.Name) and node.value.func.id in names:
                    names[target.id] = names[node.value.func.id]
    return names


def _targets(
    node: ast.AST,
    inside: Function,
    names: dict[str, tuple[str, str]],
    functions: dict[tuple[str, str], Function],
) -> set[tuple[str, str]]:
    if isinstance(node, ast.Name) and node.id in names:
        module, name = names[node.id]
        found = (module, name)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id in ("self", "cls"):
            found = (inside.module, f"{inside.name.partition('.')[0]}.{node.attr}")
        else:
            module, name = names.get(node.value.id, ("", ""))
            found = (module, f"{name}.{node.attr}" if name else node.attr)
    else:
        return set()
    if found in functions:
        return {found}
    # A class stands for all its methods.
    return {key for key in functions if key[0] == found[0] and key[1].startswith(f"{found[1]}.")}


def _is_write(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr in WRITES:
        return True
    on = ast.unparse(node.func.value)
    is_of_documents = any(word in on for word in (".objects", "_get_collection", "_jobs()", "files", "storage"))
    sets = any("__" in (each.arg or "") for each in node.keywords)
    return node.func.attr in WRITES_ON_DOCUMENTS and (is_of_documents or sets)
