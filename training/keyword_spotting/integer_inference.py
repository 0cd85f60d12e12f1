"""Runs an int8 `tflite_file.Model` in numpy with the integer arithmetic of TensorFlow Lite Micro's reference kernels.

Activations are int64[n, ...] arrays holding int8 values, so that many clips go through at once. Matrix products run in
float64, which is exact here: every sum stays far below 2^53.
"""
import math

import numpy as np

import tflite_file as tf

INT32_MAX = 2**31 - 1


# ---- fixed point (gemmlowp names and roundings)

def saturating_rounding_doubling_high_mul(a, b):
    """round(a * b / 2^31), ties upwards; a and b are int32 values, never both the smallest."""
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_pot(x, exponent):
    """round(x / 2^exponent), ties away from zero. exponent: integer or array >= 0."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def multiply_by_quantized_multiplier(x, multiplier, shift):
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x << left, multiplier), right)


def quantize_multiplier(real):
    """real >= 0 -> (multiplier in [2^30, 2^31), shift) with real = multiplier * 2^(shift - 31)."""
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def _saturating_shift_left(x, bits):
    return np.clip(x << bits, -(2**31), INT32_MAX)


def _exp_on_negative(a):
    """exp of a Q5.26 value <= 0 as Q0.31."""
    quarter = 1 << 24
    part = (a & (quarter - 1)) - quarter                             # in [-1/4, 0)
    x = (part << 5) + (1 << 28)                                      # around -1/8, Q0.31
    mul = saturating_rounding_doubling_high_mul
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    polynomial = rounding_divide_by_pot(mul(rounding_divide_by_pot(x4, 2) + x3, 715827883) + x2, 1)
    result = 1895147668 + mul(np.int64(1895147668), x + polynomial)
    rest = part - a
    for exponent, factor in zip(range(-2, 5), (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)):
        result = np.where(rest & (1 << (26 + exponent)), mul(result, np.int64(factor)), result)
    return np.where(a == 0, INT32_MAX, result)


def _one_over_one_plus(a):
    """1 / (1 + a) for a in [0, 1), Q0.31, by three Newton steps."""
    mul = saturating_rounding_doubling_high_mul
    half = (a + INT32_MAX + 1) // 2
    x = 1515870810 + mul(half, np.int64(-1010580540))
    for _ in range(3):
        x = x + _saturating_shift_left(mul(x, (1 << 29) - mul(half, x)), 2)
    return _saturating_shift_left(x, 1)


def softmax(x, scale, beta):
    """int8 logits [n, classes] -> int8 scores with scale 1/256 and zero point -128."""
    multiplier, shift = quantize_multiplier(min(beta * scale * 2**26, float(INT32_MAX)))
    smallest = -math.floor(31 * 2**26 / 2**shift)
    difference = x - x.max(axis=1, keepdims=True)
    included = difference >= smallest
    scaled = saturating_rounding_doubling_high_mul(np.maximum(difference, smallest) << shift, np.int64(multiplier))
    exponential = np.where(included, _exp_on_negative(scaled), 0)
    total = rounding_divide_by_pot(exponential, 12).sum(axis=1, keepdims=True)
    headroom = np.array([[32 - int(t).bit_length()] for t in total[:, 0]])
    reciprocal = _one_over_one_plus((total << headroom) - 2**31)
    quotient = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(reciprocal, exponential), 12 - headroom + 23)
    return np.where(included, np.clip(quotient - 128, -128, 127), -128)


# ---- operators

def _requantize(acc, real_multipliers, output, activation):
    """int32 accumulators [..., channels] -> int8 values; one multiplier per channel or one for all."""
    pairs = np.array([quantize_multiplier(m) for m in real_multipliers], np.int64)
    zero_point = output.zero_points[0]
    result = multiply_by_quantized_multiplier(acc, pairs[:, 0], pairs[:, 1]) + zero_point
    return np.clip(result, max(-128, zero_point) if activation == tf.RELU else -128, 127)


def _patches(x, height, width, options, fill):
    """Windows of x[n, h, w, c] as [n, oh, ow, height, width, c]."""
    pads = [(0, 0)]
    for size, kernel, stride in zip(x.shape[1:3], (height, width), options["stride"]):
        output = -(-size // stride) if options["padding"] == tf.SAME else (size - kernel) // stride + 1
        total = max(0, (output - 1) * stride + kernel - size)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, pads + [(0, 0)], constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), (1, 2))
    windows = windows[:, ::options["stride"][0], ::options["stride"][1]]
    return windows.transpose(0, 1, 2, 4, 5, 3)


def _convolution(x, operator, filter_, bias, source, target):
    zero_point = source.zero_points[0]
    weights = filter_.data.astype(np.float64)
    depthwise = operator.code == tf.DEPTHWISE_CONV_2D
    height, width = filter_.shape[1:3]
    windows = (_patches(x, height, width, operator.options, zero_point) - zero_point).astype(np.float64)
    if depthwise:
        windows = np.repeat(windows, operator.options["depth_multiplier"], axis=-1)
        acc = np.einsum("nyxhwc,hwc->nyxc", windows, weights[0])
    else:
        acc = windows.reshape(windows.shape[:3] + (-1,)) @ weights.reshape(len(weights), -1).T
    acc = acc.astype(np.int64) + bias.data
    multipliers = [float(source.scales[0]) * float(s) / float(target.scales[0]) for s in filter_.quantization.scales]
    return _requantize(acc, multipliers, target, operator.options["activation"])


def _fully_connected(x, operator, filter_, bias, source, target):
    acc = (x - source.zero_points[0]).astype(np.float64) @ filter_.data.astype(np.float64).T
    product = np.float32(source.scales[0]) * np.float32(filter_.quantization.scales[0])      # in float32, as TFLite does
    return _requantize(acc.astype(np.int64) + bias.data, [float(product) / float(target.scales[0])], target,
                       operator.options.get("activation", tf.NONE))


def _average_pool(x, operator):
    if operator.options["padding"] != tf.VALID and x.shape[1:3] != operator.options["filter"]:
        raise ValueError("AVERAGE_POOL_2D with padding is not supported")
    windows = _patches(x, *operator.options["filter"], operator.options, 0)
    count = windows.shape[3] * windows.shape[4]
    acc = windows.sum(axis=(3, 4))
    return np.sign(acc) * ((np.abs(acc) + count // 2) // count)       # rounds half away from zero


def run(model, inputs):
    """inputs: int8[n, ...], the model's one input without its batch dimension -> int8 outputs [n, ...]."""
    values = {model.inputs[0]: inputs.astype(np.int64).reshape([len(inputs)] + model.tensors[model.inputs[0]].shape[1:])}
    for operator in model.operators:
        tensors = [model.tensors[i] for i in operator.inputs]
        source, target = tensors[0].quantization, model.tensors[operator.outputs[0]].quantization
        x = values[operator.inputs[0]]
        if operator.code in (tf.CONV_2D, tf.DEPTHWISE_CONV_2D):
            y = _convolution(x, operator, tensors[1], tensors[2], source, target)
        elif operator.code == tf.FULLY_CONNECTED:
            y = _fully_connected(x, operator, tensors[1], tensors[2], source, target)
        elif operator.code == tf.AVERAGE_POOL_2D:
            y = _average_pool(x, operator)
        elif operator.code == tf.RESHAPE:
            y = x.reshape([len(x)] + model.tensors[operator.outputs[0]].shape[1:])
        else:
            y = softmax(x, float(source.scales[0]), operator.options["beta"])
        values[operator.outputs[0]] = y
    return values[model.outputs[0]].astype(np.int8)
