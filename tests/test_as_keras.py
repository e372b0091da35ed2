"""`python -m recurrent_layers script.py` and `as_keras`: what `keras` and `theano` mean, and what is said about it."""

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap

import pytest
from other_processes import compiling, said

import recurrent_layers as rl
from recurrent_layers import engine, scripts

ON_THEANO = engine.NAME == "Theano"


def ran(path, *arguments, source=None, options=(), **environment):
    """What a script has left, which is written first if there is a source."""
    if source is not None:
        path.write_text(textwrap.dedent(source))
    return subprocess.run([sys.executable, "-m", "recurrent_layers", *options, str(path), *arguments],
                          capture_output=True, text=True, env=dict(os.environ, **environment))  # fmt: skip


def with_flag(flag):
    """The environment's flags for Theano, and one more."""
    return dict(THEANO_FLAGS=f"{os.environ.get('THEANO_FLAGS', '')},{flag}")


class TestStyle:
    @pytest.mark.parametrize("source, version", [
        ("model.add(LSTM(64, 128))", "0.1"), ("model.add(LSTM(128, input_dim=64))", "0.3"),
        ("model.add(LSTM(output_dim=128, input_dim=64))", "0.1"), ("model.add(LSTM(output_dim=128))", "0.3"),
        ("model.add(Dense(64, 10, activation='softmax'))", "0.1"), ("model.add(Dense(10, 'uniform'))", "0.3"),
        ("model.add(Dense(10, activation='softmax'))", "0.3"), ("Dense(n_in, n_out, 'glorot_normal')", "0.1"),
        ("model.add(LSTM(HIDDEN, return_sequences=True))", "0.3"), ("x = Embedding(1000, 64, input_length=10)", "0.3"),
        ("x = Embedding(1000, 64)", "0.1"), ("x = Dropout(0.5, input_shape=(3,))", "0.3"), ("x = Dropout(0.5)", "0.1"),
        ("RNN = recurrent.GRU\\nmodel.add(RNN(12, 128))", "0.1"), ("RNN = recurrent.GRU\\nmodel.add(RNN(128))", "0.3"),
        ("from keras.layers.recurrent import GRU as Cell\\nCell(32, input_dim=8)", "0.3"),
        ("from keras.layers.recurrent import JZS1", "0.1"), ("from keras import backend as K", "0.3"),
        ("import keras.utils.theano_utils", "0.1"), ("model.add(Reshape(3, 4))", "0.1"),
        ("model.add(BatchNormalization((64,)))", "0.1"), ("model.add(BatchNormalization())", "0.3"),
        ("LSTM(*sizes)", "0.1"), ("LSTM(**options)", "0.1"), ("import numpy", "0.1"),
        # What most of it says.
        ("LSTM(64, 128)\\nDense(128, 64)\\nDense(10)", "0.1"), ("LSTM(64, 128)\\nDense(64)\\nDense(10)", "0.3"),
        # What is behind the first size may be no size.
        ("Dense(hidden, act, input_dim=4)", "0.3"), ("Dense(hidden, whatever, input_dim=4)", "0.3"),
        ("Dense(10, activation)", "0.3"), ("Dense(10, args.init)", "0.3"), ("Dense(10, options['act_fn'])", "0.3"),
        ("kind = 'relu'\\nDense(10, kind)", "0.3"), ("for kind in ['relu', 'tanh']:\\n    Dense(10, kind)", "0.3"),
        ("def build(n, kind='relu'):\\n    return Dense(n, kind)", "0.3"), ("Dense(10, lambda shape: shape)", "0.3"),
        ("from keras import initializations\\nDense(10, initializations.uniform)", "0.3"),
        ("Dense(n_states, n_actions)", "0.1"), ("Dense(HIDDEN, len(chars))", "0.1"), ("Dense(4, y.shape[1])", "0.1"),
        ("n = 'a'\\nm = 3\\nDense(4, m)", "0.1"), ("Dense(64, output_dim=10)", "0.1"), ("LSTM(input_dim=4)", "0.1"),
        ("from keras.utils import np_utils\\nDense(4, np_utils.to_categorical(y).shape[1])", "0.1"),
        ("MaxoutDense(10, 4)", "0.1"), ("MaxoutDense(10, 4, input_dim=3)", "0.3"), ("MaxoutDense(5, 10, 4)", "0.1"),
        # Calls before imports, which count once for each module; what 0.2 has too is no sign of 0.1.
        ("from keras.utils.theano_utils import sharedX, floatX, on_gpu\\nLSTM(5, input_shape=(3, 2))", "0.3"),
        ("from keras.layers.recurrent import LSTM, JZS1, JZS2, JZS3\\nDense(10)", "0.3"),
        ("from keras.backend import dot, sum, mean\\nDense(64, 10)", "0.1"),
        ("from keras.utils.dot_utils import Grapher\\nfrom keras import backend\\nimport keras.backend", "0.1"),
        ("from keras.layers import LSTM, Dense", "0.3"), ("from keras.layers import recurrent", "0.1"),
        # Shapes of other things.
        ("build(input_shape=X.shape)", "0.1"), ("data = load(input_length=3)", "0.1"),
        ("from mine import Dropout\\nDropout(0.5, input_shape=(3,))", "0.1"), ("model.add(Mine(input_shape=4))", "0.3"),
        ("from keras.layers.core import Highway as H\\nH(input_shape=(3,))", "0.3"),
        ("import keras.layers.core as core\\ncore.Highway(input_shape=(3,))", "0.3"),
        ("import keras\\nkeras.layers.core.Highway(input_shape=(3,))", "0.3"),
        ("graph.add_input(name='x', input_shape=(3,))", "0.3"), ("graph.add_input(name='x', ndim=3)", "0.1"),
        ("from keras.layers.convolutional import MaxPooling1D\\nMaxPooling1D(2, input_shape=(3, 4))", "0.3"),
        ("LSTM(*sizes, input_shape=(3, 4))", "0.3"),
        # And layers of others, ours among them.
        ("from recurrent_layers import JZS1, GRU\\nJZS1(4, 3)\\nGRU(3)", "0.1"),
        ("from recurrent_layers import JZS1\\nfrom keras.layers.core import Dense\\nJZS1(4, 3)\\nDense(1)", "0.3"),
        ("import torch.nn as nn\\nnn.LSTM(64)\\nnn.LSTM(32)", "0.1"), ("from lasagne import Dense\\nDense(3)", "0.1"),
        ("class GRU(object):\\n    pass\\nGRU(128)", "0.1"), ("def Dense(n):\\n    pass\\nDense(10)", "0.1"),
        ("try:\\n    from mine import GRU\\nexcept ImportError:\\n    from keras.layers.recurrent import GRU\\nGRU(8)",
         "0.3"),
        # Whatever stands in front of it is a shape.
        ("BatchNormalization(64)", "0.1"), ("PReLU(4)", "0.1"), ("BatchNormalization(shape)", "0.1"),
        ("PReLU(init='zero')", "0.3"), ("ParametricSoftplus()", "0.3"), ("BatchNormalization(epsilon=1e-5)", "0.3"),
        ("BatchNormalization(input_shape=(64,))", "0.1"),
        # What is certain and what is guessed: LSTM(100) is LSTM(100, 128) in 0.1.
        ("LSTM(100)\\nLSTM(50)\\nGRU(20)\\nDense(20, 10)", "0.1"), ("LSTM(100)\\nDense(3, input_dim=4)", "0.3"),
        ("LSTM(100)\\nLSTM(50)\\nfrom keras.utils import dot_utils", "0.1"), ("SimpleRNN(100)\\nLSTM(3, 4)", "0.1"),
        # Of Keras 1.0 and later, with what they have kept of 0.3.
        ("LSTM(128, input_dim=64)\\nmodel.compile('sgd', 'mse', metrics=['accuracy'])", "1.0"),
        ("model.fit(X, y, epochs=3)", "1.0"), ("model.fit_generator(g, steps_per_epoch=10, epochs=3)", "1.0"),
        ("from keras.layers import Input, Dense", "1.0"), ("from keras.engine.topology import Layer", "1.0"),
        ("import keras.engine", "1.0"), ("from keras.models import Model\\nModel(input=x, output=y)", "1.0"),
        ("import keras\\nkeras.models.Model(inputs=x, outputs=y)", "1.0"), ("Dense(units=10)", "1.0"),
        ("from keras.models import Model", "0.1"), ("from mine import Model\\nModel(input=x)", "0.1"),
        ("class Net:\\n    def fit(self, X, epochs):\\n        pass\\nnet.fit(X, epochs=3)", "0.1"),
        ("LSTM(64, 128)\\nDense(128, 10)\\nother.fit(X, epochs=3)", "0.1"),
    ])  # fmt: skip
    def test_it_is_seen(self, source, version):
        assert scripts.style_of(ast.parse(source.replace("\\n", "\n"))).version == version

    def test_the_reason_names_a_line(self):
        style = scripts.style_of(ast.parse("import numpy\n\nmodel.add(LSTM(128, input_dim=64))"))
        assert style.reason == "LSTM with one size in line 3"

    @pytest.mark.parametrize("source, reason", [
        ("model.add(Dense(3, 4))", "Dense with two sizes in line 1"),
        ("\nGRU(3, output_dim=4)", "GRU with two sizes in line 2"), ("import sys", "nothing says otherwise"),
        ("LSTM(output_dim=3)", "LSTM without input_dim in line 1"),
        ("from keras import backend", "import of keras.backend in line 1"),
        ("LSTM(input_dim=3)", "LSTM without output_dim in line 1"), ("PReLU(4)", "PReLU of a shape in line 1"),
        ("Dense(10)\nfit.compile(metrics=[])", "compile(metrics=...) in line 2"),
        ("def f():\n    Dense(3)\nDense(4)", "Dense with one size in line 2"),
    ])  # fmt: skip
    def test_reasons(self, source, reason):
        assert scripts.style_of(ast.parse(source)).reason == reason

    @pytest.mark.parametrize("name", ["Dense", "TimeDistributedDense", "MaxoutDense", "SimpleRNN", "GRU", "JZS2"])
    @pytest.mark.parametrize("call, version", [
        ("{}(4, 3)", "0.1"), ("{}(4, output_dim=3)", "0.1"), ("{}(output_dim=3, input_dim=4)", "0.1"),
        ("{}(3, input_dim=4)", "0.3"), ("{}(output_dim=3)", "0.3"), ("{}(3, 'uniform', input_dim=4)", "0.3"),
    ])  # fmt: skip
    def test_what_our_layer_refuses_is_of_later_keras(self, call, version, name):
        assert scripts.style_of(ast.parse(call.format(name))).version == version
        with contextlib.nullcontext() if version == "0.1" else pytest.raises((TypeError, ValueError)):
            layer = eval(call.format(name), vars(rl))
            assert (layer.input_dim, layer.output_dim) == (4, 3)


