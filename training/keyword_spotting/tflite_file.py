"""Writes and reads the part of the `.tflite` format that the keyword model needs.

The format is the FlatBuffers schema `schema.fbs` of TensorFlow Lite, version 3, file identifier "TFL3"; the numbers below
are its field slots, enum values and union tags.
"""
from dataclasses import dataclass, field

import flatbuffers
import numpy as np

INT32, INT8 = 2, 9                                                  # TensorType
SAME, VALID = 0, 1                                                  # Padding
NONE, RELU = 0, 1                                                   # ActivationFunctionType
AVERAGE_POOL_2D, CONV_2D, DEPTHWISE_CONV_2D = 1, 3, 4               # BuiltinOperator
FULLY_CONNECTED, RESHAPE, SOFTMAX = 9, 22, 25
_OPTIONS_TAG = {CONV_2D: 1, DEPTHWISE_CONV_2D: 2, AVERAGE_POOL_2D: 5, FULLY_CONNECTED: 8, SOFTMAX: 9, RESHAPE: 17}
_VERSION = {CONV_2D: 3, DEPTHWISE_CONV_2D: 3, AVERAGE_POOL_2D: 2, FULLY_CONNECTED: 4, SOFTMAX: 2, RESHAPE: 1}  # first with int8
_DTYPE = {INT32: np.dtype("<i4"), INT8: np.dtype("i1")}


@dataclass
class Quantization:
    """real = scale * (q - zero point), one pair per entry of dimension `axis`, or one for the tensor."""
    scales: list
    zero_points: list
    axis: int = 0


@dataclass(eq=False)
class Tensor:
    name: str
    type: int
    shape: list
    quantization: Quantization = None
    data: np.ndarray = None          # None: computed when the model runs


@dataclass
class Operator:
    """`options`: padding, stride (y, x), activation, filter (height, width), depth_multiplier, new_shape, beta, where the
    operator has them."""
    code: int
    inputs: list
    outputs: list
    options: dict = field(default_factory=dict)


@dataclass
class Model:
    """One subgraph; inputs and outputs are indices into `tensors`, operators are in execution order."""
    description: str
    tensors: list
    operators: list
    inputs: list
    outputs: list

    def index(self, tensor):
        return next(i for i, t in enumerate(self.tensors) if t is tensor)


# ---- writing

def _table(builder, *fields):
    """fields: (slot, kind, value), kind being a Builder.Prepend*Slot suffix or "Offset". None is left out, as is 0."""
    builder.StartObject(max((slot for slot, _, _ in fields), default=-1) + 1)
    for slot, kind, value in fields:
        if value is None:
            continue
        if kind == "Offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return builder.EndObject()


