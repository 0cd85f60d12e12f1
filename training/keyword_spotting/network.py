"""The float DS-CNN and its training.

Geometry is TFLite's: feature maps NHWC, and SAME padding puts the odd cell at the end, which PyTorch's symmetric padding
argument cannot express, hence the explicit `pad`.
"""
import numpy as np
import torch
from torch import nn

INPUT_SCALE, INPUT_ZERO_POINT = 0.125, -128     # a feature of -128 is 0 octaves above the quietest level, 127 is 31.9
CHANNELS = 64

# (name, filter height, filter width, stride, depthwise); every layer is a convolution + batch norm + ReLU with SAME padding.
LAYERS = [
    ("conv1", 8, 4, 2, False),
    ("block1/depthwise", 3, 3, 1, True),
    ("block1/pointwise", 1, 1, 1, False),
    ("block2/depthwise", 3, 3, 2, True),
    ("block2/pointwise", 1, 1, 1, False),
    ("block3/depthwise", 3, 3, 1, True),
    ("block3/pointwise", 1, 1, 1, False),
    ("block4/depthwise", 3, 3, 1, True),
    ("block4/pointwise", 1, 1, 1, False),
]


def same_padding(size, kernel, stride):
    """(before, after) of TFLite's SAME."""
    output = -(-size // stride)
    total = max(0, (output - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def pad(x, kernel_height, kernel_width, stride):
    """x: [n, channels, height, width]; real value 0 is the padding value, as the zero point is in the int8 model."""
    top, bottom = same_padding(x.shape[2], kernel_height, stride)
    left, right = same_padding(x.shape[3], kernel_width, stride)
    return nn.functional.pad(x, (left, right, top, bottom))


class DsCnn(nn.Module):
    """features[n, 1, 49, 20] (octaves) -> logits[n, 12]."""

    def __init__(self, labels):
        super().__init__()
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        inputs = 1
        for _, height, width, stride, depthwise in LAYERS:
            groups = inputs if depthwise else 1
            self.convolutions.append(nn.Conv2d(inputs, CHANNELS, (height, width), stride, groups=groups, bias=False))
            self.norms.append(nn.BatchNorm2d(CHANNELS))
            inputs = CHANNELS
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(CHANNELS, labels)

    def forward(self, x):
        for (_, height, width, stride, _), convolution, norm in zip(LAYERS, self.convolutions, self.norms):
            x = torch.relu(norm(convolution(pad(x, height, width, stride))))
        return self.classifier(self.dropout(x.mean(dim=(2, 3))))


def to_real(features):
    """int8[n, 49, 20] -> float32[n, 1, 49, 20] in octaves."""
    return torch.from_numpy((features.astype(np.float32) - INPUT_ZERO_POINT) * INPUT_SCALE).unsqueeze(1)


def _varied(generator, features):
    """Variations that cost nothing: up to 3 dB louder or softer, and up to 6 frames and 3 bands replaced by silence."""
    count, frames, bands = features.shape
    varied = np.clip(features.astype(np.int16) + generator.integers(-8, 9, (count, 1, 1)), -128, 127)
    for axis_size, longest, shape in ((frames, 7, (1, frames, 1)), (bands, 4, (1, 1, bands))):
        first = generator.integers(0, axis_size, (count, 1, 1))
        length = generator.integers(0, longest, (count, 1, 1))
        index = np.arange(axis_size).reshape(shape)
        varied = np.where((index >= first) & (index < first + length), -128, varied)
    return varied


def train(features, labels, label_count, epochs, batch=128, peak_rate=4e-3, log=print):
    """Trains with Adam on one learning-rate cycle. features: int8[n, 49, 20], labels: int64[n]. No early stopping."""
    torch.manual_seed(1)
    generator = np.random.default_rng(2)
    model = DsCnn(label_count).to(memory_format=torch.channels_last)      # twice as fast as channels first, on a CPU
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    steps = epochs * (len(features) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_rate, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        order, total, right = generator.permutation(len(features)), 0.0, 0
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start:start + batch]
            target = torch.from_numpy(labels[chosen])
            x = to_real(_varied(generator, features[chosen])).contiguous(memory_format=torch.channels_last)
            logits = model(x)
            loss = loss_of(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss) * batch
            right += int((logits.argmax(1) == target).sum())
        seen = len(order) // batch * batch
        log(f"epoch {epoch + 1:2d}: loss {total / seen:.4f}, training accuracy {100 * right / seen:.2f} %")
    return model.eval()


def predict(model, features):
    """Class of each clip by the float model, int64[n]."""
    with torch.no_grad():
        return np.concatenate([model(to_real(features[i:i + 256])).argmax(1).numpy() for i in range(0, len(features), 256)])
