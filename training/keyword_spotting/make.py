"""Makes the keyword model from nothing: speech, features, training, quantisation, evaluation, and the sample's files.

Run it through `./run.sh`. Intermediate results are kept in `build/`; delete that folder to start over.
"""
import argparse
import time
import wave
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch

import features
import integer_inference
import network
import quantize
import speech
import tflite_file

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
SAMPLE = HERE.parents[1] / "samples" / "KeywordSpotting"
RECORDED = HERE.parents[1] / "tests" / "EndToEnd.Tests" / "KeywordSpotting"

PROCESSES = 2
READINGS = 2                # per keyword and training voice
UNKNOWN_VOICES = 40         # training voices per unknown word
CLIPS_PER_READING, SILENT_CLIPS = 5, 2_400
EPOCHS = 8
CALIBRATION_CLIPS = 2_000
SHIPPED_PER_KEYWORD = 2


def log(message):
    print(f"{time.strftime('%H:%M:%S')}  {message}", flush=True)


def _make_clips(job):
    """(seed, utterances or None for silence, clips per utterance, vary the speaker?) -> int8 features of the clips."""
    seed, utterances, repeats, vary = job
    rng = np.random.default_rng(seed)
    if utterances is None:
        clips = [speech.silent_clip(rng) for _ in range(repeats)]
    else:
        clips = [speech.clip_from(rng, speech.other_speaker(rng, utterance) if vary else utterance)
                 for utterance in utterances for _ in range(repeats)]
    return np.concatenate([features.compute(clips[i:i + 16]) for i in range(0, len(clips), 16)])


def dataset(name, seed, requests, repeats, silent, vary):
    """Features int8[n, 49, 20] and labels int64[n]: `silent` clips of silence, then `repeats` clips of every request.

    Every chunk of work has its own seed, so the result depends neither on the number of processes nor on their timing.
    """
    path = BUILD / f"{name}.npz"
    if not path.exists():
        utterances, chunk = speech.speak_all(requests, PROCESSES), 200
        log(f"{name}: {len(requests)} readings spoken")
        jobs = [([seed, 0], None, silent, False)]
        for start in range(0, len(utterances), chunk):
            jobs.append(([seed, len(jobs)], utterances[start:start + chunk], repeats, vary))
        with Pool(PROCESSES) as pool:
            matrices = pool.map(_make_clips, jobs, chunksize=1)
        targets = [speech.LABELS.index(word) if word in speech.KEYWORDS else speech.UNKNOWN for word, *_ in requests]
        labels = np.concatenate([np.full(silent, speech.SILENCE), np.repeat(targets, repeats)])
        np.savez_compressed(path, features=np.concatenate(matrices), labels=labels.astype(np.int64))
    data = np.load(path)
    log(f"{name}: {len(data['labels'])} clips")
    return data["features"], data["labels"]


def training_set():
    rng = np.random.default_rng(10)
    requests = speech.requests_for(rng, speech.KEYWORDS, speech.VOICES_TRAINING, READINGS)
    for word in speech.UNKNOWN_TRAINING:
        voices = rng.choice(speech.VOICES_TRAINING, UNKNOWN_VOICES, replace=False)
        requests += speech.requests_for(rng, [word], voices, 1)
    return dataset("training", 11, requests, CLIPS_PER_READING, SILENT_CLIPS, vary=True)


def held_out_set():
    """Three readings of every keyword by every held-out voice, and one twelfth each of silence and of unknown words."""
    rng = np.random.default_rng(20)
    requests = speech.requests_for(rng, speech.KEYWORDS, speech.VOICES_HELD_OUT, 3)
    silent = len(requests) // len(speech.KEYWORDS)
    for voice in speech.VOICES_HELD_OUT:
        requests += speech.requests_for(rng, rng.choice(speech.UNKNOWN_HELD_OUT, 3, replace=False), [voice], 1)
    return dataset("held-out", 21, requests, 1, silent, vary=False)


def macs(model):
    """Multiply-accumulates of one inference: convolutions and the fully connected layer."""
    total = 0
    for operator in model.operators:
        if operator.code in (tflite_file.CONV_2D, tflite_file.DEPTHWISE_CONV_2D, tflite_file.FULLY_CONNECTED):
            output, filter_ = model.tensors[operator.outputs[0]].shape, model.tensors[operator.inputs[1]].shape
            per_output = np.prod(filter_[1:3]) if operator.code == tflite_file.DEPTHWISE_CONV_2D else np.prod(filter_[1:])
            total += int(np.prod(output) * per_output)
    return total


def report(labels, float_classes, int8_classes):
    """Accuracies and confusions on the held-out set, as lines of text."""
    keyword = labels < len(speech.KEYWORDS)
    lines = [f"clips {len(labels)}, voices {len(speech.VOICES_HELD_OUT)}"]
    for name, classes in (("float", float_classes), ("int8", int8_classes)):
        right = classes == labels
        lines.append(f"{name}: {100 * right.mean():.2f} % of all clips, {100 * right[keyword].mean():.2f} % of keyword clips")
    lines.append(f"float and int8 agree on {100 * (float_classes == int8_classes).mean():.2f} %")
    for index, label in enumerate(speech.LABELS):
        heard = int8_classes[labels == index]
        wrong = ", ".join(f"{speech.LABELS[c]} x{(heard == c).sum()}" for c in np.unique(heard) if c != index)
        lines.append(f"{label:8s} {(heard == index).sum():3d} of {len(heard)}" + (f"   heard as {wrong}" if wrong else ""))
    return lines


