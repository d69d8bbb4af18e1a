using System.CommandLine;
using Dmm.Commands;
using Dmm.Lab;

namespace Dmm.Simulation;

/// <summary><c>dmm lab simulate</c> and <c>dmm lab campaign</c>: DMM's own soundness, tried by histories of faults.</summary>
public static class SimulationCommand
{
    /// <summary>As <c>dmm</c> passes its arguments on, <c>lab</c> included.</summary>
    public static Command Tree(CommandLine line) =>
        LabCommand.Below(
            "DMM's soundness, tried by histories of faults; needs no daemon", SimulateCommand.Build(), CampaignCommand.Build());
}
