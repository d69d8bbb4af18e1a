using Dmm.Demo.Reporting;

namespace Dmm.Demo.Screens;

/// <summary>Where the story is told. Called from several threads.</summary>
public interface IScreen
{
    /// <summary>Runs the story with the screen alive around it.</summary>
    Task RunAsync(Func<Task> story);

    void Chapter(TimeSpan at, string title);

    void Line(TimeSpan at, string text);

    void Judge(TimeSpan at, Check check);

    /// <summary>How the guests stand now.</summary>
    void Show(TimeSpan at, IReadOnlyList<Sample> guests);
}
