"""The packages of the library stand as docs/architecture.md says, and what that page names is there."""

import ast
import importlib
import importlib.util
import pathlib
import re

import pytest

import recurrent_layers as rl
from recurrent_layers.recurrence.show import explain

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "recurrent_layers"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: What is installed with the library, by the name of its module.
ALWAYS_THERE = {"h5py", "numpy", "tqdm"}
ENGINES = {"theano", "pytensor"}


def name_of(path):
    """The name of a module within the package; of the package itself its own."""
    parts = [part for part in path.relative_to(PACKAGE).with_suffix("").parts if part != "__init__"]
    return ".".join(parts) or "recurrent_layers"


class WithoutTypes(ast.NodeTransformer):
    """Leaves out what only type checkers see."""

    def visit_If(self, node):
        return node.orelse if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


def parsed(text):
    return WithoutTypes().visit(ast.parse(text))


TREES = {name_of(path): parsed(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def imported(node):
    """The modules that a statement imports, ours without the name of the package."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "all imports are absolute"
        found = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        found = []
    for name in found:
        within = name[len("recurrent_layers."):] if name.startswith("recurrent_layers.") else name
        while name.startswith("recurrent_layers.") and within not in TREES:  # It is a name in a module.
            within = within.rpartition(".")[0] or "recurrent_layers"
        yield within


def imports(tree):
    """All modules that are imported somewhere, be it in a function."""
    return {name for node in ast.walk(tree) for name in imported(node)}


def within_functions(tree):
    """What is imported in functions."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda)))
    return {name for function in functions for name in imports(function)}


def outside_functions(node):
    """What is imported at once."""
    inner = (one for one in ast.iter_child_nodes(node) if not isinstance(one, (ast.FunctionDef, ast.Lambda)))
    return set(imported(node)).union(*map(outside_functions, inner))


IMPORTS = {name: imports(tree) for name, tree in TREES.items()}
#: By the name of a module, or of a package for what is in it, the level.
LEVELS = {name: int(number) for number, names in re.findall(r"^\| (\d+) \| (.*?) \|", PAGE, re.MULTILINE)
          for name in re.findall(r"`(.*?)`", names)}  # fmt: skip


def level_of(module):
    """That of a module, or of the innermost package that has one."""
    while module not in LEVELS:
        module, dot, _ = module.rpartition(".")
        assert dot, f"{module or 'a module'} stands on no level"
    return LEVELS[module]


def test_all_stand_on_a_level():
    assert list(LEVELS.values()) == sorted(LEVELS.values())
    assert {name for name in LEVELS if name not in TREES} == set(), "these are no modules"
    assert {level_of(module) for module in TREES} == set(range(1, 1 + max(LEVELS.values())))


def test_nobody_uses_what_stands_above():
    upwards = [f"{module} uses {other}" for module, used in IMPORTS.items() for other in sorted(used & set(TREES))
               if level_of(other) > level_of(module)]  # fmt: skip
    assert upwards == []


def test_nothing_is_imported_in_a_circle():
    """A package counts as its `__init__` alone: Python has begun with it before the modules in it."""
    left = {module: used & set(TREES) for module, used in IMPORTS.items()}
    while True:
        done = {module for module, used in left.items() if not used & set(left)}
        if not done:
            break
        left = {module: used for module, used in left.items() if module not in done}
    assert left == {}


@pytest.mark.parametrize("tree, found", [
    ("import recurrent_layers.models", {"models"}), ("from recurrent_layers import models, LSTM", {
        "models", "recurrent_layers"}),
    ("from recurrent_layers.layers.core import Dense", {"layers.core"}), ("import numpy.random as r", {"numpy.random"}),
    ("def f():\n    def g():\n        from recurrent_layers.layers import zoo", {"layers.zoo"}),
    ("if TYPE_CHECKING:\n    import recurrent_layers.models\nelse:\n    import recurrent_layers.typing", {"typing"}),
])  # fmt: skip
def test_imports_are_seen(tree, found):
    tree, is_within = parsed(tree), tree.startswith("def")
    assert imports(tree) == found and within_functions(tree) == (found if is_within else set())
    assert outside_functions(tree) == (set() if is_within else found)


def test_only_the_engine_imports_engines():
    knowing = {module for module, used in IMPORTS.items() if ENGINES & {name.partition(".")[0] for name in used}}
    assert {module.partition(".")[0] for module in knowing} == {"engine"}


def of_engine(node):
    """The names that a piece of code takes from the engine: ``engine.scan``, or `scan` imported from there."""
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names if node.module == "recurrent_layers.engine"}
    is_attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return {node.attr} if is_attribute and node.value.id == "engine" else set()


def test_only_the_recurrence_uses_the_scan_of_the_engine():
    using = {module for module, tree in TREES.items() for node in ast.walk(tree) if of_engine(node) & {"scan", "Scan"}}
    assert {module.partition(".")[0] for module in using} == {"engine", "recurrence"}


def test_only_the_engine_and_scripts_know_the_environment():
    knowing = {module for module, tree in TREES.items() for node in ast.walk(tree)
               if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")}
    assert {module.partition(".")[0] for module in knowing} == {"engine", "scripts"}
    assert not any({"os.environ", "os.getenv"} & used for used in IMPORTS.values())


def is_installed(name):
    """Whether a module is none of Python's own."""
    spec = importlib.util.find_spec(name)
    return spec is None or "-packages" in str(spec.origin) or "-packages" in str(spec.submodule_search_locations)


def test_what_need_not_be_installed_is_imported_in_functions():
    for module, tree in TREES.items():
        inner = within_functions(tree)
        assert not inner & set(TREES), f"{module} imports a module of ours in a function"
        others = {name.partition(".")[0] for name in outside_functions(tree) - set(TREES)} - {"fcntl"}
        allowed = ALWAYS_THERE | (ENGINES if module.startswith("engine.") else set())
        assert {name for name in others if name not in allowed and is_installed(name)} == set(), module


# ---- The page ---------------------------------------------------------------------------------------------------

#: What stands between backticks, but for blocks of code.
NAMED = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
FILES = [name for name in NAMED if re.fullmatch(r"[\w/.]+(/|\.(py|h|cpp|toml|md))(::\w+)?", name)]
DOTTED = [name for name in NAMED if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", name) and name not in FILES]
#: What is not ours, or stands for an object.
FOREIGN = {"theano.scan", "model.fit", "model.step"}


@pytest.mark.parametrize("name", sorted(set(FILES)))
def test_files_that_the_page_names_are_there(name):
    path, _, test = name.partition("::")
    found = [folder / path for folder in (ROOT, PACKAGE) if (folder / path).exists()]
    assert len(found) == 1
    assert not test or re.search(rf"^(def|class) {test}\b", found[0].read_text(encoding="utf-8"), re.MULTILINE)


def test_names_that_the_page_has_are_there():
    assert len(DOTTED) > 60
    for name in sorted({*DOTTED, *LEVELS} - FOREIGN - {"recurrent_layers"}):
        module = name
        while module and module not in TREES:
            module = module.rpartition(".")[0]
        assert module, f"{name} is in no module"
        if "theano_names" not in module and "on_" not in module and module != "__main__":  # Of one engine.
            found = importlib.import_module("recurrent_layers." + module)
            for part in name[len(module):].split(".")[1:]:
                found = getattr(found, part)


def test_other_names_that_the_page_has_stand_in_the_code():
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.h"), *ROOT.joinpath("trials").rglob("*.py")]
    code = "\n".join([*TREES, *(path.read_text(encoding="utf-8") for path in paths)])
    for name in set(NAMED) - set(FILES) - set(DOTTED):
        for word in re.findall(r"[A-Za-z_]\w+", name):
            assert re.search(rf"\b{word}\b", code), f"{word} in {name}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert links and all((ROOT / page).parent.joinpath(link).exists() for link in links)


def without_numbers(line):
    """A line of C whose values and rooms have no numbers, which are others on the other engine."""
    return re.sub(r"\b(at_v|v|to|room|saved)\d+\b", r"\1", line.strip())


def test_the_code_that_the_page_shows_is_written():
    shown, = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    written = iter(map(without_numbers, explain(rl.GRU(64, 128)).splitlines()))
    for line in shown.splitlines():
        pattern = ".*".join(map(re.escape, without_numbers(line).split("...")))
        assert any(re.fullmatch(pattern, one) for one in written), line
