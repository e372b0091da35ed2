"""The helpers that Keras 0.1 had for scripts and for layers of one's own; numbers are those of Keras 0.2.0's own."""

import gzip
import os

import h5py
import numpy as np
import pytest
from conftest import DATA
from engines import change_flags
from numpy.testing import assert_allclose, assert_array_equal

import recurrent_layers as rl
from recurrent_layers import constraints, engine, initializations, optimizers, regularizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.utils import np_utils, theano_utils
from recurrent_layers.utils.generic_utils import Progbar, get_from_module, make_tuple, printv
from recurrent_layers.utils.io_utils import load_array, save_array
from recurrent_layers.utils.layer_utils import container_from_config, get_layer, print_layer_shapes
from recurrent_layers.utils.test_utils import get_test_data


class TestSharedVariables:
    @pytest.mark.parametrize("make, value", [
        (lambda: theano_utils.sharedX([[1, 2]]), [[1, 2]]),
        (lambda: theano_utils.shared_zeros((2, 3)), np.zeros((2, 3))),
        (lambda: theano_utils.shared_ones((3,)), np.ones(3)), (lambda: theano_utils.shared_scalar(0.5), 0.5),
        (theano_utils.shared_scalar, 0.0),
    ])  # fmt: skip
    @pytest.mark.parametrize("floatX", ["float32", "float64"])
    def test_are_of_floatX_as_it_is_now(self, make, value, floatX):
        with change_flags(floatX=floatX):
            made = make()
        assert isinstance(made, engine.SharedVariable) and made.dtype == floatX
        assert made.get_value().dtype == floatX and made.get_value().shape == np.shape(value)
        assert_array_equal(made.get_value(), value)

    def test_may_be_of_another_type_and_have_a_name(self):
        makes = [theano_utils.sharedX, theano_utils.shared_scalar, theano_utils.shared_zeros, theano_utils.shared_ones]
        for make, first in zip(makes, (1, 1, (2,), (2,))):
            made = make(first, "int32", "count")
            assert (made.dtype, made.name) == ("int32", "count")

    def test_the_array_is_copied(self):
        given = np.zeros(2)
        made = theano_utils.sharedX(given)
        given[0] = 1
        assert_array_equal(made.get_value(), [0, 0])

    @pytest.mark.parametrize("floatX", ["float32", "float64"])
    def test_arrays(self, floatX):
        with change_flags(floatX=floatX):
            assert theano_utils.floatX([1, 2]).dtype == floatX
            assert [theano_utils.ndim_tensor(n).type for n in range(1, 5)] == [
                T.vector().type, T.matrix().type, T.tensor3().type, T.tensor4().type]
            X = T.matrix()
            zeros = theano_utils.alloc_zeros_matrix(X.shape[1], 2, np.int64(1))
            made = engine.function([X], zeros)(np.ones((4, 3), floatX))
            assert (made.dtype, made.shape) == (floatX, (3, 2, 1)) and not made.any()
        assert theano_utils.ndim_tensor(5).ndim == 5

    def test_a_state_of_zeros_serves_a_scan(self):
        X = T.tensor3()
        h, _ = engine.scan(lambda x_t, h_tm1: x_t + h_tm1, X, theano_utils.alloc_zeros_matrix(X.shape[1], X.shape[2]))
        value = np.random.rand(3, 2, 1).astype(engine.config.floatX)
        assert_allclose(engine.function([X], h)(value), np.cumsum(value, axis=0))

    def test_there_is_no_gpu(self):
        assert theano_utils.on_gpu() is False

    @pytest.mark.parametrize("call, message", [
        (lambda: theano_utils.floatX("a"), "X must be numbers"),
        (lambda: theano_utils.sharedX(T.matrix()), "X must be numbers"),
        (lambda: theano_utils.sharedX([0.5], "int32"), "X cannot be held by int32"),
        (lambda: theano_utils.sharedX([1], "no type"), "dtype must be a type of numbers.*got 'no type'"),
        (lambda: theano_utils.sharedX([1], name=5), "name must be a string, got 5"),
        (lambda: theano_utils.shared_zeros((2, -1)), "a size in shape must be an integer of at least 1, got -1"),
        (lambda: theano_utils.shared_scalar([1.0]), "val must be a single number"),
        (lambda: theano_utils.alloc_zeros_matrix(2.5), "a size must be an integer of at least 0, got 2.5"),
        (lambda: theano_utils.alloc_zeros_matrix(T.matrix()), "a size must be an integer"),
        (lambda: theano_utils.ndim_tensor(-1), "ndim must be an integer of at least 0, got -1"),
    ])  # fmt: skip
    def test_what_is_refused(self, call, message):
        with pytest.raises(ValueError, match=message):
            call()


