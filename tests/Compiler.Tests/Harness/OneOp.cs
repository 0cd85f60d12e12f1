using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Graphs of few operators, made from code: inputs by name, the rest what an operator writes.</summary>
internal sealed class OneOp
{
    private readonly List<Tensor> _tensors = [];
    private readonly List<Op> _ops = [];
    private readonly List<int> _inputs = [];

    /// <summary>A constant; INT8 with scale 0.5 and zero point −3.</summary>
    public int Constant(ElementType type, int[] shape, params int[] values) => Add(type, shape, Values.Bytes(type, values));

    public int Numbers(params int[] values) => Constant(ElementType.Int32, [values.Length], values);

    public int Scalar(int value) => Constant(ElementType.Int32, [], value);

    /// <summary>A constant of INT64.</summary>
    public int Wide(params long[] values) => Add(ElementType.Int64, [values.Length], [.. values.SelectMany(System.BitConverter.GetBytes)]);

    /// <summary>What an operator writes.</summary>
    public int Result(ElementType type, params int[] shape) => Add(type, shape, null);

    /// <summary>What the caller provides.</summary>
    public int Input(ElementType type, params int[] shape)
    {
        _inputs.Add(_tensors.Count);
        return Result(type, shape);
    }

    /// <summary>Adds an operator; its outputs are tensors that were made before.</summary>
    public OneOp Op(Op op)
    {
        _ops.Add(op);
        return this;
    }

    public Graph Graph(params int[] outputs) => new([.. _tensors], [.. _ops], [.. _inputs], outputs);

    /// <summary>Folds everything and returns a result's values; every contract has to hold and nothing may be left.</summary>
    public int[] Fold(int result)
    {
        var problems = new Problems();
        Graph folded = FoldConstants.Run(Graph(), problems);
        foreach (Op op in folded.Ops) op.Check(new Contract(folded, op, problems));
        Assert.Empty(problems.ToArray());
        Assert.Empty(folded.Ops);
        return folded[result].Integers();
    }

    private int Add(ElementType type, int[] shape, byte[]? data)
    {
        bool isQuantized = type is ElementType.Int8;
        _tensors.Add(new Tensor
        {
            Name = $"t{_tensors.Count}",
            Type = type,
            Shape = shape,
            Data = data,
            Quantization = isQuantized ? new Quantization(new[] { 0.5f }, new[] { -3 }, 0) : null,
        });
        return _tensors.Count - 1;
    }
}
