using System;
using System.IO;
using System.Linq;
using KeywordSpotting;

namespace Etch.EndToEnd.Tests.KeywordSpotting;

/// <summary>The sample's features are those the model was trained on, byte for byte.</summary>
/// <remarks>The <c>.features</c> files beside this class are written by <c>training/keyword_spotting/make.py</c>.</remarks>
public class FeatureTests
{
    public static TheoryData<string> Recordings { get; } = new(NamesIn(SampleFiles.Recorded, "*.scores"));

    [Fact]
    public void EveryShippedWaveIsRecorded()
    {
        string[] waves = NamesIn(SampleFiles.Waves, "*.wav");
        Assert.Equal(waves, NamesIn(SampleFiles.Recorded, "*.scores"));
        Assert.NotEmpty(waves);
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void FeaturesOfShippedWave(string name)
    {
        short[] samples = WaveFile.Read(Path.Combine(SampleFiles.Waves, name + ".wav"));
        Assert.Equal(Recorded(name), Compute(samples));
    }

    /// <summary>Full scale at every frequency: the largest numbers the arithmetic meets.</summary>
    [Fact]
    public void FeaturesOfFullScaleChirp()
    {
        short[] samples = new short[FeatureTables.ClipSamples];
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = (i * (long)i / 4) % 2_000 < 1_000 ? short.MinValue : short.MaxValue;
        }

        Assert.Equal(Recorded("chirp"), Compute(samples));
    }

    [Fact]
    public void DigitalSilenceIsTheLowestValue() =>
        Assert.All(Compute(new short[FeatureTables.ClipSamples]), feature => Assert.Equal(sbyte.MinValue, feature));

    [Theory]
    [InlineData(FeatureTables.ClipSamples - 1, Features.Length)]
    [InlineData(FeatureTables.ClipSamples, Features.Length + 1)]
    public void WrongLengthsAreRefused(int samples, int features) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Features.Compute(new short[samples], new sbyte[features]));

#if !DEBUG
    /// <summary>Only optimised code reads constant spans in place.</summary>
    [Fact]
    public void AllocatesNothing()
    {
        short[] samples = new short[FeatureTables.ClipSamples];
        sbyte[] features = new sbyte[Features.Length];
        Features.Compute(samples, features);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Features.Compute(samples, features);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
#endif

    private static sbyte[] Compute(short[] samples)
    {
        sbyte[] features = new sbyte[Features.Length];
        Features.Compute(samples, features);
        return features;
    }

    private static string[] NamesIn(string folder, string pattern) =>
        [.. Directory.GetFiles(folder, pattern).Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    private static sbyte[] Recorded(string name) =>
        Array.ConvertAll(File.ReadAllBytes(Path.Combine(SampleFiles.Recorded, name + ".features")), b => (sbyte)b);
}
