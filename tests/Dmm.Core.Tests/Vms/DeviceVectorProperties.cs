using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// Several devices that somebody else told different sizes before, and that give and take at their own pace: between reading them, while
/// telling each of them, and afterwards. A failure prints a seed and a shrunk history.
/// </summary>
public sealed class DeviceVectorProperties
{
    private static readonly int[] Blocks = [2, 4, 128];

    private static readonly Gen<int> PerCent = Gen.Int[0, 100];

    private static readonly Gen<HotplugDevice> AnyDevice = Gen.Select(
        Gen.Int[0, 2], Gen.Int[1, 16], PerCent, PerCent, (block, max, size, requested) =>
    {
        var unit = MemorySize.FromMiB(Blocks[block]);
        var most = MemorySize.FromMiB(128 * max);
        return new HotplugDevice(most.Scale(size / 100.0).RoundDown(unit), most.Scale(requested / 100.0).RoundDown(unit), most, unit);
    });

    private static readonly Gen<HotplugDevice[]> AnyDevices = AnyDevice.Array[1, 5];

    private static readonly Gen<int> AnyMib = Gen.Int[0, 4000];

    /// <summary>The part of the way, in percent, that each device moves towards what it was told, each time that it is looked at.</summary>
    private static readonly Gen<int[]> Moves = Gen.OneOf(Gen.Int[0, 100], Gen.Const(0), Gen.Const(100)).Array[1, 40];

    private static readonly Gen<(HotplugDevice[] Devices, int[] Amounts, int[] Moves)> Histories = Gen.Select(
        AnyDevices, Gen.Int[0, 4000].Array[1, 8], Moves);

    [Fact]
    public void Together_they_never_become_more_than_the_amount_or_than_they_could_before() => Histories.Sample(StayBelow, iter: 1_000);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void Nor_do_they_over_many_histories() => Histories.Sample(StayBelow, iter: 20_000);

    private static void StayBelow(HotplugDevice[] devices, int[] amounts, int[] moves)
    {
        var moving = new Moving(devices, moves);
        foreach (var amount in amounts.Select(a => MemorySize.FromMiB(a * 2)))
        {
            var bound = MemorySize.Max(amount, DeviceVector.Most(moving.Devices));
            moving.Ask(
                amount, () => Assert.True(
                    DeviceVector.Most(moving.Devices) <= bound, $"{moving}, asked for {amount}, which could become {bound}"));
        }
    }

    [Fact]
    public void No_device_is_raised_above_its_size_beyond_the_amount() => Sample(Gen.Select(AnyDevices, Gen.Int[0, 4000]), (devices, mib) =>
    {
        var amount = MemorySize.FromMiB(mib * 2);
        var told = DeviceVector.Spread(devices, amount);
        var after = devices.Select((d, i) => d with { Requested = told[i] }).ToArray();
        for (var i = 0; i < devices.Length; i++)
        {
            Assert.True(told[i].Bytes % devices[i].Block.Bytes == 0 && told[i] <= devices[i].Max);
            if (told[i] > MemorySize.Max(devices[i].Size, devices[i].Requested))
                Assert.True(DeviceVector.Most(devices) <= amount && DeviceVector.Most(after) <= amount);
        }

        // Either all devices grow, or all shrink.
        var plugged = DeviceVector.Plugged(devices);
        Assert.All(
            Enumerable.Range(0, devices.Length),
            i => Assert.True(amount >= plugged ? told[i] >= devices[i].Size : told[i] <= devices[i].Size));
    });

    [Fact]
    public void As_it_is_moves_nothing() => Sample(AnyDevices, devices =>
        Assert.Equal(devices.Select(d => d.Size), DeviceVector.Spread(devices, DeviceVector.Plugged(devices))));

    [Fact]
    public void The_same_amount_is_the_same_again_while_they_move() =>
        Sample(Gen.Select(AnyDevices, Gen.Int[0, 60], Moves), (devices, units, moves) =>
    {
        var amount = MemorySize.FromMiB(128 * units);
        var moving = new Moving(devices, moves);
        moving.Ask(amount, () => { });
        // A growth that was being called off has stopped by now, at some size.
        moving.Ask(amount, () => { });
        var first = moving.Devices.Select(d => d.Requested).ToArray();
        for (var i = 0; i < 10; i++)
        {
            moving.Move();
            moving.Ask(amount, () => { });
            if (!Enumerable.SequenceEqual(first, moving.Devices.Select(d => d.Requested)))
                Assert.True(moving.CalledOff, $"{moving}, which was {string.Join(' ', first)}: asked for {amount}");
        }
    });

