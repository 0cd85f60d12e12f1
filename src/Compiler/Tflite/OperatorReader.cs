using System.Collections.Generic;
using Etch.Ir;

namespace Etch.Tflite;

/// <summary>One operator of the file as an <c>Import</c> method sees it: tensor ids and options by slot.</summary>
/// <remarks>A custom operator has its options by name.</remarks>
internal sealed class OperatorReader(
    int[] inputs, int[] outputs, FlatTable? options, List<Ir.Tensor> tensors, int subgraph = 0, IReadOnlyDictionary<string, double>? custom = null)
{
    private const int MostIntegers = 64;

    public int[] Inputs { get; } = inputs;

    public int[] Outputs { get; } = outputs;

    public int Byte(int slot, int otherwise = 0) => options?.Byte(slot, otherwise) ?? otherwise;

    public bool Bool(int slot) => Byte(slot) != 0;

    public int Int32(int slot, int otherwise = 0) => options?.Int32(slot, otherwise) ?? otherwise;

    public float Float(int slot, float otherwise = 0) => options?.Float(slot, otherwise) ?? otherwise;

    /// <summary>Adds a variable of the operator's own, which starts at 0: state that the file has no tensor for.</summary>
    /// <returns>Its id.</returns>
    public int Variable(string name, ElementType type, params int[] shape)
    {
        string key = $"{tensors[Outputs[0]].Name}/{name}";
        tensors.Add(new Ir.Tensor { Name = key, Type = type, Shape = shape, Variable = new Ir.Variable($"{subgraph}:{tensors.Count}", 0) });
        return tensors.Count - 1;
    }

    /// <summary>A number among the options of a custom operator, or null when it is not there.</summary>
    public double? Custom(string name) => custom is not null && custom.TryGetValue(name, out double value) ? value : null;

    /// <summary>A whole number of 32 bits among the options of a custom operator, or null when it is not there.</summary>
    public int? CustomInt32(string name) => Custom(name) is { } value && value >= int.MinValue && value <= int.MaxValue ? (int)value : null;

    /// <summary>Adds a tensor that only the operator itself writes and reads during an inference: one of its outputs that nobody else knows.</summary>
    /// <returns>Its id.</returns>
    public int Scratch(string name, ElementType type, params int[] shape)
    {
        tensors.Add(new Ir.Tensor { Name = $"{tensors[Outputs[0]].Name}/{name}", Type = type, Shape = shape });
        return tensors.Count - 1;
    }

    /// <summary>The shape of an input, or null when it is absent.</summary>
    public EquatableArray<int>? Shape(int index) => index < Inputs.Length && Inputs[index] >= 0 ? tensors[Inputs[index]].Shape : (EquatableArray<int>?)null;

    /// <summary>The element type of an input, or null when it is absent.</summary>
    public ElementType? Type(int index) => index < Inputs.Length && Inputs[index] >= 0 ? tensors[Inputs[index]].Type : null;

    public Activation Activation(int slot) => (Activation)Byte(slot);

    /// <summary>Padding in slot 0 and the strides in slots 1 (columns) and 2 (rows), as all window operators have them.</summary>
    public WindowOptions Window(int dilationSlot = -1) => new()
    {
        Padding = new Padding(Byte(0) == 0, default),
        StrideX = Int32(1),
        StrideY = Int32(2),
        DilationX = dilationSlot < 0 ? 1 : Int32(dilationSlot, 1),
        DilationY = dilationSlot < 0 ? 1 : Int32(dilationSlot + 1, 1),
    };

    /// <summary>The values of an input that is a constant of an integer type, otherwise null: a few numbers for each dimension.</summary>
    public EquatableArray<int>? Integers(int index)
    {
        if (index >= Inputs.Length || Inputs[index] < 0) return null;
        Ir.Tensor tensor = tensors[Inputs[index]];
        if (!tensor.IsConstant || tensor.Type is ElementType.Float32 || tensor.ElementCount > MostIntegers) return null;
        return tensor.Integers();
    }
}
