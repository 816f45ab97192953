using System.Runtime.Intrinsics;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Rotary position embedding (Su et al., 2021) in Hugging Face's half-split layout: elements i and i + d/2 of a head turn by position · θ^(-2i/d).
/// A scaling (<see cref="RopeScaling"/>) is applied to the frequencies. Frequencies and angles are rounded to float32, as the reference does; cosine and sine are the project's own.
/// </summary>
internal sealed unsafe class Rotary
{
    private readonly float[] _frequencies;
    private readonly int _half;
    private float[] _table = [];
    private int _positions;

    /// <summary>Prepares the frequencies of heads of <paramref name="headSize"/> elements.</summary>
    public Rotary(int headSize, double theta, RopeScaling? scaling = null)
    {
        _half = headSize / 2;
        _frequencies = new float[_half];
        for (int i = 0; i < _half; i++)
        {
            float frequency = (float)(1.0 / ScalarMath.Pow(theta, 2.0 * i / headSize));
            _frequencies[i] = scaling is null ? frequency : (float)scaling.Scale(frequency);
        }
    }

    /// <summary>θ^(-2i/d), scaled, for i = 0 … d/2 - 1.</summary>
    public ReadOnlySpan<float> Frequencies => _frequencies;

    /// <summary>
    /// Turns every head of every row of x [R, heads·d] in place, forward (<paramref name="direction"/> = 1) or back (-1, the transpose, for gradients).
    /// positions [R] are the rows' places in their own sequences.
    /// </summary>
    public void Apply(Workers workers, float* x, int* positions, int rows, int heads, int direction)
    {
        int highest = 0;
        for (int row = 0; row < rows; row++)
        {
            highest = Math.Max(highest, positions[row]);
        }

        Extend(highest + 1);
        int perTask = Blocks.RowsPerTask(heads * _half * 2);
        fixed (float* table = _table)
        {
            workers.Run(Blocks.Count(rows, perTask), new Work(x, positions, table, rows, heads, _half, direction, perTask));
        }
    }

    // The table grows with the longest sequence seen: [position, (cos, sin), d/2].
    private void Extend(int positions)
    {
        if (positions <= _positions)
        {
            return;
        }

        int target = Math.Max(positions, Math.Max(64, 2 * _positions));
        var table = new float[target * 2 * _half];
        _table.AsSpan(0, _positions * 2 * _half).CopyTo(table);
        for (int position = _positions; position < target; position++)
        {
            for (int i = 0; i < _half; i++)
            {
                double angle = position * _frequencies[i];
                table[(position * 2 * _half) + i] = (float)ScalarMath.Cos(angle);
                table[(((position * 2) + 1) * _half) + i] = (float)ScalarMath.Sin(angle);
            }
        }

        _table = table;
        _positions = target;
    }

    private readonly struct Work(float* x, int* positions, float* table, int rows, int heads, int half, int direction, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                float* cosine = table + ((long)positions[row] * 2 * half);
                float* sine = cosine + half;
                float* head = x + ((long)row * heads * half * 2);
                for (int h = 0; h < heads; h++, head += 2 * half)
                {
                    int i = 0;
                    for (; i + 16 <= half; i += 16)
                    {
                        Vector512<float> c = Vector512.Load(cosine + i);
                        Vector512<float> s = Vector512.Load(sine + i) * direction;
                        Vector512<float> first = Vector512.Load(head + i);
                        Vector512<float> second = Vector512.Load(head + half + i);
                        ((first * c) - (second * s)).Store(head + i);
                        ((second * c) + (first * s)).Store(head + half + i);
                    }

                    for (; i + 4 <= half; i += 4)
                    {
                        Vector128<float> c = Vector128.Load(cosine + i);
                        Vector128<float> s = Vector128.Load(sine + i) * direction;
                        Vector128<float> first = Vector128.Load(head + i);
                        Vector128<float> second = Vector128.Load(head + half + i);
                        ((first * c) - (second * s)).Store(head + i);
                        ((second * c) + (first * s)).Store(head + half + i);
                    }

                    for (; i < half; i++)
                    {
                        float s = direction * sine[i];
                        float first = head[i];
                        float second = head[i + half];
                        head[i] = (first * cosine[i]) - (second * s);
                        head[i + half] = (second * cosine[i]) + (first * s);
                    }
                }
            }
        }
    }
}
