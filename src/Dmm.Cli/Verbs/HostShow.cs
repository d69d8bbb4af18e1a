using System.CommandLine;
using System.Globalization;
using Dmm.Commands;
using Dmm.Commands.Output;
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
            var deficit = $"claims exceed memory by {Show.Size(host.DeficitBytes)}; nothing is granted until they fit again";
            terminal.Write(Lines.Of("problem: ", deficit, Show.Bad));
        }

        new FactSheet()
            .Add("host", host.Node, host.Hypervisor)
            .Add("accel", host.Acceleration)
            .Add("state", host.State, style: Show.OfState(host.State))
            .Add(
                "drain", host.Drain is { } drain ? Drain(drain, session.Time) : null, "it takes no VM; 'dmm host undrain' ends that",
                Show.Warning)
            .AddSize("memory", host.MemoryBytes, host.MemoryWhy is { } why ? $"of {Show.Size(host.ConfiguredMemoryBytes)} set: {why}"
                : "that DMM governs")
            .AddSize("reserve", host.ReserveBytes, "for the host itself")
            .AddSize("claims", host.ClaimsBytes, host.Vms == 1 ? "of 1 VM" : $"of {host.Vms} VMs")
            .AddSize("reservations", host.ReservationsBytes, "for VMs to come")
            .Add("let go", host.LetGoBytes > 0 ? Show.Size(host.LetGoBytes) : null, "that forgotten VMs which still run may take")
            .AddSize("free", host.FreeBytes)
            .AddSize("cushion", host.CushionBytes, "kept free for fast growth")
            .AddSize("leases", host.LeasesBytes == 0 ? null : host.LeasesBytes, "the part of it that guests in need take at once")
            .Add("overcommit", host.OvercommitRatio.ToString("0.00", CultureInfo.InvariantCulture), "sum of max ÷ memory for guests")
            .AddSize("available", host.Pressure.MemAvailableBytes, "on the host now")
            .Add("pressure", Pressure(host.Pressure), "of the last 10 s stalled for memory")
            .Add("moving", host.Operations.Count == 0 && host.Held.Count == 0 ? null : Moving(host))
            .Add("in control", Seconds(host.InControlSeconds), host.AllActorsSeconds is { } all
                ? $"after the daemon's start; all VMs reported after {Seconds(all)}"
                : "after the daemon's start; not all VMs have reported")
            .WriteTo(terminal);
        WriteWaits(host, terminal);
        if (host.Admissions.Count == 0)
            return;
        terminal.WriteLine("");
        var table = FactSheet.Columns("WAITING", "STATE", ">PRIORITY", ">WANTS", ">LACKS", "UNTIL", "WHY");
        foreach (var admission in host.Admissions)
        {
            table.AddRow(
                FactSheet.Cell(admission.Id, Show.Strong),
                FactSheet.Cell(admission.State, Show.OfState(admission.State)),
                FactSheet.Cell(admission.Priority.ToString(CultureInfo.InvariantCulture)),
                FactSheet.Cell(Show.Size(admission.BytesWanted)),
                FactSheet.Cell(Show.Size(admission.BytesMissing)),
                FactSheet.Cell(admission.Deadline is { } deadline ? Show.Time(deadline, session.Time) : Show.Unknown),
                FactSheet.Cell(admission.Why));
        }

        table.Columns[^1].NoWrap = false;
        terminal.Write(table);
    }

    private static string? Seconds(double? seconds) => seconds is { } s ? string.Create(CultureInfo.InvariantCulture, $"{s:0.0} s") : null;

    private static string Drain(DrainView drain, TimeProvider time) =>
        $"since {Show.Time(drain.Since, time)}, until {Show.Time(drain.Until, time)}"
        + $"{(drain.Kill ? ", then VMs are ended" : "")}; {drain.Left} {(drain.Left == 1 ? "VM is" : "VMs are")} left"
        + (drain.Stay ? "; stays over restarts of the host" : "");

    private static string Moving(HostView host) =>
        $"{host.Operations.Count(o => o.Balloon)} by balloon, {host.Operations.Count(o => o.Hotplug)} by hotplug"
        + (host.Held.Count == 0 ? "" : $"; {host.Held.Count} wait for their turn");

    private static void WriteWaits(HostView host, Terminal terminal)
    {
        if (host.Waits.Count == 0)
            return;
        terminal.WriteLine("");
        var table = FactSheet.Columns("LACKS MEMORY", ">LACKS", "COMES FROM");
        foreach (var wait in host.Waits)
        {
            table.AddRow(
                FactSheet.Cell(wait.Urgent ? $"{wait.Vm} !" : wait.Vm, Show.Strong),
                FactSheet.Cell(Show.Size(wait.MissingBytes)),
                FactSheet.Cell(Show.From(wait)));
        }

        table.Columns[^1].NoWrap = false;
        terminal.Write(table);
    }

    private static string? Pressure(HostPressureView pressure) =>
        pressure.SomeAvg10 is null ? null : $"some {Show.Percent(pressure.SomeAvg10)}, full {Show.Percent(pressure.FullAvg10)}";
}
