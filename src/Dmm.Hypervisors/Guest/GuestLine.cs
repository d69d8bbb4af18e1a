using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// Reads the agent's lines (docs/develop/guest-protocol.md). The guest is not trusted: whatever it writes, the result has sizes that this
/// VM can have, counters that are not negative, and short printable texts. Anything else is refused with a reason; nothing is thrown.
/// <see cref="SampleBounds"/> limits what a guest says over time.
/// </summary>
public static class GuestLine
{
    /// <summary>The longest line in bytes, without its newline.</summary>
    public const int MaxLength = 4096;

    private const int MaxText = 64;
    private const int MaxDepth = 4;

    /// <summary>
    /// Memory blocks of Linux are from 16 MiB (POWER) to 2 GiB (large x86 guests); a smaller figure is ignored.
    /// </summary>
    private static readonly MemorySize LeastBlock = MemorySize.FromMiB(16);

    private static readonly MemorySize MostBlock = MemorySize.FromGiB(64);

    /// <param name="limit">The most memory that this VM can have: base and all that can be plugged.</param>
    public static GuestMessage Read(ReadOnlyMemory<byte> line, Moment at, MemorySize limit)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = MaxDepth });
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "t") is not { } type)
                return new GuestMessage.Refused($"JSON that is not an object with a type: '{ForeignText.Clean(line.Span, MaxText)}'");
            return type switch
            {
                "hello" => Hello(root, limit),
                "sample" => Sample(root, at, limit),
                _ => new GuestMessage.Unknown(type),
            };
        }
        catch (JsonException)
        {
            return new GuestMessage.Refused($"text that is not JSON: '{ForeignText.Clean(line.Span, MaxText)}'");
        }
        catch (InvalidOperationException)
        {
            // JSON can parse although its texts can't be read: bad UTF-8, and halves of surrogate pairs.
            return new GuestMessage.Refused($"JSON with a text that can't be decoded: '{ForeignText.Clean(line.Span, MaxText)}'");
        }
    }

    private static GuestMessage Hello(JsonElement root, MemorySize limit)
    {
        if (Count(root, "protocol") is not (>= 1 and <= int.MaxValue and var protocol))
            return new GuestMessage.Refused("a hello without its protocol's version");
        var hello = new GuestHello
        {
            Protocol = (int)protocol,
            AgentVersion = Text(root, "agent"),
            Kernel = Text(root, "kernel"),
            AutoOnline = Text(root, "autoOnline"),
            OnlinePolicy = Text(root, "onlinePolicy"),
            AutoMovableRatio = Count(root, "autoMovableRatio") is { } ratio ? (int)Math.Min(ratio, int.MaxValue) : null,
            MemmapOnMemory = Text(root, "memmapOnMemory"),
            BlockSize = Size(root, "blockKib", MostBlock) is { } block && block >= LeastBlock ? block : null,
            MemTotal = Size(root, "memTotalKib", limit),
            SwapTotal = Size(root, "swapTotalKib", MemorySize.MostThereIs),
            VirtioMem = Flag(root, "virtioMem"),
            Psi = Flag(root, "psi"),
        };
        return new GuestMessage.Hello(hello, Size(root, "lowKib", limit));
    }

    private static GuestMessage Sample(JsonElement root, Moment at, MemorySize limit)
    {
        if (Size(root, "memTotalKib", limit) is not { } total
            || Size(root, "memFreeKib", total) is not { } free
            || Size(root, "memAvailableKib", total) is not { } available)
        {
            return new GuestMessage.Refused("a sample whose memTotalKib, memFreeKib or memAvailableKib is missing or not a size");
        }

        return new GuestMessage.Sample(new GuestSample
        {
            At = at,
            Source = SampleSource.Agent,
            MemTotal = total,
            MemFree = free,
            MemAvailable = available,
            Anonymous = Size(root, "anonKib", total) ?? default,
            Unreclaimable = Size(root, "unreclaimableKib", total) ?? default,
            ActiveFile = Size(root, "activeFileKib", total) ?? default,
            InactiveFile = Size(root, "inactiveFileKib", total) ?? default,
            Shmem = Size(root, "shmemKib", total) ?? default,
            SwapTotal = Size(root, "swapTotalKib", MemorySize.MostThereIs) ?? default,
            SwapFree = Size(root, "swapFreeKib", MemorySize.MostThereIs) ?? default,
            Refaults = Count(root, "refaults") ?? 0,
            MajorFaults = Count(root, "majorFaults") ?? 0,
            SwapIns = Count(root, "swapIns") ?? 0,
            SwapOuts = Count(root, "swapOuts") ?? 0,
            OomKills = Count(root, "oomKills") ?? 0,
            StallSomeMicroseconds = Count(root, "stallSomeUs") ?? 0,
            StallFullMicroseconds = Count(root, "stallFullUs") ?? 0,
            Reason = Text(root, "why") switch
            {
                "low" => SampleReason.LowMemory,
                "stall" => SampleReason.Stall,
                _ => SampleReason.Periodic,
            },
        });
    }

    /// <summary>A member in KiB, cut at <paramref name="limit"/>; null where it is missing or is not a size.</summary>
    private static MemorySize? Size(JsonElement root, string name, MemorySize limit) =>
        Count(root, name) is not { } kib ? null
        : kib >= limit.Bytes / 1024 ? limit
        : MemorySize.FromKiB(kib);

    private static long? Count(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out var number) && number >= 0
            ? number
            : null;

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? ForeignText.Clean(value.GetString()!, MaxText)
            : null;

    private static bool? Flag(JsonElement root, string name) => !root.TryGetProperty(name, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}
