using System.Text.Json;
using Dmm.Contracts;
using Dmm.Files;

namespace Dmm.Lab.Replay;

/// <summary>
/// The delays and rates of each mechanism on real guests. The defaults are rounded measurements of <c>make bench PART=mechanisms</c> on
/// a quiet machine, with QEMU 7.2 without KVM and guests that boot like users' guests (docs/operate/results.md). <c>--delays FILE</c>
/// sets others, such as the measurements of a benchmark on one's own machine. Rates are in MiB/s, times in milliseconds.
/// </summary>
public sealed record MechanismDelays
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };

    /// <summary>virtio-mem, growth: 4 GiB in 0.26 s.</summary>
    public double PlugMibPerSecond { get; init; } = 19_000;

    public double PlugLatencyMs { get; init; } = 50;

    /// <summary>
    /// virtio-mem, shrink: 4 GiB in 7.4 s, because the guest's kernel zeroes each page that it takes out of use; 0.3 s with
    /// <c>init_on_alloc=0</c>.
    /// </summary>
    public double UnplugMibPerSecond { get; init; } = 560;

    public double UnplugLatencyMs { get; init; } = 100;

    /// <summary>virtio-balloon, deflation (memory goes to the guest): 512 MiB in 0.4 s.</summary>
    public double DeflateMibPerSecond { get; init; } = 1_200;

    /// <summary>
    /// virtio-balloon, inflation (memory is taken): 512 MiB in 3.5 s, because its pages are zeroed too; 0.4 s with
    /// <c>init_on_alloc=0</c>.
    /// </summary>
    public double InflateMibPerSecond { get; init; } = 145;

    public double BalloonLatencyMs { get; init; } = 60;

    /// <summary>A guest that is taken below its need swaps out first, at most at this rate.</summary>
    public double SwapOutMibPerSecond { get; init; } = 200;

    /// <summary>The rate at which page cache fills idle memory.</summary>
    public double CacheFillMibPerSecond { get; init; } = 100;

    /// <summary>The delay from a rise of a guest's need until the law hears of it: drawn between the two bounds for each.</summary>
    public double HearingLeastMs { get; init; } = 20;

    public double HearingMostMs { get; init; } = 100;

    /// <summary>The guest's agent reports when less than this is available, in MiB.</summary>
    public double LowMemoryMib { get; init; } = 64;

    /// <summary>A long shrink is confirmed in steps of this length.</summary>
    public double ConfirmMs { get; init; } = 155;

    /// <exception cref="LabException">The file can't be read, or its content is not valid.</exception>
    public static MechanismDelays Read(string file)
    {
        try
        {
            var delays = JsonSerializer.Deserialize<MechanismDelays>(RegularFile.ReadText(file), Json)
            ?? throw new JsonException("it is null");
            return delays.Fault() is { } fault ? throw new JsonException(fault) : delays;
        }
        catch (WrongFileException e)
        {
            throw new LabException(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            var why = e is JsonException json ? JsonFaults.InPlainWords(json) : e.Message;
            throw new LabException(
                $"{file}: {why}; it must be a JSON object of delays, such as {{\"plugMibPerSecond\": 11000, \"plugLatencyMs\": 30}}");
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
