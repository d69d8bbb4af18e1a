using System.CommandLine;
using System.Globalization;
using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

internal static class VmExplain
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var at = Values.Since("--at", "The time to explain [now]", TimeProvider.System);
        return line.Verb(
            new Command("explain", "Why a VM has the memory that it has, or had") { name, at }, async (parsed, session, cancellation) =>
        {
            var then = parsed.GetValue(at) is { } time
            ? $"?at={Uri.EscapeDataString(time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture))}" : "";
            var explanation = await session.Daemon.GetAsync<ExplanationView>(
                $"api/v1/vms/{parsed.GetRequiredValue(name)}/explain{then}", cancellation);
            if (session.Json)
                session.Terminal.WriteJson(explanation);
            else
                Write(explanation, then.Length > 0, session);
        });
    }

    private static void Write(ExplanationView explanation, bool past, Session session)
    {
        var sheet = new FactSheet().Add(
            explanation.Vm, past ? $"at {Show.Time(explanation.At, session.Time)}" : "now", past
            ? $"as decided at {Show.Time(explanation.DecidedAt, session.Time)}" : null, Show.Strong);
        var before = "";
        foreach (var (topic, text) in explanation.Text)
        {
            sheet.Add(topic == before ? "" : topic, text, style: StyleOf(topic));
            before = topic;
        }

        sheet.WriteTo(session.Terminal);
    }

    private static Style StyleOf(string topic) => topic switch
    {
        "problem" => Show.Bad,
        "held back" => Show.Warning,
        _ => Show.Usual,
    };
}
