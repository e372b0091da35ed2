"""Lets the compiler work on all operations of a function at once; an engine asks for one after the other.

What a function needs is mostly there from last time. When the first of its operations is not, and has been compiled,
the compiler is started for all others that are not, with as many at work as there may be threads; who asks for one of
these waits for it.
"""

import concurrent.futures
import contextlib
import functools
import os
import shutil
import tempfile
import threading
from typing import Dict, NamedTuple, Tuple

from recurrent_layers.engine import machine

# More than g++ takes for the steps of a large cell.
BYTES_OF_A_COMPILER = 400 << 20


class Source(NamedTuple):
    """What is to be compiled, and how: what the engine gives its compiler."""

    module_name: str
    src_code: str
    include_dirs: Tuple[str, ...]
    lib_dirs: Tuple[str, ...]
    libs: Tuple[str, ...]
    preargs: Tuple[str, ...]


def compile_side_by_side(engine) -> None:
    """Let the engine do so.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    """
    here = threading.local()
    create, compile_str = engine.maker.create, engine.cmodule.GCC_compiler.compile_str

    @functools.wraps(create)
    def create_with_many(maker, *arguments, **named):
        if not hasattr(maker.linker, "make_vm"):  # Others make one module of all operations, or none.
            return create(maker, *arguments, **named)
        outer = getattr(here, "function", None)  # A loop is a function within another.
        try:
            with _Function(engine, maker.fgraph, compile_str) as here.function:
                return create(maker, *arguments, **named)
        finally:
            here.function = outer

    @functools.wraps(compile_str)
    def compile_one(module_name, src_code, location=None, include_dirs=None, lib_dirs=None, libs=None, preargs=None,
                    **named):
        function = getattr(here, "function", None)
        if function is None or named:  # Something of the engine's own.
            return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs, **named)
        flags = (tuple(given or ()) for given in (include_dirs, lib_dirs, libs, preargs))
        return function.module(Source(module_name, src_code, *flags), location)

    engine.maker.create = create_with_many
    engine.cmodule.GCC_compiler.compile_str = staticmethod(compile_one)


class _Function:
    """A function that is being made, within a `with` statement: its modules.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    graph
        The engine's `FunctionGraph` of it.
    compile_str : callable
        The engine's, which compiles one.
    """

    def __init__(self, engine, graph, compile_str):
        self._engine, self._graph, self._compile_str = engine, graph, compile_str
        self._started: Dict[Source, concurrent.futures.Future] = {}
        self._is_first, self._is_over, self._closing = True, False, contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._is_over = True  # What has not begun ends at once.
        self._closing.close()

    def module(self, source, location):
        """Compile a module into a folder, and import it."""
        if self._is_first:
            self._is_first = False
            module = self._compile(source, location, py_module=True)
            # It could be compiled: otherwise others would fail alike. Those that cannot be started now, as when Python
            # ends, are compiled when they are asked for.
            with contextlib.suppress(Exception):
                self._start(source)
            return module
        if source in self._started:
            with contextlib.suppress(Exception):  # That it fails is said by who is asked for it.
                folder = self._started.pop(source).result()
                for name in os.listdir(folder):
                    shutil.move(os.path.join(folder, name), location)
                open(os.path.join(location, "__init__.py"), "w").close()
                return self._engine.cmodule.dlimport(os.path.join(
                    location, f"{source.module_name}.{self._engine.cmodule.get_lib_extension()}"))
        return self._compile(source, location, py_module=True)

    def _compile(self, source, location, py_module):
        return self._compile_str(*source[:2], location, *map(list, source[2:]), py_module=py_module)

    def _start(self, done):
        number = int(min(machine.number_of_threads(), machine.available_memory() / BYTES_OF_A_COMPILER))
        sources = {self._source(node) for node in self._graph.toposort()} - {None, done} if number > 1 else ()
        if len(sources) > 1:
            scratch = self._closing.enter_context(tempfile.TemporaryDirectory())
            compilers = self._closing.enter_context(concurrent.futures.ThreadPoolExecutor(number))
            for source in sorted(sources, key=lambda source: -len(source.src_code)):  # The longest first.
                self._started[source] = compilers.submit(self._compile_into, scratch, source)

    def _compile_into(self, scratch, source):
        if self._is_over:
            raise concurrent.futures.CancelledError
        folder = tempfile.mkdtemp(dir=scratch)
        self._compile(source, folder, py_module=False)
        return folder

    def _source(self, node):
        """What the compiler will be asked for, for an operation; None if it will not."""
        clinker, cmodule = self._engine.clinker, self._engine.cmodule
        cache = clinker.get_module_cache()
        try:
            linker = clinker.CLinker().accept(type(self._graph)(node.inputs, node.outputs))
            key = linker.cmodule_key()
            if key in cache.entry_from_key:
                return None
            module = linker.get_dynamic_module()
            code = module.code()
            if cmodule.get_module_hash(code, key) in cache.module_hash_to_key_data:
                return None
            flags = (linker.header_dirs(), linker.lib_dirs(), linker.libraries(), linker.compile_args())
            return Source(module.code_hash, code, *map(tuple, flags))
        except Exception:  # There is no C code for it, or not for what it is given.
            return None
