using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tflite;

/// <summary>The variables of one subgraph: which tensor each handle stands for.</summary>
/// <remarks>
/// The tensor of a variable's first handle becomes the variable: its type, shape and quantisation are those of the first value that is
/// read or assigned. Tensors that the file marks as variables are variables already.
/// </remarks>
internal sealed class VariableHandles(List<Ir.Tensor> tensors, HashSet<int> handles)
{
    private readonly Dictionary<string, int> _byKey = [];
    private readonly Dictionary<int, string> _keys = [];

    /// <summary>VAR_HANDLE: a handle and the names that tell its variable from others.</summary>
    /// <returns>False when the tensor is no handle.</returns>
    public bool Declare(int handle, FlatTable? options)
    {
        string key = $"{options?.Text(Schema.VarHandleOptions.Container)}/{options?.Text(Schema.VarHandleOptions.SharedName)}";
        if (!handles.Contains(handle)) return false;
        _keys[handle] = key;
        if (!_byKey.ContainsKey(key)) _byKey[key] = handle;
        return true;
    }

    /// <summary>Replaces the handle that READ_VARIABLE or ASSIGN_VARIABLE takes by its variable.</summary>
    /// <returns>False when an operator takes a handle where it cannot, or none where it has to.</returns>
    public bool Resolve(int builtin, int[] reads, int[] writes)
    {
        bool isRead = builtin == Schema.Builtin.ReadVariable, isAssignment = builtin == Schema.Builtin.AssignVariable;
        if (!isRead && !isAssignment) return !reads.Concat(writes).Any(handles.Contains);
        if (reads.Length != (isRead ? 1 : 2) || writes.Length != (isRead ? 1 : 0) || reads[0] < 0 || !_keys.TryGetValue(reads[0], out string? key)) return false;
        int value = isRead ? writes[0] : reads[1];
        if (value < 0 || handles.Contains(value)) return false;

        int id = reads[0] = _byKey[key];
        if (tensors[id].IsVariable) return true;
        Ir.Tensor model = tensors[value];

        // MicroResourceVariables::Allocate of TFLite Micro: every byte is the zero point of what is assigned.
        byte fill = unchecked((byte)(model.Type is ElementType.Int8 or ElementType.UInt8 ? model.Quantization?.ZeroPoint ?? 0 : 0));
        tensors[id] = model with { Name = tensors[id].Name, Data = null, Variable = new Variable("resource " + key, fill) };
        return true;
    }

    /// <summary>Imports an operator; where it reads or writes a variable as any other tensor, READ_VARIABLE and ASSIGN_VARIABLE do.</summary>
    public IEnumerable<Op> Explicit(int[] writes, Func<int[], Op> import)
    {
        var assignments = new List<Op>();
        int[] outputs =
        [
            .. writes.Select(id =>
            {
                if (!tensors[id].IsVariable) return id;
                int copy = Copy(id);
                assignments.Add(new AssignVariable { Inputs = new[] { copy }, Outputs = new[] { id } });
                return copy;
            }),
        ];
        Op op = import(outputs);
        var reads = new List<Op>();
        if (op is not ReadVariable)
        {
            // An operator with state names its variables among its outputs too.
            op = op with
            {
                Inputs = op.Inputs.Select(id =>
                {
                    if (id < 0 || !tensors[id].IsVariable || op.Outputs.Contains(id)) return id;
                    int copy = Copy(id);
                    reads.Add(new ReadVariable { Inputs = new[] { id }, Outputs = new[] { copy } });
                    return copy;
                }).ToArray(),
            };
        }

        return [.. reads, op, .. assignments];
    }

    private int Copy(int id)
    {
        tensors.Add(tensors[id] with { Name = $"{tensors[id].Name}, copy {tensors.Count}", Variable = null });
        return tensors.Count - 1;
    }
}
