"""The files that scripts of 2015 look for in `~/.keras/datasets`: made up, small, and of the same form."""

import gzip
import io
import pickle
import tarfile

import numpy as np

SENTENCES = [
    "man is a rope over an abyss", "the truth is hard", "what is great in man is that he is a bridge",
    "he who has a why can bear any how", "without music life would be an error",
    "the higher we soar the smaller we seem",
]  # fmt: skip
PEOPLE, PLACES = ["Mary", "John"], ["kitchen", "garden", "office", "bedroom"]


def write_all(folder):
    """Write all of them.

    Parameters
    ----------
    folder : pathlib.Path
        What is to be `~/.keras/datasets`.
    """
    folder.mkdir(parents=True)
    draw = np.random.RandomState(0)
    # Python 2 wrote lists of numbers as any Python does.
    (folder / "imdb.pkl").write_bytes(pickle.dumps(_texts(draw, 500, nb_classes=2), protocol=2))
    (folder / "reuters.pkl").write_bytes(pickle.dumps(_texts(draw, 400, nb_classes=3), protocol=2))
    (folder / "mnist.pkl.gz").write_bytes(gzip.compress(_digits(draw)))
    (folder / "nietzsche.txt").write_text(
        "PREFACE\n\n" + "".join(SENTENCES[k].capitalize() + ".\n" for k in draw.randint(len(SENTENCES), size=90)))
    with tarfile.open(folder / "babi-tasks-v1-2.tar.gz", "w:gz") as tar:
        for part, nb_stories in (("train", 200), ("test", 50)):
            text = "".join(_story(draw) for _ in range(nb_stories)).encode()
            entry = tarfile.TarInfo(f"tasks_1-20_v1-2/en/qa1_single-supporting-fact_{part}.txt")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))


def _texts(draw, nb_texts, nb_classes):
    """Texts as ranks of their words, of which every other belongs to a class, and these classes."""
    labels = draw.randint(nb_classes, size=nb_texts)
    texts = []
    for label in labels:
        length = draw.randint(6, 20)
        of_class = 1 + label + nb_classes * draw.randint(5, size=length)
        texts.append([int(word) for word in np.where(draw.rand(length) < 0.5, of_class, draw.randint(16, 40, length))])
    return texts, [int(label) for label in labels]


def _story(draw):
    """Two sentences and a question of task 1 of bAbI, mostly of whom the last one is about."""
    people, places = draw.permutation(PEOPLE), draw.choice(PLACES, 2)
    asked = int(draw.rand() < 0.85)
    return (f"1 {people[0]} went to the {places[0]}.\n2 {people[1]} journeyed to the {places[1]}.\n"
            f"3 Where is {people[asked]}? \t{places[asked]}\t{asked + 1}\n")


def _digits(draw):
    """((X_train, y_train), (X_test, y_test)) in a pickle of Python 2: images with a bar at one of ten heights."""
    parts = []
    for nb_images in (400, 100):
        y = draw.randint(10, size=nb_images)
        X = draw.randint(60, size=(nb_images, 28, 28))
        for image, label in zip(X, y):
            image[2 * label + 4:2 * label + 7, 4:24] = 250
        parts.append(b"(" + _array_of_python_2(X.astype("uint8")) + _array_of_python_2(y.astype("uint8")) + b"t")
    return b"\x80\x02(" + b"".join(parts) + b"t."


def _array_of_python_2(array):
    """An array of bytes as Python 2 pickled it: by NumPy's names of that time, and in strings of bytes."""
    shape = b"(" + b"".join(b"M" + size.to_bytes(2, "little") for size in array.shape) + b"t"
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
            b"(K\x01" + shape + dtype + b"\x89T" + array.size.to_bytes(4, "little") + array.tobytes() + b"tb")
