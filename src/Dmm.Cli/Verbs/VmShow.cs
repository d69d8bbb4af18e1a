using System.CommandLine;
using System.Globalization;
using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

internal static class VmShow
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        return line.Verb(new Command("show", "Everything about one VM") { name }, async (parsed, session, cancellation) =>
        {
            var vm = await session.Daemon.GetAsync<VmView>($"api/v1/vms/{parsed.GetRequiredValue(name)}", cancellation);
            if (session.Json)
                session.Terminal.WriteJson(vm);
            else
                Write(vm, session);
        });
    }

    private static void Write(VmView vm, Session session)
    {
        foreach (var warning in vm.Warnings)
            session.Terminal.Write(Lines.Of("warning: ", warning, Show.Warning));
        var sheet = new FactSheet()
            .Add("name", vm.Id, style: Show.Strong)
            .Add("state", vm.State, vm.Why, Show.OfState(vm.State))
            .AddSize("actual", vm.ActualBytes, "base + plugged − ballooned")
            .AddSize("base", vm.BaseBytes, "booted with")
            .AddSize("plugged", vm.PluggedBytes, "added by hotplug")
            .AddSize("ballooned", vm.BalloonedBytes, "held back by the balloon")
            .AddSize("target", vm.TargetBytes, vm.OperatorTargetBytes is null ? null : "set by hand; dmm vm resize NAME auto ends that")
            .AddSize("granted", vm.GrantedBytes)
            .AddSize("on lease", vm.LeaseBytes == 0 ? null : vm.LeaseBytes, "taken at once when its guest is in need")
            .AddSize("lacks", vm.Waits?.MissingBytes, vm.Waits is { } waits ? $"comes from {Show.From(waits)}" : null)
            .Add("held back", vm.HeldSince is { } since ? Show.Ago(since, session.Time) : null,
                "until its turn comes: as many VMs as may move at once are moving")
            .AddSize("min", vm.MinBytes)
            .AddSize("max", vm.MaxBytes, $"{Show.Size(vm.StaticMaxBytes)} at most without a restart")
            .Add("shares", vm.Shares.ToString(CultureInfo.InvariantCulture))
            .Add("restart", vm.Restart == "onFailure" ? "on-failure" : vm.Restart, vm.Returns is > 0 and var returns
                ? $"{returns} returns since it last ran well" : null)
            .Add("returns", vm.ReturnsAt is { } returnsAt ? Show.Time(returnsAt, session.Time) : null)
            .Add("priority", vm.Priority == 0 ? null : vm.Priority.ToString(CultureInfo.InvariantCulture))
            .AddSize("working set", vm.WorkingSetBytes)
            .AddSize("demand", vm.DemandBytes, "forecast working set and headroom")
            .AddSize("overhead", vm.OverheadBytes, "the hypervisor's own")
            .Add("agent", vm.Agent, Agent(vm.Guest), vm.Agent == "none" ? Show.Warning : Show.Usual)
            .Add("hypervisor", vm.Hypervisor.Length == 0 ? null : vm.Hypervisor,
                $"{(vm.Pid is { } pid ? $"pid {pid}, " : "")}{(vm.Adopted ? "adopted" : "launched by DMM")}")
            .Add("accel", vm.Accel, vm.Accel == "tcg" ? "emulated, without KVM" : null)
            .Add("trust", vm.Trust, vm.TrustWhy, vm.Trust == "none" ? Show.Warning : Show.Usual)
            .Add("operator QMP", vm.OperatorQmp)
            .Add("console", vm.Console);
        if (vm.Guest is { } guest)
            Add(guest, sheet, session.Time);
        sheet.WriteTo(session.Terminal);
    }

    private static void Add(GuestView guest, FactSheet sheet, TimeProvider clock) => sheet
        .AddSize("guest total", guest.MemTotalBytes, guest.SampledAt is { } at ? $"MemTotal, {Show.Ago(at, clock)}" : "MemTotal")
        .AddSize("guest available", guest.MemAvailableBytes, guest.MemFreeBytes is null ? null : $"{Show.Size(guest.MemFreeBytes)} free")
        .AddSize("guest swap", guest.SwapUsedBytes, guest.SwapTotalBytes is null ? null : $"of {Show.Size(guest.SwapTotalBytes)}")
        .Add("guest kernel", guest.Kernel)
        .Add("guest hotplug", Hotplug(guest));

    private static string? Agent(GuestView? guest) => guest?.AgentVersion is { } version ? $"version {version}" : null;

    private static string? Hotplug(GuestView guest)
    {
        string?[] parts =
        [
            guest.AutoOnline is { } online ? $"auto-online {online}" : null,
            guest.OnlinePolicy is { } policy ? $"policy {policy}{(guest.AutoMovableRatio is { } ratio ? $" (ratio {ratio})" : "")}" : null,
            guest.MemmapOnMemory is { } memmap ? $"memmap_on_memory {memmap}" : null,
            guest.BlockBytes is not null ? $"blocks of {Show.Size(guest.BlockBytes)}" : null,
        ];
        return parts.Any(p => p is not null) ? string.Join(", ", parts.Where(p => p is not null)) : null;
    }
}
