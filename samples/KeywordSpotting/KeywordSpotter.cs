using Etch;

namespace KeywordSpotting;

/// <summary>The DS-CNN of <c>training/keyword_spotting</c>; its code is generated from the file named here.</summary>
/// <remarks>Should the model ever outgrow the budget, the build fails here.</remarks>
[EtchModel("keywords.tflite")]
[EtchBudget(Ram = 64 * 1024, Flash = 128 * 1024, Macs = 10_000_000)]
internal static partial class KeywordSpotter;
