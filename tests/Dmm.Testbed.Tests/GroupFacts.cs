using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Hypervisors.Linux;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// What a real kernel does with the bounds of a VM's control group, written as <see cref="VmGroup"/> writes them. The kernel is a guest's:
/// a host may have its memory controller in version 1, or not be root's.
/// </summary>
public sealed partial class GroupFacts
{
    private const string Setup =
        """
        #!/bin/busybox sh
        bb=/bin/busybox
        $bb mount -t proc proc /proc
        $bb mount -t sysfs sys /sys
        $bb mount -t devtmpfs dev /dev
        root=/sys/fs/cgroup
        $bb mount -t cgroup2 none $root
        echo +memory > $root/cgroup.subtree_control
        $bb mkdir $root/dmm
        echo +memory > $root/dmm/cgroup.subtree_control
        $bb mkdir $root/dmm/slow $root/dmm/dead
        put() { echo "$3" > "$root/dmm/$1/$2" || echo "FACT $1 refused: $2 is not $3"; }
        eat() { $bb sh -c 'echo $$ > "$0/cgroup.procs"; x=0123456789abcdef; while :; do x=$x$x; done' $root/dmm/$1 2> /dev/null & }
        tell() {
          read -r bytes < $root/dmm/$1/memory.current
          killed=$($bb sed -n 's/^oom_kill //p' $root/dmm/$1/memory.events)
          echo "FACT $1 $2: $((bytes >> 20)) $($bb wc -l < $root/dmm/$1/cgroup.procs) $killed"
        }

        """;

    [Fact]
    public async Task Beyond_high_a_process_is_held_near_it_and_beyond_max_it_dies_alone()
    {
        var image = await GuestImage.EnsureAsync(_ => { }, CancellationToken.None);
        using var folder = new TestbedFolder();
        var (initrd, console) = (folder.In("initrd"), folder.In("console"));
        var story = string.Join('\n',
        [
            .. Put("slow", 32, 256, long.MaxValue), .. Put("dead", 32, 32, long.MaxValue), "eat slow", "eat dead", "$bb sleep 8",
            "tell slow held", "tell dead killed",
            // A VM that may grow, and one that must give: what it holds can't be reclaimed, as in a guest without swap.
            .. Put("slow", 64, 256, 256L << 20), "$bb sleep 8", "tell slow raised",
            .. Put("slow", 16, 256, 256L << 20), "$bb sleep 1", "tell slow lowered",
            // Why max is never lowered below what is held.
            "put slow memory.max 16777216", "$bb sleep 2", "tell slow dead", "echo FACT end", "$bb poweroff -f", "",
        ]);
        await File.WriteAllBytesAsync(
            initrd, [.. await File.ReadAllBytesAsync(image.Initrd), .. CpioArchive.Of("facts", Setup.ReplaceLineEndings("\n") + story)]);

        using var qemu = folder.Start(() =>
        {
            var started = Process.Start("qemu-system-x86_64",
            [
                "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", "512M", "-nodefaults", "-display", "none",
                "-no-reboot", "-kernel", image.Kernel, "-initrd", initrd, "-append", $"{BareGuest.Usual} rdinit=/facts",
                "-serial", $"file:{console}",
            ]);
            return (started, started.Id);
        });
        using var late = new CancellationTokenSource(Deadline);
        await qemu.WaitForExitAsync(late.Token);
        var said = await File.ReadAllTextAsync(console);

        Assert.DoesNotContain("refused", said, StringComparison.Ordinal);
        Assert.True(Told(said, "slow held") is { Processes: 1, Killed: 0, MiB: >= 31 and <= 48 }, said);
        Assert.True(Told(said, "dead killed") is { Processes: 0, Killed: > 0 }, said);
        Assert.True(Told(said, "slow raised") is { Processes: 1, Killed: 0, MiB: >= 60 and <= 96 }, said);
        Assert.True(Told(said, "slow lowered") is { Processes: 1, Killed: 0, MiB: >= 60 }, said);
        Assert.True(Told(said, "slow dead") is { Processes: 0, Killed: > 0 }, said);
    }

    /// <summary>The steps in which DMM sets these bounds, in MiB.</summary>
    /// <param name="max">What memory.max is before, in bytes.</param>
    private static IEnumerable<string> Put(string group, long claim, long most, long max) =>
        VmGroup.Order(new(MemorySize.FromMiB(claim), MemorySize.FromMiB(most), MemorySize.FromMiB(8)), max)
            .Select(step => string.Create(CultureInfo.InvariantCulture, $"put {group} {step.File} {step.Value}"));

    private static (long MiB, int Processes, int Killed) Told(string said, string what)
    {
        var match = Fact().Matches(said).FirstOrDefault(m => m.Groups[1].Value == what);
        Assert.True(match is not null, $"the guest said nothing of '{what}': {said}");
        int Number(int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
        return (Number(2), Number(3), Number(4));
    }

    [GeneratedRegex(@"FACT (\w+ \w+): (\d+) (\d+) (\d+)")]
    private static partial Regex Fact();
}
