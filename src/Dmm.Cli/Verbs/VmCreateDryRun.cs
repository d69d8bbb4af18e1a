using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

/// <summary>
/// The output of <c>dmm vm create --dry-run</c>. A request that would be refused ends with the same error as the refusal itself.
/// </summary>
internal static class VmCreateDryRun
{
    /// <exception cref="CommandException">It would be refused.</exception>
    public static void Write(DryRunView foreseen, Session session)
    {
        if (foreseen.Prospect == "refused")
            throw CommandException.Failed(foreseen.Text, "refused");
        var terminal = session.Terminal;
        if (session.Json)
        {
            terminal.WriteJson(foreseen);
            return;
        }

        terminal.WriteLine($"{foreseen.Vm}: {Prospect(foreseen)}");
        foreach (var note in foreseen.Notes)
            terminal.Write(Lines.Of("note: ", note, Show.Warning));
        if (foreseen.From.Count == 0)
            return;
        var table = FactSheet.Columns("FROM", ">GIVES", "WHICH IS");
        foreach (var part in foreseen.From)
            table.AddRow(FactSheet.Cell(part.Vm, Show.Strong), FactSheet.Cell(Show.Size(part.Bytes)), FactSheet.Cell(Harm(part.Kind)));
        terminal.Write(table);
    }

    private static string Prospect(DryRunView foreseen) => foreseen.Prospect switch
    {
        "gathers" => $"its peers would make room in about {Show.Seconds(TimeSpan.FromSeconds(foreseen.ExpectedSeconds ?? 0))}",
        "late" =>
        $"its peers would make room, but only after about {Show.Seconds(TimeSpan.FromSeconds(foreseen.ExpectedSeconds ?? 0))}, beyond "
        + $"its deadline",
        "waits" => $"it would wait: {foreseen.Text}",
        _ => foreseen.Text,
    };

    private static string Harm(string kind) => kind switch
    {
        "slack" => "slack: no harm is expected",
        "pastUse" => "used lately, not now: little harm is expected",
        "headroom" => "kept for expected growth: its next burst may wait",
        _ => "in use: harm is expected",
    };
}
