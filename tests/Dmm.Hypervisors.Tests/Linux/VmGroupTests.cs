using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Tests.Qemu;

namespace Dmm.Hypervisors.Tests.Linux;

/// <summary>Tests the control group of a VM on a folder that stands for the kernel's.</summary>
public sealed class VmGroupTests : IDisposable
{
    private static readonly VmId Web = VmId.Parse("web");
    private readonly TestFolder _root = new();

    public void Dispose() => _root.Dispose();

    private VmGroup Group => new("/g", _root.In("g"));

    [Theory]
    [InlineData("/dmm.slice/dmm-vm-web-0123456789abcdef.scope/vm", true)]
    [InlineData("/dmm/dmm-vm-a.b-c_d-0123456789abcdef", true)]
    [InlineData("/dmm.slice/dmm-vm-web-0123456789abcdef.scope", false)]
    [InlineData("/dmm/dmm-vm-web-0123456789abcdef/others", false)]
    [InlineData("/machine.slice/machine-qemu-1.scope", false)]
    [InlineData("/system.slice/dmmd.service", false)]
    [InlineData("/../dmm/dmm-vm-web-0123456789abcdef", false)]
    public void A_vms_own_group_is_known_by_its_name_and_no_others_is_taken_for_it(string path, bool own)
    {
        Write("proc/4711/cgroup", $"3:cpu:/\n0::{path}\n");
        Assert.Equal(own ? path : null, VmGroup.Of(4711, _root.Path)?.Name);
    }

    [Fact]
    public void A_new_name_is_found_again_and_tells_one_state_folder_from_another()
    {
        var name = VmGroup.NewName(Web, "/var/lib/dmm");
        Write("proc/4711/cgroup", $"0::/dmm/{name}\n");
        Assert.Equal(_root.In($"sys/fs/cgroup/dmm/{name}"), VmGroup.Of(4711, _root.Path)!.Folder);
        Assert.NotEqual(name, VmGroup.NewName(Web, "/var/lib/dmm"));
        Assert.NotEqual(VmGroup.Mark("/var/lib/dmm"), VmGroup.Mark("/srv/dmm"));
    }

    [Fact]
    public void It_holds_what_is_charged_to_it_less_what_the_host_can_have_back()
    {
        Write("g/memory.current", $"{1000L << 20}\n");
        Write("g/memory.stat",
            $"anon {600L << 20}\nfile {350L << 20}\nkernel {50L << 20}\nshmem {100L << 20}\ninactive_file {200L << 20}\n"
            + $"active_file {50L << 20}\nslab_reclaimable {10L << 20}\n");
        Assert.Equal(MemorySize.FromMiB(740), Group.Held());
        Assert.Equal(MemorySize.FromMiB(40), Group.Kernel());
        Assert.Null(new VmGroup("/none", _root.In("none")).Held());
    }

    [Fact]
    public void Bounds_are_set_in_whole_and_the_group_ends_as_one()
    {
        Files(max: "max", high: "max", heldMiB: 300);
        Bound(claim: 512, most: 1024, guarantee: 128);
        Assert.Equal(("1073741824", "536870912", "134217728", "1"),
            (Read("memory.max"), Read("memory.high"), Read("memory.min"), Read("memory.oom.group")));
    }

    [Fact]
    public void DMMs_own_folder_is_protected_with_all_its_vms_together_and_a_scope_is_not_touched()
    {
        foreach (var (name, min) in new[] { ("dmm-vm-a-0123456789abcdef", 0L), ("dmm-vm-b-0123456789abcdef", 64L << 20) })
        {
            _root.Tree($"dmm/{name}/memory.max", "max\n");
            _root.Tree($"dmm/{name}/memory.high", "max\n");
            _root.Tree($"dmm/{name}/memory.min", $"{min}\n");
            _root.Tree($"dmm/{name}/memory.oom.group", "0\n");
        }

        _root.Tree("dmm/memory.min", "0\n");
        VmBounds bounds = new(MemorySize.FromMiB(512), MemorySize.FromMiB(512), MemorySize.FromMiB(128));
        new VmGroup("/dmm/dmm-vm-a-0123456789abcdef", _root.In("dmm/dmm-vm-a-0123456789abcdef")).Bound(bounds);
        Assert.Equal($"{192L << 20}", File.ReadAllText(_root.In("dmm/memory.min")).Trim());

        _root.Tree("dmm/memory.min", "7\n");
        new VmGroup("/dmm-vm-a-0123456789abcdef.scope/vm", _root.In("dmm/dmm-vm-a-0123456789abcdef")).Bound(bounds);
        Assert.Equal("7", File.ReadAllText(_root.In("dmm/memory.min")).Trim());
    }

