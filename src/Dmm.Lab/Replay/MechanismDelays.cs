using System.Text.Json;
using Dmm.Files;

namespace Dmm.Lab.Replay;

/// <summary>
/// How long each mechanism takes on real guests. The defaults are what <c>make bench PART=mechanisms</c> measured on a quiet machine, with
/// QEMU 7.2 without KVM and guests that boot as users' do (docs/operate/results.md), rounded; <c>--delays FILE</c> gives others, such as
/// those that a benchmark on a machine of one's own has measured. Sizes are MiB a second, times milliseconds.
/// </summary>
public sealed record MechanismDelays
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };

    /// <summary>virtio-mem, growing: 4 GiB in 0.26 s.</summary>
    public double PlugMibPerSecond { get; init; } = 19_000;

    public double PlugLatencyMs { get; init; } = 50;

    /// <summary>
    /// virtio-mem, shrinking: 4 GiB in 7.4 s, as the guest's kernel zeroes each page that it takes out of use; 0.3 s with
    /// <c>init_on_alloc=0</c>.
    /// </summary>
    public double UnplugMibPerSecond { get; init; } = 560;

    public double UnplugLatencyMs { get; init; } = 100;

    /// <summary>virtio-balloon, giving back to the guest: 512 MiB in 0.4 s.</summary>
    public double DeflateMibPerSecond { get; init; } = 1_200;

    /// <summary>virtio-balloon, taking: 512 MiB in 3.5 s, as its pages are zeroed too; 0.4 s with <c>init_on_alloc=0</c>.</summary>
    public double InflateMibPerSecond { get; init; } = 145;

    public double BalloonLatencyMs { get; init; } = 60;

    /// <summary>A guest that is taken below its need swaps out first, no faster than this.</summary>
    public double SwapOutMibPerSecond { get; init; } = 200;

    /// <summary>How fast page cache fills what is idle.</summary>
    public double CacheFillMibPerSecond { get; init; } = 100;

    /// <summary>From a guest's need to the law that hears it: drawn between the two for each.</summary>
    public double HearingLeastMs { get; init; } = 20;

    public double HearingMostMs { get; init; } = 100;

    /// <summary>Available memory below which a guest's agent calls, MiB.</summary>
    public double LowMemoryMib { get; init; } = 64;

    /// <summary>A long shrink is confirmed this often on its way.</summary>
    public double ConfirmMs { get; init; } = 155;

    /// <exception cref="LabException">The file can't be read, or is not what it should be.</exception>
    public static MechanismDelays Read(string file)
    {
        try
        {
            var delays = JsonSerializer.Deserialize<MechanismDelays>(RegularFile.ReadText(file), Json)
            ?? throw new JsonException("it is null");
            return delays.Fault() is { } fault ? throw new JsonException(fault) : delays;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new LabException(
                $"{file}: {e.Message}; it must be a JSON object of delays, such as {{\"plugMibPerSecond\": 11000, \"plugLatencyMs\": 30}}");
        }
    }

    private string? Fault()
    {
        foreach (var (name, value) in new[]
                 {
                     (nameof(PlugMibPerSecond), PlugMibPerSecond), (nameof(UnplugMibPerSecond), UnplugMibPerSecond),
                     (nameof(DeflateMibPerSecond), DeflateMibPerSecond),
                     (nameof(InflateMibPerSecond), InflateMibPerSecond), (nameof(SwapOutMibPerSecond), SwapOutMibPerSecond),
                     (nameof(CacheFillMibPerSecond), CacheFillMibPerSecond),
                     (nameof(ConfirmMs), ConfirmMs),
                 })
        {
            if (!(value is >= 1 and <= 1e9))
                return $"{JsonNamingPolicy.CamelCase.ConvertName(name)} is {value}; it must be from 1 to 1e9";
        }

        foreach (var (name, value) in new[]
                 {
                     (nameof(PlugLatencyMs), PlugLatencyMs), (nameof(UnplugLatencyMs), UnplugLatencyMs),
                     (nameof(BalloonLatencyMs), BalloonLatencyMs),
                     (nameof(HearingLeastMs), HearingLeastMs), (nameof(HearingMostMs), HearingMostMs), (nameof(LowMemoryMib), LowMemoryMib),
                 })
        {
            if (!(value is >= 0 and <= 1e6))
                return $"{JsonNamingPolicy.CamelCase.ConvertName(name)} is {value}; it must be from 0 to 1e6";
        }

        return HearingMostMs < HearingLeastMs ? "hearingMostMs is below hearingLeastMs" : null;
    }
}