    [Fact]
    public void Devices_that_obey_reach_every_amount_of_whole_blocks() => Sample(Gen.Select(AnyDevices, Gen.Int[0, 60]), (devices, units) =>
    {
        var amount = MemorySize.Min(MemorySize.FromMiB(128 * units), devices.Aggregate(MemorySize.Zero, (sum, d) => sum + d.Max));
        var moving = new Moving(devices, [100]);
        for (var i = 0; i < 3 && !(DeviceVector.Plugged(moving.Devices) == amount && DeviceVector.Most(moving.Devices) == amount); i++)
        {
            moving.Ask(amount, () => { });
            moving.Move();
        }

        Assert.Equal(amount, DeviceVector.Plugged(moving.Devices));
        Assert.Equal(amount, DeviceVector.Most(moving.Devices));
    });

    /// <summary>
    /// Each device keeps some blocks for good. After enough repeated orders, the devices give all that can be given beside those blocks.
    /// </summary>
    [Fact]
    public void What_one_keeps_another_gives_in_its_turn() =>
        Sample(Gen.Select(AnyDevices, Gen.Int[0, 60], Gen.Int[0, 200].Array[5]), (any, units, keeps) =>
    {
        var block = any.Max(d => d.Block);
        HotplugDevice[] devices =
            [.. any.Select(d => d with { Size = d.Size.RoundDown(block), Requested = d.Size.RoundDown(block), Block = block })];
        MemorySize[] kept = [.. devices.Select((d, i) => MemorySize.Min(d.Size, new(block.Bytes * (keeps[i] % 4))))];
        var (amount, before) = (MemorySize.FromMiB(128 * units), DeviceVector.Plugged(devices));
        if (amount > before)
            return;
        var turn = new DeviceTurn();
        for (var round = 0; round < (devices.Length + 1) * (devices.Length + 1); round++)
        {
            var told = turn.Spread(devices, amount);
            for (var i = 0; i < devices.Length; i++)
                devices[i] = devices[i] with
                {
                    Requested = told[i],
                    Size = MemorySize.Max(told[i], MemorySize.Min(devices[i].Size, kept[i])),
                };
            Assert.True(DeviceVector.Plugged(devices) >= amount, $"{string.Join(' ', devices)}: less than {amount}");
        }

        var most = MemorySize.Max(amount, kept.Aggregate(MemorySize.Zero, (sum, k) => sum + k));
        Assert.Equal(most, DeviceVector.Plugged(devices));
    });

    [Fact]
    public void A_larger_amount_is_never_less_and_with_like_blocks_for_no_device() =>
        Sample(Gen.Select(AnyDevices, AnyMib, AnyMib), (devices, a, b) =>
    {
        var less = DeviceVector.Spread(devices, MemorySize.FromMiB(Math.Min(a, b) * 2));
        var more = DeviceVector.Spread(devices, MemorySize.FromMiB(Math.Max(a, b) * 2));
        Assert.True(less.Sum(p => p.Bytes) <= more.Sum(p => p.Bytes), $"{string.Join(' ', less)}, and for more {string.Join(' ', more)}");
        if (devices.All(d => d.Block == devices[0].Block))
            Assert.All(Enumerable.Range(0, devices.Length), i => Assert.True(less[i] <= more[i]));
    });

    private static void Sample<T>(Gen<T> gen, Action<T> holds) => gen.Sample(holds, iter: 5_000);

    private static void Sample<T1, T2>(Gen<(T1, T2)> gen, Action<T1, T2> holds) => gen.Sample(holds, iter: 5_000);

    private static void Sample<T1, T2, T3>(Gen<(T1, T2, T3)> gen, Action<T1, T2, T3> holds) => gen.Sample(holds, iter: 5_000);

    /// <summary>Devices whose guests move whenever something happens.</summary>
    private sealed class Moving(HotplugDevice[] devices, int[] moves)
    {
        private int _move;

        public HotplugDevice[] Devices { get; } = [.. devices];

        /// <summary>A growth that was called off went on before the device heard of that.</summary>
        public bool CalledOff { get; private set; }

        /// <param name="check">Called after everything that happens.</param>
        public void Ask(MemorySize amount, Action check)
        {
            var read = Devices.ToArray();
            var told = DeviceVector.Spread(read, amount);
            foreach (var i in DeviceVector.InOrder(read, told))
            {
                Move();
                check();
                var (device, size) = (Devices[i], read[i].Size);
                CalledOff |= (told[i] < device.Requested && device.Size > size) || (told[i] > device.Requested && device.Size < size);
                Devices[i] = Devices[i] with { Requested = told[i] };
                check();
            }
        }

        public void Move()
        {
            for (var i = 0; i < Devices.Length; i++)
            {
                var (device, percent) = (Devices[i], moves[_move++ % moves.Length]);
                var blocks = (device.Requested.Bytes - device.Size.Bytes) / device.Block.Bytes * percent / 100;
                Devices[i] = device with { Size = new(device.Size.Bytes + (blocks * device.Block.Bytes)) };
            }
        }

        public override string ToString() => string.Join(' ', Devices);
    }
}
