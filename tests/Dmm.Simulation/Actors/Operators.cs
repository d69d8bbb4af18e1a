using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>Operators who send a host all kinds of requests, sensible or not.</summary>
internal sealed class Operators(ActorWorld world, SeededRandom dice, int vms)
{
    private readonly VmId[] _names = [.. Enumerable.Range(1, vms).Select(i => VmId.Parse($"vm{i}"))];

    public void AskSomething(ActorDaemon daemon)
    {
        var id = dice.Of(_names);
        switch (dice.Below(14))
        {
            case < 4:
                Create(daemon, id);
                break;
            case 4:
                var kill = dice.Chance(0.5);
                var grace = kill && dice.Chance(0.5) ? TimeSpan.Zero : dice.Seconds(0.5, 5);
                daemon.Ask(new HostProtocol.StopVm(id, new(grace, kill)),
                    $"stop {id} within {grace.TotalSeconds:0.##} s{(kill ? ", kill" : "")}");
                break;
            case 12:
                daemon.Ask(new HostProtocol.StartVm(id, dice.Chance(0.5) ? null : dice.Seconds(0.1, 20)), $"start {id}");
                break;
            case 13:
                var restart = dice.Of(Enum.GetValues<RestartPolicy>());
                daemon.Ask(new HostProtocol.SetPolicy(id, null, null, null) { Restart = restart }, $"set {id} restart {restart}");
                break;
            case 5:
                daemon.Ask(new HostProtocol.ForgetVm(id), $"forget {id}");
                break;
            case 6:
                Adopt(daemon, id);
                break;
            case 7 or 8:
                MemorySize? target = dice.Chance(0.3) ? null : MemorySize.FromBytes(dice.Within(64, 1600) * (1 << 20));
                daemon.Ask(new HostProtocol.ResizeVm(id, target), $"resize {id} to {target?.ToString() ?? "auto"}");
                break;
            default:
                MemorySize? min = dice.Chance(0.5) ? null : MemorySize.FromMiB(128 + (32 * dice.Below(10)));
                MemorySize? max = dice.Chance(0.5) ? null : MemorySize.FromMiB(256 + (128 * dice.Below(16)));
                int? shares = dice.Chance(0.5) ? null : 1 + dice.Below(4000);
                daemon.Ask(new HostProtocol.SetPolicy(id, min, max, shares), $"set {id} min {min}, max {max}, shares {shares}");
                break;
        }
    }

    /// <summary>Drains the host, or takes it back into service.</summary>
    /// <param name="own">A source of chance apart from that of all other requests.</param>
    public static void Drain(ActorDaemon daemon, SeededRandom own)
    {
        if (own.Chance(0.5))
        {
            daemon.Ask(new HostProtocol.UndrainHost(), "undrain");
            return;
        }

        var kill = own.Chance(0.5);
        var drain = new HostProtocol.DrainHost(kill && own.Chance(0.3) ? TimeSpan.Zero : own.Seconds(0.5, 10), kill)
        {
            Stay = own.Chance(0.5),
            Adopted = own.Chance(0.3),
        };
        daemon.Ask(drain, $"{drain}");
    }

    /// <summary>
    /// Prepares a calm: removes the targets that operators set, so that none stands in the way or starves a VM of what it needs.
    /// </summary>
    public static void LetGo(ActorDaemon daemon, HostProtocol.Status status)
    {
        if (status.State.Drain is not null)
            daemon.Ask(new HostProtocol.UndrainHost(), "undrain");
        foreach (var (id, vm) in status.State.Vms)
        {
            if (vm.OperatorTarget is not null)
                daemon.Ask(new HostProtocol.ResizeVm(id, null), $"resize {id} to auto");
        }
    }

    /// <summary>Stops VMs that can't return; otherwise they would be tried again for ever.</summary>
    public static void StopReturning(ActorDaemon daemon, HostProtocol.Status status)
    {
        foreach (var (id, _) in status.State.Resting.Where(vm => vm.Value.ReturnAt is not null))
            daemon.Ask(new HostProtocol.StopVm(id, new(TimeSpan.FromSeconds(1), false)), $"stop {id}, which can't return");
    }

    private void Create(ActorDaemon daemon, VmId id)
    {
        // The daemon's API does the same: it refuses the name of a VM that was let go and still runs, before it asks the host.
        if (world.Find(id) is not null && !daemon.Knows(id))
            return;
        var boot = MemorySize.FromMiB(128 + (64 * dice.Below(7)));
        var min = MemorySize.FromMiB(128 + (32 * dice.Below(5)));
        var spec = new VmSpec
        {
            Id = id,
            Boot = MemorySize.Max(boot, min),
            Restart = dice.Of(Enum.GetValues<RestartPolicy>()),
            Policy = new(min, MemorySize.Max(boot, min) + MemorySize.FromMiB(256 * dice.Below(6)), 1 + dice.Below(3000)),
            Priority = 100 * dice.Below(3),
            BootPolicy = dice.Chance(0.4) ? BootPolicy.Early : BootPolicy.Full,
            BootCheck = dice.Of(Enum.GetValues<BootCheck>()),
        };
        TimeSpan? timeout = dice.Chance(0.5) ? null : dice.Seconds(0.1, 20);
        if (dice.Chance(0.2))
        {
            daemon.Ask(new HostProtocol.DryRunVm(spec, ActorWorld.Overhead, MemorySize.Zero, timeout),
                $"what would become of {id} with {spec.Boot}, {spec.Policy}");
            return;
        }

        var needs = dice.Chance(0.3) ? MemorySize.FromMiB(192) : MemorySize.Zero;
        daemon.Ask(
            new AdmissionProtocol.CreateVm(spec, ActorWorld.Overhead, timeout, []) { ImageNeeds = needs },
            $"create {id} with {spec.Boot}, {spec.BootPolicy}, priority {spec.Priority}, {spec.Policy}");
    }

    /// <summary>Adopts a VM as the daemon's API does: looks at the VM first, then asks the host to adopt it.</summary>
    private void Adopt(ActorDaemon daemon, VmId id)
    {
        if (world.Find(id) is not { } vm)
            return;
        if (!daemon.Knows(id))
            vm.Unsure = vm.Unsure || dice.Chance(0.3);
        var (ceiling, resident, now) = (vm.Guest.Sizes.Ceiling, vm.ReadAt(world.Clock.Moment), world.Clock.Moment);
        var policy = new VmPolicy(MemorySize.FromMiB(128), MemorySize.FromMiB(2048));
        daemon.Process.After(dice.Seconds(0, 0.2), () => daemon.Ask(
            new HostProtocol.AdoptVm(
                vm.Handle with
                {
                    Owned = false,
                    Proved = !vm.Unsure,
                    Pid = vm.Unsure ? null : vm.Handle.Pid,
                    PidStart = vm.Unsure ? null
                    : vm.Handle.PidStart
                },
                policy, ceiling, ActorWorld.Overhead)
            { ReadAt = now, Resident = vm.Opaque ? null : resident }, $"adopt {id} with {ceiling}"));
    }
}
