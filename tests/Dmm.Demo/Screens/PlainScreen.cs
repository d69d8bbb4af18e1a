using Dmm.Demo.Reporting;

namespace Dmm.Demo.Screens;

/// <summary>Plain lines of text, for logs and pipes.</summary>
public sealed class PlainScreen(TextWriter output) : IScreen
{
    private static readonly TimeSpan StatusPeriod = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private TimeSpan _nextStatus;

    public Task RunAsync(Func<Task> story) => story();

    public void Chapter(TimeSpan at, string title) => Write($"\n{Words.Clock(at)}  {title}");

    public void Line(TimeSpan at, string text) => Write($"{Words.Clock(at)}    {text}");

    public void Judge(TimeSpan at, Check check) =>
        Write($"{Words.Clock(at)}    {(check.Passed ? "ok    " : "FAILED")}  {check.Name}: {Words.Measured(check)} ({Words.Limit(check)})");

    public void Show(TimeSpan at, IReadOnlyList<Sample> guests)
    {
        if (guests.Count == 0 || at < _nextStatus)
            return;
        _nextStatus = at + StatusPeriod;
        Write($"{Words.Clock(at)}      {string.Join(" · ", guests.Select(Words.Guest))}");
    }

    private void Write(string line)
    {
        lock (_gate)
            output.WriteLine(line);
    }
}