def _offsets(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _vector(builder, values, dtype):
    return builder.CreateNumpyVector(np.asarray(values, dtype))


def _data_vector(builder, data):
    """Bytes whose first element lies on a 16-byte boundary, as the schema demands of buffers."""
    raw = np.ascontiguousarray(data).tobytes()
    builder.StartVector(1, len(raw), 16)
    builder.head -= len(raw)
    builder.Bytes[builder.head:builder.head + len(raw)] = raw
    return builder.EndVector()


def _options(builder, operator):
    o = operator.options
    (stride_y, stride_x), padding, activation = o.get("stride", (1, 1)), o.get("padding", SAME), o.get("activation", NONE)
    if operator.code == CONV_2D:
        return _table(builder, (0, "Int8", padding), (1, "Int32", stride_x), (2, "Int32", stride_y), (3, "Int8", activation))
    if operator.code == DEPTHWISE_CONV_2D:
        return _table(builder, (0, "Int8", padding), (1, "Int32", stride_x), (2, "Int32", stride_y),
                      (3, "Int32", o.get("depth_multiplier", 1)), (4, "Int8", activation))
    if operator.code == AVERAGE_POOL_2D:
        height, width = o["filter"]
        return _table(builder, (0, "Int8", padding), (1, "Int32", stride_x), (2, "Int32", stride_y), (3, "Int32", width),
                      (4, "Int32", height), (5, "Int8", activation))
    if operator.code == RESHAPE:
        return _table(builder, (0, "Offset", _vector(builder, o["new_shape"], "<i4")))
    if operator.code == SOFTMAX:
        return _table(builder, (0, "Float32", o["beta"]))
    return _table(builder, (0, "Int8", activation))


def to_bytes(model):
    """The `.tflite` file."""
    builder = flatbuffers.Builder(1 << 16)
    constants = [t for t in model.tensors if t.data is not None]
    buffers = [_table(builder)]                                     # buffer 0: empty, for tensors without data
    for tensor in constants:
        data = _data_vector(builder, tensor.data.astype(_DTYPE[tensor.type]))
        buffers.append(_table(builder, (0, "Offset", data)))

    tensors = []
    for tensor in model.tensors:
        name, shape = builder.CreateString(tensor.name), _vector(builder, tensor.shape, "<i4")
        quantization = None
        if tensor.quantization is not None:
            scales = _vector(builder, tensor.quantization.scales, "<f4")
            zero_points = _vector(builder, tensor.quantization.zero_points, "<i8")
            quantization = _table(builder, (2, "Offset", scales), (3, "Offset", zero_points),
                                  (6, "Int32", tensor.quantization.axis))
        buffer = 1 + constants.index(tensor) if tensor.data is not None else 0
        tensors.append(_table(builder, (0, "Offset", shape), (1, "Int8", tensor.type), (2, "Uint32", buffer),
                              (3, "Offset", name), (4, "Offset", quantization)))

    codes = sorted({operator.code for operator in model.operators})
    operators = []
    for operator in model.operators:
        options = _options(builder, operator)
        inputs, outputs = _vector(builder, operator.inputs, "<i4"), _vector(builder, operator.outputs, "<i4")
        operators.append(_table(builder, (0, "Uint32", codes.index(operator.code)), (1, "Offset", inputs), (2, "Offset", outputs),
                                (3, "Uint8", _OPTIONS_TAG[operator.code]), (4, "Offset", options)))
    code_tables = [_table(builder, (0, "Int8", c), (2, "Int32", _VERSION[c]), (3, "Int32", c)) for c in codes]

    tensors, operators = _offsets(builder, tensors), _offsets(builder, operators)
    inputs, outputs = _vector(builder, model.inputs, "<i4"), _vector(builder, model.outputs, "<i4")
    name = builder.CreateString("main")
    subgraph = _table(builder, (0, "Offset", tensors), (1, "Offset", inputs), (2, "Offset", outputs), (3, "Offset", operators),
                      (4, "Offset", name))
    subgraphs, code_tables, buffers = (_offsets(builder, x) for x in ([subgraph], code_tables, buffers))
    description = builder.CreateString(model.description)
    root = _table(builder, (0, "Uint32", 3), (1, "Offset", code_tables), (2, "Offset", subgraphs), (3, "Offset", description),
                  (4, "Offset", buffers))
    builder.Finish(root, file_identifier=b"TFL3")
    return bytes(builder.Output())


# ---- reading

class _Reader:
    """A table inside a FlatBuffer; every method takes a field slot."""

    def __init__(self, data, position):
        self.data, self.position = data, position

    def _number(self, at, dtype):
        return np.frombuffer(self.data, dtype, 1, at)[0].item()

    def _field(self, slot):
        vtable = self.position - self._number(self.position, "<i4")
        entry = 4 + 2 * slot
        offset = self._number(vtable + entry, "<u2") if entry < self._number(vtable, "<u2") else 0
        return self.position + offset if offset else None

    def _target(self, at):
        return at + self._number(at, "<u4")

    def scalar(self, slot, dtype, default=0):
        at = self._field(slot)
        return default if at is None else self._number(at, dtype)

    def table(self, slot):
        at = self._field(slot)
        return None if at is None else _Reader(self.data, self._target(at))

    def vector(self, slot, dtype):
        at = self._field(slot)
        if at is None:
            return np.zeros(0, dtype)
        at = self._target(at)
        return np.frombuffer(self.data, dtype, self._number(at, "<u4"), at + 4)

    def text(self, slot):
        return self.vector(slot, "u1").tobytes().decode()

    def tables(self, slot):
        at = self._field(slot)
        if at is None:
            return []
        at = self._target(at)
        return [_Reader(self.data, self._target(at + 4 + 4 * i)) for i in range(self._number(at, "<u4"))]


def _read_options(code, table):
    if code in (CONV_2D, DEPTHWISE_CONV_2D, AVERAGE_POOL_2D):
        activation = table.scalar({CONV_2D: 3, DEPTHWISE_CONV_2D: 4, AVERAGE_POOL_2D: 5}[code], "i1")
        stride = table.scalar(2, "<i4"), table.scalar(1, "<i4")
        options = {"padding": table.scalar(0, "i1"), "stride": stride, "activation": activation}
        if code == AVERAGE_POOL_2D:
            options["filter"] = (table.scalar(4, "<i4"), table.scalar(3, "<i4"))
        if code == DEPTHWISE_CONV_2D:
            options["depth_multiplier"] = table.scalar(3, "<i4")
        return options
    if code == SOFTMAX:
        return {"beta": table.scalar(0, "<f4")}
    if code == FULLY_CONNECTED:
        return {"activation": table.scalar(0, "i1")}
    return {"new_shape": table.vector(0, "<i4").tolist()} if code == RESHAPE and table else {}


def from_bytes(data):
    """Parses a file; raises ValueError for anything the keyword model does not use."""
    if data[4:8] != b"TFL3":
        raise ValueError("not a TensorFlow Lite model")
    root = _Reader(data, int.from_bytes(data[:4], "little"))
    if root.scalar(0, "<u4") != 3 or len(root.tables(2)) != 1:
        raise ValueError("schema version 3 and one subgraph expected")
    subgraph = root.tables(2)[0]
    buffers = [buffer.vector(0, "u1") for buffer in root.tables(4)]
    codes = [max(code.scalar(0, "i1"), code.scalar(3, "<i4")) for code in root.tables(1)]
    tensors = []
    for table in subgraph.tables(0):
        kind, shape, raw = table.scalar(1, "i1"), table.vector(0, "<i4").tolist(), buffers[table.scalar(2, "<u4")]
        if kind not in _DTYPE:
            raise ValueError(f"tensor type {kind} is not supported")
        q = table.table(4)
        quantization = None
        if q is not None and len(q.vector(2, "<f4")):
            quantization = Quantization(list(q.vector(2, "<f4")), q.vector(3, "<i8").tolist(), q.scalar(6, "<i4"))
        values = raw.view(_DTYPE[kind]).reshape(shape) if len(raw) else None
        tensors.append(Tensor(table.text(3), kind, shape, quantization, values))
    operators = []
    for table in subgraph.tables(3):
        code = codes[table.scalar(0, "<u4")]
        if code not in _OPTIONS_TAG:
            raise ValueError(f"operator {code} is not supported")
        inputs, outputs = table.vector(1, "<i4").tolist(), table.vector(2, "<i4").tolist()
        operators.append(Operator(code, inputs, outputs, _read_options(code, table.table(4))))
    return Model(root.text(3), tensors, operators, subgraph.vector(1, "<i4").tolist(), subgraph.vector(2, "<i4").tolist())