class TestLabels:
    def test_losses_are_those_of_keras(self):
        p, y = np.array([0.9, 0.2, 1.0]), np.array([1, 0, 1])
        assert_allclose(np_utils.binary_logloss(p, y), 0.10950135565734566, rtol=1e-14)
        assert_allclose(np_utils.binary_logloss(p[:, None], y[:, None]), [0.10950135565734566], rtol=1e-14)
        assert_allclose(np_utils.multiclass_logloss([[0.2, 0.8], [0.6, 0.4]], [2, 1]), 0.3669845875401002, rtol=1e-14)
        assert np_utils.multiclass_logloss([[1.0, 0.0]], [2]) == np.inf

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_a_loss_is_finite_where_a_probability_is_1_or_0(self, dtype):
        p, y = np.array([1.0, 0.0, 1.0, 0.0], dtype), np.array([1, 0, 0, 1])
        assert_allclose(np_utils.binary_logloss(p, y), -np.log(1e-15) / 2, rtol=1e-2)
        assert_allclose(np_utils.binary_logloss(p[:2], y[:2]), 1e-15, rtol=0.2)

    def test_norms_are_those_of_keras(self):
        assert_allclose(np_utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
        assert_allclose(np_utils.normalize([[3.0, 4.0], [0.0, 5.0]], 0, 1), [[1, 4 / 9], [0, 5 / 9]])
        assert_allclose(np_utils.normalize([3, 4]), [0.6, 0.8])
        assert_allclose(np_utils.normalize([3, -4], order=np.inf), [0.75, -1])

    def test_classes_are_those_of_keras(self):
        assert_array_equal(np_utils.probas_to_classes([[0.6], [0.5]]), [1, 0])
        assert_array_equal(np_utils.probas_to_classes([0.2, 0.7]), [0, 1])
        assert_array_equal(np_utils.probas_to_classes([[0.6, 0.4], [0.2, 0.8]]), [0, 1])
        assert_array_equal(np_utils.categorical_probas_to_classes(np.eye(3)[[2, 0]]), [2, 0])

    @pytest.mark.parametrize("p, y", [
        ([1, 2, 3, 3], [1, 2, 2, 3]), (np.array([[1], [0], [1], [1]]), np.array([1, 1, 1, 1])),
        (np.array([1, 1, 1, 1]), np.array([[1], [0], [1], [1]])), (list("abcd"), list("abcx")),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]])),
        (["a", 1, "b", "c"], np.array(["a", 1, "b", 3], object)),
    ])  # fmt: skip
    def test_accuracy_is_that_of_a_comparison_one_by_one(self, p, y):
        assert np_utils.accuracy(p, y) == np.mean([a == b for a, b in zip(p, y)]) == 0.75

    def test_texts_are_no_numbers(self):
        assert np_utils.accuracy(np.array(["1", "2"]), np.array([1, 2])) == 0

    @pytest.mark.parametrize("call, message", [
        (lambda: np_utils.binary_logloss([0.5], [[1]]), r"the same shape, got \(1,\) and \(1, 1\)"),
        (lambda: np_utils.binary_logloss([], []), "a row or a number for each sample"),
        (lambda: np_utils.multiclass_logloss([[0.2, 0.8]], [0]), r"must lie in 1..2 here, got 0..0.*pass Y \+ 1"),
        (lambda: np_utils.multiclass_logloss([[0.2, 0.8]], [1, 2]), "as many predictions as targets, got 1 and 2"),
        (lambda: np_utils.normalize(5.0), "a must have an axis"),
        (lambda: np_utils.normalize([1.0], 1), "axis must be an integer of at most 0, got 1"),
        (lambda: np_utils.accuracy([1, 2], [1]), "as many predictions as targets, got 2 and 1"),
        (lambda: np_utils.accuracy([[1, 2], [1, 2]], [[1, 2, 3], [1, 2, 3]]), "the rows of p and y must fit"),
        (lambda: np_utils.accuracy([[1], [1, 2]], [1, 2]), "a row of as many as the others, for each sample"),
        (lambda: np_utils.probas_to_classes(np.ones((2, 1, 2))), "y_pred must have shape"),
        (lambda: np_utils.categorical_probas_to_classes([1, 2]), r"p must have shape \(nb_samples, nb_classes\)"),
    ])  # fmt: skip
    def test_what_is_refused(self, call, message):
        with pytest.raises(ValueError, match=message):
            call()


