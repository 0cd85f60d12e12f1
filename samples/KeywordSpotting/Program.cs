using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Text;

namespace KeywordSpotting;

/// <summary>The command line: names the keywords in WAV files.</summary>
internal static class Program
{
    private const int Success = 0, BadInput = 1, BadUsage = 2;
    private const int BarWidth = 32;

    private static readonly Argument<string[]> Files = new("files")
    {
        Description = "WAV files: 16 kHz, mono, 16-bit PCM, any length. None: the recordings that come with the sample.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<int> Top = new("--top")
    {
        Description = "How many labels to print for each file.",
        DefaultValueFactory = static _ => 3,
        CustomParser = static result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int top) && top > 0)
            {
                return top;
            }

            result.AddError("--top needs a number of at least 1.");
            return 0;
        },
    };

    private static int Main(string[] args)
    {
        Console.OutputEncoding = Encoding.UTF8;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

        Files.Validators.Add(static result =>
        {
            foreach (var token in result.Tokens)
            {
                if (token.Value.StartsWith('-'))
                {
                    result.AddError($"Unknown option {token.Value}.");
                }
            }
        });

        RootCommand command = new("Names the spoken keyword in WAV files with an int8 DS-CNN compiled into this program by Etch.");
        command.Arguments.Add(Files);
        command.Options.Add(Top);
        command.SetAction(static result => Run(result.GetValue(Files) ?? [], result.GetValue(Top)));

        ParseResult result = command.Parse(args);
        if (result.Errors.Count > 0)
        {
            foreach (var error in result.Errors)
            {
                Console.Error.WriteLine(error.Message);
            }

            Console.Error.WriteLine("Try --help.");
            return BadUsage;
        }

        return result.Invoke();
    }

    private static int Run(string[] files, int top)
    {
        bool shipped = files.Length == 0;
        if (shipped)
        {
            string folder = Path.Combine(AppContext.BaseDirectory, "Waves");
            files = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.wav") : [];
            Array.Sort(files, StringComparer.Ordinal);
            if (files.Length == 0)
            {
                Console.Error.WriteLine("The folder Waves with the sample's recordings is missing; name a WAV file instead.");
                return BadInput;
            }
        }

        Listener listener = new();
        int unreadable = 0, right = 0;
        foreach (string file in files)
        {
            if (!TryRead(file, out short[] samples))
            {
                unreadable++;
                continue;
            }

            Heard[] heard = listener.Listen(samples);
            Print(file, samples.Length, heard.AsSpan(0, Math.Min(top, heard.Length)), listener.MeasureInference());
            if (Path.GetFileName(file).StartsWith(heard[0].Label + "-", StringComparison.Ordinal))
            {
                right++;
            }
        }

        if (shipped)
        {
            Console.WriteLine($"{right} of {files.Length} files name the word in their file name");
        }

        return unreadable == 0 ? Success : BadInput;
    }

    /// <summary>Reads a file, or says on the error stream why that is not possible.</summary>
    private static bool TryRead(string file, out short[] samples)
    {
        try
        {
            samples = WaveFile.Read(file);
            return true;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException)
        {
            string problem = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => "no such file",
                _ when Directory.Exists(file) => "a folder, not a file",
                _ => e.Message,
            };
            Console.Error.WriteLine($"{file}: {problem}");
            samples = [];
            return false;
        }
    }

    private static void Print(string file, int sampleCount, ReadOnlySpan<Heard> heard, double inferenceMilliseconds)
    {
        double seconds = (double)sampleCount / FeatureTables.SampleRate;
        Console.WriteLine($"{Path.GetFileName(file)}   {seconds:F2} s   {inferenceMilliseconds:F3} ms per inference");
        foreach (Heard h in heard)
        {
            int filled = (int)Math.Round(h.Score * BarWidth);
            string bar = new string('█', filled) + new string('░', BarWidth - filled);
            string when = sampleCount > FeatureTables.ClipSamples ? $"   from {h.Start:F2} s" : "";
            Console.WriteLine($"  {h.Label,-8} {bar} {h.Score,7:P1}{when}");
        }

        Console.WriteLine();
    }
}
