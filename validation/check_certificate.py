"""Check a certificate: decode its network, count its errors, recompute its bound.

    python check_certificate.py CERTIFICATE_FOLDER [--data-dir FOLDER]

Written from docs/certificates.md alone, it needs NumPy and python-flint, nothing of the project. It
prints VALID and the bound (exit code 0), INVALID and why (1), or CANNOT CHECK and what lacks (2).
"""

import bisect, collections, functools, gzip, hashlib, io, json, os, re, sys, zipfile  # noqa: E401, I001

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # many small products: threads only wait
try:
    import flint, numpy as np  # noqa: E401, I001
except ImportError as error:
    print(f"CANNOT CHECK: {error}; NumPy and python-flint are needed")
    raise SystemExit(2) from None

GRAIN = 2**18  # losses of texts are rounded up to multiples of 2^-18 of their range
THETAS = [(m << i, 2**23 + (m << i)) for i in range(31) for m in range(8, 16)]  # as fractions
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
HASHES = """ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8
fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf""".split()  # noqa: SIM905
KNOWN = {"mnist": dict(zip(IDX, HASHES)), "fashion-mnist": dict(zip(IDX, HASHES[2:])), "npz": {}}
KNOWN |= {"digits": {"digits.csv": HASHES[4]}, "ptb-bytes": {"ptb.train.txt": HASHES[5]}}
PERMUTATION = "14b7f6bc58ce844efd500d56ca64ce44abff6e3dd1d9b8d2a6d11825767e38d3"
fresh = functools.partial(collections.defaultdict, lambda: [1, 1])  # models, each a list [z, o]
DECIMAL, SHA = r'"(0|[1-9]\d?)\.\d{6}"', '"[0-9a-f]{64}"'
FIELDS = {  # of certificate.json, each as JSON writes its value; of texts `loss` for `errors`
    **{"format": "1", "language": "1|2", "preprocessing": "1", "code_sha256": SHA},
    **{"bound": DECIMAL, "name": '".*"', "task": '".*"', "delta": r'"0\.(?!0*")\d{1,12}"'},
    **dict.fromkeys(("versions", "network", "data_sha256"), "{.*}"),
    **{"n": r"[1-9]\d{0,7}", "bits": r"[1-9]\d{0,6}"},
    "assumptions": r'\[("([^"\\]|\\.)*"(, )?)*\]',
}


class Stop(Exception):
    """Exit code and reason: 1, the certificate is invalid; 2, it cannot be checked."""


def require(condition, reason, code=1):
    if not condition:
        raise Stop(code, reason)


