using Dmm.Core.Laws;
using Dmm.Daemon.Hosting;
using Dmm.Settings;

namespace Dmm.Daemon.Tests.Hosting;

/// <summary>
/// config/reference.conf tells users the defaults. Parts that run alone (the lab, the simulations, tests) use the defaults of their own
/// records: both must be the same.
/// </summary>
public sealed class DefaultsTests
{
    private static readonly DmmSettings Reference = DmmSettings.Load(null);

    [Fact]
    public void The_hosts() =>
        // These depend on the host's memory.
        Same(
            new Core.Hosts.HostSettings { Memory = default }, ActorSettings.HostOf(Reference),
            "Memory", "Reserve", "Cushion", "CushionMax", "Rules");

    [Fact]
    public void A_vms() =>
        // The launch deadline differs, since a launch may have to try the accelerator first.
        Same(new Actors.Vms.VmActorSettings(), ActorSettings.VmsOf(Reference), "LaunchDeadline", "Time");

    [Fact]
    public void The_models() => Same(new Core.Demand.DemandSettings(), Reference.Demand);

    [Fact]
    public void The_line() => Same(new Core.Admission.AdmissionSettings(), Reference.Admission);

    [Fact]
    public void The_simulated_guests() =>
        Same(new Hypervisors.Simulation.SimulationSettings { Directory = "" }, Reference.Simulation, "Directory");

    [Fact]
    public void The_law_in_the_lab()
    {
        var (lab, host) = (new DmmLawSettings(), ActorSettings.HostOf(Reference));
        Assert.Equal((host.PlanPeriod, host.Step, host.DeadBand), (lab.Period, lab.Step, lab.DeadBand));
        Assert.Equal((host.ShrinkRate, host.UtilityWeight, host.GuestMargin), (lab.ShrinkRate, lab.UtilityWeight, lab.Margin));
        var hundred = Core.MemorySize.FromGiB(100);
        Assert.Equal((Reference.Host.Cushion.Of(hundred), host.Spare), (hundred.Scale(lab.Cushion), lab.Spare));
    }

    private static void Same<T>(T own, T read, params string[] apart)
        where T : notnull
    {
        var properties = typeof(T).GetProperties();
        Assert.All(apart, name => Assert.Contains(properties, property => property.Name == name));
        Assert.All(
            properties.Where(property => !apart.Contains(property.Name)),
            property => Assert.True(
                Equals(property.GetValue(own), property.GetValue(read)),
                $"{property.Name} is {property.GetValue(own)} by itself, and {property.GetValue(read)} by reference.conf"));
    }
}
