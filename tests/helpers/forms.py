"""Every form of network that `rnnbounds prune` takes, made and run by the libraries it comes from.

Each form is a function ``make(folder, rng) -> (path, words, run)``: the file, further words of the
command, and ``run(path, x) -> outputs`` in the foreign library alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

D, M, Q, V = 3, 12, 4, 20


@dataclass(frozen=True)
class FormCase:
    """A form for the table and its maker."""

    title: str
    made_by: str
    out: str
    make: object
    tokens: bool = False
    every_step: bool = False


def _torch():
    import torch

    torch.set_num_threads(1)
    return torch


def _module(kind="GRU", layers=1, both=False, embedding=False, seed=0, every=False):
    torch = _torch()
    nn = torch.nn
    torch.manual_seed(seed)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            if embedding:
                self.embedding = nn.Embedding(V, D)
            self.rnn = getattr(nn, kind)(
                D, M, num_layers=layers, bidirectional=both, batch_first=True
            )
            self.fc = nn.Linear(M * (2 if both else 1), Q)

        def forward(self, x):
            h = self.rnn(self.embedding(x) if embedding else x)[0]
            return self.fc(h if every else h[:, -1])

    return Network()


def _run_torch(kind, layers, both, embedding, read, every=False):
    def run(path, x):
        torch = _torch()
        tensors = {name: value.float() for name, value in read(path).items()}
        k = tensors["rnn.weight_hh_l0"].shape[1]
        nn = torch.nn
        options = {"num_layers": layers, "bidirectional": both, "batch_first": True}
        rnn = getattr(nn, kind)(D, k, bias="rnn.bias_ih_l0" in tensors, **options)
        fc = nn.Linear(k * (2 if both else 1), Q, bias="fc.bias" in tensors)
        rnn.load_state_dict(
            {n.removeprefix("rnn."): v for n, v in tensors.items() if n.startswith("rnn.")}
        )
        fc.load_state_dict(
            {n.removeprefix("fc."): v for n, v in tensors.items() if n.startswith("fc.")}
        )
        with torch.no_grad():
            value = torch.as_tensor(x)
            if embedding:
                value = nn.functional.embedding(value, tensors["embedding.weight"])
            h = rnn(value.float())[0]
            return fc(h if every else h[:, -1]).numpy()

    return run


def _read_safetensors(path):
    from safetensors.torch import load_file

    return load_file(path)


def _read_pt(*keys):
    def read(path):
        value = _torch().load(path, weights_only=True)
        for key in keys:
            value = value[key]
        return value

    return read


def torch_form(kind="GRU", layers=1, both=False, embedding=False, file="safetensors", how="plain"):
    """A state_dict in a file, as training code leaves it."""

    def make(folder, rng):
        torch = _torch()
        module = _module(kind, layers, both, embedding, int(rng.integers(1 << 30)))
        read = _read_safetensors if file == "safetensors" else _read_pt()
        strip = ""
        if how == "pruned by torch.nn.utils.prune":
            from torch.nn.utils import prune

            prune.random_unstructured(module.rnn, "weight_hh_l0", 0.3)
            prune.random_unstructured(module.fc, "weight", 0.2)
        if how == "weight_norm":
            torch.nn.utils.parametrizations.weight_norm(module.rnn, "weight_hh_l0")
        state = module.state_dict()
        if how == "no biases":
            state = {name: value for name, value in state.items() if "bias" not in name}
        if how == "DataParallel and compile prefixes":
            strip = "module._orig_mod."
            state = {strip + name: value for name, value in state.items()}
        if how in ("bfloat16", "float16"):
            state = {name: value.to(getattr(torch, how)) for name, value in state.items()}
        path = folder / f"net.{file}"
        if file == "safetensors":
            from safetensors.torch import save_file

            save_file({n: v.contiguous().clone() for n, v in state.items()}, path)
        elif how == "checkpoint":
            torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, path)
            read = _read_pt("state_dict")
        else:
            torch.save(state, path)

        def unprefixed(path):
            return {name.removeprefix(strip): value for name, value in read(path).items()}

        return path, (), _run_torch(kind, layers, both, embedding, unprefixed)

    return make


def torch_cell(kind):
    """nn.RNNCell and its like, run in a loop by the user's own code."""

    def make(folder, rng):
        torch = _torch()
        from safetensors.torch import save_file

        torch.manual_seed(int(rng.integers(1 << 30)))
        cell, fc = getattr(torch.nn, f"{kind}Cell")(D, M), torch.nn.Linear(M, Q)
        state = {f"cell.{n}": v for n, v in cell.state_dict().items()}
        state |= {f"fc.{n}": v for n, v in fc.state_dict().items()}
        path = folder / "net.safetensors"
        save_file(state, path)

        def run(path, x):
            tensors = _read_safetensors(path)
            k = tensors["cell.weight_hh"].shape[1]
            small, head = getattr(torch.nn, f"{kind}Cell")(D, k), torch.nn.Linear(k, Q)
            small.load_state_dict(
                {n.removeprefix("cell."): v for n, v in tensors.items() if n.startswith("cell.")}
            )
            head.load_state_dict(
                {n.removeprefix("fc."): v for n, v in tensors.items() if n.startswith("fc.")}
            )
            state = None
            with torch.no_grad():
                for step in torch.as_tensor(x).float().transpose(0, 1):
                    state = small(step, state)
                return head(state[0] if kind == "LSTM" else state).numpy()

        return path, (), run

    return make