def write_wave(path, clip):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, features.SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(clip.astype("<i2").tobytes())


def write_labels(path):
    names = "\n".join(f'        "{label}",' for label in speech.LABELS)
    path.write_text(f"""// <auto-generated>
//   Written by training/keyword_spotting/make.py. Do not edit.
// </auto-generated>
#nullable enable

namespace KeywordSpotting;

/// <summary>The classes of the model, in the order of its scores: the keywords, then silence, then any other word.</summary>
internal static class Labels
{{
    /// <summary>The first so many labels are keywords.</summary>
    public const int KeywordCount = {len(speech.KEYWORDS)};

    /// <summary>The index of "silence".</summary>
    public const int Silence = {speech.SILENCE};

    /// <summary>The index of "unknown".</summary>
    public const int Unknown = {speech.UNKNOWN};

    /// <summary>One name per score.</summary>
    public static readonly string[] Names =
    [
{names}
    ];
}}
""", encoding="utf-8", newline="\n")


def ship(model):
    """Writes the sample's files and the recorded features and scores of its WAVs.

    The WAVs are not chosen by how well they are recognised: word by word, the next two of the held-out voices in turn.
    """
    (SAMPLE / "Models").mkdir(parents=True, exist_ok=True)
    (SAMPLE / "Waves").mkdir(exist_ok=True)
    RECORDED.mkdir(parents=True, exist_ok=True)
    (SAMPLE / "Models" / "keywords.tflite").write_bytes(tflite_file.to_bytes(model))
    features.write_tables(SAMPLE / "FeatureTables.cs")
    write_labels(SAMPLE / "Labels.cs")
    for old in [*SAMPLE.glob("Waves/*.wav"), *RECORDED.glob("*.features"), *RECORDED.glob("*.scores")]:
        old.unlink()

    rng = np.random.default_rng(30)
    voices = [speech.VOICES_HELD_OUT[i] for i in rng.permutation(len(speech.VOICES_HELD_OUT))]
    right = 0
    for number in range(SHIPPED_PER_KEYWORD * len(speech.KEYWORDS)):
        word, voice = speech.KEYWORDS[number // SHIPPED_PER_KEYWORD], voices[number % len(voices)]
        clip = speech.clip_from(rng, speech.speak((word, voice, 150, 50, "")), snr_db=25.0, center=True)
        name = f"{word}-{voice}"
        write_wave(SAMPLE / "Waves" / f"{name}.wav", clip)
        matrix = features.compute(clip[None])
        scores = integer_inference.run(model, matrix)
        matrix.tofile(RECORDED / f"{name}.features")
        scores.tofile(RECORDED / f"{name}.scores")
        heard = speech.LABELS[int(scores[0].argmax())]
        right += heard == word
        log(f"{name}: {heard} {(int(scores.max()) + 128) / 256:.0%}")
    # A square chirp between the smallest and the largest sample; FeatureTests.cs builds the same.
    i = np.arange(features.CLIP_SAMPLES, dtype=np.int64)
    chirp = np.where(i * i // 4 % 2_000 < 1_000, -32768, 32767).astype(np.int16)
    features.compute(chirp[None]).tofile(RECORDED / "chirp.features")
    log(f"{right} of {SHIPPED_PER_KEYWORD * len(speech.KEYWORDS)} shipped files named right")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=["all", "data", "train", "quantize"], default="all",
                        help="stop after the speech (data) or the training (train); quantize: reuse the trained network")
    stage = parser.parse_args().stage
    BUILD.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    if not (BUILD / "training.npz").exists():
        speech.check_voices()
    training, training_labels = training_set()
    held_out, held_out_labels = held_out_set()
    if stage == "data":
        return
    if stage == "quantize":
        trained = network.DsCnn(len(speech.LABELS))
        trained.load_state_dict(torch.load(BUILD / "network.pt"))
        trained.eval()
    else:
        trained = network.train(training, training_labels, len(speech.LABELS), EPOCHS, log=log)
        torch.save(trained.state_dict(), BUILD / "network.pt")
    if stage == "train":
        return

    chosen = np.random.default_rng(40).choice(len(training), CALIBRATION_CLIPS, replace=False)
    model = quantize.quantize(trained, training[chosen], speech.LABELS,
                              "Etch keyword spotting: DS-CNN, 10 words + silence + unknown, trained on espeak-ng speech")
    file = tflite_file.to_bytes(model)
    model = tflite_file.from_bytes(file)        # everything below runs on what the file says
    classes = np.concatenate([integer_inference.run(model, held_out[i:i + 64]).argmax(1) for i in range(0, len(held_out), 64)])
    lines = [f"{len(file)} bytes, {macs(model)} MACs"] + report(held_out_labels, network.predict(trained, held_out), classes)
    (BUILD / "report.txt").write_text("\n".join(lines) + "\n")
    for line in lines:
        log(line)
    ship(model)


if __name__ == "__main__":
    main()
