"""What is decided of the engine and of the machine, and what a fresh Python process then does."""
import math
import os
import pathlib
import platform
import re
import site
import subprocess
import sys
import textwrap
from importlib import metadata
from types import SimpleNamespace

import pytest

from recurrent_layers.engine import machine, names, prepare, setup, threads
from recurrent_layers.engine.machine import Blas, Compiler
from recurrent_layers.engine.setup import CHOICE, ENGINES

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GXX = Compiler("/usr/bin/g++", "12")
NO_GXX = Compiler("", problem="found no g++")
OPENBLAS = Blas("-L/lib -lscipy_openblas")
NO_OPENBLAS = Blas("", problem="it is not installed")

HERE = machine.find_blas({}, machine.find_compiler({}))
ENGINE = prepare().engine
THEANO, PYTENSOR = ENGINES["theano"], ENGINES["pytensor"]

needs_openblas = pytest.mark.skipif(not HERE.flags, reason=HERE.problem)


# ---- Decisions --------------------------------------------------------------------------------------------


def test_settings_come_from_flags_and_files(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("[global]\nfloatX = float16\ncxx = from first\n[blas]\nldflags =\n")
    second.write_text("[global]\ncxx = from second\n[dnn.conv]\nalgo_fwd = small\n")
    environment = {"THEANORC": os.pathsep.join([str(first), str(second), str(tmp_path / "absent")]),
                   "THEANO_FLAGS": 'mode=Mode, gcc.cxxflags="-O3 -Wl,-s",none,mode=FAST_RUN,optimizer=a=b,'}
    assert setup.user_settings(THEANO, environment) == {
        "floatx": "float16", "cxx": "from second", "blas.ldflags": "", "dnn.conv.algo_fwd": "small",
        "mode": "FAST_RUN", "gcc.cxxflags": "-O3 -Wl,-s", "optimizer": "a=b"}
    environment = {"PYTENSORRC": str(first), "PYTENSOR_FLAGS": "gcc__cxxflags=-O1"}
    assert setup.user_settings(PYTENSOR, environment) == {
        "floatx": "float16", "cxx": "from first", "blas.ldflags": "", "gcc.cxxflags": "-O1"}


@pytest.mark.parametrize("engine", ENGINES.values())
def test_names_in_files_are_replaced_as_the_engine_does(tmp_path, engine):
    """Else the folder of what is compiled would be looked for in one that is called %(USER)s, and made there."""
    file = tmp_path / "flags"
    file.write_text("[global]\nbase_compiledir = %(TMPDIR)s/%(USER)s/%(PID)s%%\ncompiledir_format = %(platform)s\n"
                    "cxx = %\n[blas]\nldflags = -L%(LSCRATCH)s/lib\n")
    environment = {engine.files: str(file), "USER": "ann", "TMPDIR": "/tmp/10%", "LSCRATCH": "/scratch"}
    assert setup.user_settings(engine, environment) == {
        "base_compiledir": f"/tmp/10%/ann/{os.getpid()}%", "compiledir_format": "%(platform)s", "cxx": "%",
        "blas.ldflags": "-L/scratch/lib"}


@pytest.mark.parametrize("engine", ENGINES.values())
def test_flags_that_cannot_be_read(tmp_path, engine):
    file = tmp_path / "flags"
    message = rf"the file of flags of {engine.name} \({engine.files}, .* such as \[global\]: .*{re.escape(str(file))}"
    for content in ("floatX = float64\n", "[global]\nfloatX\n", "[global]\na = 1\na = 2\n"):
        file.write_text(content)
        with pytest.raises(ImportError, match=message):
            setup.user_settings(engine, {engine.files: str(file)})
    with pytest.raises(ImportError, match=f'{engine.flags} must be flags such as .*, got .floatX="f.: No closing quot'):
        setup.user_settings(engine, {engine.files: os.devnull, engine.flags: 'floatX="f'})


@pytest.mark.parametrize("engine", ENGINES.values())
def test_flags_win_over_the_file_in_the_home_directory(tmp_path, monkeypatch, engine):
    (tmp_path / engine.default_file[2:]).write_text("[global]\ncxx = file\nlinker = file\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert setup.user_settings(engine, {engine.flags: "cxx=flag"}) == {"cxx": "flag", "linker": "file"}


@pytest.mark.parametrize("user, compiler, blas, expected", [
    ({}, GXX, OPENBLAS, {"blas.ldflags": OPENBLAS.flags, "floatX": "float32"}),
    ({}, GXX, NO_OPENBLAS, {"blas.ldflags": "", "floatX": "float32"}),
    ({}, NO_GXX, NO_OPENBLAS, {"blas.ldflags": "", "floatX": "float32", "cxx": ""}),
    ({"cxx": ""}, NO_GXX, NO_OPENBLAS, {"blas.ldflags": "", "floatX": "float32"}),
    ({"blas.ldflags": "-lmine"}, GXX, NO_OPENBLAS, {"floatX": "float32"}),
    ({"gcc.cxxflags": "-O3"}, GXX, OPENBLAS, {"blas.ldflags": OPENBLAS.flags, "floatX": "float32"}),
    ({"floatX": "float64"}, GXX, OPENBLAS, {"blas.ldflags": OPENBLAS.flags}),
    ({"floatx": "float64"}, GXX, OPENBLAS, {"blas.ldflags": OPENBLAS.flags}),  # as a file gives it
])
def test_we_set_only_what_the_user_did_not(user, compiler, blas, expected):
    assert setup.default_flags(THEANO, user, compiler, blas) == expected
    cvm = {"linker": "cvm"} if compiler.path else {}
    assert setup.default_flags(PYTENSOR, user, compiler, blas) == {**expected, **cvm}
    assert setup.default_flags(PYTENSOR, {**user, "linker": "numba"}, compiler, blas) == expected


@pytest.mark.parametrize("engine", ENGINES.values())
def test_our_flags_are_read_before_those_of_the_user(engine):
    ours = {"blas.ldflags": "-L/lib#1,2 -la", "cxx": ""}
    joined = setup.joined_flags(engine, ours, "floatX=float32,cxx=c++,compiledir=/read", {"compiledir": "/own"})
    assert setup.user_settings(engine, {engine.flags: joined, engine.files: os.devnull}) == {
        "blas.ldflags": "-L/lib#1,2 -la", "cxx": "c++", "floatX": "float32", "compiledir": "/own"}


def test_blas_flags_name_every_symbol_or_refuse_the_directory():
    flags = machine.blas_flags("/some/lib").split()
    assert flags[:2] == ["-L/some/lib", "-lscipy_openblas"]
    assert {"-Dsgemm_=scipy_sgemm_", "-Dddot_=scipy_ddot_", "-Dsger_=scipy_sger_"} < set(flags)
    assert all(flag.startswith("-") for flag in flags), "the engines assert this"
    for directory in ("/with space/lib", "/with,comma", '/with"quote', "/with'quote", "\\with\\backslash"):
        assert machine.blas_flags(directory) == ""


@pytest.mark.parametrize("user, compiler, blas, words", [
    ({}, GXX, OPENBLAS, ()),
    ({}, NO_GXX, NO_OPENBLAS, ("no C++ compiler", "found no g++", "apt install g++", "xcode-select")),
    ({"cxx": ""}, NO_GXX, NO_OPENBLAS, ()),
    ({}, GXX, NO_OPENBLAS, ("NumPy", "it is not installed")),
    ({"blas.ldflags": ""}, GXX, NO_OPENBLAS, ()),
])
def test_we_complain_about_what_is_missing_unless_the_user_wants_it(user, compiler, blas, words):
    for engine in ENGINES.values():
        complaint = setup.complaint_about_machine(engine, user, compiler, blas)
        assert bool(complaint) == bool(words)
        assert all(word in complaint for word in words)
        assert complaint.startswith(engine.name if words else "")


@pytest.mark.parametrize("engine", ENGINES.values())
def test_complaint_about_an_engine_imported_before(engine):
    assert setup.complaint_about_earlier_import(engine, "g++", "-lblas") == ""
    assert f"no BLAS (its flag {engine.flag('blas.ldflags')}" in setup.complaint_about_earlier_import(engine, "g++", "")
    assert "no C++ compiler" in setup.complaint_about_earlier_import(engine, "", "")


def test_import_advice_fits_the_cause():
    missing = ModuleNotFoundError("No module named 'theano'", name="theano")
    advice = setup.import_advice(THEANO, missing, (3, 12, 1), "1.26.0")
    assert "3.11" in advice and "pip install 'pytensor" in advice
    assert "pip install Theano" in setup.import_advice(THEANO, missing, (3, 11, 7), "1.23.5")
    assert "'numpy<1.24'" in setup.import_advice(THEANO, AttributeError(), (3, 11, 7), "1.24.0")
    assert "'numpy<1.24'" in setup.import_advice(THEANO, AttributeError(), (3, 11, 7), "2.0.0rc1")
    assert "THEANO_FLAGS" in setup.import_advice(THEANO, ValueError(), (3, 11, 7), "1.23.5")
    missing = ModuleNotFoundError("No module named 'pytensor'", name="pytensor")
    assert "pip install 'pytensor" in setup.import_advice(PYTENSOR, missing, (3, 13, 0), "2.5.5")
    assert "PYTENSOR_FLAGS" in setup.import_advice(PYTENSOR, ValueError(), (3, 13, 0), "2.5.5")


def test_the_engine_is_theano_where_it_is_installed_unless_the_user_wants_the_other(monkeypatch):
    def choice(*installed, **environment):
        monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: name if name in installed else None)
        return setup.choose(environment).module
    assert choice("theano") == choice("theano", "pytensor") == "theano"
    assert choice("pytensor") == choice("pytensor", "theano", **{CHOICE: "pytensor"}) == "pytensor"
    assert choice("pytensor", **{CHOICE: "theano"}) == "theano", "that it is missing is said by its import"
    assert choice() == ("pytensor" if sys.version_info >= (3, 12) else "theano")
    with pytest.raises(ImportError, match="aesara: it may be theano or pytensor"):
        choice("theano", **{CHOICE: "aesara"})


def test_all_names_are_there():
    from recurrent_layers import engine
    assert all(getattr(engine, name) is not None for name in names.NAMES)


def test_slow_reasons():
    def reasons(core="SkylakeX", threads=4, **changes):
        config = {"cxx": "g++", "optimizer": "fast_run", "optimizer_excluding": "", "mode": "Mode",
                  "floatX": "float32", "blas.ldflags": "-lscipy_openblas"}
        config.update(changes)
        engine = SimpleNamespace(name="Theano", flags="THEANO_FLAGS", get=config.get)
        return " ".join(setup.slow_reasons(engine, core, threads, 4, "sse avx512f"))
    no_blas = {"blas.ldflags": ""}
    assert reasons() == ""
    assert "no compiler" in reasons(cxx="", core="", **no_blas)
    assert "through NumPy" in reasons(core="", **no_blas)
    assert "OPENBLAS_CORETYPE" in reasons(core="Haswell")
    assert "1 of 4 processors" in reasons(threads=1)
    assert "float64" in reasons(floatX="float64")
    assert "mode=FAST_COMPILE" in reasons(mode="FAST_COMPILE")
    assert "run by scan" in reasons(optimizer_excluding="fusion:recurrence_in_c")


@pytest.mark.parametrize("environment, expected", [
    ({}, None), ({"OMP_NUM_THREADS": "3"}, 3), ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "2,4"}, 2), ({"OMP_NUM_THREADS": ",2"}, None), ({"OPENBLAS_NUM_THREADS": "999"}, 4),
    ({"OPENBLAS_NUM_THREADS": "\u00b2", "OMP_NUM_THREADS": "2"}, 2), ({"OPENBLAS_NUM_THREADS": "9" * 5000}, 4),
    ({"OMP_NUM_THREADS": "0"}, None), ({"OMP_NUM_THREADS": "-3"}, None),
    ({"MPI_LOCALNRANKS": "2"}, 2), ({"OMPI_COMM_WORLD_LOCAL_SIZE": "3"}, 1), ({"MPI_LOCALNRANKS": "9"}, 1),
    ({"MPI_LOCALNRANKS": "2", "OMP_NUM_THREADS": "3"}, 3), ({"MPI_LOCALNRANKS": "0"}, None),
])
def test_threads_of_recurrences(monkeypatch, environment, expected):
    """More than there are processors would wait for each other."""
    monkeypatch.setattr(machine, "usable_processors", lambda process=0: 4)
    for name in (*machine.THREADS_VARIABLES, *machine.RANKS_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert machine.number_of_threads() == (expected or 4)


def test_freed_memory_is_kept_unless_the_user_says_otherwise():
    assert machine.keep_freed_memory({}) == (platform.libc_ver()[0] == "glibc")
    assert not machine.keep_freed_memory({"MALLOC_TRIM_THRESHOLD_": "131072"})


def test_compiler_of_the_user_wins():
    assert machine.find_compiler({"cxx": ""}).path == ""
    assert machine.find_compiler({"cxx": "/absent/g++"}) == Compiler("/absent/g++", "does not answer")


def test_compiler_without_python_headers_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(machine.shutil, "which", lambda name: sys.executable)  # it answers to --version
    monkeypatch.setattr(machine.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(machine.sysconfig, "get_config_var", lambda name: None)
    found = machine.find_compiler({})
    assert found.path == "" and "Python.h" in found.problem
    (tmp_path / "Python.h").write_text("")
    found = machine.find_compiler({})
    assert found.path == sys.executable and found.version.startswith("Python 3")


def test_blas_says_why_there_is_none(monkeypatch, tmp_path):
    assert "blas.ldflags" in machine.find_blas({"blas.ldflags": "-lmine"}, GXX).problem
    assert "compiler" in machine.find_blas({}, NO_GXX).problem
    monkeypatch.setattr(machine.sys, "platform", "linux")

    def find_in(directory):
        package = SimpleNamespace(submodule_search_locations=[str(directory)])
        monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: package)
        return machine.find_blas({}, GXX)
    assert "does not load" in find_in(tmp_path).problem
    assert "directory of this name" in find_in(tmp_path / "with space").problem
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    assert "pip install scipy-openblas32" in machine.find_blas({}, GXX).problem


# ---- Fresh processes --------------------------------------------------------------------------------------

VARIABLES = (ENGINE.flags, ENGINE.files, "OPENBLAS_CORETYPE", *machine.THREADS_VARIABLES)
LDFLAGS, CXXFLAGS = ENGINE.flag("blas.ldflags"), ENGINE.flag("gcc.cxxflags")


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def python(home):
    """Run Python code, or arguments, in a new process whose home directory is the same for all tests here."""
    def run(*arguments, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if name not in (*VARIABLES, "PYTHONWARNINGS")}
        environment.update(HOME=str(home), USERPROFILE=str(home), PYTHONPATH=ROOT,
                           PYTHONUSERBASE=site.getuserbase())
        environment.update(variables)
        if len(arguments) == 1:
            arguments = ("-c", textwrap.dedent(arguments[0]))
        arguments = [argument.replace("ENGINE", ENGINE.module) for argument in arguments]
        return subprocess.run([sys.executable, *arguments], env=environment, cwd=str(home),
                              capture_output=True, text=True)
    return run


def answer(process):
    """Last line that a process printed; it must have succeeded."""
    assert process.returncode == 0, process.stderr
    return process.stdout.strip().splitlines()[-1]


def test_environment_is_as_before_and_prepare_is_idempotent(python):
    process = python("""
        import os
        before = dict(os.environ)
        from recurrent_layers import engine, theano_setup
        setup = engine.prepare()
        assert setup is engine.prepare() is theano_setup.prepare()
        assert setup.ours["blas.ldflags"] == setup.engine.get("blas.ldflags") != ""
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        print(dict(os.environ) == before)
        """, OPENBLAS_NUM_THREADS="1")
    assert answer(process) == "True"


SHOW_CONFIG = """
    import os
    from recurrent_layers import engine
    its = engine.prepare().engine
    print([*map(its.get, ["floatX", "cxx", "blas.ldflags", "gcc.cxxflags"]), os.environ.get(its.flags)])
    """


def test_flags_of_the_user_win(python):
    flags = f"floatX=float64,cxx=,{LDFLAGS}=-lmine,{CXXFLAGS}=-O1"
    process = python(SHOW_CONFIG, **{ENGINE.flags: flags})
    assert answer(process) == str(["float64", "", "-lmine", "-O1", flags])
    assert process.stderr == ""


def test_the_file_of_the_user_wins(python, tmp_path):
    text = "[global]\nfloatX=float64\ncxx=\n[blas]\nldflags=-lmine\n[gcc]\ncxxflags=-O1\n"
    (tmp_path / "rc").write_text(text)
    process = python(SHOW_CONFIG, **{ENGINE.files: str(tmp_path / "rc")})
    assert answer(process) == str(["float64", "", "-lmine", "-O1", None])
    assert process.stderr == ""


PRODUCTS = """
    import glob, numpy, os, ENGINE
    from ENGINE import tensor as T
    x, y, v = T.fmatrix(), T.fmatrix(), T.fvector()
    function = ENGINE.function([x, y, v], [T.dot(x, y), T.dot(x, v)], mode="FAST_RUN")
    a = numpy.random.RandomState(0).rand(30, 20).astype("float32")
    matrix, vector = function(a, a.T, a[0])
    assert numpy.allclose(matrix, a.dot(a.T), rtol=1e-5) and numpy.allclose(vector, a.dot(a[0]), rtol=1e-5)
    loaded = {line.split()[-1] for line in open("/proc/self/maps")}
    modules = [name for name in loaded if name.startswith(str(ENGINE.config.compiledir)) and name.endswith(".so")]
    print(len([name for name in modules if b"scipy_sgemm_" in open(name, "rb").read()]),
          len([name for name in modules if b"scipy_sgemv_" in open(name, "rb").read()]),
          len([name for name in loaded if name.endswith("scipy_openblas32/lib/libscipy_openblas.so")]))
    """


@needs_openblas
def test_products_come_from_openblas(python):
    process = python("    import recurrent_layers" + PRODUCTS)
    assert answer(process) == "1 1 1"
    assert process.stderr == ""


@needs_openblas
def test_our_flags_are_good_for_an_engine_imported_before_us(python):
    process = python(PRODUCTS + "import recurrent_layers", **{ENGINE.flags: f'{LDFLAGS}="{HERE.flags}",linker=cvm'})
    assert answer(process) == "1 1 1"
    assert process.stderr == ""


SCAN_WITH_GRADIENT = """
    import recurrent_layers, numpy
    from recurrent_layers import engine
    from recurrent_layers.engine import tensor as T
    w, x = T.dscalar(), T.dvector()
    states, _ = engine.scan(lambda value, state: T.tanh(value + w * state), sequences=x,
                            outputs_info=T.constant(0, dtype="float64"))
    function = engine.function([w, x], [states[-1], T.grad(states[-1], w)])
    def by_hand(weight):
        state = 0.0
        for value in (0.1, 0.2, 0.3):
            state = numpy.tanh(value + weight * state)
        return state
    value, slope = function(0.5, [0.1, 0.2, 0.3])
    assert abs(value - by_hand(0.5)) < 1e-12
    assert abs(slope - (by_hand(0.5 + 1e-5) - by_hand(0.5 - 1e-5)) / 2e-5) < 1e-8
    """


def test_without_a_compiler_all_runs_and_we_say_so_once(python, tmp_path):
    process = python(SCAN_WITH_GRADIENT + """
    import importlib
    importlib.reload(recurrent_layers)
    print([engine.config.cxx, engine.config.linker])
    """, PATH=str(tmp_path))
    assert answer(process) == str(["", "vm" if ENGINE is THEANO else "auto"])
    assert process.stderr.count(f"RuntimeWarning: {ENGINE.name} has no C++ compiler") == 1
    assert process.stderr.lower().count("warning") == 1, process.stderr
    assert "g++" in process.stderr and "NumPy C-API" not in process.stderr


def test_without_openblas_products_are_those_of_numpy_and_we_say_so_once(python):
    process = python("""
        import sys
        sys.modules["scipy_openblas32"] = None
        from recurrent_layers import engine
        its = engine.prepare().engine
        print(repr(its.get("blas.ldflags")), bool(its.get("cxx")))
        """)
    flags, _, has_compiler = answer(process).rpartition(" ")
    if has_compiler == "False":
        pytest.skip("no compiler here")
    assert flags == "''"
    assert process.stderr.count(f"RuntimeWarning: {ENGINE.name} multiplies matrices through NumPy") == 1
    assert "NumPy C-API" not in process.stderr


def test_scan_compiles_and_runs_with_a_compiler(python):
    process = python("""
        from recurrent_layers import engine
        from recurrent_layers.engine import tensor as T
        x = T.fvector()
        sums, _ = engine.scan(lambda value, total: value + total, sequences=x,
                              outputs_info=T.constant(0, dtype="float32"))
        print(engine.function([x], sums)([1, 2, 3]).tolist(), bool(engine.config.cxx))
        """)
    assert answer(process) == f"[1.0, 3.0, 6.0] {bool(machine.find_compiler({}).path)}"


def test_an_engine_imported_before_us_is_left_alone(python):
    process = python("""
        import ENGINE
        from recurrent_layers import engine
        setup = engine.prepare()
        print(repr(setup.engine.get("blas.ldflags")), setup.was_first, dict(engine.report())["scan loop"])
        """, **{ENGINE.flags: f"{LDFLAGS}="})
    assert answer(process) == "'' True " + ("Python" if ENGINE is THEANO and sys.version_info >= (3, 11) else "C")
    assert process.stderr.count(f"RuntimeWarning: {ENGINE.name} was imported before recurrent_layers") == 1


def test_an_engine_that_does_not_import_is_explained(python, tmp_path):
    (tmp_path / f"{ENGINE.module}.py").write_text("raise AttributeError('module numpy has no attribute bool')")
    process = python("import recurrent_layers", PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT]))
    assert process.returncode != 0
    last = process.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: import {ENGINE.module} failed (AttributeError: module numpy")
    assert "direct cause" in process.stderr


def test_the_report_of_the_command_line(python):
    process = python("-m", "recurrent_layers", OMP_NUM_THREADS="1", **{ENGINE.flags: "floatX=float64"})
    assert process.returncode == 0, process.stderr
    rows = dict(line.split(None, 1) for line in process.stdout.splitlines() if line[:1] not in "s ")
    import recurrent_layers
    assert rows["recurrent_layers"] == recurrent_layers.__version__
    assert rows["Python"] == sys.version.split()[0]
    assert rows[ENGINE.name] == metadata.version(ENGINE.name) and rows["floatX"] == "float64"
    assert rows["NumPy"] and rows["SciPy"] and rows["platform"] and rows["processor"] and rows["compiledir"]
    assert (rows["BLAS"].startswith("OpenBLAS 0") and rows["BLAS"].endswith("threads 1")) == bool(HERE.flags)
    for text in (f"flag of ours      {LDFLAGS}=", "flag of yours     floatX=float64", "OMP_NUM_THREADS=1"):
        assert text in process.stdout
    speeds = [line for line in process.stdout.splitlines() if "GFLOP/s" in line]
    assert [line.split()[:3] for line in speeds] == [["sgemm", "in", ENGINE.name], ["sgemm", "in", "NumPy"]]
    assert all(int(line.split()[3]) > 0 for line in speeds)


def test_the_report_without_measurement(python):
    process = python("-m", "recurrent_layers", "--no-benchmark", **{ENGINE.flags: "cxx="})
    assert process.returncode == 0, process.stderr
    assert "none: the flag cxx is empty" in process.stdout
    assert "slow because      there is no compiler" in process.stdout
    assert "GFLOP/s" not in process.stdout


@pytest.mark.parametrize("files, expected", [
    ({}, math.inf), ({"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:  7 kB\n"}, 7 * 1024),
    ({"memory.max": "max", "memory.current": "900", "memory.stat": ""}, math.inf),
    ({"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 5\ninactive_file 300\nslab 2"}, 400),
    ({"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 5"}, 100),
    ({"memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "900",
      "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 20"}, 120),
])  # fmt: skip
def test_memory_that_is_available(files, expected, monkeypatch):
    """What a container keeps of files that were read can be given back."""

    def read(path):
        try:
            return files[path.replace("/sys/fs/cgroup/", "")]
        except KeyError:
            raise FileNotFoundError from None

    monkeypatch.setattr(machine, "_read", read)
    assert machine.available_memory() == expected


def test_on_macos_the_library_says_where_it_is_looked_for(monkeypatch, tmp_path):
    def run(command, **named):
        commands.append(command)
        pathlib.Path(command[-1]).write_bytes(b"a library")

    commands = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(threads.subprocess, "run", run)
    library = threads.build("clang++", "17", str(tmp_path))
    assert library.path == str(tmp_path / f"lib{library.name}.dylib") and os.listdir(tmp_path) == [library.file]
    assert f"-Wl,-install_name,@rpath/lib{library.name}.dylib" in commands[0]
