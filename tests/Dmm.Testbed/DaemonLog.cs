namespace Dmm.Testbed;

/// <summary>The output of the daemons of one test bed: the last lines in memory, and all lines in a file.</summary>
public sealed class DaemonLog(string file)
{
    private const int Kept = 2_000;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();

    public void Add(string line)
    {
        lock (_gate)
        {
            if (_lines.Count == Kept)
                _lines.Dequeue();
            _lines.Enqueue(line);
            File.AppendAllText(file, line + "\n");
        }
    }

    public IReadOnlyList<string> Tail(int lines)
    {
        lock (_gate)
            return [.. _lines.TakeLast(lines)];
    }
}
