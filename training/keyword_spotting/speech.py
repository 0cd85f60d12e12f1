"""Speech made by espeak-ng: words, voices, resampling to 16 kHz, and the augmentation that turns an utterance into a clip.

An *utterance* is int16[n] at 16 kHz without silence around it; a *clip* is int16[16000]: an utterance somewhere inside one
second, with level, tone and noise of its own.
"""
import subprocess
from multiprocessing import Pool

import numpy as np

KEYWORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
LABELS = KEYWORDS + ["silence", "unknown"]
SILENCE, UNKNOWN = LABELS.index("silence"), LABELS.index("unknown")

# "unknown" is trained on one list of words and judged on another. Words that differ from a keyword by one sound (know, town,
# write, gone) are in neither: across accents they are the same sounds.
UNKNOWN_TRAINING = """
    one two four five six eight nine zero cat dog house tree bird happy bed marvin learn visual forward
    table window yellow green blue black white water music light night day year guess nose near
    upper loft laugh often shop step goat girl hello please thank open close play pause louder machine computer
    morning evening kitchen garden number letter paper apple orange banana coffee summer winter monday friday
    answer pencil jacket family animal winner silver question people sister father children chocolate hospital
    """.split()
UNKNOWN_HELD_OUT = """
    three seven backward follow wow sheila red brown purple river mountain doctor teacher school picture
    telephone bottle sugar butter chicken market station bridge camera finger
    """.split()

# A voice is an accent plus a variant ("en-us+f3"). Held-out voices share neither with the training voices.
ACCENTS_TRAINING = ["en", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"]
ACCENTS_HELD_OUT = ["en-gb-x-rp", "en-us-nyc"]
# The held-out variants were drawn at random from those that are not one of a numbered family (klatt, klatt2, ...).
VARIANTS_HELD_OUT = ["m2", "Annie", "Diogo", "Jacky", "Mario", "Mike", "Storm", "david", "ed", "gustave", "miguel", "quincy"]
VARIANTS_TRAINING = """
    f1 f2 f3 f4 f5 m1 m3 m4 m5 m6 m7 m8 Alex Alicia Andrea Andy Denis Gene Gene2 Henrique Hugo Lee Marco Michael Nguyen
    RicishayMax RicishayMax2 RicishayMax3 Tweaky adam anika antonio aunty belinda benjamin boris edward edward2 grandma
    grandpa iven iven2 iven3 iven4 john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 linda marcelo max michel norbert
    pablo paul pedro rob robert sandro shelby steph steph2 steph3 travis victor zac
    """.split()
VOICES_TRAINING = [f"{accent}+{variant}" for accent in ACCENTS_TRAINING for variant in VARIANTS_TRAINING]
VOICES_HELD_OUT = [f"{accent}+{variant}" for accent in ACCENTS_HELD_OUT for variant in VARIANTS_HELD_OUT]

ESPEAK_RATE, RATE, CLIP_SAMPLES = 22_050, 16_000, 16_000
_UP, _DOWN = 320, 441        # 22,050 Hz * 320 / 441 = 16,000 Hz
_TAPS = 48                   # input samples behind one output sample


def _polyphase_filters():
    """[320, 48] windowed-sinc low-pass filters, cut off at 7.6 kHz, one per fractional position, each with gain one."""
    position = np.arange(_UP) / _UP
    t = np.arange(_TAPS) - (_TAPS // 2 - 1) - position[:, None]     # distance in input samples
    cutoff = 2 * 7_600 / ESPEAK_RATE
    taps = cutoff * np.sinc(cutoff * t) * np.cos(np.pi * np.clip(t / _TAPS, -0.5, 0.5)) ** 2
    return taps / taps.sum(axis=1, keepdims=True)


_FILTERS = _polyphase_filters()


def resample(samples):
    """float64[n] at 22,050 Hz -> float64 at 16 kHz."""
    count = len(samples) * _UP // _DOWN
    position = np.arange(count) * _DOWN
    padded = np.pad(samples, _TAPS)
    first = position // _UP - (_TAPS // 2 - 1) + _TAPS
    return (padded[first[:, None] + np.arange(_TAPS)] * _FILTERS[position % _UP]).sum(axis=1)


def speak(request):
    """(word, voice, words per minute, pitch 0..99, punctuation mark for the intonation) -> utterance."""
    word, voice, speed, pitch, mark = request
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", word + mark]
    wave = subprocess.run(command, check=True, capture_output=True).stdout
    data = wave.index(b"data") + 8               # espeak-ng streams: the sizes in its header are placeholders
    samples = resample(np.frombuffer(wave[data:len(wave) - (len(wave) - data) % 2], "<i2").astype(np.float64))
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[max(loud[0] - 160, 0):loud[-1] + 800]
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def speak_all(requests, processes=2):
    with Pool(processes) as pool:
        return pool.map(speak, requests, chunksize=50)


def check_voices():
    """espeak-ng ignores a variant it does not know; every voice must really sound different from every other."""
    voices = VOICES_TRAINING + VOICES_HELD_OUT
    sounds = {utterance.tobytes() for utterance in speak_all([("stop", voice, 150, 50, "") for voice in voices])}
    if len(sounds) != len(voices):
        raise SystemExit(f"only {len(sounds)} of {len(voices)} voices sound different; is this espeak-ng 1.51?")


def requests_for(rng, words, voices, per_pair):
    """`per_pair` readings of each word by each voice, with random speed, pitch and intonation."""
    return [(word, voice, int(rng.integers(115, 215)), int(rng.integers(15, 85)), str(rng.choice(["", ".", "?", "!"])))
            for word in words for voice in voices for _ in range(per_pair)]


def noise(rng, count):
    """float64[count] with RMS 1: white, pink-like, brown-like noise or mains hum with white noise."""
    kind = rng.integers(4)
    white = rng.standard_normal(count)
    if kind == 3:
        t = np.arange(count) / RATE
        base = rng.choice([50.0, 60.0, 100.0, 120.0])
        white = 0.3 * white + sum(np.sin(2 * np.pi * base * h * t + rng.uniform(0, 6.28)) / h for h in (1, 2, 3, 5))
    elif kind > 0:
        spectrum = np.fft.rfft(white)
        frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 40.0)
        white = np.fft.irfft(spectrum / frequency ** (0.5 * kind), count)
    return white / np.sqrt(np.mean(white**2))


def other_speaker(rng, utterance):
    """The utterance as if by another speaker: formants, pitch and speed scaled together, and a random smooth equaliser.

    Playing the sound 0.84 to 1.2 times as fast moves the formants like a shorter or longer vocal tract; this is what lets a
    model trained on few synthetic voices understand others.
    """
    factor = np.exp(rng.uniform(np.log(0.84), np.log(1.2)))
    speech = np.interp(np.arange(0, len(utterance) - 1, factor), np.arange(len(utterance)), utterance)
    spectrum = np.fft.rfft(speech)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(speech), 1 / RATE), 100) / 100)       # 0 .. 6.3
    decibels = np.interp(octaves, np.linspace(0, 6.5, 8), rng.normal(0, 5, 8))
    return np.fft.irfft(spectrum * 10 ** (decibels / 20), len(speech))


