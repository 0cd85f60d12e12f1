using System;
using System.Linq;
using Etch.Diagnostics;

namespace Etch.Ir;

/// <summary>What an operator asks of its tensors and options, said fluently; every breach becomes a problem that names the layer.</summary>
internal sealed class Contract(Graph graph, Op op, Problems problems)
{
    private bool _isBroken;

    public Graph Graph { get; } = graph;

    /// <summary>True while no demand was broken: later demands may then rely on earlier ones.</summary>
    public bool Holds => !_isBroken;

    /// <summary>True while every tensor that was asked for is there and has a type that it may have: what depends on the type can be asked.</summary>
    public bool HasTypes { get; private set; } = true;

    /// <summary>Outputs that were asked for: the operator has no others.</summary>
    public int Outputs { get; private set; }

    /// <summary>A tensor that must be there.</summary>
    public TensorContract Input(int index)
    {
        int id = index < op.Inputs.Count ? op.Inputs[index] : -1;
        HasTypes &= id >= 0;
        if (id < 0) Break(Ids.UnsupportedOption, $"needs input {index}");
        return new TensorContract(this, id, $"input {index}");
    }

    public TensorContract Output(int index)
    {
        Outputs = Math.Max(Outputs, index + 1);
        int id = index < op.Outputs.Count ? op.Outputs[index] : -1;
        if (id < 0) Break(Ids.UnsupportedOption, $"needs output {index}");
        return new TensorContract(this, id, $"output {index}");
    }

    /// <summary>A tensor that may be absent; then nothing is asked of it.</summary>
    public TensorContract Optional(int index) => new(this, index < op.Inputs.Count ? op.Inputs[index] : -1, $"input {index}");

    /// <summary>A variable that the operator changes: an input, and then an output.</summary>
    public TensorContract Variable(int input, int output)
    {
        TensorContract variable = Input(input);
        Output(output);
        int id = input < op.Inputs.Count ? op.Inputs[input] : -1;
        Require(id >= 0 && Graph[id].IsVariable, $"needs input {input} as a variable");
        Require(op.Inputs.Count(other => other == id) == 1, $"needs input {input} as a variable of its own");
        return variable;
    }

    /// <summary>The values of an input that must be a constant of INT32 or INT64, or null when it is not.</summary>
    public int[]? Integers(int index)
    {
        Tensor? tensor = Input(index).Type(ElementType.Int32, ElementType.Int64).Constant().Narrow().Tensor;
        return Holds ? tensor!.Integers() : null;
    }

    /// <summary>The dimension that an axis names, negative ones counted from the end; a demand is broken when there is none.</summary>
    public int Dimension(int axis, int rank)
    {
        Require(axis >= -rank && axis < rank, $"needs an axis from {-rank} to {rank - 1}, and it is {axis}");
        return axis < 0 ? axis + rank : axis;
    }

    /// <summary>A demand on options; <paramref name="demand"/> continues "CONV_2D …".</summary>
    public void Require(bool holds, string demand)
    {
        if (!holds) Break(Ids.UnsupportedOption, demand);
    }

    /// <summary>A demand on quantisation; <paramref name="demand"/> continues "CONV_2D …".</summary>
    public void RequireQuantization(bool holds, string demand)
    {
        if (!holds) Break(Ids.InvalidQuantization, demand);
    }

    /// <summary>A factor that the fixed-point arithmetic can apply.</summary>
    public void Multiplier(params Multiplier[] factors)
    {
        RequireQuantization(factors.All(f => f.Shift <= 30), "needs scales whose quotient is below 2^30");
    }

    /// <summary>Factors for accumulators of 64 bits, which TFLite applies with 16 bits of multiplier.</summary>
    public void WideMultiplier(params Multiplier[] factors)
    {
        RequireQuantization(factors.All(f => f.Shift < 8), "needs scales whose quotient is below 2^7, as int16 activations have");
    }

    /// <summary>Input and output store the same numbers: equal scale and zero point.</summary>
    public void SameQuantization(int input, int output)
    {
        if (!Holds) return;
        Quantization? a = Graph[op.Inputs[input]].Quantization, b = Graph[op.Outputs[output]].Quantization;
        RequireQuantization(
            (a is null && b is null) || (a is not null && b is not null && a.Scale == b.Scale && a.ZeroPoint == b.ZeroPoint),
            $"needs equal quantisation of input {input} and output {output}");
    }

    public void Break(string id, string demand)
    {
        _isBroken = true;
        HasTypes &= id != Ids.UnsupportedType;
        string layer = op.Outputs.Count > 0 ? op.LayerName(Graph) : "?";
        problems.Add(id, $"{layer}: {op.Name} {demand}");
    }
}

/// <summary>Demands on one tensor of an operator. An absent optional tensor satisfies all of them.</summary>
internal sealed class TensorContract(Contract contract, int id, string place)
{
    // After the first breach the tensor's later demands say nothing new.
    private bool _isBroken;

