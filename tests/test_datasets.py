"""Data sets: files in a home of the test's own, downloads from a server of its own, and pickles that run nothing."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import struct
import sys
import tarfile
import tempfile
import threading
from collections import OrderedDict

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from recurrent_layers.datasets import cifar, cifar10, cifar100, imdb, mnist, pickles, reuters
from recurrent_layers.datasets.data_utils import get_file

AWAY = tempfile.TemporaryDirectory()
TEXTS = ([[1, 2, 3], [7], [4, 9, 2, 2], [5, 1], [8, 8, 6], [3]], [0, 1, 0, 1, 1, 0])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of data sets, in a home where there is nothing yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / ".keras" / "datasets"


@pytest.fixture
def there(folder):
    """Writes a file into the folder."""

    def write(name, data):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return write


# ---- Downloads ---------------------------------------------------------------------------------------------


class Server(http.server.ThreadingHTTPServer):
    """Gives `files`, by their names; of those in `broken` it gives half, and then hangs up."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.broken, self.asked = {}, set(), []

    def url(self, name, data=None, broken=False):
        if data is not None:
            self.files["/" + name] = data
            self.broken |= {"/" + name} if broken else set()
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if self.path in self.server.broken else data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def md5(data):
    return hashlib.md5(data).hexdigest()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestFile:
    def test_what_is_there_is_not_downloaded(self, there, server):
        path = there("nietzsche.txt", b"here")
        assert get_file("nietzsche.txt", server.url("nietzsche.txt", b"elsewhere")) == path
        assert get_file("nietzsche.txt", server.url("nietzsche.txt"), md5_hash=md5(b"here").upper()) == path
        assert get_file(path, "nowhere") == path
        assert server.asked == []

    @pytest.mark.parametrize("is_hashed", [False, True])
    def test_it_is_downloaded_once(self, folder, server, capfd, is_hashed):
        data = os.urandom(300000)
        url = server.url("nietzsche.txt", data)
        for _ in range(2):
            path = get_file("nietzsche.txt", origin=url, md5_hash=md5(data) if is_hashed else None)
            assert path == str(folder / "nietzsche.txt")
            with open(path, "rb") as stream:
                assert stream.read() == data
        assert names(folder) == ["nietzsche.txt"] and server.asked == ["/nietzsche.txt"]
        out, err = capfd.readouterr()
        assert out == "" and "100%" in err and f"downloading {url} to {path}" in err and "SHA256" not in err

    def test_another_hash(self, folder, there, server):
        with pytest.raises(ValueError, match=f"has another MD5 than {'0' * 32}, and was not kept"):
            get_file("new", server.url("new", b"data"), md5_hash="0" * 32)
        assert names(folder) == []
        path = there("old", b"data")
        with pytest.raises(ValueError, match=f"has the MD5 {md5(b'data')} instead of {'0' * 32}: move it away"):
            get_file("old", server.url("old", b"data"), md5_hash="0" * 32)
        assert os.path.exists(path) and server.asked == ["/new"]

    @pytest.mark.parametrize("is_hashed", [False, True])
    def test_a_server_that_breaks_off(self, folder, server, is_hashed):
        data = os.urandom(300000)
        url = server.url("big", data, broken=True)
        with pytest.raises(FileNotFoundError, match=f"{folder / 'big'} is not there, nor could it .* from {url}: "):
            get_file("big", url, md5_hash=md5(data) if is_hashed else None)
        assert names(folder) == []
        server.broken.clear()
        assert os.path.getsize(get_file("big", url)) == 300000

    def test_what_the_server_has_not(self, folder, server):
        with pytest.raises(FileNotFoundError, match="absent: 404.*put the file there yourself"):
            get_file("absent", server.url("absent"))
        assert names(folder) == []

    def test_no_server(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(FileNotFoundError, match=f"could it be downloaded from http://127.0.0.1:{port}/x: "):
            get_file("x", f"http://127.0.0.1:{port}/x")
        assert names(folder) == []

    def test_what_is_no_url(self, folder):
        with pytest.raises(FileNotFoundError, match="nor could it be downloaded from nowhere: "):
            get_file("x", "nowhere")
        assert names(folder) == []

    def test_without_pooch(self, folder, monkeypatch):
        monkeypatch.setitem(sys.modules, "pooch", None)
        with pytest.raises(FileNotFoundError) as raised:
            imdb.load_data()
        for part in (str(folder / "imdb.pkl"), "https://s3.amazonaws.com/text-datasets/imdb.pkl",
                     "pip install pooch", "put the file there yourself"):  # fmt: skip
            assert part in str(raised.value)

    def test_a_folder_that_cannot_be_written(self, folder, server):
        folder.parent.mkdir()
        folder.write_bytes(b"")
        with pytest.raises(OSError, match=str(folder)):
            get_file("x", server.url("x", b"data"))

    @pytest.mark.parametrize("arguments, named, message", [
        ((5, "x"), {}, "fname must be a path"), (("x", None), {}, "origin must be a string"),
        (("x", "x", "yes"), {}, "untar must be True or False"), (("x", "x"), {"md5_hash": "abc"}, "32 hexadecimal"),
    ])  # fmt: skip
    def test_what_it_refuses(self, arguments, named, message):
        with pytest.raises(ValueError, match=message):
            get_file(*arguments, **named)


def tar(*members, mode="w:gz"):
    """A tar of (name, data), or of `tarfile.TarInfo`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return made.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.fixture(params=["filter", "by hand"])
def either_way(request, monkeypatch):
    """As Python does it that has filters, and as is done without."""
    if request.param == "by hand":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("either_way")
class TestTar:
    def test_it_is_unpacked_once(self, folder, server):
        data = tar(("babi/en/qa1.txt", b"where"), ("babi/README", b"read"), ("licence", b"free"))
        url = server.url("babi.tgz", data)
        for _ in range(2):
            path = get_file("babi", url, untar=True)
            assert path == str(folder / "babi") and (folder / "babi" / "en" / "qa1.txt").read_bytes() == b"where"
        assert names(folder) == ["babi", "babi.tar.gz", "licence"] and server.asked == ["/babi.tgz"]
        os.unlink(folder / "babi.tar.gz")
        assert get_file("babi", url, untar=True) == path and len(server.asked) == 1

    @pytest.mark.parametrize("mode", ["w", "w:bz2"])
    def test_however_it_is_compressed(self, folder, there, mode):
        there("x.tar.gz", tar(("x/y", b"z"), mode=mode))
        assert os.listdir(get_file("x", "nowhere", untar=True)) == ["y"]

    @pytest.mark.parametrize("members", [
        [("x/../../../outside", b"hostile")], [("x/y", b"z"), ("../outside", b"hostile")],
        [link("x/away", AWAY.name), ("x/away/outside", b"hostile")],
        [link("x/up", "../.."), ("x/up/outside", b"hostile")],
        [link("x/hard", "../../outside", tarfile.LNKTYPE)], [link("x/pipe", "", tarfile.FIFOTYPE)],
    ])  # fmt: skip
    def test_a_hostile_one_writes_nothing(self, folder, there, tmp_path, members):
        path = there("x.tar.gz", tar(("x/before", b"1"), *members))
        with pytest.raises(ValueError, match=f"{path} is broken, or would write where it must not, and was not unpack"):
            get_file("x", "nowhere", untar=True)
        assert names(folder) == ["x.tar.gz"] and names(folder.parent) == ["datasets"] and names(tmp_path) == [".keras"]
        assert os.listdir(AWAY.name) == []

    @pytest.mark.parametrize("data", [b"", b"no tar", tar(("x/y", b"z" * 9999))[:60], gzip.compress(b"no tar")])
    def test_a_broken_one(self, folder, there, data):
        there("x.tar.gz", data)
        with pytest.raises(ValueError, match="is broken.*remove it, and it is downloaded again from nowhere"):
            get_file("x", "nowhere", untar=True)
        assert names(folder) == ["x.tar.gz"]

    def test_another_process_may_be_faster(self, folder, there, monkeypatch):
        there("x.tar.gz", tar(("x/y", b"ours")))
        replace = os.replace

        def after_another(source, target):
            there("x/y", b"theirs")
            replace(source, target)

        monkeypatch.setattr(os, "replace", after_another)
        assert get_file("x", "nowhere", untar=True) == str(folder / "x")
        assert names(folder) == ["x", "x.tar.gz"] and (folder / "x" / "y").read_bytes() == b"theirs"

    def test_one_of_another_name(self, folder, there):
        there("x.tar.gz", tar(("y/z", b"z")))
        with pytest.raises(ValueError, match="has no folder x, but 'y'"):
            get_file("x", "nowhere", untar=True)
        assert names(folder) == ["x.tar.gz"]


# ---- Pickles -----------------------------------------------------------------------------------------------


def of_python_2(value, protocol):
    """A pickle as Python 2 wrote it, in which a `bytes` is its `str`."""
    start, end = (b"\x80\x02", b".") if protocol == 2 else (b"", b".")
    return start + _code(value, protocol) + end


def _code(value, protocol):
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return (b"\x89", b"\x88")[value] if protocol == 2 else b"I0%d\n" % value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if protocol == 2 else b"I%d\n" % value
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value) if protocol == 2 else b"F%r\n" % value
    if isinstance(value, bytes):
        long = b"T" + struct.pack("<i", len(value)) + value
        return long if protocol == 2 else b"S" + repr(value)[1:].encode() + b"\n"
    if isinstance(value, (list, tuple)):
        parts = [_code(one, protocol) for one in value]
        if isinstance(value, tuple):
            return b"(" + b"".join(parts) + b"t"
        return b"](" + b"".join(parts) + b"e" if protocol == 2 else b"(l" + b"".join(part + b"a" for part in parts)
    if isinstance(value, dict):
        parts = [_code(key, protocol) + _code(value[key], protocol) for key in value]
        return b"}(" + b"".join(parts) + b"u" if protocol == 2 else b"(d" + b"".join(part + b"s" for part in parts)
    kind = value.dtype.str
    order = kind[0].encode()
    dtype = (b"cnumpy\ndtype\n" + _code((kind[1:].encode(), 0, 1), protocol) + b"R" +
             _code((3, order, None, None, None, -1, -1, 0), protocol) + b"b")  # fmt: skip
    if not isinstance(value, np.ndarray):
        return b"cnumpy.core.multiarray\nscalar\n(" + dtype + _code(value.tobytes(), protocol) + b"tR"
    is_fortran = value.ndim > 1 and value.flags.f_contiguous
    data = value.tobytes("F" if is_fortran else "C")
    begun = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _code((0,), protocol) + _code(b"b", protocol)
    state = _code(1, protocol) + _code(value.shape, protocol) + dtype + _code(is_fortran, protocol)
    return begun + b"tR(" + state + _code(data, protocol) + b"tb"


ARRAYS = [np.arange(200, dtype="uint8"), np.arange(6, dtype=">i4").reshape(2, 3), np.array([[0.5, -1e300]]).T,
          np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array([True, False]), np.zeros((0, 3), "float32"),
          np.float32(0.1), np.int64(-5), np.array(2.5)]  # fmt: skip


@pytest.mark.parametrize("protocol", [0, 2])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_of_python_2(there, array, protocol):
    value = pickles.read(there("x", of_python_2({b"data": [array, (array, 1)]}, protocol)))
    for one in (value["data"][0], value["data"][1][0]):
        assert type(one) is type(array) and one.dtype == array.dtype and one.tobytes() == array.tobytes()
        assert one.shape == array.shape and (one.ndim == 0 or one.flags.writeable)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_python_3(there, protocol):
    value = {"é": [1, 2.5, None, True, 10**30, (b"a\xff", b"", "ü")], 3: ARRAYS, "texts": np.array(["a", "bé"])}
    value["again"] = value[3]
    read = pickles.read(there("x", gzip.compress(pickle.dumps(value, protocol))))
    assert list(read) == list(value) and read["é"] == value["é"] and read["again"] is read[3]
    for one, array in zip([*read[3], read["texts"]], [*ARRAYS, value["texts"]]):
        assert type(one) is type(array) and one.dtype == array.dtype
        assert_array_equal(one, array)


class Hostile:
    def __init__(self, function, *arguments):
        self.made_by = function, arguments

    def __reduce__(self):
        return self.made_by


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("value, named", [
    (Hostile(os.system, "touch hostile"), "system"), (Hostile(eval, "open('hostile', 'w')"), "eval"),
    (Hostile(getattr, "text", "upper"), "getattr"), (OrderedDict(a=1), "OrderedDict"), ({1, 2}, "set"),
    (np.array([{}, 1], dtype=object), r"'O\d?'"), (np.zeros(2, "M8[s]"), "M8"),
    (np.zeros(2, [("a", "f8")]), "V8"), (np.dtype("f8"), "a function or a type"),
    (np.ma.masked_equal([1, 2], 2), "numpy.ma"), (np.random.RandomState(1), "random"),
    (np.ndarray, "a function or a type"), (Hostile(bytes, 10), "bytes"),
    (Hostile(np.dtype, [("a", "f8")]), r"an array of \[\('a'"), (Hostile(np.dtype, object), "object"),
])  # fmt: skip
def test_what_is_no_plain_data_is_refused_by_name(there, tmp_path, monkeypatch, value, named, protocol):
    monkeypatch.chdir(tmp_path)
    if isinstance(value, set) and protocol == 4:
        assert pickles.read(there("x", pickle.dumps(value, protocol))) == value  # It has a code of its own.
        return
    path = there("x", pickle.dumps([value], protocol))
    with pytest.raises(ValueError, match=f"{path} is no whole pickle of plain data: .*({named})"):
        pickles.read(path)
    assert names(tmp_path) == [".keras"]


#: An array that changes what made it, calls it with nonsense, or claims to be larger than it is.
ARRAY = of_python_2(np.arange(3.0), 0)[:-1]


@pytest.mark.parametrize("data", [
    b"cnumpy.core.multiarray\nscalar\n(dS'a'\nI1\nsb.", b"cnumpy.core.multiarray\nscalar\n)\x81.",
    b"cnumpy\nndarray\n(I5\ntR.", b"cnumpy\ndtype\n(S'f8'\ntR(dtb.",
    ARRAY.replace(b"(I3\nt", b"(I9999999999\nt") + b".", ARRAY.replace(b"S'f8'", b"S'O8'") + b".",
    ARRAY + b"(I1\n(I3\ntNI00\nS''\ntb.", ARRAY + b"0.", b"cnumpy.core.multiarray\n_reconstruct\n(NNNtR.",
    b"(l" * 5000 + ARRAY + b"a" * 5000 + b".",
    b"", b".", b"no pickle", pickle.dumps([1, 2])[:-3], b"\x80\x63.", gzip.compress(b"\x80\x02")[:-4], b"Pid\n.",
    b"(dcnumpy\nndarray\nI1\ns.",
], ids=range(18))  # fmt: skip
def test_broken_ones(there, data):
    path = there("x", data)
    with pytest.raises(ValueError, match=f"{path} is no whole pickle of plain data: "):
        pickles.read(path)
    assert_array_equal(pickles.read(there("x", ARRAY + b".")), [0, 1, 2])


def test_a_list_may_be_in_itself(there):
    value = [np.arange(2)]
    value.append((value, {"deep": value}))
    read = pickles.read(there("x", pickle.dumps(value)))
    assert read[1][0] is read and read[1][1]["deep"] is read and isinstance(read[0], np.ndarray)


# ---- Data sets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module, name", [(imdb, "imdb.pkl"), (reuters, "reuters.pkl")])
@pytest.mark.parametrize("protocol", [0, 2])
class TestTexts:
    """Numbers of Keras 0.2.0's own `load_data`, and what NumPy's generator drew next."""

    @pytest.mark.parametrize("named, expected, drawn", [
        ({}, (([[1, 10], [1, 4, 5, 6], [1, 8, 4], [1, 7, 2, 5, 5]], [1, 0, 1, 0]), ([[1, 11, 11, 9], [1, 6]], [1, 0])),
         0.9044443997479494),
        ({"nb_words": 8, "skip_top": 5, "maxlen": 4, "test_split": 0.5, "seed": 5},
         (([[2, 6]], [0]), ([[2, 2], [2, 2, 2]], [1, 1])), 0.6117438629026457),
        ({"start_char": None, "index_from": 0, "oov_char": 0, "nb_words": 6},
         (([[0], [1, 2, 3], [5, 1], [4, 0, 2, 2]], [1, 0, 1, 0]), ([[0, 0, 0], [3]], [1, 0])), 0.9044443997479494),
    ])  # fmt: skip
    def test_the_split_is_that_of_keras(self, there, module, name, protocol, named, expected, drawn):
        there(name, of_python_2(TEXTS, protocol))
        assert module.load_data(**named) == expected
        assert np.random.rand() == drawn

    def test_without_the_words_that_are_rare_or_frequent(self, there, module, name, protocol):
        """Keras 0.1 kept these, and left out all others."""
        there(name, of_python_2(TEXTS, protocol))
        made = module.load_data(oov_char=None, start_char=None, index_from=0, nb_words=8, skip_top=3, test_split=0)
        assert sorted(map(sorted, made[0][0])) == [[3], [3], [4], [5], [6], [7]]

    def test_a_limit_that_keeps_nothing(self, there, module, name, protocol):
        there(name, of_python_2(TEXTS, protocol))
        with pytest.raises(ValueError, match="maxlen=2 keeps only sequences of fewer numbers, and the shortest has 2"):
            module.load_data(maxlen=2)

    def test_labels_may_be_an_array(self, there, module, name, protocol):
        path = there("elsewhere.pkl", of_python_2((TEXTS[0], np.array(TEXTS[1])), protocol))
        (_, y_train), (_, y_test) = module.load_data(path)
        assert (list(y_train), list(y_test)) == ([1, 0, 1, 0], [1, 0])


@pytest.mark.parametrize("named, message", [
    ({"nb_words": -1}, "nb_words must be an integer of at least 0"), ({"test_split": 2}, "test_split must be a finite"),
    ({"seed": None}, "seed must be an integer"), ({"oov_char": 0.5}, "oov_char must be"),
])  # fmt: skip
def test_what_is_refused_draws_nothing(there, named, message):
    there("imdb.pkl", of_python_2(TEXTS, 2))
    before = repr(np.random.get_state())
    with pytest.raises(ValueError, match=message):
        imdb.load_data(**named)
    assert repr(np.random.get_state()) == before


@pytest.mark.parametrize("load, name, value, message", [
    (imdb.load_data, "imdb.pkl", ([[1, 2]], [0, 1]), "is no data set of texts"),
    (imdb.load_data, "imdb.pkl", ([[1, "a"]], [0]), "is no data set of texts"),
    (imdb.load_data, "imdb.pkl", {"a": 1}, "is no data set of texts"),
    (reuters.get_word_index, "reuters_word_index.pkl", {"a": "b"}, "is no index of words"),
    (mnist.load_data, "mnist.pkl.gz", [[np.ones(2), np.ones(2)]], "is no data set of pictures"),
    (mnist.load_data, "mnist.pkl.gz", [[np.ones(2), np.ones(3)]] * 2, "is no data set of pictures"),
])  # fmt: skip
def test_other_files(there, load, name, value, message):
    path = there(name, pickle.dumps(value))
    with pytest.raises(ValueError, match=f"{path} {message}"):
        load()


@pytest.mark.parametrize("protocol", [0, 2])
def test_an_index_of_words(there, protocol):
    there("reuters_word_index.pkl", of_python_2({b"caf\xe9": 1, b"it's \"so\"": 2}, protocol))
    assert reuters.get_word_index() == {"café": 1, "it's \"so\"": 2}


@pytest.mark.parametrize("protocol", [0, 2])
def test_digits(there, protocol):
    X, y = np.random.randint(0, 256, (5, 28, 28)).astype("uint8"), np.arange(5)
    there("mnist.pkl.gz", gzip.compress(of_python_2(((X[:3], y[:3]), (X[3:], y[3:])), protocol)))
    (X_train, y_train), (X_test, y_test) = mnist.load_data()
    for made, expected in ((X_train, X[:3]), (y_train, y[:3]), (X_test, X[3:]), (y_test, y[3:])):
        assert made.dtype == expected.dtype
        assert_array_equal(made, expected)


@pytest.fixture
def pictures():
    return np.random.randint(0, 256, (12, 3, 32, 32)).astype("uint8")


def test_pictures_of_ten_kinds(server, monkeypatch, folder, pictures):
    def batch(part, labels):
        return of_python_2({b"data": pictures[part].reshape(-1, 3072), b"labels": labels, b"batch_label": b"of 5"}, 2)

    members = [(f"cifar-10-batches-py/data_batch_{n}", batch(slice(2 * n - 2, 2 * n), [n, 9])) for n in range(1, 6)]
    url = server.url("cifar", tar(*members, ("cifar-10-batches-py/test_batch", batch(slice(10, 12), [3, 300]))))
    monkeypatch.setattr(cifar10, "get_file", lambda fname, origin, untar: get_file(fname, url, untar))
    (X_train, y_train), (X_test, y_test) = cifar10.load_data()
    assert_array_equal(X_train, pictures[:10])
    assert_array_equal(X_test, pictures[10:])
    assert (y_train.ravel().tolist(), y_test.tolist()) == ([1, 9, 2, 9, 3, 9, 4, 9, 5, 9], [[3], [300]])
    assert y_train.shape == (10, 1) and X_train.dtype == y_train.dtype == "uint8" and y_test.dtype == "int64"


@pytest.mark.parametrize("mode, labels", [("fine", [90, 91, 92]), ("coarse", [10, 11, 12])])
def test_pictures_of_a_hundred_kinds(there, pictures, mode, labels):
    for name, count in (("train", 3), ("test", 2)):
        there(f"cifar-100-python/{name}", of_python_2({
            b"data": pictures[:count].reshape(-1, 3072), b"fine_labels": [90, 91, 92][:count],
            b"coarse_labels": [10, 11, 12][:count]}, 2))  # fmt: skip
    (X_train, y_train), (X_test, y_test) = cifar100.load_data(mode)
    assert_array_equal(X_train, pictures[:3])
    assert_array_equal(X_test, pictures[:2])
    assert (y_train.tolist(), y_test.tolist()) == ([[one] for one in labels], [[one] for one in labels[:2]])
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse', got 'both'"):
        cifar100.load_data("both")


@pytest.mark.parametrize("value, message", [
    ([1], "is no batch of CIFAR"), ({"data": np.ones((2, 5)), "labels": [1, 2]}, "is no batch of CIFAR"),
    ({"data": np.ones((2, 3072)), "fine_labels": [1, 2]}, "has no labels 'labels' for its 2 samples; .* 'data', 'fine"),
    ({"data": np.ones((2, 3072)), "labels": [1]}, "has no labels 'labels' for its 2 samples"),
])  # fmt: skip
def test_what_is_no_batch(there, value, message):
    path = there("batch", pickle.dumps(value))
    with pytest.raises(ValueError, match=f"{path} {message}"):
        cifar.load_batch(path)
    with pytest.raises(FileNotFoundError):
        cifar.load_batch(path + "2")