def clip_from(rng, utterance, snr_db=None, center=False):
    """One second with the utterance in it.

    Random: position, peak (1,500 .. 30,000) and noise (none in one clip of six, otherwise 5 to 40 dB below the speech).
    An utterance longer than a second keeps its middle. `snr_db` and `center` pin noise and position.
    """
    speech = utterance.astype(np.float64)
    if len(speech) > CLIP_SAMPLES:
        cut = (len(speech) - CLIP_SAMPLES) // 2
        speech = speech[cut:cut + CLIP_SAMPLES]
    speech = speech * np.exp(rng.uniform(np.log(1_500), np.log(30_000))) / np.abs(speech).max()
    free = CLIP_SAMPLES - len(speech)
    start = free // 2 if center else int(rng.integers(free + 1))
    clip = np.zeros(CLIP_SAMPLES)
    clip[start:start + len(speech)] = speech
    if snr_db is None and rng.random() > 1 / 6:
        snr_db = rng.uniform(5, 40)
    if snr_db is not None:
        clip += noise(rng, CLIP_SAMPLES) * np.sqrt(np.mean(speech**2)) * 10 ** (-snr_db / 20)
    return np.clip(np.rint(clip), -32768, 32767).astype(np.int16)


def silent_clip(rng):
    """One second of nothing but noise (RMS 1 .. 3,000), in one clip of ten exactly zero."""
    level = 0.0 if rng.random() < 0.1 else np.exp(rng.uniform(0, np.log(3_000)))
    return np.clip(np.rint(noise(rng, CLIP_SAMPLES) * level), -32768, 32767).astype(np.int16)