def read_statement(folder):
    """The fields of certificate.json and the bytes of code.bin, by section 1."""
    contents, twice = [], "certificate.json has a key twice"
    hook = lambda pairs: require(len(dict(pairs)) == len(pairs), twice) or dict(pairs)  # noqa: E731
    for name, limit in (("certificate.json", 2**16), ("code.bin", 2**20)):
        path = os.path.join(folder, name)
        require(os.path.isfile(path), f"{path} is not there, or not an ordinary file", 2)
        with open(path, "rb") as f:
            contents.append(f.read(limit + 1))
        require(len(contents[-1]) <= limit, f"{path} has more than {limit} bytes")
    try:
        said = json.loads(contents[0].decode(), object_pairs_hook=hook, parse_constant=[].index)
        shown = {field: json.dumps(value) for field, value in said.items()}
    except (ValueError, AttributeError, RecursionError):
        raise Stop(1, "certificate.json is not a JSON object in UTF-8 without NaN") from None
    task = said.get("task")
    require(type(task) is str and task in KNOWN, f"task must be one of {', '.join(KNOWN)}")
    text, bits, code = task == "ptb-bytes", said.get("bits"), contents[1]
    fields = FIELDS | ({"loss": DECIMAL} if text else {"errors": r"0|[1-9]\d{0,7}"})
    odd = ascii(sorted(set(fields) ^ set(said)))[1:60]
    require(odd == "]", f"certificate.json lacks a field, or has one too many: {odd}")
    for field, pattern in fields.items():
        good = re.fullmatch(pattern, shown[field], re.ASCII)
        require(good, f"{field} must be as section 1 says, got {shown[field][:60]}")
    said |= {name: int(said[name].replace(".", "")) for name in ("bound", "loss") if name in said}
    good = text or (said["errors"] <= said["n"] <= 2**24 and said["bound"] <= 10**6)
    require(good, "errors <= n <= 2^24 and bound <= 1 must hold")
    names = r'\{"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.npz": ' + SHA + "}"
    one = task == "npz" and re.fullmatch(names, shown["data_sha256"])
    require(one or said["data_sha256"] == KNOWN[task] != {}, f"the files are not those of {task}")
    require(hashlib.sha256(code).hexdigest() == said["code_sha256"], "code.bin is not code_sha256")
    require(len(code) == -(-bits // 8), f"code.bin must have {-(-bits // 8)} bytes for {bits} bits")
    require(not code[-1] & (2 ** (-bits % 8) - 1), "the bits behind the code must be 0")
    return said, code


class Decoder:
    """Section 2, on the string continued by zeros and, at once, on it continued by ones."""

    def __init__(self, code, bits):
        string = np.unpackbits(np.frombuffer(code, np.uint8))[:bits].tobytes()
        self.strings = string + bytes(64), string + b"\1" * 64
        self.low, self.high, self.values, self.place = 0, 2**32 - 1, [0, 0], 0
        for _ in range(32):
            self.shift(0)

    def shift(self, amount):
        require(self.place < len(self.strings[0]), "the code ends before the network does")
        self.values = [2 * (v - amount) + s[self.place] for v, s in zip(self.values, self.strings)]
        self.place += 1

    def decide(self, model=None):
        z, o = model or (1, 1)
        cut = self.low + (self.high - self.low + 1) * z // (z + o) - 1
        bit, other = (int(value > cut) for value in self.values)
        require(bit == other, "the code is not prefix-free: what follows it would change it")
        self.low, self.high = (cut + 1, self.high) if bit else (self.low, cut)
        if model is not None:
            model[bit] += 2
            if sum(model) > 2**16:
                model[:] = [model[0] // 2 | 1, model[1] // 2 | 1]
        while True:
            low, high = self.low, self.high
            amount = 0 if high < 2**31 else 2**31 if low >= 2**31 else 2**30
            if amount == 2**30 and not 2**30 <= low < high < 3 * 2**30:
                return bit
            self.low, self.high = 2 * (low - amount), 2 * (high - amount) + 1
            self.shift(amount)

    def natural(self, signed=False):
        count, u = 1, 1
        while self.decide():
            count += 1
            require(count <= 32, "a number of the code has more than 32 bits")
        for _ in range(count - 1):
            u = 2 * u + self.decide()
        return u - 1 if not signed else -(u // 2) if u % 2 == 0 else u // 2

    def size(self, models, at=0):
        length, u = 0, 1  # models[at, 0..31] are `longer`, models[at, -1..-31] `second`
        while self.decide(models[at, length]):
            length += 1
            require(length <= 31, "a number of the code has more than 31 bits")
        for i in range(1, length):
            u = 2 * u + self.decide(models[at, -length] if i == 1 else None)
        return u if length else 0

    def sized(self, count):
        sizes = map(self.size, [fresh()] * count)  # each is followed by its sign
        return [size and (-size if self.decide() else size) for size in sizes]


def context(kind, lengths):
    """What the models of language 2 depend on: nothing, the last length, or all before it."""
    n = len(lengths) if kind else 0
    return n and min(kind + 1, int(lengths[-1] if kind == 1 else (2 * sum(lengths) + n) // (2 * n)))


def decode(said, code, shape, x0):
    """Section 4: the network as a dict; `shape` is R0, C0 of the images."""
    c, task, net, T = Decoder(code, said["bits"]), said["task"], {"task": said["task"]}, 1
    text = task == "ptb-bytes"
    if text:
        net["line"], model, x_max = c.natural(), [1, 1], 1
        net["alphabet"] = [byte for byte in range(256) if c.decide(model)]
        net["a"], d = c.natural() + 1, len(net["alphabet"])
        require(net["line"] <= 24 and net["a"] <= 40 and d, "line, alphabet or weight are wrong")
    else:
        net["a"] = c.natural(signed=True) if task == "npz" else 0
        require(abs(net["a"]) <= 64, "the scale of the data must be 2^-64 to 2^64")
        top, bottom, left, right = [c.natural() for _ in range(4)] if c.decide() else [0] * 4
        v, w = [c.natural() + 1 for _ in range(2)] if c.decide() else (1, 1)
        high, wide = shape[0] - top - bottom, shape[1] - left - right
        good = high > 0 and wide > 0 and high % v == 0 and wide % w == 0
        require(good, "nothing is left of the images, or pools do not divide them")
        d = c.natural() + 1 if c.decide() else wide // w
        T, rest = divmod(high // v * (wide // w), d)
        require(rest == 0, "steps must divide the sequences")
        net["crop"], net["pool"], x_max = (top, bottom, left, right), (v, w), x0 * v * w
    k, q = c.natural() + 1, d if text else c.natural() + 2 if task == "npz" else 10
    good = k <= 2**10 and d <= 2**12 and q <= 2**10 and k * (k + d + q) <= 2**20
    require(good, f"{k} nodes, {d} inputs and {q} outputs are too many")
    clip, power, models, two = c.decide(), c.natural(), fresh(), said["language"] == 2
    gates = k if two and c.decide() else 0
    require(power <= (25 if gates else 40), "states must be at most 2^40, or 2^25 with gates")
    H, e, b = 2**power, {"b_hidden": c.natural(signed=True), "w_output": 0}, c.natural(signed=True)
    ascending = np.cumsum([b] + [c.size(models) for _ in range(k - 1)]).tolist()
    net["b_hidden"], rows = np.array([ascending + c.sized(gates)]), k + gates
    shapes = {"w_hidden": (rows, k), "w_input": (rows, d), "w_output": (q, k), "b_output": (1, q)}
    for block, (height, width) in shapes.items():
        if block != "w_output" or text:
            e[block] = c.natural(signed=True)
        models = fresh() if block == "w_hidden" or not c.decide() else models
        biased, table, own = c.decide(), range(2**31), fresh()
        if c.decide():
            table = np.cumsum([0] + [c.natural() + 1 for _ in range(c.natural() + 1)]).tolist()
            require(len(table) <= 65 and table[-1] <= 2**31, "a table has 64 entries up to 2^31")
        kinds = [c.decide() and 1 + c.decide() for _ in range(2)] if two else (0, 0)
        D, shared = c.natural() if two else 0, 0
        if D:
            name, many = f"rnnbounds language 2 {block} {c.natural()}", D * height * width
            require(many <= 2**24, "more than 2^24 random signs of a block")
            string = np.frombuffer(hashlib.shake_256(name.encode()).digest(-(-many // 8)), np.uint8)
            signs = 1 - 2 * np.unpackbits(string)[:many].astype(np.int64).reshape(-1, D)
            shared = (signs @ c.sized(D)).reshape(height, width)
        D, apart = (c.natural(signed=True), c.decide()) if block == "w_hidden" else (0, 0)
        W, L = np.zeros((2, height, width), np.int64)  # numbers, and the lengths of their sizes
        for i, j in sorted(np.ndindex(height, width), key=lambda at: apart and at[0] != at[1]):
            used, near = own if apart and i == j else models, (W[i, :j][-1:], W[:i, j][-1:])
            number = c.size(used, tuple(map(context, kinds, (L[i, :j], L[:i, j]))))
            require(number < len(table), "a number is not in its table")
            key = tuple(np.sign(w.sum()) if kind else 0 for kind, w in zip(kinds, near))
            minus = number and c.decide(used[key] if biased else None)
            W[i, j], L[i, j] = -table[number] if minus else table[number], number.bit_length()
        net[block] = W + D * np.eye(height, width, dtype=np.int64) + shared
    require(max(map(abs, e.values())) <= 64 and (text or e["b_output"] >= 0), "a wrong exponent")
    s = max(0, -e["w_hidden"], -e["w_input"], -e["b_hidden"])  # section 5: in steps of 2^-s
    scales = {name: 2 ** (e[name] + s) for name in ("w_hidden", "w_input", "b_hidden")}
    scales |= {"w_output": 1, "b_output": 1 if text else 2 ** e["b_output"]}
    require(all(abs(net[n]).max() <= 2**31 for n in scales), "a number is too large")
    exact = {name: net[name].astype(object) * scales[name] for name in scales}
    sums = {name: abs(W).sum(axis=1) for name, W in exact.items()}
    states = H * sums["w_hidden"] + x_max * sums["w_input"] + abs(exact["b_hidden"][0]) + 2**s
    scores = (np.maximum if text else np.add)(H * sums["w_output"], abs(exact["b_output"][0]))
    require(max(states.max(), scores.max()) < 2**53, "a state or a score may overflow")
    net |= {name: W.astype(np.float64) for name, W in exact.items()}
    step = np.vstack((net["w_hidden"].T, net["w_input"].T, net["b_hidden"] + 2**s // 2)) / 2.0**s
    least = np.array([-H * clip] * k + [0] * gates)  # candidates, and then gates
    work, T = T * (rows * (k + d + 1) + q * k), 2 ** net["line"] if text else T
    many = 2**14 * T if text else max(1, min(4096, 2**22 // (shape[0] * shape[1])))
    net |= {"step": step, "d": d, "q": q, "k": k, "H": H, "least": least, "s": s, "e": e}
    return net | {"work": work, "T": T, "many": many}


def step(net, z, X):
    """One step of z = (h, X, 1) in place; what is rounded is exact, whatever the order of sums."""
    h, z[:, net["k"] : -1], z[:, -1] = z[:, : net["k"]], X, 1
    u, g = np.split(np.clip(np.floor(z @ net["step"]), net["least"], net["H"]), [net["k"]], axis=1)
    h[:] = h + np.floor(g * (u - h) / net["H"] + 0.5) if g.size else u  # H is a power of two


def find(task, name, digest, folders):
    """The bytes of a data file, there plain or as .gz, by checksum; the path of a plain .npz."""
    wrong, limit, ends = "", *((2**32, [""]) if task == "npz" else (2**26, ["", ".gz"]))
    places = [os.path.join(folder, part) for folder in folders for part in ("", task, task[:3])]
    for path in (os.path.join(place, name + end) for place in places for end in ends):
        if os.path.isfile(path):
            hashed, pieces = hashlib.sha256(), [b""]
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as f:
                for _ in range(0, limit, 2**20):
                    pieces = [*(pieces if task != "npz" else []), f.read(2**20)]
                    hashed.update(pieces[-1])
                if hashed.hexdigest() == digest and not f.read(1):  # not of its beginning alone
                    return path if task == "npz" else b"".join(pieces)
            wrong = path
    require(not wrong, f"{wrong} is not the file that was certified: its sha256 is another")
    raise Stop(2, f"{name} of {task} was not found: say by --data-dir where it is")


def load(said, folders):
    """Section 3: images (n, R0, C0) and labels (n,), and X0; or the bytes of a text."""
    task, y, x0 = said["task"], None, 255
    data = [find(task, *item, folders) for item in sorted(said["data_sha256"].items())]
    if task == "npz":
        x, y, x0 = (*npz(data[0]), 2**15)
    elif task == "ptb-bytes":
        x = np.frombuffer(data[0], np.uint8)
    elif task == "digits":
        order = np.random.default_rng(0).permutation(1797)
        same = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() == PERMUTATION
        require(same, "this NumPy permutes the digits otherwise than language 1 says", 2)
        table = np.loadtxt(io.BytesIO(data[0]), delimiter=",").astype(np.int64)[order[:1437]]
        x, y, x0 = table[:, :64].reshape(-1, 8, 8), table[:, 64], 16
    else:  # the checksums fix the headers
        x = np.frombuffer(data[0], np.uint8, offset=16).reshape(-1, 28, 28)
        y = np.frombuffer(data[1], np.uint8, offset=8)
    require(said["n"] == len(x), f"n must be {len(x)}, all there is to count")
    return x, y, x0


def npz(path):
    """The arrays x and y, whose sizes are known before they are read."""
    found, kinds = [], {"x.npy": ("iuf", 3), "y.npy": ("iu", 1)}
    try:
        archive = zipfile.ZipFile(path)
        require(sorted(archive.namelist()) == list(kinds), "an .npz must hold x and y alone")
        for name, (kind, axes) in kinds.items():
            with archive.open(name) as f:
                require(np.lib.format.read_magic(f) == (1, 0), f"{name} must be of version 1.0")
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(f)
                good = dtype.kind in kind and dtype.itemsize <= 8 and len(shape) == axes
                require(good and not fortran, f"{name} must be numbers in {axes} axes, in C order")
                size = int(np.prod([dtype.itemsize, *shape], dtype=object))
                require(0 < size <= min(2**31, shape[0] * 2**27), f"{name} is empty or too large")
                found.append(np.frombuffer(f.read(size), dtype).reshape(shape))
                good = np.isfinite(found[-1]).all() and not f.read(1)  # which checks its CRC
                require(good, f"{name} must be finite, and have nothing behind its numbers")
    except (ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise Stop(1, f"{path} is not what numpy.savez writes: {ascii(error)[:80]}") from None
    require(len(found[0]) == len(found[1]), "x and y must have the same length")
    return found


def count_errors(net, x, y):
    """How many sequences get another class than their label; ties go to the lowest class."""
    (top, bottom, left, right), (v, w), errors = net["crop"], net["pool"], 0
    require(y.min() >= 0 and y.max() < net["q"], "labels must be classes of the network")
    for i in range(0, len(x), many := net["many"]):
        X = x[i : i + many, top : x.shape[1] - bottom, left : x.shape[2] - right]
        if net["task"] == "npz":
            with np.errstate(over="ignore", under="ignore"):
                X = np.floor(np.ldexp(X.astype(np.float64), net["a"]) + 0.5).clip(-(2**15), 2**15)
        count, rows, columns = X.shape
        X = X.reshape(count, rows // v, v, columns // w, w).sum(axis=(2, 4), dtype=np.float64)
        X, z = X.reshape(count, -1, net["d"]), np.zeros((count, len(net["step"])))
        for t in range(X.shape[1]):
            step(net, z, X[:, t])
        scores = z[:, : net["k"]] @ net["w_output"].T + net["b_output"]
        errors += int(np.count_nonzero(np.argmax(scores, axis=1) != y[i : i + many]))
    return errors


def measure_losses(net, x):
    """Sections 7 and 8: the mean loss in bits, and how often each multiple of 2^-18 occurs."""
    place, floor, length, total = np.full(256, -1), 2.0 ** -net["a"], net["T"], 0.0
    place[net["alphabet"]], counts = np.arange(net["d"]), np.zeros(GRAIN + 1, np.int64)
    for part in (x[i : i + net["many"]] for i in range(0, len(x), net["many"])):
        z = np.zeros((-(-len(part) // length), len(net["step"])))
        for t in range(min(length, len(part))):
            symbols = place[part[t::length]]
            known, z = symbols >= 0, z[: len(symbols)]
            y = np.ldexp(z[:, : net["k"]] @ net["w_output"].T, net["e"]["w_output"])
            y += np.ldexp(net["b_output"], net["e"]["b_output"])
            require(np.abs(y).max() <= 2**10, "a score is larger than 2^10")
            p = np.exp(y - y.max(axis=1, keepdims=True))
            p = p[np.arange(len(p)), symbols] / p.sum(axis=1) * known
            losses = 2.0**-30 - np.log2((1 - floor) * p + floor / 256)
            total += float(losses.sum())
            grains = np.ceil(np.clip(losses / (8 + net["a"]), 0, 1) * GRAIN).astype(np.int64)
            counts += np.bincount(grains, minlength=GRAIN + 1)
            step(net, z, np.eye(net["d"])[symbols] * known[:, None])
    return total / len(x), counts


def tail_is_small(n, errors, bound, level):
    """Section 6: whether P(Bin(n, p) <= errors) is certainly below the level, p = bound/10^6."""
    p = flint.arb(bound) / 10**6
    odds, total, term = (1 - p) / p, flint.arb(1), flint.arb(1)
    if errors == n or not odds * errors / (n - errors + 1) < 1:
        return False  # p is not certainly above errors/n
    for i in range(errors, 0, -1):
        ratio = odds * i / (n - i + 1)
        term *= ratio
        total += term
        if term < flint.arb(2) ** -80:  # the ratios fall: what is left is below a geometric sum
            total += term * ratio / (1 - ratio)
            break
    a, b, c = (flint.arb(i + 1).lgamma() for i in (n, errors, n - errors))
    return bool(a - b - c + errors * p.log() + (n - errors) * (1 - p).log() + total.log() < level)


def wealth_is_large(paid, n, m, level):
    """Section 8: whether the average m, a share of the range, is certainly too large."""
    wealth = sum((L - n * (1 - m * a / b).log()).exp() for (a, b), L in zip(THETAS, paid))
    return bool((wealth / len(paid)).log() > -level)


def check(folder, folders):
    """Return the sentence that is printed for a valid certificate; raise Stop for any other."""
    said, code = read_statement(folder)
    x, y, x0 = load(said, folders)
    net = decode(said, code, x.shape[1:], x0)
    n, delta, bits, flint.ctx.prec = said["n"], said["delta"], said["bits"], 256
    work = n * net["work"] + 2**16 * net["T"] * -(-n // net["many"])
    require(work <= 2**40, "it would take more than 2^40 products to run this network")
    level = (flint.arb(int(delta[2:])) / 10 ** len(delta[2:]) / flint.arb(2) ** bits).log()
    if net["task"] != "ptb-bytes":
        errors = count_errors(net, x, y)
        require(errors == said["errors"], f"the network makes {errors} errors")
        top, test = 10**6, lambda b: tail_is_small(n, errors, b, level)
        what = f"{errors} errors in {n}; on new sequences the error probability is"
    else:
        mean, counts = measure_losses(net, x)
        require(said["loss"] >= (mean - 2**-29) * 10**6, f"the mean loss is {mean:.7f}")
        z, top = np.arange(GRAIN + 1) / GRAIN, (8 + net["a"]) * 10**6
        sums = [float(np.sum(counts * np.log1p(-(a / b) * z))) for a, b in THETAS]
        paid = [flint.arb(L, 2**-40 * (abs(L) + n)) for L in sums]  # far more than their rounding
        test = lambda b: wealth_is_large(paid, n, flint.arb(b) / top, level)  # noqa: E731
        what = f"{mean:.6f} bits a byte; the average conditional loss along this text is"
    found = 1 + bisect.bisect_left(range(1, top), True, key=test)  # top where none is certain
    shown = f"{found // 10**6}.{found % 10**6:06d}"
    require(found <= said["bound"], f"the bound is {shown}, larger than what is claimed")
    return f"{net['task']}, {bits} bits, {what} at most {shown} at confidence 1 - {delta}"


def main(arguments, folders=()):
    try:
        given = [arguments[2]] if len(arguments) == 3 and arguments[1] == "--data-dir" else []
        require(len(arguments) == 1 + 2 * len(given), (__doc__ or "").split("\n")[2].strip(), 2)
        home = os.environ.get("RNNBOUNDS_DATA", os.path.expanduser("~/.cache/rnnbounds"))
        code, reason = 0, check(arguments[0], given or [*folders, home, arguments[0]])
    except Stop as stop:
        code, reason = stop.args
    except Exception as error:  # nothing that fails is ever valid
        code, reason = 2, f"{type(error).__name__}: {' '.join(ascii(str(error)).split())[:200]}"
    print(("VALID:", "INVALID:", "CANNOT CHECK:")[code], reason.encode("unicode_escape").decode())
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
