using System.CommandLine;
using System.Diagnostics;
using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Admission;

/// <summary>
/// Measures the time to a running VM: on an empty host, on a host whose peers hold all memory, and on the latter also under squeezed's
/// law. It is measured as a user sees it, through the daemon's interface.
/// </summary>
internal static class AdmissionPart
{
    private const string NewVm = "newcomer";

    private static readonly MemorySize Max = MemorySize.FromMiB(640);
    private static readonly MemorySize Min = MemorySize.FromMiB(128);
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);
    private static readonly string[] Peers = ["alpha", "bravo", "carol"];

    /// <summary>The memory of the peers together, which they fill on the full host; on the empty host the new VM shares it.</summary>
    private static readonly MemorySize Guests = MemorySize.FromMiB(1152);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FilledAfter = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(20);

    public static Command Build(Option<string> output)
    {
        var rounds = new Option<int>("--rounds") { Description = "VMs created in each situation", DefaultValueFactory = _ => 10 };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000)
                result.AddError("--rounds must be from 1 to 1000");
        });
        var command = new Command("admission", "Time to a running VM on a full host, next to an empty one and to squeezed's law")
        {
            rounds,
            output,
        };
        command.SetAction((parsed, cancellation) => PartRun.GuardAsync(
            "admission", say => RunAsync(parsed.GetValue(rounds), parsed.GetValue(output)!, say, cancellation), cancellation));
        return command;
    }

    private static async Task RunAsync(int rounds, string output, Say say, CancellationToken cancellation)
    {
        var (machine, image) = (await QemuMachine.LookAsync(cancellation), await GuestImage.EnsureAsync(_ => { }, cancellation));
        await using var house = new BenchHouse(cancellation);
        say.Line($"boots three guests that will hold {Guests}");
        await house.MoveInAsync([.. Peers.Select(name => new GuestPlan(name, Min, Boot, Max))], [], Boot);
        List<Creation> creations = [];
        (Host Host, string Law)[] situations = [(Host.Empty, "dmm"), (Host.Full, "dmm"), (Host.Full, "squeezed")];
        // Situations change in blocks: each block begins with a new start of the daemon.
        var block = Math.Min(rounds, 5);
        foreach (var (round, situation) in RunOrder.Of(situations, (rounds + block - 1) / block, seed: 1))
        {
            var count = Math.Min(block, rounds - ((round - 1) * block));
            await BlockAsync(house, image, situation.Host, situation.Law, round, count, creations, say, cancellation);
        }

        var report = new AdmissionReport(machine, Guests.Bytes, Boot.Bytes, CreationFigures.Of(creations), creations);
        var file = ReportFile.Write(output, "admission.json", report);
        foreach (var f in report.Figures)
            say.Line($"{f.Host,-5} host, {f.Law,-8}: room after {f.RoomMs.Text("ms")}, running after {f.RunningMs.Text("ms")}");
        var table = new MarkdownTable("host", "law", "memory is there, ms", "running, ms", "running, 99 %, ms", "VMs");
        foreach (var f in report.Figures)
            table.Add(f.Host.ToString().ToLowerInvariant(), $"`{f.Law}`", MarkdownTable.Spread(f.RoomMs), MarkdownTable.Spread(f.RunningMs),
                MarkdownTable.One(f.RunningMs.P99), MarkdownTable.Number(f.RunningMs.Count));
        say.Line($"{file}, {table.Write(output, "admission.md")}");
    }

    private static async Task BlockAsync(
        BenchHouse house, GuestImage image, Host host, string law, int round, int count, List<Creation> creations, Say say,
        CancellationToken cancellation)
    {
        // The new VM's own overhead is additional memory of the host, as that of its peers is.
        var newcomer = new MemorySize(house.Overhead.Bytes / Peers.Length);
        await house.BeginAsync(law, Guests + newcomer + (host == Host.Empty ? Boot + Boot : MemorySize.Zero), Boot);
        for (var i = 0; i < count; i++)
        {
            await FillAsync(house, cancellation);
            var made = await CreateAsync(house, image, host, law, ((round - 1) * count) + i + 1, cancellation);
            creations.Add(made);
            say.Line(
                $"{host,-5} host, {law,-8}: {made.FreeMibBefore,5:0} MiB free, room after {made.RoomMs ?? double.NaN,6:0} ms, running "
                    + $"after {made.RunningMs ?? double.NaN,6:0} ms {made.Reason}(load {made.LoadAverage:0.0})");
        }

        await house.EndAsync(Boot);
    }

    /// <summary>
    /// Lets the peers fill the host. They have held all memory and need little of it now, like guests that have read files or after a
    /// burst.
    /// </summary>
    private static async Task FillAsync(BenchHouse house, CancellationToken cancellation)
    {
        var each = new MemorySize(Guests.Bytes / Peers.Length).RoundDown(MemorySize.FromMiB(4));
        foreach (var name in Peers)
            await house.Client.ResizeAsync(name, each.Bytes, cancellation);
        // The peers grow as far as the law lets them: DMM keeps its cushion free. The growth is over when nobody has grown for a while.
        var (most, since) = (0L, Stopwatch.StartNew());
        await Wait.UntilAsync("the peers have filled the host", async () =>
        {
            var held = (await house.Client.VmsAsync(cancellation)).Sum(vm => vm.ActualBytes);
            if (held > most)
                (most, since) = (held, Stopwatch.StartNew());
            return held >= Guests.Bytes || since.Elapsed >= FilledAfter;
        }, Deadline, cancellation);
        foreach (var name in Peers)
            await house.Client.ResizeAsync(name, null, cancellation);
    }

    private static async Task<Creation> CreateAsync(
        BenchHouse house, GuestImage image, Host host, string law, int round, CancellationToken cancellation)
    {
        var (client, load) = (house.Client, Machine.LoadNow());
        var free = (await client.HostAsync(cancellation)).FreeBytes / (double)(1 << 20);
        var clock = Stopwatch.StartNew();
        await client.CreateAsync(
            new()
            {
                Name = NewVm,
                MinBytes = Min.Bytes,
                BootBytes = Boot.Bytes,
                MaxBytes = Max.Bytes,
                Kernel = image.Kernel,
                Initrd = image.Initrd,
                TimeoutSeconds = Deadline.TotalSeconds,
            },
            cancellation);
        double? room = null, running = null;
        VmView? last = null;
        while (running is null && clock.Elapsed < Deadline * 2)
        {
            last = (await client.VmsAsync(cancellation)).FirstOrDefault(vm => vm.Id == NewVm);
            var at = Math.Round(clock.Elapsed.TotalMilliseconds, 1);
            if (last is null && clock.Elapsed > TimeSpan.FromSeconds(1))
                break;
            if (last is { State: not ("requested" or "waiting") })
                room ??= at;
            if (last is { Guest.MemTotalBytes: not null, State: not "booting" })
                running = at;
            await Task.Delay(Grain, cancellation);
        }

        var reason = running is not null ? null
            : (await client.EventsAsync(cancellation)).LastOrDefault(e => e.Vm == NewVm)?.Text ?? last?.Why ?? "it was not up in time";
        if (last is not null)
        {
            await client.StopAsync(NewVm, TimeSpan.Zero, cancellation, kill: true);
            await Wait.UntilAsync(
                "the new VM is gone", async () => !(await client.VmsAsync(cancellation)).Any(vm => vm.Id == NewVm), Deadline, cancellation);
        }

        return new(host, law, round, Math.Round(free, 1), room, running, reason, load);
    }
}