class TestData:
    def test_is_that_of_keras(self):
        np.random.seed(3)
        (X, y), (X_test, y_test) = get_test_data(2, 1, (2,), nb_class=3)
        assert_allclose(X, [[0.25975079043208105, 3.9164713254429797], [-0.3580950289298587, -0.22211903091148302]])
        assert (y.tolist(), y_test.tolist(), y.dtype.kind) == ([[2], [0]], [[1]], "i")
        assert_allclose(X_test, [[0.19356100151361044, 1.4430348679418952]])
        assert np.random.rand() == 0.45317230112212925

    def test_and_without_classes(self):
        np.random.seed(3)
        (X, y), (X_test, y_test) = get_test_data(2, 1, (2,), (1, 2), classification=False)
        assert_allclose(X, [[1.5313517728654586, 0.5778169443690994], [2.7857219597309335, 0.10683534642897519]])
        assert_allclose(y, [[[0.09075578191189188, 0.49287706198021985]], [[1.6473842119424154, -0.47226079295949464]]])
        assert_allclose(X_test, [[-0.05642543667827016, 0.3572034724265691]])
        assert_allclose(y_test, [[[-1.3366805402939383, 0.6887905990375035]]])
        assert np.random.rand() == 0.41510119701006964

    def test_a_model_learns_them(self):
        (X, y), (X_test, y_test) = get_test_data(nb_class=2, input_shape=(10,))
        model = rl.Sequential([rl.Dense(10, 2, activation="softmax")])
        model.compile("adam", "categorical_crossentropy")
        model.fit(X, np_utils.to_categorical(y), nb_epoch=10, batch_size=16, verbose=0)
        assert np_utils.accuracy(model.predict_classes(X_test, verbose=0), y_test) > 0.8


