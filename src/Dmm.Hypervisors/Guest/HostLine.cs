using System.Globalization;
using System.Text;
using Dmm.Core;

namespace Dmm.Hypervisors.Guest;

/// <summary>The lines that DMM sends to a guest's agent (docs/develop/guest-protocol.md), each with its newline.</summary>
public static class HostLine
{
    /// <summary>The first version of the protocol whose agents answer requests and report their settings.</summary>
    public const int QuestionsSince = 2;

    /// <summary>The lowest threshold that an agent accepts.</summary>
    public static readonly MemorySize LeastLow = MemorySize.FromMiB(16);

    public static ReadOnlyMemory<byte> AskSample { get; } = Line("""{"t":"ask","what":"sample"}""");

    public static ReadOnlyMemory<byte> AskHello { get; } = Line("""{"t":"ask","what":"hello"}""");

    /// <param name="low">Base of the agent's low threshold.</param>
    public static ReadOnlyMemory<byte> Settings(MemorySize low) =>
        Line(string.Create(CultureInfo.InvariantCulture, $$"""{"t":"settings","lowKib":{{low.Bytes >> 10}}}"""));

    private static byte[] Line(string json) => Encoding.UTF8.GetBytes(json + "\n");
}
