using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;

namespace Etch.Tests;

/// <summary>The recorded outputs of a model: a folder with golden.json beside the files it names.</summary>
internal sealed class Recording
{
    private readonly string _folder;
    private readonly JsonElement _root;

    private Recording(string folder)
    {
        _folder = folder;
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "golden.json")));
        _root = document.RootElement.Clone();
    }

    public static Recording Read(string folder) => new(folder);

    /// <summary>The seeds, and how often the model was invoked on the same input, from a reset on, before its outputs were recorded.</summary>
    public IEnumerable<(int Seed, int Invokes)> Runs => _root.GetProperty("runs").EnumerateArray()
        .Select(run => (run.GetProperty("seed").GetInt32(), run.GetProperty("invokes").GetInt32()));

    public IEnumerable<int> Seeds => _root.GetProperty("runs").EnumerateArray()
        .Where(run => run.GetProperty("invokes").GetInt32() == 1)
        .Select(run => run.GetProperty("seed").GetInt32());

    /// <summary>The inputs of a seed, as bytes in graph order, checked against the recorded hashes.</summary>
    public byte[][] Inputs(int seed)
    {
        JsonElement[] inputs = [.. _root.GetProperty("inputs").EnumerateArray()];
        string[] hashes = [.. Run(seed).GetProperty("inputs_sha256").EnumerateArray().Select(h => h.GetString()!)];
        return
        [
            .. inputs.Select((input, k) =>
            {
                byte[] bytes = Generate(input.GetProperty("type").GetString()!, input.GetProperty("bytes").GetInt32(), seed, k);
                if (Hash(bytes) != hashes[k]) throw new InvalidDataException($"input {k} of seed {seed} is not what was recorded in {_folder}");
                return bytes;
            }),
        ];
    }

    /// <summary>Asserts that outputs are, byte for byte, what was recorded for a seed, after that many inferences.</summary>
    public void AssertOutputs(int seed, byte[][] actual, string engine, int invokes = 1)
    {
        JsonElement[] outputs = [.. Run(seed, invokes).GetProperty("outputs").EnumerateArray()];
        for (int k = 0; k < outputs.Length; k++)
        {
            if (Hash(actual[k]) == outputs[k].GetProperty("sha256").GetString()) continue;
            byte[] expected = File.ReadAllBytes(Path.Combine(_folder, outputs[k].GetProperty("file").GetString()!));
            int first = Enumerable.Range(0, expected.Length).FirstOrDefault(i => actual[k][i] != expected[i], -1);
            int different = Enumerable.Range(0, expected.Length).Count(i => actual[k][i] != expected[i]);
            Assert.Fail(
                $"{Path.GetFileName(_folder)}, seed {seed}, inference {invokes}, {engine}: output {k} differs from the recording in {different} of {expected.Length} bytes, " +
                $"first at {first}: {(first < 0 ? "" : $"{(sbyte)actual[k][first]} instead of {(sbyte)expected[first]}")}");
        }
    }

    /// <summary>The hash of every tensor that seed 1 wrote, variables among them, by the tensor's index in the file; empty where none were recorded.</summary>
    public IReadOnlyDictionary<int, string> Tensors()
    {
        string path = Path.Combine(_folder, "tensors.json");
        if (!File.Exists(path)) return new Dictionary<int, string>();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.GetProperty("tensors").EnumerateArray()
            .Where(t => t.GetProperty("subgraph").GetInt32() == 0 && t.GetProperty("dtype").GetString() != "RESOURCE")
            .Where(t => t.GetProperty("producer_op_index").GetInt32() >= 0 || t.GetProperty("variable").GetBoolean())
            .ToDictionary(t => t.GetProperty("index").GetInt32(), t => t.GetProperty("sha256").GetString()!);
    }

    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private JsonElement Run(int seed, int invokes = 1) => _root.GetProperty("runs").EnumerateArray()
        .First(run => run.GetProperty("seed").GetInt32() == seed && run.GetProperty("invokes").GetInt32() == invokes);

    // The generator of the recordings: xorshift32, one byte at a time.
    private static byte[] Generate(string type, int count, int seed, int k)
    {
        uint s = unchecked(((uint)seed * 2654435769u) + ((uint)k * 40503u));
        if (s == 0) s = 1;
        byte Next()
        {
            s ^= s << 13;
            s ^= s >> 17;
            s ^= s << 5;
            return (byte)(s >> 24);
        }

        byte[] bytes = new byte[count];
        switch (type)
        {
            case "FLOAT32":
                for (int i = 0; i < count; i += 4) BitConverter.TryWriteBytes(bytes.AsSpan(i), (Next() - 128) / 128f);
                break;
            case "INT32":
                for (int i = 0; i < count; i += 4) bytes[i] = Next();
                break;
            default:
                for (int i = 0; i < count; i++) bytes[i] = Next();
                break;
        }

        return bytes;
    }
}
