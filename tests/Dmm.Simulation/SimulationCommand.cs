using System.CommandLine;
using Dmm.Commands;
using Dmm.Lab;

namespace Dmm.Simulation;

/// <summary><c>dmm lab simulate</c> and <c>dmm lab campaign</c>: tests of DMM's own soundness by histories of faults.</summary>
public static class SimulationCommand
{
    /// <summary>The command tree. Takes the arguments as <c>dmm</c> passes them on, including <c>lab</c>.</summary>
    public static Command Tree(CommandLine line) =>
        LabCommand.Below(
            "Test DMM with histories of faults; needs no daemon", SimulateCommand.Build(), CampaignCommand.Build());
}