def onnx_form(kind, directions=1, reset_after=1, head="linear"):
    """A graph by onnx.helper, run by onnxruntime."""

    def make(folder, rng):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        g = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]

        def weights(name, *shape):
            value = (0.5 * rng.normal(size=shape)).astype(np.float32)
            return numpy_helper.from_array(value, name)

        initializers = [
            weights("W", directions, g * M, D),
            weights("R", directions, g * M, M),
            weights("B", directions, 2 * g * M),
            weights("V", M * directions, Q),
            weights("c", Q),
            numpy_helper.from_array(np.array([0, M * directions], np.int64), "flat"),
        ]
        options = {"hidden_size": M}
        if directions == 2:
            options["direction"] = "bidirectional"
        if kind == "GRU":
            options["linear_before_reset"] = reset_after
        nodes = [
            helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
            helper.make_node(kind, ["xt", "W", "R", "B"], ["Y", "Y_h"], **options),
        ]
        if directions == 1:
            initializers.append(numpy_helper.from_array(np.array([0], np.int64), "axis"))
            nodes.append(helper.make_node("Squeeze", ["Y_h", "axis"], ["last"]))
        else:
            nodes.append(helper.make_node("Transpose", ["Y_h"], ["turned"], perm=[1, 0, 2]))
            nodes.append(helper.make_node("Reshape", ["turned", "flat"], ["last"]))
        read = "last"
        if head != "linear":
            nodes.append(helper.make_node("Tanh", ["last"], ["bent"]))
            read = "bent"
        nodes.append(helper.make_node("Gemm", [read, "V", "c"], ["f"]))
        graph = helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "T", D])],
            [helper.make_tensor_value_info("f", TensorProto.FLOAT, ["n", Q])],
            initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path = folder / "net.onnx"
        onnx.save(model, str(path))

        def run(path, x):
            import onnxruntime

            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            return session.run(None, {"x": np.asarray(x, np.float32)})[0]

        return path, (), run

    return make


