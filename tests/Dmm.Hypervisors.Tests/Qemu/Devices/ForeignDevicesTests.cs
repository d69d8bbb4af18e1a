using System.Text.Json;
using CsCheck;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>What others have added to a VM is never removed, and its ports are never used, whatever it is named.</summary>
public sealed class ForeignDevicesTests : IDisposable
{
    private const long Size = 128 * FakeQemu.Mib;

    private static readonly Gen<(bool VirtioMem, Thing[] Things, (Step Step, int Amount)[] Steps)> Lives = Gen.Select(
        Gen.Bool, Gen.Enum<Thing>().Array[0, 8], Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 12]).Array[1, 10]);

    private readonly TestFolder _folder = new();

    /// <summary>A part of a VM's inventory.</summary>
    public enum Thing
    {
        Dimm,
        DimmOfAnEarlierRelease,
        Rescue,
        RescueOfAnEarlierRelease,
        LeftOver,

        ForeignDimm,
        ForeignDimmOfTheCommandLine,
        ForeignDimmWithThePrefix,
        ForeignRescue,
        ForeignObject,
        ForeignObjectWithoutThePrefix,
        ForeignPort,
        ForeignPortNamedSpare,
    }

    public enum Step
    {
        Plug,
        Extend,
        Rescue,
        GuestGives,
        NewDaemon,
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void No_command_ever_touches_what_is_not_DMMs_own() =>
        Lives.Sample(life => LiveAsync(life.VirtioMem, life.Things, life.Steps).GetAwaiter().GetResult(), iter: 100, threads: 1);

    [Fact]
    public async Task A_DIMM_with_the_name_of_an_earlier_release_but_other_memory_counts_as_base()
    {
        await using var qemu = new FakeQemu(_folder.In("q")) { HasVirtioMem = false };
        Put(qemu, Thing.ForeignDimm, 1);
        await using var vm = await ConnectAsync(qemu);

        var sizes = await vm.ReadSizesAsync(default).InTime();
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();

        Assert.Equal((MemorySize.FromMiB(384), MemorySize.Zero), (sizes.Base, sizes.Plugged));
        Assert.Equal((0, 0), (qemu.Count("device_del"), qemu.Count("object-del")));
    }

    [Fact]
    public async Task DIMMs_of_an_earlier_release_are_used_further_and_new_ones_have_higher_numbers()
    {
        await using var qemu = new FakeQemu(_folder.In("q")) { HasVirtioMem = false };
        Put(qemu, Thing.DimmOfAnEarlierRelease, 3);
        await using var vm = await ConnectAsync(qemu);
        Assert.Equal(MemorySize.FromMiB(128), (await vm.ReadSizesAsync(default).InTime()).Plugged);

        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        Assert.Equal("dmm-dimm4", qemu.Added[^1].Id);
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();
        await qemu.TakeAwayAsync("dimm3");

        Assert.Equal(["dmm-dimm4", "dimm3"], Ids(qemu, "device_del"));
        await Eventually.UntilAsync(() => !qemu.Objects.ContainsKey("dimm3-memory"), "its memory is given back");
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public async Task A_port_named_spare_is_DMMs_only_in_a_VM_that_DMM_launched(bool owned, int devices)
    {
        await using var qemu = new FakeQemu(_folder.In("q")) { SparePorts = 0, OtherPorts = ["spare0"] };
        await using var vm = await ConnectAsync(qemu, owned);
        if (owned)
            await vm.ExtendAsync(MemorySize.FromGiB(17), default).InTime();
        else
            await Assert.ThrowsAsync<HypervisorException>(() => vm.ExtendAsync(MemorySize.FromGiB(17), default).InTime());

        Assert.Equal(devices, qemu.Added.Count);
        Assert.Equal(owned, !vm.Capabilities.Lacks.Any(l => l.Contains("id=dmm-spare0", StringComparison.Ordinal)) || devices == 1);
    }

    private async Task LiveAsync(bool virtioMem, Thing[] things, (Step Step, int Amount)[] steps)
    {
        var ports = things.Select((thing, i) => thing switch
        {
            Thing.ForeignPort => $"slot{i}",
            Thing.ForeignPortNamedSpare => $"spare{i}",
            _ => null,
        }).OfType<string>().ToArray();
        await using var qemu = new FakeQemu(_folder.In("q")) { HasVirtioMem = virtioMem, SparePorts = 1, OtherPorts = ports };
        foreach (var (thing, i) in things.Select((thing, i) => (thing, i)))
            Put(qemu, thing, i);
        var (devices, objects) = (qemu.Added, qemu.Objects.Keys.ToHashSet());
        FakeQemu.Device[] foreign = [.. devices.Where((d, i) => !Own(d))];
        string[] foreignObjects = [.. objects.Where(o => foreign.Any(d => d.Memory == o)
            || !(o.StartsWith("dmm-", StringComparison.Ordinal) || devices.Any(d => Own(d) && d.Memory == o)))];
        var rescued = devices.Count(d => Own(d) && d.Id.Contains("rescue", StringComparison.Ordinal));

        var vm = await ConnectAsync(qemu);
        try
        {
            Assert.Equal(
                qemu.BootBytes + (Size * (foreign.Length + rescued)), (await vm.ReadSizesAsync(default).InTime()).Base.Bytes);
            foreach (var (step, amount) in steps)
            {
                if (step == Step.NewDaemon)
                {
                    await vm.DisposeAsync();
                    vm = await ConnectAsync(qemu);
                }

                await TakeAsync(vm, qemu, step, amount);
            }
        }
        finally
        {
            await vm.DisposeAsync();
        }

        Assert.All(foreign, d => Assert.Contains(d, qemu.Added));
        Assert.All(foreignObjects, o => Assert.Contains(o, qemu.Objects.Keys));
        Assert.DoesNotContain(Ids(qemu, "device_del"), id => foreign.Any(d => d.Id == id));
        Assert.DoesNotContain(Ids(qemu, "object-del"), id => foreignObjects.Contains(id));
        Assert.All(qemu.Added.Where(d => d.Bus is not null), d => Assert.Equal("dmm-spare0", d.Bus));
        Assert.All(qemu.Added.Except(devices), d => Assert.StartsWith("dmm-", d.Id, StringComparison.Ordinal));
    }

    private static async Task TakeAsync(IVirtualMachine vm, FakeQemu qemu, Step step, int amount)
    {
        try
        {
            switch (step)
            {
                case Step.Plug:
                    await vm.SetPluggedAsync(new(vm.Capabilities.BlockSize.Bytes * amount), default).InTime();
                    break;
                case Step.Extend:
                    await vm.ExtendAsync(MemorySize.FromGiB(1 + (4 * amount)), default).InTime();
                    break;
                case Step.Rescue:
                    await vm.RescueAsync(default).InTime();
                    break;
                case Step.GuestGives when Ids(qemu, "device_del").Find(id => qemu.Added.Any(d => d.Id == id)) is { } id:
                    await qemu.TakeAwayAsync(id);
                    break;
                default:
                    break;
            }

            await vm.ReadSizesAsync(default).InTime();
        }
        catch (HypervisorException e)
        {
            // A step that this VM can't take must be refused with a reason.
            Assert.NotEmpty(e.Message);
        }
    }

    private static void Put(FakeQemu qemu, Thing thing, int i)
    {
        switch (thing)
        {
            case Thing.Dimm:
                Plug(qemu, $"dmm-dimm{i}", $"dmm-dimm{i}-memory");
                break;
            case Thing.DimmOfAnEarlierRelease:
                Plug(qemu, $"dimm{i}", $"dimm{i}-memory");
                break;
            case Thing.Rescue:
                Plug(qemu, $"dmm-rescue{i}", $"dmm-rescue{i}-memory");
                break;
            case Thing.RescueOfAnEarlierRelease:
                Plug(qemu, $"rescue{i}", $"rescue{i}-memory");
                break;
            case Thing.LeftOver:
                qemu.Objects[$"dmm-dimm{i}-memory"] = Size;
                break;
            case Thing.ForeignDimm:
                Plug(qemu, $"dimm{i}", $"mem{i}");
                break;
            case Thing.ForeignDimmOfTheCommandLine:
                Plug(qemu, $"dimm{i}", $"dimm{i}-memory", hotplugged: false);
                break;
            case Thing.ForeignDimmWithThePrefix:
                Plug(qemu, $"dmm-dimm{i}", $"mem{i}");
                break;
            case Thing.ForeignRescue:
                Plug(qemu, $"rescue{i}", $"mem{i}");
                break;
            case Thing.ForeignObject:
                qemu.Objects[$"mem{i}"] = Size;
                break;
            case Thing.ForeignObjectWithoutThePrefix:
                qemu.Objects[$"dimm{i}-memory"] = Size;
                break;
            default:
                break;
        }
    }

    private static void Plug(FakeQemu qemu, string id, string memory, bool hotplugged = true)
    {
        qemu.Objects[memory] = Size;
        qemu.Add(new(id, "pc-dimm", memory, null) { Hotplugged = hotplugged });
    }

    private static bool Own(FakeQemu.Device device) => device.Hotplugged && device.Memory == $"{device.Id}-memory";

    private static List<string> Ids(FakeQemu qemu, string command) =>
    [
        .. qemu.Heard.Where(h => h.StartsWith(command + " ", StringComparison.Ordinal))
            .Select(h => JsonDocument.Parse(h[(command.Length + 1)..]).RootElement.GetProperty("id").GetString()!),
    ];

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu, bool owned = false) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, new FakeTimeProvider())
            .ConnectAsync(qemu.Handle with { Owned = owned }, _ => { }, default).InTime();
}
