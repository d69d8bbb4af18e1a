using Dmm.Demo.Reporting;

namespace Dmm.Demo.Screens;

/// <summary>The output of the story. Called from several threads.</summary>
public interface IScreen
{
    /// <summary>Runs the story and keeps the screen up to date meanwhile.</summary>
    Task RunAsync(Func<Task> story);

    void Chapter(TimeSpan at, string title);

    void Line(TimeSpan at, string text);

    void Judge(TimeSpan at, Check check);

    /// <summary>Shows the current state of the guests.</summary>
    void Show(TimeSpan at, IReadOnlyList<Sample> guests);
}
