using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Tests.Replay;

/// <summary>Shared parts of the replay's tests: sizes in MiB, times in seconds, delays that are easy to compute with.</summary>
internal static class Shared
{
    public const long Mib = 1 << 20;
    public const long Second = 1_000_000;

    /// <summary>Every mechanism takes a second to answer and then moves 100 MiB a second; a guest swaps out 50.</summary>
    public static MechanismDelays Plain { get; } = new()
    {
        PlugMibPerSecond = 100,
        PlugLatencyMs = 1000,
        UnplugMibPerSecond = 100,
        UnplugLatencyMs = 1000,
        DeflateMibPerSecond = 100,
        InflateMibPerSecond = 100,
        BalloonLatencyMs = 1000,
        SwapOutMibPerSecond = 50,
        HearingLeastMs = 500,
        HearingMostMs = 500,
        ConfirmMs = 1000,
    };

    /// <param name="need">Pairs of a time in seconds, and the need in MiB from then on.</param>
    public static VmPlan Vm(string name, long min, long max, params (double At, long Mib)[] need) => new(
        name,
        MemorySize.FromMiB(min),
        MemorySize.FromMiB(min),
        MemorySize.FromMiB(max),
        1000,
        new([.. need.Select(n => (long)(n.At * Second))], [.. need.Select(n => n.Mib * Mib)], Linear: false));

    public static ReplayEngine Engine(long memory, ILaw law, double seconds, params VmPlan[] vms) =>
        new(memory * Mib, vms, law, Plain, (long)(seconds * Second), seed: 1);
}

/// <summary>A law that sets scripted targets at its periods.</summary>
internal sealed class ScriptedLaw(double period, Func<TimeSpan, int, LawGuest, long?> target, LawEvents hears = LawEvents.None) : ILaw,
    ITellsUrgency
{
    public List<(double At, LawEvents Why)> Calls { get; } = [];

    public int Urgent { get; init; } = -1;

    public bool BalloonOnly { get; init; }

    /// <summary>Looks at each of its periods, even if nothing has changed.</summary>
    public bool Restless { get; init; }

    public string Name => "scripted";

    public TimeSpan Period => TimeSpan.FromSeconds(period);

    public LawEvents Hears => hears;

    public void Forget(int slot)
    {
        // This law learns nothing.
    }

    public bool IsUrgent(int slot) => slot == Urgent;

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        Calls.Add((now.TotalSeconds, why));
        for (var i = 0; i < guests.Length; i++)
            targets[i] = target(now, i, guests[i]) * Shared.Mib ?? targets[i];
        return Restless ? now : null;
    }
}

/// <summary>A test's own folder, which is deleted at its end.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("dmm-lab-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string File(string name, params string[] lines)
    {
        var file = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllLines(file, lines);
        return file;
    }
}

/// <summary>A test on real VMs' traces, which are not part of the project: it is skipped, with the reason, if they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedTracesFactAttribute : FactAttribute
{
    public SharedTracesFactAttribute()
    {
        if (Folder is null)
            Skip = "no traces in ../shared/traces beside the checkout: real VMs' traces are not part of the project";
    }

    public static string? Folder
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "DMM.sln")))
                {
                    var traces = Path.Combine(at.FullName, "..", "shared", "traces");
                    return Directory.Exists(traces) ? traces : null;
                }
            }

            return null;
        }
    }
}
