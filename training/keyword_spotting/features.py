"""Log-mel features in integer arithmetic only: the definition that training and the C# sample share.

One second of 16 kHz sound becomes 49 frames of 20 bands. Every step is exact integer arithmetic on int64, so the C# code
(`samples/KeywordSpotting/Features.cs`) produces the same bytes on every machine:

    int16 samples -> Hann window (Q14) -> 512 point FFT (twiddles Q14, every product rounded) -> power -> 20 triangular mel
    bands (weights Q8) -> log2 in eighths of an octave -> int8

The tables come from floating point once, here, and are written to the C# file by `write_tables`.
"""
import numpy as np

SAMPLE_RATE = 16_000
CLIP_SAMPLES = 16_000
FRAME_SAMPLES = 480          # 30 ms
HOP_SAMPLES = 320            # 20 ms
FRAMES = 1 + (CLIP_SAMPLES - FRAME_SAMPLES) // HOP_SAMPLES
FFT_POINTS = 512
BANDS = 20
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_600.0
UNIT_BITS = 14               # window and twiddles: 1.0 = 2^14
WEIGHT_BITS = 8              # mel weights: 1.0 = 2^8
STEPS_PER_OCTAVE_BITS = 3    # a feature step is 1/8 octave of power (0.376 dB)
LEVEL_OFFSET = 36 << STEPS_PER_OCTAVE_BITS   # feature 0 = band energy 2^36; int8 spans 2^20 .. 2^52


def _window():
    n = np.arange(FRAME_SAMPLES)
    return np.rint((0.5 - 0.5 * np.cos(2 * np.pi * n / FRAME_SAMPLES)) * 2**UNIT_BITS).astype(np.int64)


def _bit_reversed():
    bits = FFT_POINTS.bit_length() - 1
    return np.array([int(format(i, f"0{bits}b")[::-1], 2) for i in range(FFT_POINTS)])