def onnx_tagger(kind, layers=1, directions=1, tokens=False):
    """Every step read by MatMul and Add, states that start at zeros, as exporters write it."""

    def make(folder, rng):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        g = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
        held, nodes = [], []

        def constant(name, value):
            held.append(numpy_helper.from_array(np.asarray(value), name))
            return name

        def weights(name, *shape):
            return constant(name, (0.5 * rng.normal(size=shape)).astype(np.float32))

        read = "x"
        if tokens:
            nodes.append(helper.make_node("Gather", [weights("table", V, D), "x"], ["rows"]))
            read = "rows"
        nodes.append(helper.make_node("Transpose", [read], ["in0"], perm=[1, 0, 2]))
        constant("one", np.array([1], np.int64))
        nodes.append(helper.make_node("Shape", ["in0"], ["shape"]))
        nodes.append(helper.make_node("Gather", ["shape", "one"], ["batch"]))
        ends = constant("sides", np.array([directions], np.int64)), constant("m", np.array([M]))
        nodes.append(helper.make_node("Concat", [ends[0], "batch", ends[1]], ["start"], axis=0))
        nodes.append(helper.make_node("ConstantOfShape", ["start"], ["h0"]))
        width = D
        for layer in range(layers):
            names = [
                weights(f"{name}{layer}", directions, *shape)
                for name, shape in (("W", (g * M, width)), ("R", (g * M, M)), ("B", (2 * g * M,)))
            ]
            options = {"hidden_size": M, "direction": "bidirectional"}
            if directions == 1:
                del options["direction"]
            if kind == "GRU":
                options["linear_before_reset"] = 1
            inputs = [f"in{layer}", *names, "", "h0"]
            nodes.append(helper.make_node(kind, inputs, [f"Y{layer}"], **options))
            after = f"in{layer + 1}"
            if directions == 1:
                nodes.append(helper.make_node("Squeeze", [f"Y{layer}", "one"], [after]))
            else:
                constant("flat", np.array([0, 0, -1], np.int64))
                turned = f"turned{layer}"
                nodes.append(
                    helper.make_node("Transpose", [f"Y{layer}"], [turned], perm=[0, 2, 1, 3])
                )
                nodes.append(helper.make_node("Reshape", [turned, "flat"], [after]))
            width = M * directions
        nodes.append(helper.make_node("Transpose", [f"in{layers}"], ["top"], perm=[1, 0, 2]))
        nodes.append(helper.make_node("MatMul", ["top", weights("V", width, Q)], ["product"]))
        nodes.append(helper.make_node("Add", ["product", weights("c", Q)], ["f"]))
        entry = TensorProto.INT64 if tokens else TensorProto.FLOAT
        shape = ["n", "T"] if tokens else ["n", "T", D]
        graph = helper.make_graph(
            nodes,
            "tagger",
            [helper.make_tensor_value_info("x", entry, shape)],
            [helper.make_tensor_value_info("f", TensorProto.FLOAT, ["n", "T", Q])],
            held,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path = folder / "net.onnx"
        onnx.save(model, str(path))

        def run(path, x):
            import onnxruntime

            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            given = np.asarray(x, np.int64 if tokens else np.float32)
            return session.run(None, {"x": given})[0]

        return path, (), run

    return make


def keras_form(build):
    """A model by Keras, run by Keras."""

    def make(folder, rng):
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras

        keras.utils.set_random_seed(int(rng.integers(1 << 30)))
        model = build(keras, keras.layers)
        path = folder / "net.keras"
        model.save(path)

        def run(path, x):
            found = keras.saving.load_model(path, compile=False)
            given = np.asarray(x, np.float32 if np.ndim(x) == 3 else np.int64)
            return np.asarray(found.predict(given, verbose=0))

        return path, (), run

    return make


FORMS = {
    "torch-rnn": FormCase(
        "nn.RNN, state_dict, safetensors", "torch", "safetensors", torch_form("RNN")
    ),
    "torch-gru": FormCase(
        "nn.GRU, state_dict, safetensors", "torch", "safetensors", torch_form("GRU")
    ),
    "torch-lstm-pt": FormCase(
        "nn.LSTM, state_dict, pt", "torch", "pt", torch_form("LSTM", file="pt")
    ),
    "torch-checkpoint": FormCase(
        "nn.GRU inside a checkpoint with other entries, pt",
        "torch",
        "pt",
        torch_form("GRU", file="pt", how="checkpoint"),
    ),
    "torch-two-layers": FormCase(
        "nn.GRU of two layers in both directions",
        "torch",
        "safetensors",
        torch_form("GRU", 2, True),
    ),
    "torch-embedding": FormCase(
        "nn.Embedding, nn.LSTM, tokens",
        "torch",
        "safetensors",
        torch_form("LSTM", embedding=True),
        tokens=True,
    ),
    "torch-prefixes": FormCase(
        "names with module._orig_mod. in front",
        "torch",
        "safetensors",
        torch_form("GRU", how="DataParallel and compile prefixes"),
    ),
    "torch-bfloat16": FormCase(
        "bfloat16 weights", "torch", "safetensors", torch_form("GRU", how="bfloat16")
    ),
    "torch-float16": FormCase(
        "float16 weights", "torch", "safetensors", torch_form("LSTM", how="float16")
    ),
    "torch-pruned": FormCase(
        "left by torch.nn.utils.prune (_orig, _mask)",
        "torch",
        "safetensors",
        torch_form("LSTM", how="pruned by torch.nn.utils.prune"),
    ),
    "torch-weight-norm": FormCase(
        "parametrised by weight_norm",
        "torch",
        "safetensors",
        torch_form("GRU", how="weight_norm"),
    ),
    "torch-no-bias": FormCase(
        "nn.LSTM and nn.Linear with bias=False (a refit adds biases, and says so)",
        "torch",
        "safetensors",
        torch_form("LSTM", how="no biases"),
    ),
    "torch-rnn-cell": FormCase("nn.RNNCell", "torch", "safetensors", torch_cell("RNN")),
    "torch-gru-cell": FormCase("nn.GRUCell", "torch", "safetensors", torch_cell("GRU")),
    "torch-lstm-cell": FormCase("nn.LSTMCell", "torch", "npz", torch_cell("LSTM")),
    "onnx-rnn": FormCase("RNN node", "onnx", "onnx", onnx_form("RNN")),
    "onnx-gru": FormCase("GRU node, reset after the product", "onnx", "onnx", onnx_form("GRU")),
    "onnx-gru-before": FormCase(
        "GRU node, reset before the product, nonlinear head",
        "onnx",
        "onnx",
        onnx_form("GRU", 1, 0, "tanh"),
    ),
    "onnx-lstm": FormCase("LSTM node in both directions", "onnx", "onnx", onnx_form("LSTM", 2)),
    "onnx-layers": FormCase(
        "two GRU nodes, zero initial states, every step read",
        "onnx",
        "onnx",
        onnx_tagger("GRU", 2),
    ),
    "onnx-tokens": FormCase(
        "tokens, GRU node in both directions, every step read",
        "onnx",
        "onnx",
        onnx_tagger("GRU", 1, 2, tokens=True),
        tokens=True,
    ),
    "keras-gru": FormCase(
        "GRU, Dropout, Dense",
        "keras",
        "keras",
        keras_form(
            lambda k, L: k.Sequential([k.Input((7, D)), L.GRU(M), L.Dropout(0.2), L.Dense(Q)])
        ),
    ),
    "keras-gru-before": FormCase(
        "GRU with reset_after=False",
        "keras",
        "keras",
        keras_form(
            lambda k, L: k.Sequential([k.Input((7, D)), L.GRU(M, reset_after=False), L.Dense(Q)])
        ),
    ),
    "keras-lstm": FormCase(
        "two LSTM layers",
        "keras",
        "keras",
        keras_form(
            lambda k, L: k.Sequential(
                [k.Input((7, D)), L.LSTM(M, return_sequences=True), L.LSTM(M), L.Dense(Q)]
            )
        ),
    ),
    "keras-both": FormCase(
        "Bidirectional SimpleRNN, LayerNormalization, Dense",
        "keras",
        "keras",
        keras_form(
            lambda k, L: k.Sequential(
                [
                    k.Input((7, D)),
                    L.Bidirectional(L.SimpleRNN(M)),
                    L.LayerNormalization(),
                    L.Dense(Q, activation="softmax"),
                ]
            )
        ),
    ),
    "keras-tagger": FormCase(
        "Embedding, two Bidirectional GRU layers, Dense at every step, no biases",
        "keras",
        "keras",
        keras_form(
            lambda k, L: k.Sequential(
                [
                    k.Input((7,), dtype="int32"),
                    L.Embedding(V, D),
                    L.Bidirectional(L.GRU(M, return_sequences=True, use_bias=False)),
                    L.Bidirectional(L.GRU(M, return_sequences=True, use_bias=False)),
                    L.Dense(Q, use_bias=False),
                ]
            )
        ),
        tokens=True,
    ),
}


def table() -> str:
    """Return the table of the documentation.

    Every row is tested with each objective and refit, so that no column says it.
    """
    rows = ["| form | made by | comes out as |", "|---|---|---|"]
    rows += [f"| {case.title} | {case.made_by} | {case.out} |" for case in FORMS.values()]
    return "\n".join(rows) + "\n"