class TestRunning:
    def test_keras_is_this_library_and_theano_works_before_it(self, tmp_path):
        (tmp_path / "beside.py").write_text("NUMBER = 42")
        result = ran(tmp_path / "old.py", "a", "-b", source="""
            from __future__ import print_function
            import sys
            import theano
            import theano.tensor as T
            import beside
            import keras
            import keras.layers.core
            from keras.models import Sequential
            from keras.layers.recurrent import GRU as Cell
            from keras.utils import np_utils
            from keras import objectives

            def main():
                x = T.matrix()
                double = theano.function([x], 2 * x, mode="FAST_COMPILE")
                print(double([[1.5]])[0, 0], sys.argv[1:], __file__ == sys.argv[0], beside.NUMBER)
                print(Sequential.__module__, Cell(3, 4).output_dim, keras.layers.core.Dense.__module__)
                print(np_utils.to_categorical([0, 1]).shape, objectives.mse.__name__)

            if __name__ == "__main__":
                main()
                sys.exit(7)
            """)
        assert result.returncode == 7, result.stderr
        assert result.stdout.splitlines() == [
            "3.0 ['a', '-b'] True 42", "recurrent_layers.models 4 recurrent_layers.layers.core",
            "(2, 2) mean_squared_error"]  # fmt: skip
        first = result.stderr.splitlines()[0]
        assert first.startswith(f"recurrent_layers: keras is recurrent_layers here, theano is {engine.NAME} (")
        assert "old.py is in the style of Keras 0.1: Cell with two sizes in line " in first

    def test_what_is_told_counts(self, tmp_path):
        source = "from keras.layers.recurrent import LSTM\nprint(LSTM(64).output_dim)"
        result = ran(tmp_path / "script.py", source=source, options=["--keras=0.1"])
        assert result.stdout == "128\n" and "--keras=0.1" in result.stderr.splitlines()[0]

    @pytest.mark.skipif(not ON_THEANO, reason="Keras 0.3.3 runs on Theano only")
    def test_keras_itself(self, tmp_path):
        (tmp_path / ".keras").mkdir()
        (tmp_path / ".keras" / "keras.json").write_text(json.dumps(
            {"epsilon": 1e-7, "floatx": "float32", "backend": "tensorflow"}))  # fmt: skip
        result = ran(tmp_path / "script.py", **dict(compiling(), HOME=str(tmp_path)), source="""
            import numpy as np
            from keras.models import Sequential
            from keras.layers.recurrent import LSTM
            from keras.layers.core import Dense
            from keras import backend as K
            model = Sequential()
            model.add(LSTM(4, input_shape=(5, 3)))
            model.add(Dense(1))
            model.compile("sgd", "mse")
            ops = [type(node.op).__name__ for node in K.function([model.get_input()], model.get_output()).function
                   .maker.fgraph.apply_nodes]
            print(Sequential.__module__, "Loops" in ops, "Scan" in ops)
            """)
        assert result.returncode == 0, result.stderr
        assert result.stdout == "keras.models True False\n"
        assert result.stderr.startswith("recurrent_layers: keras is Keras 0.3.3 here, theano is Theano (")

    @pytest.mark.skipif(not ON_THEANO, reason="Keras 0.3.3 runs on Theano only")
    def test_keras_itself_finds_what_it_calls_of_others(self, tmp_path):
        """Of inspect, which lost it with Python 3.11, and of PyYAML, with its version 6."""
        result = ran(tmp_path / "script.py", HOME=str(tmp_path), source="""
            import numpy as np
            from keras import backend as K
            from keras.layers.core import Dense, Lambda, Reshape
            from keras.models import Sequential, model_from_yaml
            from keras.wrappers.scikit_learn import KerasRegressor

            def build(factor=2.0):
                model = Sequential([Dense(2, input_dim=4), Lambda(lambda x: factor * x)])
                model.compile("sgd", "mse")
                return model

            model, X = build(), np.ones((3, 4), "float32")
            of_dense = K.function([model.layers[0].input], [model.layers[0].get_output(train=False)], name="dense")
            print(np.allclose(model.predict(X), 2 * of_dense([X])[0]))
            print(KerasRegressor(build, factor=3.0).get_params()["factor"])
            model = Sequential([Dense(2, input_shape=(4,)), Reshape((2, 1))])
            model.compile("sgd", "mse")
            print([type(layer).__name__ for layer in model_from_yaml(model.to_yaml()).layers])
            """)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines() == ["True", "3.0", "['Dense', 'Reshape']"]

    @pytest.mark.skipif(ON_THEANO, reason="Keras 0.3.3 runs on Theano")
    def test_without_keras_itself_it_says_what_is_needed(self, tmp_path):
        result = ran(tmp_path / "script.py", source="from keras.layers.recurrent import LSTM\nLSTM(4, input_dim=3)")
        assert result.returncode == 1 and result.stdout == ""
        assert "needs Keras 0.3.3 itself (LSTM with one size in line 2)" in result.stderr.splitlines()[-1]
        assert "Python 3.8 to 3.11" in result.stderr

    def test_python_2(self, tmp_path):
        result = ran(tmp_path / "script.py", source="import sys\nprint 'x'")
        assert result.returncode == 1 and result.stdout == ""
        assert "script.py, line 2 is no Python 3: Missing parentheses" in result.stderr
        assert "futurize -w" in result.stderr and "Traceback" not in result.stderr

    @pytest.mark.parametrize("options, name, message", [
        ([], "none.py", "cannot read .*none.py: No such file"), (["--keras=2"], "script.py", "usage: python -m"),
        (["--keras=0.1"], "", "cannot read"),
    ])  # fmt: skip
    def test_what_cannot_be_run(self, options, name, message, tmp_path):
        (tmp_path / "script.py").write_text("print(1)")
        result = ran(tmp_path / name, options=options)
        assert result.returncode == 1 and result.stdout == "" and "Traceback" not in result.stderr
        assert re.search(message, result.stderr)

    def test_an_error_of_the_script_is_its_own(self, tmp_path):
        result = ran(tmp_path / "script.py", source="import keras\nprint(1)\nkeras.nothing")
        assert result.returncode == 1 and result.stdout == "1\n"
        assert result.stderr.splitlines()[-1] == "AttributeError: module 'recurrent_layers' has no attribute 'nothing'"

    def test_the_traceback_begins_in_the_script(self, tmp_path):
        (tmp_path / "beside.py").write_text("def halve(n):\n    return n / 0")
        result = ran(tmp_path / "script.py", source="import beside\n\nbeside.halve(1)")
        assert result.returncode == 1
        frames = [line.strip() for line in result.stderr.splitlines() if line.startswith('  File "')]
        assert frames == [f'File "{tmp_path / "script.py"}", line 3, in <module>',
                          f'File "{tmp_path / "beside.py"}", line 2, in halve']  # fmt: skip
        first, *_, last = result.stderr.splitlines()[1:]
        assert first == "Traceback (most recent call last):" and last == "ZeroDivisionError: division by zero"

    def test_a_hook_of_the_script_prints_its_errors(self, tmp_path):
        result = ran(tmp_path / "script.py", source="""
            import sys
            sys.excepthook = lambda kind, error, trace: print(kind.__name__, error, trace.tb_lineno)
            1 / 0
            """)
        assert result.returncode == 1 and result.stdout == "ZeroDivisionError division by zero 4\n"

    def test_python_2_that_parses(self, tmp_path):
        (tmp_path / "beside.py").write_text("text = unicode('x')")
        result = ran(tmp_path / "script.py", source="print(1)\nimport beside")
        assert result.returncode == 1 and result.stdout == "1\n"
        first, *_, error, advice = result.stderr.splitlines()[1:]
        assert first == "Traceback (most recent call last):" and error == "NameError: name 'unicode' is not defined"
        assert advice.startswith("recurrent_layers: unicode is of Python 2: translate it first: pip install future")
        assert f"futurize -w {tmp_path / 'beside.py'};" in advice and "2to3 -w" in advice

    def test_keras_1(self, tmp_path):
        source = "print(1)\nfrom keras.layers import Input\nmodel.fit(epochs=3)"
        result = ran(tmp_path / "script.py", source=source)
        assert result.returncode == 1 and result.stdout == ""
        (message,) = result.stderr.splitlines()
        assert "is for Keras 1.0 or later (import of keras.layers.Input in line 2), which this does not run" in message
        result = ran(tmp_path / "script.py", options=["--keras=0.1"])
        assert result.stdout == "1\n" and "keras is recurrent_layers here" in result.stderr

    @pytest.mark.parametrize("source, name", [
        ("from keras.layers.recurrent import JZS1\nJZS1(16, input_dim=4)", "JZS1 in line 1"),
        ("from keras.layers import recurrent as r\nr.SimpleDeepRNN(8, input_shape=(3, 4))", "SimpleDeepRNN in line 2"),
        ("import numpy\nfrom keras.utils.theano_utils import sharedX\nDense(3)", "theano_utils in line 2"),
    ])  # fmt: skip
    def test_what_ended_with_keras_02(self, source, name, tmp_path):
        result = ran(tmp_path / "script.py", source=source)
        assert result.returncode == 1 and result.stdout == "" and "Traceback" not in result.stderr
        *_, message = result.stderr.splitlines()
        assert f"; {name}): JZS1, JZS2, JZS3, SimpleDeepRNN and theano_utils ended with it" in message
        assert "write JZS1(4, 16) for JZS1(16, input_dim=4)" in message and "--keras=0.1" in message

    @pytest.mark.parametrize("flags, floatX", [(None, "float64"), ("floatX=float32", "float32")], ids=["", "told"])
    def test_floatX_in_the_flags_that_a_script_sets(self, flags, floatX, flags_in_a_file, tmp_path):
        result = ran(tmp_path / "script.py", **{} if flags is None else dict(THEANO_FLAGS=flags), source="""
            import os
            os.environ['THEANO_FLAGS'] = 'device=gpu,floatX=float64'
            import theano
            from keras.layers.core import Dense
            print(theano.config.floatX, Dense(2, 3).get_weights()[0].dtype)
            """)
        assert result.stdout == f"{floatX} {floatX}\n", result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_floatX_is_that_of_theano_where_nobody_has_set_it(self, flags_in_a_file, tmp_path):
        """Arrays of NumPy's, which are of float64, go wherever they went then."""
        result = ran(tmp_path / "script.py", source="""
            import numpy as np
            import theano
            from keras.models import Sequential
            from keras.layers.recurrent import SimpleRNN
            model = Sequential()
            model.add(SimpleRNN(3, 2))
            model.compile(loss="mse", optimizer="sgd")
            model.optimizer.lr.set_value(np.float64(0.1))
            model.layers[0].W.set_value(np.random.rand(3, 2))
            X = np.random.rand(4, 5, 3)
            hidden = theano.function([model.layers[0].input], model.layers[0].get_output(train=False))
            print(theano.config.floatX, model.predict(X).dtype, np.allclose(hidden(X), model.predict(X)))
            """)
        assert result.returncode == 0, result.stderr
        assert result.stdout == "float64 float64 True\n"
        assert "; floatX is float64, Theano's default of that time: " in result.stderr.splitlines()[0]

    @pytest.mark.parametrize("where", ["flags", "file"])
    def test_floatX_of_the_user_wins(self, where, flags_in_a_file, tmp_path):
        if where == "file":
            flags_in_a_file.write_text(flags_in_a_file.read_text() + "floatX = float32\n")
        flags = {name: "floatX=float32" for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS") if where == "flags"}
        result = ran(tmp_path / "script.py", source="import theano\nprint(theano.config.floatX)", **flags)
        assert result.stdout == "float32\n" and "floatX is" not in result.stderr

    def test_a_module_that_is_not_there_is_missing_by_its_name(self, tmp_path):
        result = ran(tmp_path / "script.py", source="from keras.layers.local import LocallyConnected1D",
                     options=["--keras=0.1"])  # fmt: skip
        assert "ModuleNotFoundError: there is no keras.layers.local in recurrent_layers" in result.stderr

    @pytest.mark.skipif(not ON_THEANO, reason="PyTensor does not read Theano's flags")
    @pytest.mark.parametrize("device", ["gpu", "gpu0", "cuda0"])
    def test_a_gpu_is_passed_over_with_one_line(self, device, tmp_path):
        source = "import theano, keras\nprint(theano.config.device)"
        result = ran(tmp_path / "script.py", source=source, **with_flag(f"device={device}"))
        assert result.stdout == "cpu\n"
        assert [line for line in result.stderr.splitlines() if "device" in line] == [
            f"recurrent_layers: device={device} is passed over: all runs on the CPU."]  # fmt: skip
        assert len(result.stderr.splitlines()) == 2 and result.stderr.startswith("recurrent_layers: keras is")

    @pytest.mark.parametrize("source", ["import theano.sandbox.cuda\ntheano.sandbox.cuda.use('gpu0')",
                                        "from theano.sandbox import cuda\ncuda.use('gpu0', force=True)"])
    def test_a_gpu_that_a_script_uses_is_passed_over_with_one_line(self, source, tmp_path):
        source += "\nimport keras, theano.sandbox.cuda\nprint(theano.sandbox.cuda.cuda_available)"
        result = ran(tmp_path / "script.py", source=source)
        assert result.stdout == "False\n", result.stderr
        assert result.stderr.splitlines()[1:] == ["recurrent_layers: device=gpu0 is passed over: all runs on the CPU."]


@pytest.fixture
def flags_in_a_file(tmp_path, monkeypatch):
    """The engine's flags, of which none is in the environment."""
    path = tmp_path / "flags"
    path.write_text(f"[global]\nmode = FAST_COMPILE\nbase_compiledir = {engine.config.base_compiledir}\n")
    for name in ("THEANO", "PYTENSOR"):
        monkeypatch.delenv(f"{name}_FLAGS")
        monkeypatch.setenv(f"{name}RC", str(path))
    return path


class TestFlagsOfAScript:
    @pytest.mark.parametrize("lines, floatX", [
        (["os.environ['THEANO_FLAGS'] = 'device=gpu,floatX=float64'"], "float64"),
        (["os.environ.setdefault('THEANO_FLAGS', 'floatX=float64')"], "float64"),
        (["from os import environ", "environ['THEANO_FLAGS'] = 'mode=FAST_RUN, floatX = float64'"], "float64"),
        (["if 'THEANO_FLAGS' not in os.environ:", "    os.environ['THEANO_FLAGS'] = 'floatX=float16'"], "float16"),
        (["os.environ['THEANO_FLAGS'] = 'floatX=float64,' + os.environ.get('THEANO_FLAGS', '')"], "float64"),
        (["os.environ['THEANO_FLAGS'] = 'device=%s,floatX=float64' % device"], "float64"),
        (["os.environ['THEANO_FLAGS'] = ''", "os.environ['THEANO_FLAGS'] += ',floatX=float64'"], "float64"),
        (["os.environ['THEANO_FLAGS'] = 'floatX=float64'", "os.environ['THEANO_FLAGS'] = 'floatX=float32'"], "float32"),
        (["os.environ['THEANO_FLAGS'] = 'floatX=float64'", "os.environ['THEANO_FLAGS'] += ',device=gpu'"], "float64"),
        (["os.environ['THEANO_FLAGS'] = 'device=cpu'"], None), (["os.environ['FLAGS'] = 'floatX=float64'"], None),
        (["flags['THEANO_FLAGS'] = 'floatX=float64'"], None), (["os.environ['THEANO_FLAGS'] = 'floatX=half'"], None),
        # Too late for Theano, too.
        (["import theano.tensor as T", "os.environ['THEANO_FLAGS'] = 'floatX=float64'"], None),
        (["from keras import models", "os.environ['THEANO_FLAGS'] = 'floatX=float64'"], None),
    ])  # fmt: skip
    def test_floatX(self, lines, floatX, flags_in_a_file):
        assert scripts._wanted_floatX(ast.parse("\n".join(["import os", *lines]))) == floatX

    @pytest.mark.parametrize("flags", ["floatX=float32", "device=cpu, floatX = float64"])
    def test_that_of_the_user_wins(self, flags, flags_in_a_file, monkeypatch):
        monkeypatch.setenv(engine.prepare().engine.flags, flags)
        assert scripts._wanted_floatX(ast.parse("os.environ['THEANO_FLAGS'] = 'floatX=float64'")) is None

    def test_a_default_is_one_only_where_the_user_has_set_none(self, flags_in_a_file, monkeypatch):
        monkeypatch.setenv("THEANO_FLAGS", "device=cpu")
        assert scripts._wanted_floatX(ast.parse("os.environ.setdefault('THEANO_FLAGS', 'floatX=float64')")) is None
        assert scripts._wanted_floatX(ast.parse("os.environ['THEANO_FLAGS'] = 'floatX=float64'")) == "float64"


class TestAdvice:
    """Of errors that leave a script which parses."""

    def printed(self, source, capsys):
        try:
            exec(compile(source, "script.py", "exec"), {})
        except Exception:
            scripts._print_error("script.py", sys.__excepthook__, *sys.exc_info())
        return capsys.readouterr().err.splitlines()

    @pytest.mark.parametrize("source, name", [
        ("for i in xrange(3):\n    pass", "xrange"), ("raw_input()", "raw_input"), ("basestring", "basestring"),
        ("import cPickle as pickle", "cPickle"), ("from StringIO import StringIO", "StringIO"),
        ("from itertools import izip", "izip"), ("import itertools\nitertools.izip", "izip"),
        ("for k, v in {}.iteritems():\n    pass", "iteritems"), ("{}.has_key(1)", "has_key"),
    ], ids=lambda value: value.split("\n")[0])  # fmt: skip
    def test_python_2(self, source, name, capsys):
        first, frame, *_, error, advice = self.printed(source, capsys)
        assert first == "Traceback (most recent call last):" and frame.startswith('  File "script.py", line ')
        assert f"'{name}'" in error and "Error: " in error
        assert advice.startswith(f"recurrent_layers: {name} is of Python 2: ") and "futurize -w script.py;" in advice

    @pytest.mark.parametrize("source", [
        "nothing", "import nothing_at_all", "''.nothing", "raise NameError('xrange')", "raise ValueError('xrange')",
        "def f():\n    file = file\nf()", "import os\nos.xrange", "return 1",
    ])  # fmt: skip
    def test_another_error_gets_none(self, source, capsys):
        last = self.printed(source, capsys)[-1]
        assert "Error: " in last and "Python 2" not in last


class TestAsKeras:
    def test_in_a_notebook(self):
        assert said("""
        import recurrent_layers
        recurrent_layers.as_keras()
        recurrent_layers.as_keras()
        import theano.tensor as T
        from keras.layers import recurrent
        import keras
        layer = keras.layers.recurrent.JZS1(2, 3)
        print(recurrent is recurrent_layers.layers.recurrent, keras is recurrent_layers, layer.output_dim)
        """) == "True True 3"

    @pytest.mark.skipif(not ON_THEANO, reason="Keras 0.3.3 runs on Theano only")
    def test_another_version_after_all(self):
        assert said("""
        import recurrent_layers
        recurrent_layers.as_keras()
        recurrent_layers.as_keras("0.3")
        import keras
        print(keras.__version__, keras is recurrent_layers)
        """).splitlines()[-1] == "0.3.3 False"

    def test_import_of_all(self):
        assert said("""
        import recurrent_layers
        recurrent_layers.as_keras()
        from keras.layers.core import *
        from keras.utils import *
        print(Merge is recurrent_layers.layers.Merge, np_utils.to_categorical([1]).tolist(), "T" in globals())
        """) == "True [[0.0, 1.0]] False"

    def test_not_behind_another_keras(self):
        assert "was imported as keras before; call as_keras first" in said("""
        import sys, types
        import recurrent_layers
        sys.modules["keras"] = types.ModuleType("keras")
        try:
            recurrent_layers.as_keras()
        except RuntimeError as error:
            print(error)
        """)

    @pytest.mark.parametrize("version", [None, 0.1, "1.0", "keras"])
    def test_versions(self, version):
        with pytest.raises(ValueError, match="version must be"):
            rl.as_keras(version)


class TestTheStyleOfLaterKeras:
    """Never a layer of another size in silence."""

    @pytest.mark.parametrize("make, message", [
        (lambda: rl.LSTM(128, input_dim=64), r"^LSTM\(128, input_dim=64\) is in the style of Keras 0.2 and later"),
        (lambda: rl.LSTM(32, input_shape=(10, 3)), r"it as in Keras 0.1, LSTM\(input_dim, output_dim, ...\), or run"),
        (lambda: rl.Dense(10, activation="softmax"), r"^Dense\(10, activation='softmax'\) is .*python -m recurrent_"),
        (lambda: rl.TimeDistributedDense(3), "in the style of Keras 0.2"),
        (lambda: rl.JZS1(3, input_length=2), r"JZS1\(input_dim, output_dim"),
        (lambda: rl.Embedding(10, 3, input_length=4), r"\(input_length=4\)"),
        (lambda: rl.Dropout(0.5, input_shape=(3,)), r"write it as in Keras 0.1, Dropout\(p, ...\)"),
    ])  # fmt: skip
    def test_it_is_said_in_one_sentence(self, make, message):
        with pytest.raises(TypeError, match=message) as raised:
            make()
        assert ". " not in str(raised.value).replace("...", "") and "pip install keras==0.3.3" in str(raised.value)

    @pytest.mark.parametrize("layers", [
        lambda: [rl.LSTM(100), rl.Dense(100, 1)], lambda: [rl.Embedding(9, 100), rl.LSTM(128), rl.Dense(128, 1)],
    ], ids=["behind it", "before it"])  # fmt: skip
    def test_a_layer_of_one_size_says_so_where_it_does_not_fit(self, layers):
        with pytest.raises(ValueError, match=r"LSTM\(1..\) is LSTM\(input_dim=1.., output_dim=128\), as in Keras 0.1"):
            rl.Sequential(layers())

    def test_a_layer_of_two_sizes_does_not(self):
        with pytest.raises(ValueError) as raised:
            rl.Sequential([rl.LSTM(100, 128), rl.Dense(100, 1)])
        assert "Keras 0.2" not in str(raised.value)

    @pytest.mark.parametrize("make, message", [
        (lambda: rl.LSTM(3, 4, retrun_sequences=True), "^LSTM has no argument retrun_sequences; it takes input_dim, "),
        (lambda: rl.LSTM(units=3), "^LSTM has no argument units; it takes input_dim, .*, zoneout, "),
        (lambda: rl.Dense(3, 4, kernel_initializer="one"), "^Dense has no argument kernel_initializer; it takes "),
        (lambda: rl.Dense(input_dim=3), "^Dense cannot be made so, missing .*: 'output_dim'; it takes in"),
        (lambda: rl.TimeDistributedMerge("sum", 3), "^TimeDistributedMerge cannot be made so, too many pos"),
    ])  # fmt: skip
    def test_another_mistake_is_not_taken_for_that(self, make, message):
        with pytest.raises(TypeError, match=message):
            make()
