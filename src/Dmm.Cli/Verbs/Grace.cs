using System.CommandLine;
using Dmm.Hocon;

namespace Dmm.Cli.Verbs;

/// <summary>The time that guests have to power down.</summary>
internal static class Grace
{
    /// <summary>Refuses no time at all unless processes are to be ended.</summary>
    /// <param name="why">What no time means, and what would be right.</param>
    public static void NeedsKillIfZero(this Command command, Option<TimeSpan?> time, Option<bool> kill, string why) =>
        command.Validators.Add(result =>
        {
            // A text that is not a duration is reported by the option's own parser.
            if (result.GetResult(time) is { Tokens: [{ Value: var text }] } && DurationText.TryParse(text, out var given)
                && given == TimeSpan.Zero && !result.GetValue(kill))
                result.AddError($"{time.Name} 0s gives {why}");
        });
}