    public Tensor? Tensor { get; } = id < 0 ? null : contract.Graph[id];

    public TensorContract Type(params ElementType[] types) => Require(
        t => types.Contains(t.Type), Ids.UnsupportedType,
        t => $"needs {place} as {string.Join(" or ", types.Select(type => type.Name()))}, and it is {t.Type.Name()}{Advice(t)}");

    /// <summary>INT8 per tensor, with at least one element.</summary>
    public TensorContract Int8() => Activation(ElementType.Int8);

    /// <summary>One of these types, per tensor, with at least one element; INT16 has zero point 0.</summary>
    public TensorContract Activation(params ElementType[] types) => Type(types).PerTensor().Require(
        t => t.ElementCount > 0, Ids.Unshaped, t => $"needs {place} with elements, and it has the shape [{t.Shape}]").Require(
        t => t.Type != ElementType.Int16 || t.Quantization is not { ZeroPoint: not 0 }, Ids.InvalidQuantization,
        t => $"needs {place} with zero point 0, as int16 has, and it has {t.ZeroPoint}");

    public TensorContract Int32() => Type(ElementType.Int32);

    /// <summary>A constant with at least one element.</summary>
    public TensorContract Constant() => Require(
        t => t.IsConstant && t.ElementCount > 0, Ids.UnsupportedOption, _ => $"needs {place} as a constant");

    /// <summary>A constant of INT64 whose values fit 32 bits, as the compiler computes with them; other types always do.</summary>
    public TensorContract Narrow() => Require(
        t => t.Type != ElementType.Int64 || (t.IsConstant && t.IsNarrow), Ids.UnsupportedOption, _ => $"needs {place} with values of 32 bits");

    public TensorContract Rank(params int[] ranks) => Require(
        t => ranks.Contains(t.Shape.Count), Ids.UnsupportedOption,
        t => $"needs {place} with {string.Join(" or ", ranks)} dimensions, and it has the shape [{t.Shape}]");

    public TensorContract Shape(params int[] shape) => Require(
        t => t.Shape.SequenceEqual(shape), Ids.UnsupportedOption,
        t => $"needs {place} with the shape [{string.Join(", ", shape)}], and it has [{t.Shape}]");

    public TensorContract Elements(int count) => Require(
        t => t.ElementCount == count, Ids.UnsupportedOption,
        t => $"needs {place} with {count} elements, and it has the shape [{t.Shape}]");

    /// <summary>One scale and one zero point that the type can store.</summary>
    public TensorContract PerTensor() => Quantized()
        .Require(t => t.Quantization is not { IsPerChannel: true }, Ids.InvalidQuantization, _ => $"needs {place} quantised per tensor")
        .Require(
            t => t.Quantization is null || (t.ZeroPoint >= t.Type.Min() && t.ZeroPoint <= t.Type.Max()), Ids.InvalidQuantization,
            t => $"needs the zero point of {place} inside {t.Type.Name()}, and it is {t.ZeroPoint}");

    /// <summary>One scale, or one for each index of dimension <paramref name="axis"/>.</summary>
    public TensorContract PerChannel(int axis) => Quantized().Require(
        t => t.Quantization is not { IsPerChannel: true } q || (q.Axis == axis && axis < t.Shape.Count && q.Scales.Count == t.Shape[axis]),
        Ids.InvalidQuantization,
        t => $"needs {place} quantised per tensor or along dimension {axis}, and it has {t.Quantization!.Scales.Count} scales along dimension {t.Quantization.Axis}");

    /// <summary>All zero points are 0, as the TFLite quantisation specification asks of filters.</summary>
    public TensorContract Symmetric() => Require(
        t => t.Quantization is null || t.Quantization.ZeroPoints.All(z => z == 0), Ids.InvalidQuantization,
        t => $"needs {place} with zero point 0, and it has {t.Quantization!.ZeroPoints.First(z => z != 0)}");

    /// <summary>Scales are there, finite and positive.</summary>
    public TensorContract Quantized() => Require(
        t => t.Quantization is { } q && q.Scales.All(s => s > 0 && !float.IsInfinity(s)), Ids.InvalidQuantization,
        t => $"needs a finite positive scale on {place}{(t.Quantization is null ? ", and it has none: quantise the model to int8 with a representative data set" : "")}");

    private TensorContract Require(Func<Tensor, bool> holds, string id, Func<Tensor, string> demand)
    {
        if (Tensor is null || _isBroken || holds(Tensor)) return this;
        _isBroken = true;
        contract.Break(id, demand(Tensor));
        return this;
    }

    private static string Advice(Tensor tensor) => tensor.Type switch
    {
        ElementType.Float32 => ": convert the model with full integer quantisation (a representative data set and inference types int8)",
        ElementType.UInt8 => ": this operator has no form for the older converter's uint8; convert the model again to int8",
        ElementType.Int16 => ": this operator has no form for int16; convert the model to int8 activations",
        _ => "",
    };
}