    [Fact]
    public void High_never_lies_above_max()
    {
        // The write that fails shows what was written before it.
        Files(max: $"{512L << 20}", high: null, heldMiB: 300);
        Assert.Throws<HypervisorException>(() => Bound(claim: 768, most: 1024));
        Assert.Equal($"{1024L << 20}", Read("memory.max"));

        Files(max: $"{1024L << 20}", high: null, heldMiB: 300);
        Assert.Throws<HypervisorException>(() => Bound(claim: 256, most: 512));
        Assert.Equal($"{1024L << 20}", Read("memory.max"));
    }

    [Fact]
    public void Max_is_not_lowered_below_what_the_vm_holds_since_that_would_kill_it()
    {
        Files(max: $"{1024L << 20}", high: $"{1024L << 20}", heldMiB: 700);

        var e = Assert.Throws<HypervisorException>(() => Bound(claim: 512, most: 600));

        Assert.Contains("memory.max stays as it is: the VM holds 700 MiB, and 600 MiB would get it killed", e.Message,
            StringComparison.Ordinal);
        Assert.Equal(($"{1024L << 20}", $"{512L << 20}"), (Read("memory.max"), Read("memory.high")));
    }

    [Fact]
    public void A_fault_names_the_file_the_value_and_the_systems_reason()
    {
        Files(max: "max", high: null, heldMiB: 1);
        Assert.Equal(
            $"{_root.In("g/memory.high")}: '268435456' could not be written: No space left on device",
            Assert.Throws<HypervisorException>(() => Bound(claim: 256, most: 512)).Message);

        Assert.Contains("below the claim", Assert.Throws<HypervisorException>(() => Bound(claim: 256, most: 128)).Message,
            StringComparison.Ordinal);

        File.Delete(_root.In("g/memory.high"));
        File.CreateSymbolicLink(_root.In("g/memory.high"), "/dev/null");
        Assert.Contains(
            "268435456 was written, and it is unreadable now",
            Assert.Throws<HypervisorException>(() => Bound(claim: 256, most: 512)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vm_without_a_group_is_not_bound_and_the_reason_is_told()
    {
        using var host = new HostSide(Web, Environment.ProcessId, null, "dmm.qemu.groups is off", TimeProvider.System);
        Assert.Equal(
            "VM 'web' can't be held to its claim: dmm.qemu.groups is off",
            (await Assert.ThrowsAsync<HypervisorException>(() => host.BoundAsync(new(new(1), new(1), new(0)), default))).Message);
        var able = host.Of(new(true, MemorySize.Zero, MemorySize.FromMiB(2), []));
        Assert.Equal((null, "dmm.qemu.groups is off"), (able.Group, able.Unenforced));
    }

    [Fact]
    public async Task Bounds_that_are_set_at_once_come_one_after_the_other()
    {
        Files(max: "max", high: "max", heldMiB: 1);
        using var host = new HostSide(Web, null, Group, null, TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(1, 50).Select(
            i => host.BoundAsync(new(MemorySize.FromMiB(i), MemorySize.FromMiB(100 + i), MemorySize.Zero), default))).InTime();

        Assert.Equal(100L << 20, long.Parse(Read("memory.max")) - long.Parse(Read("memory.high")));
        Assert.Equal("/g", host.Of(new(true, MemorySize.Zero, MemorySize.FromMiB(2), [])).Group);
    }

    private void Bound(long claim, long most, long guarantee = 0) =>
        Group.Bound(new(MemorySize.FromMiB(claim), MemorySize.FromMiB(most), MemorySize.FromMiB(guarantee)));

    /// <param name="high">Null: a file that can't be written.</param>
    private void Files(string max, string? high, long heldMiB)
    {
        Write("g/memory.current", $"{heldMiB << 20}\n");
        Write("g/memory.max", max + "\n");
        Write("g/memory.min", "0\n");
        Write("g/memory.oom.group", "0\n");
        File.Delete(_root.In("g/memory.high"));
        if (high is not null)
            Write("g/memory.high", high + "\n");
        else
            File.CreateSymbolicLink(_root.In("g/memory.high"), "/dev/full");
    }

    private string Read(string file) => File.ReadAllText(_root.In($"g/{file}")).Trim();

    private void Write(string path, string text) => _root.Tree(path, text);
}
