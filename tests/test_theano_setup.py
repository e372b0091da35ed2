"""What `theano_setup` decides, and what a fresh Python process then does."""
import os
import platform
import site
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from recurrent_layers import theano_setup
from recurrent_layers.theano_setup import Blas, Compiler

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GXX = Compiler("/usr/bin/g++", "12")
NO_GXX = Compiler("", problem="found no g++")
OPENBLAS = Blas("-L/lib -lscipy_openblas")
NO_OPENBLAS = Blas("", problem="it is not installed")

HERE = theano_setup.find_blas({}, theano_setup.find_compiler({}))

needs_openblas = pytest.mark.skipif(not HERE.flags, reason=HERE.problem)


# ---- Decisions --------------------------------------------------------------------------------------------


def test_settings_come_from_flags_and_files(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("[global]\nfloatX = float16\ncxx = from first\n[blas]\nldflags =\n")
    second.write_text("[global]\ncxx = from second\n[dnn.conv]\nalgo_fwd = small\n")
    environment = {"THEANORC": os.pathsep.join([str(first), str(second), str(tmp_path / "absent")]),
                   "THEANO_FLAGS": 'mode=Mode, gcc.cxxflags="-O3 -Wl,-s",none,mode=FAST_RUN,optimizer=a=b,'}
    assert theano_setup.user_settings(environment) == {
        "floatx": "float16", "cxx": "from second", "blas.ldflags": "", "dnn.conv.algo_fwd": "small",
        "mode": "FAST_RUN", "gcc.cxxflags": "-O3 -Wl,-s", "optimizer": "a=b"}


def test_flags_win_over_the_file_in_the_home_directory(tmp_path, monkeypatch):
    (tmp_path / ".theanorc").write_text("[global]\ncxx = file\nlinker = file\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert theano_setup.user_settings({"THEANO_FLAGS": "cxx=flag"}) == {"cxx": "flag", "linker": "file"}


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
    assert theano_setup.default_flags(user, compiler, blas) == expected


def test_theano_reads_our_flags_before_those_of_the_user():
    ours = {"blas.ldflags": "-L/lib#1,2 -la", "cxx": ""}
    joined = theano_setup.joined_flags(ours, "floatX=float32,cxx=c++")
    assert theano_setup.user_settings({"THEANO_FLAGS": joined, "THEANORC": os.devnull}) == {
        "blas.ldflags": "-L/lib#1,2 -la", "cxx": "c++", "floatX": "float32"}


def test_blas_flags_name_every_symbol_or_refuse_the_directory():
    flags = theano_setup.blas_flags("/some/lib").split()
    assert flags[:2] == ["-L/some/lib", "-lscipy_openblas"]
    assert {"-Dsgemm_=scipy_sgemm_", "-Dddot_=scipy_ddot_", "-Dsger_=scipy_sger_"} < set(flags)
    assert all(flag.startswith("-") for flag in flags), "Theano asserts this"
    for directory in ("/with space/lib", "/with,comma", '/with"quote', "/with'quote", "\\with\\backslash"):
        assert theano_setup.blas_flags(directory) == ""


@pytest.mark.parametrize("user, compiler, blas, words", [
    ({}, GXX, OPENBLAS, ()),
    ({}, NO_GXX, NO_OPENBLAS, ("no C++ compiler", "found no g++", "apt install g++", "xcode-select")),
    ({"cxx": ""}, NO_GXX, NO_OPENBLAS, ()),
    ({}, GXX, NO_OPENBLAS, ("NumPy", "it is not installed")),
    ({"blas.ldflags": ""}, GXX, NO_OPENBLAS, ()),
])
def test_we_complain_about_what_is_missing_unless_the_user_wants_it(user, compiler, blas, words):
    complaint = theano_setup.complaint_about_machine(user, compiler, blas)
    assert bool(complaint) == bool(words)
    assert all(word in complaint for word in words)


def test_complaint_about_a_theano_imported_before():
    assert theano_setup.complaint_about_earlier_import("g++", "-lblas") == ""
    assert "no BLAS" in theano_setup.complaint_about_earlier_import("g++", "")
    assert "no C++ compiler" in theano_setup.complaint_about_earlier_import("", "")


def test_import_advice_fits_the_cause():
    missing = ModuleNotFoundError("No module named 'theano'", name="theano")
    assert "3.11" in theano_setup.import_advice(missing, (3, 12, 1), "1.26.0")
    assert "pip install Theano" in theano_setup.import_advice(missing, (3, 11, 7), "1.23.5")
    assert "'numpy<1.24'" in theano_setup.import_advice(AttributeError(), (3, 11, 7), "1.24.0")
    assert "'numpy<1.24'" in theano_setup.import_advice(AttributeError(), (3, 11, 7), "2.0.0rc1")
    assert "THEANO_FLAGS" in theano_setup.import_advice(ValueError(), (3, 11, 7), "1.23.5")


def test_slow_reasons():
    def reasons(core="SkylakeX", threads=4, **changes):
        config = dict(cxx="g++", optimizer="fast_run", optimizer_excluding="", mode="Mode", floatX="float32",
                      blas=SimpleNamespace(ldflags="-lscipy_openblas"))
        config.update(changes)
        config = SimpleNamespace(**config)
        return " ".join(theano_setup.slow_reasons(config, core, threads, 4, "sse avx512f"))
    assert reasons() == ""
    assert "no compiler" in reasons(cxx="", blas=SimpleNamespace(ldflags=""), core="")
    assert "through NumPy" in reasons(blas=SimpleNamespace(ldflags=""), core="")
    assert "OPENBLAS_CORETYPE" in reasons(core="Haswell")
    assert "1 of 4 processors" in reasons(threads=1)
    assert "float64" in reasons(floatX="float64")
    assert "mode=FAST_COMPILE" in reasons(mode="FAST_COMPILE")
    assert "run by scan" in reasons(optimizer_excluding="fusion:recurrence_in_c")


@pytest.mark.parametrize("environment, expected", [
    ({}, None), ({"OMP_NUM_THREADS": "3"}, 3), ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "4,2"}, None),
])
def test_threads_of_recurrences(monkeypatch, environment, expected):
    for name in theano_setup.THREADS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert theano_setup.number_of_threads() == (expected or len(os.sched_getaffinity(0)))


