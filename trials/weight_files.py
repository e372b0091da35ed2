"""Weight files that somebody else made."""

import random
import shutil

import h5py
import numpy as np

from recurrent_layers import GRU, LSTM, Dense, Dropout, Embedding, Sequential
from trials.children import described, in_children

MEMORY = 300  # MB


def model():
    return Sequential([Embedding(7, 2), GRU(2, 3, return_sequences=True), LSTM(3, 4), Dropout(0.5), Dense(4, 2)])


def trial(run):
    """Mutated weight files are read or refused: no crash, no foreign error, no half-read model, no memory, no hang."""
    np.random.seed(run.seed)
    ours = model()
    good = run.folder / "good.h5"
    ours.save_weights(good)
    counts, most = {"read": 0, "refused": 0}, 0.0
    path = run.folder / "mutated.h5"

    def work(number):
        run.notes(reproduction(run.seed, number))
        return attempt(ours, good, path, run.seed, number)

    run.begins()
    for case in in_children(work, run.goes_on):
        run.tries()
        kind, what, message = case.value or ("ended", case.problem, case.where)
        most = max(most, case.megabytes)
        if case.megabytes > MEMORY:
            kind, what = "memory", f"more than {MEMORY} MB"
        counts[kind] = counts.get(kind, 0) + 1
        if what:
            run.fails(f"{kind}: {what}".strip(": "), f"{message}; {reproduction(run.seed, case.number)}".lstrip("; "))
    wrong = sum(failure["count"] for failure in run.failures.values())
    run.figures.update(counts, megabytes_more=round(most, 1))
    return (f"{counts['read'] + counts['refused']} of {run.tried} mutated weight files refused or read "
            f"({counts['refused']} and {counts['read']}), {wrong} wrong; at most {most:.1f} MB more")


def attempt(ours, good, path, seed, number):
    """What comes of a file: a kind, what is wrong if something is, and a message."""
    try:
        mutate(good, path, seed, number)
    except Exception:  # What HDF5 itself does not write is good as it was.
        shutil.copyfile(good, path)
    before = ours.get_weights()
    try:
        ours.load_weights(path)
    except (ValueError, OSError) as error:
        if not all(map(np.array_equal, before, ours.get_weights())):
            return ("half-read", *described(error))
        return "refused", "", ""
    except BaseException as error:
        return ("foreign error", *described(error))
    after = ours.get_weights()
    if [weight.shape for weight in after] != [weight.shape for weight in before]:
        return "read", "with other shapes", ""
    if not all(np.isfinite(weight).all() for weight in after):
        return "read", "weights that are not finite", ""
    return "read", "", ""


def reproduction(seed, number):
    chosen, _ = mutation(seed, number)
    return f"trials.weight_files.mutate(good, path, {seed}, {number})  # {chosen.__name__}"


# ---- Mutations --------------------------------------------------------------------------------------------


def mutation(seed, number):
    """The mutation of a number, and the random numbers for it."""
    chance = random.Random(f"{seed} {number}")
    return chance.choice(OF_BYTES if number % 2 else OF_STRUCTURE), chance


def mutate(good, path, seed, number):
    """Make the file of a number from a good one."""
    chosen, chance = mutation(seed, number)
    if chosen in OF_BYTES:
        content = bytearray(good.read_bytes())
        chosen(content, chance)
        path.write_bytes(content)
    else:
        shutil.copyfile(good, path)
        with h5py.File(path, "r+") as file:
            chosen(file, chance)


def flip(content, chance):
    for _ in range(chance.choice((1, 1, 2, 5, 50))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def flip_near_the_beginning(content, chance):
    """Most of what describes the rest is there."""
    for _ in range(chance.choice((1, 2, 5))):
        content[chance.randrange(min(2500, len(content)))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def truncate(content, chance):
    del content[chance.randrange(len(content)):]


def insert(content, chance):
    place = chance.randrange(len(content))
    content[place:place] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 8, 100))))


def erase(content, chance):
    place, length = chance.randrange(len(content)), chance.choice((8, 64, 1000))
    content[place:place + length] = bytes([chance.choice((0, 255))]) * len(content[place:place + length])


def cut_out(content, chance):
    place = chance.randrange(len(content))
    del content[place:place + chance.choice((1, 8, 512))]


