using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>What is added is of the kind of the VM's boot memory, or is refused with the reason.</summary>
public sealed class MemoryKindTests : IDisposable
{
    private const string Plain = """{"share": false, "policy": "default", "host-nodes": []}""";
    private const string Shared = """{"share": true, "policy": "default", "host-nodes": []}""";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ram", Plain, "{}", """{"share": false}""", null)]
    [InlineData("ram", Shared, "{}", """{"share": true}""", null)]
    [InlineData(
        "ram", """{"share": false, "merge": false, "dump": false, "prealloc": true, "policy": "bind", "host-nodes": [1]}""", "{}",
        """{"share": false, "merge": false, "dump": false, "prealloc": true, "policy": "bind", "host-nodes": [1]}""", true)]
    [InlineData("memfd", Shared, """{"hugetlb": false, "hugetlbsize": 0}""", """{"share": true}""", null)]
    [InlineData(
        "memfd", Shared, """{"hugetlb": true, "hugetlbsize": 2097152}""",
        """{"share": true, "hugetlb": true, "hugetlbsize": 2097152}""", true)]
    [InlineData("file", Shared, """{"mem-path": "/tmp"}""", """{"share": true, "mem-path": "/tmp"}""", true)]
    public async Task Added_memory_follows_the_boot_memory(string type, string facts, string properties, string expected, bool? first)
    {
        foreach (var named in new[] { true, false })
        {
            await using var qemu = New(type, facts, properties, named);
            await using var vm = await ConnectAsync(qemu);
            await vm.RescueAsync(default).InTime();
            await vm.ExtendAsync(MemorySize.FromGiB(17), default).InTime();

            var (dimm, device) = (Added(qemu, "object-add", 0), Added(qemu, "object-add", 1));
            var wanted = JsonNode.Parse(expected)!.AsObject();
            (wanted["qom-type"], wanted["reserve"]) = ($"memory-backend-{type}", true);
            Assert.True(JsonNode.DeepEquals(wanted, Without(dimm, "id", "size")), dimm.ToJsonString());

            // The guest gets a part of a virtio-mem device: its memory is neither reserved nor allocated beforehand.
            wanted["reserve"] = false;
            wanted.Remove("prealloc");
            Assert.True(JsonNode.DeepEquals(wanted, Without(device, "id", "size")), device.ToJsonString());
            Assert.Equal(first, Added(qemu, "device_add", 1)["prealloc"]?.GetValue<bool>());
            Assert.All([0, 1], i => Assert.Equal(0, Added(qemu, "device_add", i)["node"]!.GetValue<int>()));
        }
    }

    [Theory]
    [InlineData("file", """{"mem-path": "/tmp/none/ram"}""", "its memory is the file /tmp/none/ram")]
    [InlineData("epc", "{}", "its memory is a memory-backend-epc (m)")]
    public async Task Memory_of_a_kind_that_can_not_be_added_is_refused_with_the_reason(string type, string properties, string reason)
    {
        await using var qemu = New(type, Shared, properties, named: true, virtioMem: false);
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal(
            (MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
            (vm.Capabilities.PluggableMax, vm.Capabilities.ExtendableTo, vm.Capabilities.RescueSize));
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains(reason, StringComparison.Ordinal));
        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.RescueAsync(default).InTime());
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0), (qemu.Count("object-add"), qemu.Count("device_add")));
    }

    [Fact]
    public async Task A_device_that_is_there_is_moved_even_if_none_can_be_added()
    {
        await using var qemu = New("file", Shared, """{"mem-path": "/tmp/none/ram"}""", named: true);
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MemorySize.FromGiB(1), default).InTime();

        Assert.Equal((1L << 30, MemorySize.FromGiB(16)), (qemu.RequestedBytes, vm.Capabilities.ExtendableTo));
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains("nothing is added to it", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_DIMM_is_smaller_than_a_huge_page()
    {
        await using var qemu = New("memfd", Shared, """{"hugetlb": true, "hugetlbsize": 1073741824}""", named: true, virtioMem: false);
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal(MemorySize.FromGiB(1), vm.Capabilities.BlockSize);
    }

    private static JsonObject Added(FakeQemu qemu, string command, int index) =>
        JsonNode.Parse(
            qemu.Heard.Where(h => h.StartsWith(command + " ", StringComparison.Ordinal)).ElementAt(index)[(command.Length + 1)..])!
            .AsObject();

    private static JsonObject Without(JsonObject of, params string[] names)
    {
        foreach (var name in names)
            Assert.True(of.Remove(name), name);
        return of;
    }

    private FakeQemu New(string type, string facts, string properties, bool named, bool virtioMem = true) =>
        new(_folder.In("q"))
        {
            BootMemory = ("m", $"memory-backend-{type}", facts, properties),
            NamesBootMemory = named,
            MemoryAddress = 0x7f0000000000,
            HasVirtioMem = virtioMem,
        };

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, new FakeTimeProvider())
            .ConnectAsync(qemu.Handle, _ => { }, default).InTime();
}
