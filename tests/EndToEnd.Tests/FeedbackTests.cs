using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>A recurrent model whose states are inputs and outputs: frame after frame, with what came out going in again.</summary>
public sealed class FeedbackTests
{
    [ModelTheory]
    [InlineData("rnnoise_gru_int8")]
    public void Every_frame_of_a_stream_is_the_references(string name)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Stream");
        var emitted = new EmittedModels([model], isChecked: false);
        var problems = new Problems();
        Graph graph = FoldConstants.Run(TfliteImporter.Import(model.File.Bytes, problems).Graph!, problems);
        byte[][] inputs = [.. model.Inputs.Select(t => Enumerable.Repeat(unchecked((byte)t.ZeroPoint), t.ByteCount).ToArray())];
        byte[][] first = inputs;
        for (int frame = 0; frame < 20; frame++)
        {
            inputs[0] = [.. Enumerable.Range(0, inputs[0].Length).Select(i => (byte)((i * 37) ^ (frame * 91)))];
            byte[][] outputs = emitted.Run(model, inputs).Outputs;
            Values expected = Engines.Reference(graph, inputs);
            for (int k = 0; k < outputs.Length; k++) Assert.Equal(expected.Bytes(graph.Outputs[k]), outputs[k]);

            // Denoising, gains, noise, voice, speech come out; features, voice, noise, denoising go in.
            inputs = [first[0], outputs[3], outputs[2], outputs[0]];
        }
    }
}