def _mel_bins():
    """For every FFT bin between LOWEST_HZ and HIGHEST_HZ: (bin, slot, rising weight).

    The band edges cut the mel scale into BANDS + 1 equal pieces. A bin in piece `slot` belongs to the rising side of the
    triangle of band `slot` with the weight, and to the falling side of band `slot - 1` with one minus the weight.
    """
    mel = lambda hz: 2595.0 * np.log10(1.0 + hz / 700.0)
    low, high = mel(LOWEST_HZ), mel(HIGHEST_HZ)
    bins = []
    for k in range(FFT_POINTS // 2 + 1):
        position = (mel(k * SAMPLE_RATE / FFT_POINTS) - low) / (high - low) * (BANDS + 1)
        if 0 <= position < BANDS + 1:
            slot = int(position)
            bins.append((k, slot, int(np.rint((position - slot) * 2**WEIGHT_BITS))))
    return bins


WINDOW = _window()                                                              # [480], Q14
BIT_REVERSED = _bit_reversed()                                                  # [512]
_angles = 2 * np.pi * np.arange(FFT_POINTS // 2) / FFT_POINTS
COSINE = np.rint(np.cos(_angles) * 2**UNIT_BITS).astype(np.int64)               # [256], Q14
SINE = np.rint(np.sin(_angles) * 2**UNIT_BITS).astype(np.int64)                 # [256], Q14
_bins = _mel_bins()
FIRST_BIN = _bins[0][0]
BIN_SLOT = np.array([slot for _, slot, _ in _bins])
BIN_WEIGHT = np.array([weight for _, _, weight in _bins], np.int64)             # Q8


def _rounded(product):
    return (product + (1 << (UNIT_BITS - 1))) >> UNIT_BITS


def _fft(re, im):
    """In-place radix-2 FFT, decimation in time, without scaling. re, im: int64[..., 512], already in bit-reversed order."""
    size = 2
    while size <= FFT_POINTS:
        half, step = size // 2, FFT_POINTS // size
        shape = re.shape[:-1] + (FFT_POINTS // size, size)
        r, i = re.reshape(shape), im.reshape(shape)
        c, s = COSINE[::step], SINE[::step]
        er, ei, dr, di = r[..., :half].copy(), i[..., :half].copy(), r[..., half:], i[..., half:]
        tr = _rounded(dr * c + di * s)               # times exp(-i angle)
        ti = _rounded(di * c - dr * s)
        r[..., :half], i[..., :half] = er + tr, ei + ti
        r[..., half:], i[..., half:] = er - tr, ei - ti
        size *= 2


def log2_eighths(energy):
    """floor(8 * log2(energy)) with the fraction found by repeated squaring of a Q30 mantissa. energy: int64 >= 1."""
    exponent = np.zeros_like(energy)
    rest = energy.copy()
    for bits in (32, 16, 8, 4, 2, 1):
        large = rest >= (1 << bits)
        exponent += np.where(large, bits, 0)
        rest = np.where(large, rest >> bits, rest)
    mantissa = np.where(exponent >= 30, energy >> np.maximum(exponent - 30, 0), energy << np.maximum(30 - exponent, 0))
    result = exponent
    for _ in range(STEPS_PER_OCTAVE_BITS):
        mantissa = (mantissa * mantissa) >> 30       # in [1, 4)
        carry = mantissa >> 31                       # 1 if it reached 2
        mantissa >>= carry
        result = 2 * result + carry
    return result


def compute(clips):
    """Features of int16 clips[n, 16000] as int8[n, 49, 20]."""
    clips = np.asarray(clips, np.int64)
    starts = np.arange(FRAMES) * HOP_SAMPLES
    frames = clips[:, starts[:, None] + np.arange(FRAME_SAMPLES)]               # [n, 49, 480]
    windowed = np.zeros(frames.shape[:2] + (FFT_POINTS,), np.int64)
    windowed[..., :FRAME_SAMPLES] = _rounded(frames * WINDOW)
    re = np.ascontiguousarray(windowed[..., BIT_REVERSED])
    im = np.zeros_like(re)
    _fft(re, im)
    bins = slice(FIRST_BIN, FIRST_BIN + len(BIN_SLOT))
    power = re[..., bins] ** 2 + im[..., bins] ** 2
    # Slot s + 1 collects band s; slots 0 and BANDS + 1 are the outer half triangles nobody reads.
    slots = np.zeros(power.shape[:2] + (BANDS + 2,), np.int64)
    for b in range(power.shape[-1]):
        slots[..., BIN_SLOT[b] + 1] += power[..., b] * BIN_WEIGHT[b]
        slots[..., BIN_SLOT[b]] += power[..., b] * ((1 << WEIGHT_BITS) - BIN_WEIGHT[b])
    energy = slots[..., 1:BANDS + 1]
    level = log2_eighths(np.maximum(energy, 1)) - LEVEL_OFFSET
    return np.clip(level, -128, 127).astype(np.int8)


def _csharp_table(name, kind, summary, values):
    lines, line = [], "       "
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > 120:
            lines.append(line)
            line = "       "
        line += text
    lines.append(line)
    body = "\n".join(lines)
    return f"    /// <summary>{summary}</summary>\n    public static ReadOnlySpan<{kind}> {name} =>\n    [\n{body}\n    ];\n"


def write_tables(path):
    """Writes the C# twin of the tables above."""
    constants = [
        ("SampleRate", SAMPLE_RATE, "Samples per second."),
        ("ClipSamples", CLIP_SAMPLES, "Samples behind one feature matrix: one second."),
        ("FrameSamples", FRAME_SAMPLES, "Samples of one frame: 30 ms."),
        ("HopSamples", HOP_SAMPLES, "Samples from one frame to the next: 20 ms."),
        ("Frames", FRAMES, "Rows of the feature matrix."),
        ("Bands", BANDS, "Columns of the feature matrix."),
        ("FftPoints", FFT_POINTS, "A frame is padded with zeros to this length."),
        ("UnitBits", UNIT_BITS, "Fraction bits of the window, the cosine and the sine."),
        ("WeightBits", WEIGHT_BITS, "Fraction bits of the mel weights."),
        ("StepsPerOctaveBits", STEPS_PER_OCTAVE_BITS, "Fraction bits of the logarithm: 1/8 octave of power per step."),
        ("LevelOffset", LEVEL_OFFSET, "The logarithm, in steps, that becomes feature 0."),
        ("FirstBin", FIRST_BIN, "The FFT bin of the first entry of the mel tables."),
    ]
    text = "// <auto-generated>\n"
    text += "//   Written by training/keyword_spotting/features.py, which explains the numbers. Do not edit.\n"
    text += "// </auto-generated>\n"
    text += "#nullable enable\n\nusing System;\n\nnamespace KeywordSpotting;\n\n"
    text += "/// <summary>Sizes and integer tables of <see cref=\"Features\"/>, identical to those used in training.</summary>\n"
    text += "internal static class FeatureTables\n{\n"
    for name, value, summary in constants:
        text += f"    /// <summary>{summary}</summary>\n    public const int {name} = {value};\n\n"
    text += "\n".join([
        _csharp_table("Window", "short", "Hann window, [FrameSamples].", WINDOW),
        _csharp_table("Cosine", "short", "cos(2π·i / FftPoints), [FftPoints / 2].", COSINE),
        _csharp_table("Sine", "short", "sin(2π·i / FftPoints), [FftPoints / 2].", SINE),
        _csharp_table("BitReversed", "short", "The order in which the FFT takes its input, [FftPoints].", BIT_REVERSED),
        _csharp_table("BinSlot", "byte", "For every FFT bin from FirstBin on: the band whose triangle rises there.", BIN_SLOT),
        _csharp_table("BinWeight", "short", "The height of that triangle; the rest of 1.0 goes to the band below.", BIN_WEIGHT),
    ])
    text += "}\n"
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
