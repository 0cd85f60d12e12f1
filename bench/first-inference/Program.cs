using System;
using System.Diagnostics;
using System.Globalization;
using Etch.Bench;

// Prints milliseconds: from the start of Main to the first result, the second inference, and the hundredth.
long begin = Stopwatch.GetTimestamp();
var input = new sbyte[Model.InputLength];
var output = new sbyte[Model.OutputLength];
var arena = new sbyte[Model.ArenaBytes];
double first = Invoke(begin), second = Invoke(Stopwatch.GetTimestamp());
for (int i = 3; i < 100; i++) Invoke(0);
double hundredth = Invoke(Stopwatch.GetTimestamp());
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{first:F3} {second:F3} {hundredth:F3}"));

double Invoke(long from)
{
    Model.Invoke(input, output, arena);
    return Stopwatch.GetElapsedTime(from).TotalMilliseconds;
}