def exchange(content, chance):
    one, other = sorted(chance.randrange(len(content) // 16) * 16 for _ in range(2))
    content[one:one + 16], content[other:other + 16] = content[other:other + 16], content[one:one + 16]


def append(content, chance):
    content += bytes(chance.randrange(256) for _ in range(chance.choice((1, 1000))))


def places(file):
    """The names of all groups and data sets."""
    found = []
    file.visit(found.append)
    return found


def a_data_set(file, chance):
    return chance.choice([name for name in places(file) if isinstance(file[name], h5py.Dataset)])


def replaced(file, name, **named):
    """Put another data set in the place of one."""
    del file[name]
    return file.create_dataset(name, **named)


def other_shape(file, chance):
    name = a_data_set(file, chance)
    shape = tuple(chance.choice((0, 1, 2, 3, 4, 7)) for _ in range(chance.randrange(5)))
    replaced(file, name, shape=shape, dtype="float32")


def transposed(file, chance):
    name = a_data_set(file, chance)
    replaced(file, name, data=file[name][()].T)


def other_type(file, chance):
    name = a_data_set(file, chance)
    kind = chance.choice(["float16", "float64", ">f4", "int8", "uint64", "complex64", "bool", "S5", "V3",
                          h5py.string_dtype(), h5py.vlen_dtype("int32"), h5py.enum_dtype({"a": 1}), h5py.ref_dtype,
                          h5py.regionref_dtype, [("one", "f4"), ("two", "i2")], np.dtype(("f4", (2,))), np.longdouble])
    replaced(file, name, shape=file[name].shape, dtype=kind)


def not_finite(file, chance):
    data_set = file[a_data_set(file, chance)]
    values = data_set[()]
    values.flat[chance.randrange(values.size)] = chance.choice((np.nan, np.inf, -np.inf))
    data_set[...] = values


def numbers_beyond_the_type(file, chance):
    name = a_data_set(file, chance)
    replaced(file, name, data=np.full(file[name].shape, chance.choice((1e39, 1e300, 2.0**64, 1e-320)), "float64"))


def missing(file, chance):
    del file[chance.choice(places(file))]


def extra(file, chance):
    within = chance.choice([file, file["layer_1"]])
    within[chance.choice(["layer_5", "layer_6", "param_9", "param_11", "other", "layer_01"])] = np.zeros(2)


def counts(file, chance):
    group, name = chance.choice([(file, "nb_layers")] + [(file[f"layer_{k}"], "nb_params") for k in range(5)])
    count = chance.choice([-1, 0, 3, 10**9, 2**62, 2.0, np.nan, "5", b"5", [5], np.zeros((2, 2)), True,
                           h5py.Empty("i4"), np.uint64(2**64 - 1), np.void(b"x"), file.ref])  # fmt: skip
    group.attrs[name] = count


def no_count(file, chance):
    if chance.random() < 0.5:
        del file.attrs["nb_layers"]
    else:
        del file[f"layer_{chance.randrange(5)}"].attrs["nb_params"]


def huge(file, chance):
    """It says that it is large, and takes no room in the file."""
    shape = chance.choice([(10**6, 10**6), (2**40,), (4, 2**40), (2**31, 2)])
    replaced(file, a_data_set(file, chance), shape=shape, dtype="f4", chunks=tuple(min(size, 4) for size in shape))


def huge_chunks(file, chance):
    name = a_data_set(file, chance)
    shape = file[name].shape
    replaced(file, name, shape=shape, dtype="f4", chunks=(2**28,) + (1,) * (len(shape) - 1),
             maxshape=(None,) * len(shape), compression=chance.choice([None, "gzip"]))  # fmt: skip


def huge_attribute(file, chance):
    file.attrs.create(chance.choice(["nb_layers", "other"]), np.zeros(7000))


def filters(file, chance):
    name = a_data_set(file, chance)
    data = file[name][()]
    replaced(file, name, data=data, chunks=data.shape, shuffle=True, fletcher32=True,
             compression=chance.choice(["gzip", "lzf"]))  # fmt: skip


def a_filter_that_is_not_there(file, chance):
    name = a_data_set(file, chance)
    data = file[name][()]
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk(data.shape)
    settings.set_filter(chance.choice((1, 307, 32000, 65000)), h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    del file[name]
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple(data.shape), settings)


def in_another_file(file, chance):
    name = a_data_set(file, chance)
    data = file[name][()]
    elsewhere = chance.choice(["/etc/hostname", "/dev/zero", "good.h5", "/proc/self/mem"])
    replaced(file, name, shape=data.shape, dtype="f4", external=[(elsewhere, 0, data.nbytes)])


def linked(file, chance):
    name = chance.choice(places(file))
    del file[name]
    file[name] = chance.choice([h5py.SoftLink("/"), h5py.SoftLink("/" + name), h5py.SoftLink("/layer_1/param_1"),
                                h5py.ExternalLink("good.h5", "/" + name), h5py.ExternalLink("/dev/zero", "x"),
                                h5py.ExternalLink("mutated.h5", "/" + name)])  # fmt: skip


def in_a_circle(file, chance):
    name = chance.choice([name for name in places(file) if "/" in name])
    del file[name]
    file[name] = file[chance.choice(["/", name.split("/")[0]])]


def the_same_twice(file, chance):
    one, other = a_data_set(file, chance), a_data_set(file, chance)
    if one != other:
        del file[one]
        file[one] = file[other]


def virtual(file, chance):
    name = a_data_set(file, chance)
    shape = file[name].shape
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(chance.choice([".", "good.h5", "/dev/zero", "absent.h5"]), name, shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def other_kind(file, chance):
    name = chance.choice(places(file))
    is_group = isinstance(file[name], h5py.Group)
    del file[name]
    if is_group:
        file[name] = np.zeros(3)
    elif chance.random() < 0.5:
        file.create_group(name)
    else:
        file[name] = np.dtype("f4")  # A type with a name.


def without_numbers(file, chance):
    name = a_data_set(file, chance)
    replaced(file, name, data=h5py.Empty("f4"))


def of_later_keras(file, chance):
    file.attrs["layer_names"] = [b"gru", b"dense"]
    if chance.random() < 0.5:
        del file.attrs["nb_layers"]


def many_groups(file, chance):
    for k in range(5, 3000):
        file.create_group(f"layer_{k}").attrs["nb_params"] = 0
    file.attrs["nb_layers"] = 3000


OF_BYTES = [flip, flip_near_the_beginning, flip_near_the_beginning, truncate, insert, erase, cut_out, exchange, append]
OF_STRUCTURE = [other_shape, transposed, other_type, other_type, not_finite, numbers_beyond_the_type, missing, extra,
                counts, counts, no_count, huge, huge_chunks, huge_attribute, filters, a_filter_that_is_not_there,
                in_another_file, linked, linked, in_a_circle, the_same_twice, virtual, other_kind, without_numbers,
                of_later_keras, many_groups]  # fmt: skip
