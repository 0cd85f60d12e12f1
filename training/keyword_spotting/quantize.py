"""Post-training quantisation of the float DS-CNN to int8, as the TFLite 8-bit quantisation specification asks.

Weights: symmetric, zero point 0, within -127..127; one scale per output channel for convolutions (axis 0 of OHWI filters,
axis 3 of depthwise filters), one scale per tensor for the fully connected layer. Activations: asymmetric, one scale per
tensor, from the smallest and largest value seen on training clips, always containing 0. Biases: int32 with scale
input scale * filter scale.
"""
import numpy as np
import torch
from torch import nn

import tflite_file as tf
from network import INPUT_SCALE, INPUT_ZERO_POINT, LAYERS, pad, to_real


def fold(model):
    """Batch norm folded into the convolutions: a list of (weight, bias) as float64 arrays, PyTorch layout."""
    folded = []
    for convolution, norm in zip(model.convolutions, model.norms):
        gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double().numpy()
        weight = convolution.weight.detach().double().numpy() * gain[:, None, None, None]
        bias = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * gain
        folded.append((weight, bias))
    return folded


def activation_ranges(model, folded, features):
    """(min, max) of the output of every convolution, of the pooled vector's source and of the logits, on `features`."""
    lows, highs = np.full(len(folded) + 1, np.inf), np.full(len(folded) + 1, -np.inf)
    with torch.no_grad():
        for start in range(0, len(features), 256):
            x = to_real(features[start:start + 256])
            values = []
            for (_, height, width, stride, depthwise), (weight, bias) in zip(LAYERS, folded):
                groups = len(weight) if depthwise else 1
                x = torch.relu(nn.functional.conv2d(pad(x, height, width, stride), torch.from_numpy(weight).float(),
                                                    torch.from_numpy(bias).float(), stride, groups=groups))
                values.append(x)
            values.append(model.classifier(x.mean(dim=(2, 3))))
            lows = np.minimum(lows, [float(v.min()) for v in values])
            highs = np.maximum(highs, [float(v.max()) for v in values])
    return list(zip(lows, highs))


def activation_quantization(low, high):
    """Scale (float32) and zero point of an int8 activation that contains low, high and exactly 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    return tf.Quantization([scale], [int(np.clip(np.rint(-128 - low / scale), -128, 127))])


def symmetric(weight, axis):
    """int8 weights and one scale per entry of `axis` (None: one for all)."""
    others = tuple(d for d in range(weight.ndim) if d != axis)
    peak = np.abs(weight).max(axis=others if axis is not None else None, keepdims=True)
    scale = (np.maximum(peak, 1e-8) / 127).astype(np.float32)
    quantized = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
    return quantized, tf.Quantization(list(scale.ravel()), [0] * scale.size, axis or 0)


def bias_tensor(name, bias, input_quantization, filter_quantization):
    scales = np.float32(input_quantization.scales[0]) * np.array(filter_quantization.scales, np.float32)
    values = np.rint(bias / scales.astype(np.float64)).astype(np.int32)
    return tf.Tensor(name, tf.INT32, [len(values)], tf.Quantization(list(scales), [0] * len(scales)), values)


def quantize(model, calibration, labels, description):
    """The int8 model as a `tflite_file.Model`. calibration: int8[n, 49, 20] training features."""
    folded = fold(model)
    ranges = activation_ranges(model, folded, calibration)
    height, width = calibration.shape[1:]
    current = tf.Tensor("features", tf.INT8, [1, height, width, 1], tf.Quantization([INPUT_SCALE], [INPUT_ZERO_POINT]))
    result = tf.Model(description, [current], [], [0], [])

    def add(operator, inputs, output, options):
        result.tensors.extend(t for t in inputs[1:] + [output])
        result.operators.append(tf.Operator(operator, [result.index(t) for t in inputs], [result.index(output)], options))
        return output

    for (name, *_, stride, depthwise), (weight, bias), (low, high) in zip(LAYERS, folded, ranges):
        # PyTorch OIHW -> TFLite OHWI; depthwise [channels, 1, h, w] -> [1, h, w, channels].
        weight = weight.transpose(1, 2, 3, 0) if depthwise else weight.transpose(0, 2, 3, 1)
        values, quantization = symmetric(weight, 3 if depthwise else 0)
        filter_ = tf.Tensor(f"{name}/filter", tf.INT8, list(values.shape), quantization, values)
        bias_ = bias_tensor(f"{name}/bias", bias, current.quantization, quantization)
        height, width = -(-height // stride), -(-width // stride)
        output = tf.Tensor(f"{name}/Relu", tf.INT8, [1, height, width, len(bias)], activation_quantization(low, high))
        kind = tf.DEPTHWISE_CONV_2D if depthwise else tf.CONV_2D
        options = {"padding": tf.SAME, "stride": (stride, stride), "activation": tf.RELU}
        current = add(kind, [current, filter_, bias_], output, options)

    channels = current.shape[3]
    pooled = tf.Tensor("pool", tf.INT8, [1, 1, 1, channels], current.quantization)
    whole = (height, width)
    current = add(tf.AVERAGE_POOL_2D, [current], pooled, {"padding": tf.VALID, "stride": whole, "filter": whole})
    shape = tf.Tensor("embedding/shape", tf.INT32, [2], None, np.array([1, channels], np.int32))
    current = add(tf.RESHAPE, [current, shape], tf.Tensor("embedding", tf.INT8, [1, channels], current.quantization),
                  {"new_shape": [1, channels]})

    values, quantization = symmetric(model.classifier.weight.detach().double().numpy(), None)
    filter_ = tf.Tensor("logits/weights", tf.INT8, list(values.shape), quantization, values)
    bias_ = bias_tensor("logits/bias", model.classifier.bias.detach().double().numpy(), current.quantization, quantization)
    logits = tf.Tensor("logits", tf.INT8, [1, len(labels)], activation_quantization(*ranges[-1]))
    current = add(tf.FULLY_CONNECTED, [current, filter_, bias_], logits, {})
    scores = tf.Tensor("scores", tf.INT8, [1, len(labels)], tf.Quantization([1 / 256], [-128]))
    add(tf.SOFTMAX, [current], scores, {"beta": 1.0})
    result.outputs = [result.index(scores)]
    return result
