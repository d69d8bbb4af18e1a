using System.CommandLine;
using System.Globalization;
using Dmm.Cli.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

internal static class HostShow
{
    public static Command Build(CommandLine line) => line.Verb(
        new Command("show", "Memory, claims, what is free, VMs that wait"),
        async (_, session, cancellation) =>
        {
            var host = await session.Daemon.GetAsync<HostView>("api/v1/host", cancellation);
            if (session.Json)
                session.Terminal.WriteJson(host);
            else
                Write(host, session);
        });

    private static void Write(HostView host, Session session)
    {
        var terminal = session.Terminal;
        foreach (var problem in host.Problems)
            terminal.Write(Lines.Of("problem: ", problem, Show.Bad));
        if (host.DeficitBytes > 0)
        {
            var deficit = $"{Show.Size(host.DeficitBytes)} more is claimed than there is; nothing is granted until it fits again";
            terminal.Write(Lines.Of("problem: ", deficit, Show.Bad));
        }

        new FactSheet()
            .Add("host", host.Node, host.Hypervisor)
            .Add("state", host.State, style: Show.OfState(host.State))
            .AddSize("memory", host.MemoryBytes, "that DMM governs")
            .AddSize("reserve", host.ReserveBytes, "for the host itself")
            .AddSize("claims", host.ClaimsBytes, host.Vms == 1 ? "of 1 VM" : $"of {host.Vms} VMs")
            .AddSize("reservations", host.ReservationsBytes, "for VMs to come")
            .AddSize("free", host.FreeBytes)
            .AddSize("cushion", host.CushionBytes, "kept free for fast growth")
            .Add("overcommit", host.OvercommitRatio.ToString("0.00", CultureInfo.InvariantCulture), "sum of max ÷ memory for guests")
            .AddSize("available", host.Pressure.MemAvailableBytes, "on the host now")
            .Add("pressure", Pressure(host.Pressure), "of the last 10 s stalled for memory")
            .WriteTo(terminal);
        if (host.Admissions.Count == 0)
            return;
        terminal.WriteLine("");
        var table = FactSheet.Columns("WAITING", "STATE", ">WANTS", ">LACKS", "UNTIL", "WHY");
        foreach (var admission in host.Admissions)
        {
            table.AddRow(
                FactSheet.Cell(admission.Id, Show.Strong),
                FactSheet.Cell(admission.State, Show.OfState(admission.State)),
                FactSheet.Cell(Show.Size(admission.BytesWanted)),
                FactSheet.Cell(Show.Size(admission.BytesMissing)),
                FactSheet.Cell(admission.Deadline is { } deadline ? Show.Time(deadline, session.Time) : Show.Unknown),
                FactSheet.Cell(admission.Why));
        }

        table.Columns[^1].NoWrap = false;
        terminal.Write(table);
    }

    private static string? Pressure(HostPressureView pressure) =>
        pressure.SomeAvg10 is null ? null : $"some {Show.Percent(pressure.SomeAvg10)}, full {Show.Percent(pressure.FullAvg10)}";
}
