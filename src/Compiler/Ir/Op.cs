using System;
using System.Collections.Generic;
using Etch.Ops;

namespace Etch.Ir;

/// <summary>What a layer means: an operator of the file with its options. Its members are the checklist for a new operator.</summary>
/// <remarks>Immutable; passes change an operator through <c>with</c>. Shapes, types and constants are read from the graph.</remarks>
internal abstract record Op
{
    /// <summary>Tensor ids; −1 where an optional input is absent.</summary>
    public required EquatableArray<int> Inputs { get; init; }

    /// <summary>Tensor ids.</summary>
    public required EquatableArray<int> Outputs { get; init; }

    /// <summary>The operator's name in the TFLite schema.</summary>
    public abstract string Name { get; }

    /// <summary>States what the operator asks of its tensors and options; every breach becomes a problem. Never throws.</summary>
    public abstract void Check(Contract c);

    /// <summary>The operator with its options, for headlines: <c>CONV_2D 3×3, stride 2×2, SAME, RELU</c>.</summary>
    public virtual string Describe(Graph graph) => Name;

    /// <summary>Multiply-accumulate operations of one inference.</summary>
    public virtual long Macs(Graph graph) => 0;

    /// <summary>Computes the outputs from the inputs by the plain loops of the specification.</summary>
    public abstract void Reference(Values values);

    /// <summary>For an operator of one output whose elements each follow from the inputs' elements at the same place, how many inputs, from the
    /// first on, these are; they broadcast as numpy's do. 0 for any other. <c>TabulateUnary</c> makes a table of it where that is one 8-bit element.</summary>
    public virtual int ElementwiseInputs => 0;

    /// <summary>The blocks of elements that it moves, for an operator that does nothing else; null for any other.</summary>
    public virtual IEnumerable<Move>? Moves(Graph graph) => null;

    /// <summary>True for an operator that only gives bytes another shape: <c>RemoveViews</c> drops it.</summary>
    public virtual bool IsView => false;

    /// <summary>Chooses how the layer is computed. Called after the passes; the contract holds.</summary>
    public virtual Layer SelectKernel(Graph graph, CompileOptions options) =>
        throw new InvalidOperationException($"a pass should have rewritten {Name}");

    /// <summary>True when row y of the output (dimension 1 of NHWC) follows from rows y of the inputs alone: the operator then means the
    /// same on tensors of one row.</summary>
    public virtual bool IsRowwise(Graph graph) => false;

    /// <summary>The layer as a <see cref="Ops.RowSum"/>, which takes its input row by row, or null where it is no sum over all rows.</summary>
    public virtual Layer? SelectRowSum(Graph graph, CompileOptions options) => null;

    /// <summary>The name of the layer in messages and reports: that of its first output.</summary>
    public string LayerName(Graph graph) => graph[Outputs[0]].Name;

    /// <summary>True for an operator whose result follows from its inputs' shapes: <c>FoldConstants</c> computes it in any case.</summary>
    public virtual bool ReadsOnlyShapes => false;

    /// <summary>The values of an input that the contract proved constant.</summary>
    protected int[] Integers(Graph graph, int index) => graph[Inputs[index]].Integers();

    protected int Input(int index) => index < Inputs.Count ? Inputs[index] : -1;
}

/// <summary>Kernels of Etch.Runtime by the code that they share.</summary>
[Flags]
internal enum RuntimeKernels
{
    None = 0,
    Convolve = 1,
    ConvolveDepthwise = 2,
    Add = 4,
    AddPixels = 8,
    MaxPool = 16,
    Lookup = 32,
    Multiply = 64,
    AddLinear = 128,
    Softmax = 256,
    MultiplyMatrices = 512,
    Winograd = 1024,
    ConvolveBytes = 2048,
}

/// <summary>How a layer is computed: only numbers. Everything is decided; emitting prints.</summary>
internal abstract record Kernel
{
    /// <summary>The last part of the emitted method's name.</summary>
    public abstract string Name { get; }

    /// <summary>The rows of its first input that each output row is computed from, for a kernel that computes a range of rows:
    /// <c>(input, int inputTop, output, int rowBegin, int rowEnd, …)</c>. Null for one that computes everything at once.</summary>
    public virtual Window2D? RowWindow => null;

    /// <summary>Output rows of one image for a kernel that computes a range of rows, else 0.</summary>
    public int Rows => RowWindow?.OutputHeight ?? 0;

    /// <summary>Images that a row kernel is called for.</summary>
    public virtual int Batch => 1;

    /// <summary>Bytes that the emitted method takes from the stack by <c>stackalloc</c>.</summary>
    public virtual int StackBytes => 0;

    /// <summary>What the emitted method follows from: layers whose kernels are equal in it share one method.</summary>
    public virtual object Code => this;

    /// <summary>Estimated bytes of machine code of the emitted method and those that only it calls.</summary>
    /// <remarks>Fitted to what NativeAOT for x64 makes of the models that bench/code-size publishes; docs/flash.md has the errors.</remarks>
    public abstract int CodeBytes { get; }

    /// <summary>The kernels of Etch.Runtime that the emitted method calls.</summary>
    public virtual RuntimeKernels Calls => RuntimeKernels.None;

    /// <summary>True when the output may lie on the bytes of the input (of equal size) at this place in the layer's inputs.</summary>
    public virtual bool CanOverwrite(int input) => false;

    /// <summary>Writes the method and those that only it calls.</summary>
    public abstract void Emit(Emit.CodeWriter w, string method);
}

/// <summary>A constant table of a layer. <see cref="Data"/> is little endian.</summary>
internal sealed record Table(string Name, ElementType Type, EquatableArray<byte> Data)
{
    public int Length => Data.Count / Type.Size();

    public static Table Of(string name, sbyte[] values) => new(name, ElementType.Int8, (byte[])(object)values.Clone());

    public static Table Of(string name, byte[] values) => new(name, ElementType.UInt8, values);

    public static Table Of(string name, short[] values) => Of(name, ElementType.Int16, values, 2);

    public static Table Of(string name, int[] values) => Of(name, ElementType.Int32, values, 4);

    public static Table Of(string name, long[] values) => Of(name, ElementType.Int64, values, 8);

    public static Table Of(string name, float[] values) => Of(name, ElementType.Float32, values, 4);

    private static Table Of(string name, ElementType type, Array values, int size)
    {
        byte[] data = new byte[values.Length * size];
        Buffer.BlockCopy(values, 0, data, 0, data.Length);
        return new Table(name, type, data);
    }
}

/// <summary>An operator with the kernel that computes it: arguments in the order of the emitted method's parameters.</summary>
/// <param name="Op">What it means.</param>
/// <param name="Kernel">How it is computed.</param>
/// <param name="Inputs">Ids of the tensors that the kernel reads at run time.</param>
/// <param name="Tables">The constants that the kernel reads.</param>
internal sealed record Layer(Op Op, Kernel Kernel, EquatableArray<int> Inputs, EquatableArray<Table> Tables)
{
    /// <summary>Ids of the tensors that the kernel writes.</summary>
    public EquatableArray<int> Outputs { get; init; } = Op.Outputs;
}
