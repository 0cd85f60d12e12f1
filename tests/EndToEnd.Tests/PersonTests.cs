using System;
using System.Buffers.Binary;
using System.IO;

namespace Etch.Tests;

/// <summary>Two real pictures through the generated code of a MobileNet: it says which one shows a person.</summary>
public sealed class PersonTests
{
    private const int Side = 96;

    [ModelTheory]
    [InlineData("person", -113, 113)]
    [InlineData("no_person", 57, -57)]
    public void The_picture_is_what_its_name_says(string name, int noPerson, int person)
    {
        CompiledModel model = Engines.Compile(Models.File("person_detect_96_int8"), "Picture_" + name);
        byte[] pixels = Grey(name);
        byte[] scores = new EmittedModels([model], isChecked: false).Run(model, [pixels]).Outputs[0];
        Assert.Equal([noPerson, person], Array.ConvertAll(scores, score => (int)(sbyte)score));
        Assert.Equal(name == "person", (sbyte)scores[1] > (sbyte)scores[0]);
    }

    /// <summary>The pixels of a BMP file of 96 × 96 bytes, rows from the top.</summary>
    private static byte[] Grey(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Models.Folder!, "inputs", name + ".bmp")), pixels = new byte[Side * Side];
        int Field(int at) => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));

        // Width, height, one plane of 8 bits, no compression. A file whose height is positive has its last row first.
        Assert.Equal((Side, Side, 1 + (8 << 16), 0), (Field(18), Math.Abs(Field(22)), Field(26), Field(30)));
        for (int y = 0; y < Side; y++)
        {
            int row = Field(22) > 0 ? Side - 1 - y : y;
            file.AsSpan(Field(10) + (row * Side), Side).CopyTo(pixels.AsSpan(y * Side));
        }

        return pixels;
    }
}