class TestArraysOnDisk:
    @pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.array([True, False]), np.zeros((0, 2), "int8"),
                                       np.array(2.5)], ids=repr)  # fmt: skip
    def test_come_back(self, tmp_path, array):
        for _ in range(2):
            save_array(array, tmp_path / "array.h5")
        made = load_array(str(tmp_path / "array.h5"))
        assert (made.dtype, made.shape) == (array.dtype, array.shape)
        assert_array_equal(made, array)
        assert os.listdir(tmp_path) == ["array.h5"]

    @pytest.mark.parametrize("name, array", [
        ("array", np.arange(6, dtype="float32").reshape(2, 3) / 2), ("truths", np.array([[True, False, True]]))])
    def test_of_keras_which_used_pytables(self, tmp_path, name, array):
        path = tmp_path / "array.h5"
        path.write_bytes(gzip.decompress((DATA / f"{name}_of_pytables.h5.gz").read_bytes()))
        made = load_array(path)
        assert made.dtype == array.dtype
        assert_array_equal(made, array)

    def test_what_is_refused_leaves_the_old_one(self, tmp_path):
        path = tmp_path / "array.h5"
        save_array([1, 2], path)
        for array in ("a", [None], T.matrix()):
            with pytest.raises(ValueError, match="array must be numbers"):
                save_array(array, path)
        assert_array_equal(load_array(path), [1, 2])
        with pytest.raises(FileNotFoundError, match="cannot save the array"):
            save_array([1], tmp_path / "absent" / "array.h5")

    def test_what_is_no_array(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load_array(tmp_path / "absent.h5")
        (tmp_path / "text").write_text("no HDF5")
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["X"] = [1, 2]
        for name, message in (("text", "text is not a file of save_array"),
                              ("other.h5", "no array of numbers 'data' in it, but X")):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                load_array(tmp_path / name)


class TestNames:
    def test_of_a_module(self):
        there = {"relu": abs, "dict": dict}
        assert get_from_module("relu", there, "activation") is abs
        assert get_from_module(max, there, "activation") is max
        assert get_from_module("dict", there, "thing", instantiate=True, kwargs={"a": 1}) == {"a": 1}
        assert get_from_module("dict", there, "thing", True) == {}
        with pytest.raises(ValueError, match="unknown activation 'rely'; did you mean 'relu'"):
            get_from_module("rely", there, "activation")
        with pytest.raises(ValueError, match="unknown activation 'x'. Known: dict, relu"):
            get_from_module("x", there, "activation")
        with pytest.raises(ValueError, match="module_params must be a dict"):
            get_from_module("relu", None, "activation")
        assert make_tuple(1, "a") == (1, "a")

    def test_a_config_is_printed_as_by_keras(self, capsys):
        config = {"name": "Sequential", "loss": "mse", "layers": [
            {"name": "Dense", "W": None, "size": [2, 3]}, {"name": "Dropout", "p": 0.5}]}  # fmt: skip
        before = repr(config)
        printv(config)
        printv(3, "x")
        assert capsys.readouterr().out.split("\n") == [
            "#Sequential", "...loss:mse", "...layers:", "......#0", "......#Dense", ".........W:None", ".........size:",
            "............#0", "...............2", "............#1", "...............3", "......#1", "......#Dropout",
            ".........p:0.5", "x...3", ""]
        assert repr(config) == before


class TestProgbar:
    def test_means_are_those_of_keras(self, capfd):
        progbar = Progbar(10, verbose=0)
        progbar.add(4, [("loss", 1.0)])
        progbar.update(6, [("loss", np.array(4.0)), ("acc", np.float32(0.5))])
        progbar.add(4, values=[("loss", [0.0])])
        assert progbar.sum_values == {"loss": [12.0, 10], "acc": [1.0, 2]} and progbar.seen_so_far == 10
        assert capfd.readouterr() == ("", "")

    def test_a_bar(self, capfd):
        progbar = Progbar(200, width=17)
        progbar.add(50, [("loss", np.nan)])
        progbar.update(200, [("acc", 0.25)])
        out, err = capfd.readouterr()
        last = err.split("\r")[-1]
        assert out == "" and "200/200" in last and "100%" in last and "loss=nan, acc=0.2500" in last
        assert last.split("|")[1] == 17 * "█" and err.endswith("\n")

    def test_a_line(self, capfd):
        progbar = Progbar(2, verbose=2)
        progbar.update(1, [("loss", 1.0)])
        assert capfd.readouterr() == ("", "")
        progbar.update(2, [("loss", 2.0)])
        assert capfd.readouterr().out.endswith("s - loss: 1.5000\n")

    @pytest.mark.parametrize("call, message", [
        (lambda: Progbar(-1), "target must be a finite number of at least 0, got -1"),
        (lambda: Progbar(2, verbose=3), "verbose must be 0, 1 or 2"),
        (lambda: Progbar(2, 0), "width must be an integer"),
    ])  # fmt: skip
    def test_what_is_none(self, call, message):
        with pytest.raises(ValueError, match=message):
            call()

    @pytest.mark.parametrize("values", [[("loss", 1.0), ("acc", "x")], [("loss", 1.0), "acc"], [("loss", [1.0, 2.0])],
                                        None, [(1, 2.0)]])  # fmt: skip
    def test_what_it_refuses_changes_nothing(self, values):
        progbar = Progbar(10, verbose=0)
        progbar.add(1, [("loss", 1.0)])
        with pytest.raises(ValueError, match="must be"):
            progbar.add(1, values)
        assert (progbar.seen_so_far, progbar.sum_values) == (1, {"loss": [1.0, 1]})


class TestLayers:
    def test_shapes_are_printed(self, capsys):
        model = rl.Sequential([rl.Embedding(7, 3, mask_zero=True), rl.LSTM(3, 4, return_sequences=True, stateful=True),
                               rl.Dropout(0.5), rl.GRU(4, 2), rl.RepeatVector(3)])  # fmt: skip
        print_layer_shapes(model, (2, 5))
        assert capsys.readouterr().out.split("\n") == [
            "input shapes :  [(2, 5)]", "shape after Embedding: (2, 5, 3)", "shape after LSTM: (2, 5, 4)",
            "shape after Dropout: (2, 5, 4)", "shape after GRU: (2, 2)", "shape after RepeatVector: (2, 3, 2)", ""]

    def test_of_several_inputs(self, capsys):
        class Beside(rl.Layer):
            def __init__(self, layers):
                super().__init__()
                self.layers = layers

            def get_input(self, train=False):
                return [layer.get_input(train) for layer in self.layers]

        print_layer_shapes(Beside([rl.Dense(2, 3), rl.LSTM(3, 4)]), [(6, 2), (7, 5, 3)])
        assert capsys.readouterr().out.split("\n")[1:3] == ["shape after Dense: (6, 3)", "shape after LSTM: (7, 4)"]

    @pytest.mark.parametrize("model, shapes, message", [
        (lambda: rl.LSTM(2, 3), (1, 2, 2), "needs a model with layers"), (rl.Sequential, (1, 2), "a model with layers"),
        (lambda: rl.Sequential([rl.Dense(2, 3)]), (1, 3), "Dense expects input of shape"),
        (lambda: rl.Sequential([rl.Dense(2, 3)]), [(1, 2), (1, 2)], "the model reads 1 arrays"),
        (lambda: rl.Sequential([rl.Dense(2, 3)]), "no shape", "input_shapes must be a list"),
        (lambda: rl.Sequential([rl.Dense(2, 3)]), (10**12, 10**12), "there is not the memory"),
    ])  # fmt: skip
    def test_shapes_that_do_not_fit(self, model, shapes, message):
        with pytest.raises(ValueError, match=message):
            print_layer_shapes(model(), shapes)

    def test_by_their_names(self):
        layer = get_layer("LSTM", {"input_dim": 2, "output_dim": 3})
        assert isinstance(layer, rl.LSTM) and layer.output_dim == 3
        assert get_layer(layer) is layer
        assert type(get_layer("zoo.MGU", {"input_dim": 2, "output_dim": 3})).__name__ == "MGU"

        class Mine(rl.Dense):
            pass

        assert isinstance(get_layer("Mine", {"input_dim": 2, "output_dim": 3}, custom_layers={"Mine": Mine}), Mine)
        with pytest.raises(ValueError, match="unknown layer 'Mine'"):
            get_layer("Mine", {"input_dim": 2, "output_dim": 3})
        with pytest.raises(ValueError, match="Dense needs output_dim"):
            get_layer("Dense", {"input_dim": 2})
        with pytest.raises(ValueError, match="kwargs are for a layer that is named"):
            get_layer(layer, {"input_dim": 2})

    def test_by_their_configs(self):
        class Mine(rl.Dense):
            pass

        model = rl.Sequential([rl.GRU(2, 3, return_sequences=True), rl.Sequential([rl.GRU(3, 2), Mine(2, 1)])])
        model.compile("sgd", "mse")
        config = model.get_config()
        before = repr(config)
        made = container_from_config(config, custom_layers={"Mine": Mine})
        assert repr(config) == before
        assert [type(layer) for layer in made._all_layers()] == [rl.GRU, rl.Sequential, rl.GRU, Mine]
        assert made._functions is None and made.layers[0].return_sequences
        assert isinstance(container_from_config(rl.Dense(2, 3, W_regularizer="l2").get_config()).W_regularizer,
                          regularizers.WeightRegularizer)  # fmt: skip
        with pytest.raises(ValueError, match="the config of a layer is a dict, got 5"):
            container_from_config(5)


class TestTraining:
    def test_norms_are_clipped_as_by_keras(self):
        g, n = T.vector(), T.scalar()
        clipped = engine.function([g, n], optimizers.clip_norm(g, 2.0, n))
        assert_allclose(clipped([3.0, 4.0], 5.0), [1.2, 1.6])
        assert_allclose(clipped([0.3, 0.4], 0.5), [0.3, 0.4])
        assert optimizers.clip_norm(g, 0.0, n) is g
        with pytest.raises(ValueError, match="c must be a finite number of at least 0"):
            optimizers.clip_norm(g, -1, n)

    def test_divergence(self):
        p, p_hat = T.scalar(), T.vector()
        made = engine.function([p, p_hat], optimizers.kl_divergence(p, p_hat))(0.05, [0.05, 0.5])
        assert_allclose(made, [0, 0.5 - 0.05 + 0.05 * np.log(0.1)], atol=1e-7)

    def test_fans(self):
        assert initializations.get_fans((3, 4)) == (3, 4)
        assert initializations.get_fans((8, 2, 5)) == (10, 8)
        assert initializations.get_fans((6,)) == (1, 6)

    def test_a_regularizer_that_adds_nothing(self):
        assert regularizers.identity is regularizers.Regularizer
        layer = rl.Dense(2, 1, W_regularizer="identity")
        loss = T.scalar()
        assert layer.regularizers[0](loss) is loss
        assert rl.Dense.from_config(layer.get_config()).W_regularizer.get_config() == {"name": "Regularizer"}

    def test_regularizers_in_the_manner_of_keras(self):
        class Ours(regularizers.Regularizer):
            def __call__(self, loss):
                return loss + 3.0 * T.sum(self.p)

        class OfOutput(regularizers.Regularizer):
            def set_layer(self, layer):
                self.watched = layer

            def __call__(self, loss):
                return loss + self.watched.b[0]

        layer = rl.Dense(2, 1, W_regularizer=Ours(), activity_regularizer=OfOutput(), weights=[[[1.0], [2.0]], [0.5]])
        loss = value = T.scalar()
        for regularizer in layer.regularizers:
            value = regularizer(value)
        assert_allclose(engine.function([loss], value)(1.0), 1 + 3 * 3 + 0.5)

    def test_the_arguments_of_ones_own_are_in_its_config(self):
        class L4(regularizers.Regularizer):
            def __init__(self, strength=0.01):
                self.strength = strength

        class Forgetful(regularizers.Regularizer):
            def __init__(self, strength=0.01):
                pass

        model = rl.Sequential([rl.Dense(2, 1, W_regularizer=L4(5.0), activity_regularizer=L4(2.0))])
        layer, = rl.model_from_json(model.to_json(), custom_objects={"L4": L4}).layers
        assert (layer.W_regularizer.strength, layer.activity_regularizer.strength) == (5.0, 2.0)
        assert repr(layer.W_regularizer) == "L4(strength=5.0)"
        with pytest.raises(AttributeError, match="Forgetful needs .* not kept strength: let it set self.strength"):
            rl.Dense(2, 1, W_regularizer=Forgetful()).get_config()

    @pytest.mark.parametrize("get, name, arguments, made", [
        (constraints.get, "maxnorm", {"m": 3}, constraints.MaxNorm),
        (regularizers.get, "l2", {"l": 0.5}, regularizers.WeightRegularizer),
    ])  # fmt: skip
    def test_arguments_by_name(self, get, name, arguments, made):
        assert isinstance(get(name, arguments), made) and isinstance(get(name), made) and get(None) is None
        assert get(name, arguments).get_config() in ({"name": "MaxNorm", "m": 3.0},
                                                     {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5})  # fmt: skip
        with pytest.raises(ValueError, match="that is named, not for"):
            get(get(name), arguments)
        with pytest.raises(ValueError, match="cannot be made of these arguments"):
            get(name, {"other": 1})
