using Dmm.Benchmarks.Houses;
using Dmm.Benchmarks.Mechanisms;
using Dmm.Hypervisors.Qemu;
using Dmm.Settings;

namespace Dmm.Benchmarks.Tests;

/// <summary>The benchmarks measure what users have: both have the same kernel command line.</summary>
public sealed class ShippedGuestTests
{
    private static readonly string Shipped = DmmSettings.Load(null).Qemu.Append;

    [Fact]
    public void The_driver_knows_the_kernel_command_line_that_is_shipped() => Assert.Equal(QemuSettings.ShippedAppend, Shipped);

    [Fact]
    public void A_vm_that_brings_none_of_its_own_boots_with_it() =>
        Assert.Equal(Shipped, new QemuSettings { StateDirectory = "/" }.DefaultAppend);

    [Fact]
    public void Guests_whose_mechanisms_are_measured_boot_with_it()
    {
        Assert.Equal(Shipped, MeasuredGuest.Append(""));
        Assert.Equal($"{Shipped} init_on_alloc=0", MeasuredGuest.Append("init_on_alloc=0"));
    }

    [Fact]
    public void Guests_under_the_laws_boot_with_it_and_with_swap() => Assert.Equal($"{Shipped} {BenchGuest.Swap}", BenchGuest.Append);
}