def test_freed_memory_is_kept_unless_the_user_says_otherwise():
    assert theano_setup.keep_freed_memory({}) == (platform.libc_ver()[0] == "glibc")
    assert not theano_setup.keep_freed_memory({"MALLOC_TRIM_THRESHOLD_": "131072"})


def test_compiler_of_the_user_wins():
    assert theano_setup.find_compiler({"cxx": ""}).path == ""
    assert theano_setup.find_compiler({"cxx": "/absent/g++"}) == Compiler("/absent/g++", "does not answer")


def test_compiler_without_python_headers_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(theano_setup.shutil, "which", lambda name: sys.executable)  # it answers to --version
    monkeypatch.setattr(theano_setup.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(theano_setup.sysconfig, "get_config_var", lambda name: None)
    found = theano_setup.find_compiler({})
    assert found.path == "" and "Python.h" in found.problem
    (tmp_path / "Python.h").write_text("")
    found = theano_setup.find_compiler({})
    assert found.path == sys.executable and found.version.startswith("Python 3")


def test_blas_says_why_there_is_none(monkeypatch, tmp_path):
    assert "blas.ldflags" in theano_setup.find_blas({"blas.ldflags": "-lmine"}, GXX).problem
    assert "compiler" in theano_setup.find_blas({}, NO_GXX).problem
    monkeypatch.setattr(theano_setup.sys, "platform", "linux")

    def find_in(directory):
        package = SimpleNamespace(submodule_search_locations=[str(directory)])
        monkeypatch.setattr(theano_setup.importlib.util, "find_spec", lambda name: package)
        return theano_setup.find_blas({}, GXX)
    assert "does not load" in find_in(tmp_path).problem
    assert "directory of this name" in find_in(tmp_path / "with space").problem
    monkeypatch.setattr(theano_setup.importlib.util, "find_spec", lambda name: None)
    assert "pip install scipy-openblas32" in theano_setup.find_blas({}, GXX).problem


# ---- Fresh processes --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def python(home):
    """Run Python code, or arguments, in a new process whose home directory is the same for all tests here."""
    def run(*arguments, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if name not in theano_setup.ENVIRONMENT_VARIABLES and name != "PYTHONWARNINGS"}
        environment.update(HOME=str(home), USERPROFILE=str(home), PYTHONPATH=ROOT,
                           PYTHONUSERBASE=site.getuserbase())
        environment.update(variables)
        if len(arguments) == 1:
            arguments = ("-c", textwrap.dedent(arguments[0]))
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
        import recurrent_layers, theano
        flags = theano.config.blas.ldflags
        setup = recurrent_layers.theano_setup.prepare()
        assert setup is recurrent_layers.theano_setup.prepare()
        assert setup.ours["blas.ldflags"] == flags == theano.config.blas.ldflags
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        print(dict(os.environ) == before)
        """, OPENBLAS_NUM_THREADS="1")
    assert answer(process) == "True"


SHOW_CONFIG = """
    import os, recurrent_layers, theano
    print([theano.config.floatX, theano.config.cxx, theano.config.blas.ldflags, theano.config.gcc.cxxflags,
           os.environ.get("THEANO_FLAGS")])
    """


def test_theano_flags_of_the_user_win(python):
    flags = "floatX=float64,cxx=,blas.ldflags=-lmine,gcc.cxxflags=-O1"
    process = python(SHOW_CONFIG, THEANO_FLAGS=flags)
    assert answer(process) == str(["float64", "", "-lmine", "-O1", flags])
    assert process.stderr == ""


def test_theanorc_of_the_user_wins(python, tmp_path):
    text = "[global]\nfloatX=float64\ncxx=\n[blas]\nldflags=-lmine\n[gcc]\ncxxflags=-O1\n"
    (tmp_path / "rc").write_text(text)
    process = python(SHOW_CONFIG, THEANORC=str(tmp_path / "rc"))
    assert answer(process) == str(["float64", "", "-lmine", "-O1", None])
    assert process.stderr == ""


PRODUCTS = """
    import glob, numpy, os, theano
    x, y, v = theano.tensor.fmatrix(), theano.tensor.fmatrix(), theano.tensor.fvector()
    function = theano.function([x, y, v], [theano.tensor.dot(x, y), theano.tensor.dot(x, v)], mode="FAST_RUN")
    a = numpy.random.RandomState(0).rand(30, 20).astype("float32")
    matrix, vector = function(a, a.T, a[0])
    assert numpy.allclose(matrix, a.dot(a.T), rtol=1e-5) and numpy.allclose(vector, a.dot(a[0]), rtol=1e-5)
    loaded = {line.split()[-1] for line in open("/proc/self/maps")}
    modules = [name for name in loaded if name.startswith(theano.config.compiledir) and name.endswith(".so")]
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
def test_our_flags_are_good_for_a_theano_imported_before_us(python):
    process = python(PRODUCTS + "import recurrent_layers", THEANO_FLAGS=f'blas.ldflags="{HERE.flags}"')
    assert answer(process) == "1 1 1"
    assert process.stderr == ""


SCAN_WITH_GRADIENT = """
    import recurrent_layers, numpy, theano
    from theano import tensor as T
    w, x = T.dscalar(), T.dvector()
    states, _ = theano.scan(lambda value, state: T.tanh(value + w * state), x, T.constant(0, dtype="float64"))
    function = theano.function([w, x], [states[-1], T.grad(states[-1], w)])
    def by_hand(weight):
        state = 0.0
        for value in (0.1, 0.2, 0.3):
            state = numpy.tanh(value + weight * state)
        return state
    value, slope = function(0.5, [0.1, 0.2, 0.3])
    assert abs(value - by_hand(0.5)) < 1e-12
    assert abs(slope - (by_hand(0.5 + 1e-5) - by_hand(0.5 - 1e-5)) / 2e-5) < 1e-8
    """


def test_without_a_compiler_theano_runs_in_python_and_we_say_so_once(python, tmp_path):
    process = python(SCAN_WITH_GRADIENT + """
    import importlib
    importlib.reload(recurrent_layers)
    print([theano.config.cxx, theano.config.linker])
    """, PATH=str(tmp_path))
    assert answer(process) == str(["", "vm"])
    assert process.stderr.count("RuntimeWarning: Theano has no C++ compiler") == 1
    assert process.stderr.lower().count("warning") == 1, process.stderr
    assert "g++" in process.stderr and "NumPy C-API" not in process.stderr


def test_without_openblas_theano_uses_numpy_and_we_say_so_once(python):
    process = python("""
        import sys
        sys.modules["scipy_openblas32"] = None
        import recurrent_layers, theano
        print(repr(theano.config.blas.ldflags), bool(theano.config.cxx))
        """)
    if answer(process) != "'' True":
        pytest.skip("no compiler here")
    assert process.stderr.count("RuntimeWarning: Theano multiplies matrices through NumPy") == 1
    assert "NumPy C-API" not in process.stderr


def test_scan_compiles_and_runs_with_a_compiler(python):
    process = python("""
        import recurrent_layers, theano
        from theano import tensor as T
        x = T.fvector()
        sums, _ = theano.scan(lambda value, total: value + total, x, T.constant(0, dtype="float32"))
        mode = theano.Mode(theano.config.linker, "fast_compile")
        print(theano.function([x], sums, mode=mode)([1, 2, 3]).tolist())
        """)
    assert answer(process) == "[1.0, 3.0, 6.0]"


def test_theano_imported_before_us_is_left_alone(python):
    process = python("""
        import theano
        import recurrent_layers, sys
        print(repr(theano.config.blas.ldflags), recurrent_layers.theano_setup.prepare().theano_was_first,
              sys.modules.get("theano.scan_module.scan_perform_ext", "C"))
        """, THEANO_FLAGS="blas.ldflags=")
    assert answer(process) == "'' True " + ("None" if sys.version_info >= (3, 11) else "C")
    assert process.stderr.count("RuntimeWarning: Theano was imported before recurrent_layers") == 1


def test_a_theano_that_does_not_import_is_explained(python, tmp_path):
    (tmp_path / "theano.py").write_text("raise AttributeError('module numpy has no attribute bool')")
    process = python("import recurrent_layers", PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT]))
    assert process.returncode != 0
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ImportError: import theano failed (AttributeError: module numpy")
    assert "direct cause" in process.stderr


def test_the_report_of_the_command_line(python):
    process = python("-m", "recurrent_layers", THEANO_FLAGS="floatX=float64", OMP_NUM_THREADS="1")
    assert process.returncode == 0, process.stderr
    rows = dict(line.split(None, 1) for line in process.stdout.splitlines() if line[:1] not in "s ")
    import recurrent_layers
    assert rows["recurrent_layers"] == recurrent_layers.__version__
    assert rows["Python"] == sys.version.split()[0]
    assert rows["Theano"] == "1.0.5" and rows["floatX"] == "float64"
    assert rows["NumPy"] and rows["SciPy"] and rows["platform"] and rows["processor"] and rows["compiledir"]
    assert (rows["BLAS"].startswith("OpenBLAS 0") and rows["BLAS"].endswith("threads 1")) == bool(HERE.flags)
    for text in ("flag of ours      blas.ldflags=", "flag of yours     floatX=float64", "OMP_NUM_THREADS=1"):
        assert text in process.stdout
    speeds = [line for line in process.stdout.splitlines() if "GFLOP/s" in line]
    assert [line.split()[:3] for line in speeds] == [["sgemm", "in", "Theano"], ["sgemm", "in", "NumPy"]]
    assert all(int(line.split()[3]) > 0 for line in speeds)


def test_the_report_without_measurement(python):
    process = python("-m", "recurrent_layers", "--no-benchmark", THEANO_FLAGS="cxx=")
    assert process.returncode == 0, process.stderr
    assert "none: the flag cxx is empty" in process.stdout
    assert "slow because      there is no compiler" in process.stdout
    assert "GFLOP/s" not in process.stdout
