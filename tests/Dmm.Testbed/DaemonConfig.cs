using System.Globalization;
using Dmm.Core;

namespace Dmm.Testbed;

/// <summary>The settings of a daemon on the test bed; a setting that is not here keeps its default of config/reference.conf.</summary>
public sealed record DaemonConfig
{
    public string Hypervisor { get; init; } = "qemu";

    public required MemorySize HostMemory { get; init; }

    public MemorySize HostReserve { get; init; } = MemorySize.Zero;

    /// <summary>Null: the default part of the host's memory.</summary>
    public MemorySize? Cushion { get; init; }

    /// <summary>Further lines of HOCON within <c>dmm { }</c>.</summary>
    public string More { get; init; } = "";

    public string Text(string stateDirectory, string socket) => string.Create(CultureInfo.InvariantCulture, $$"""
        dmm {
          hypervisor = {{Hypervisor}}
          state-dir = "{{stateDirectory}}"
          socket = "{{socket}}"
          host {
            memory = {{HostMemory.ToExactText()}}
            reserve = {{HostReserve.ToExactText()}}
            register = "{{stateDirectory}}/register"
            {{(Cushion is { } cushion ? $"cushion = {cushion.ToExactText()}" : "")}}
          }
          {{More}}
        }

        """);
}
