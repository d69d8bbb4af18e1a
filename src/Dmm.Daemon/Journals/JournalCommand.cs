using System.CommandLine;
using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Daemon.Hosting;
using Dmm.Settings;

namespace Dmm.Daemon.Journals;

/// <summary><c>dmmd journal</c>: the operator's tools for a journal that the daemon does not start with.</summary>
public static class JournalCommand
{
    public static Command Build(Option<string?> config, Func<Func<Task<int>>, Task<int>> guard)
    {
        var check = new Command("check", "Checks the journal and changes nothing; exit code 1 if it is broken") { config };
        check.SetAction((parse, _) => guard(() => Task.FromResult(Check(DmmSettings.Load(parse.GetValue(config)), Console.Out))));
        var rebuild = new Command(
            "rebuild", "Moves the journal aside and makes a new one from the VMs that run; refuses while a daemon runs") { config };
        rebuild.SetAction(
            (parse, cancellation) => guard(() => RebuildAsync(DmmSettings.Load(parse.GetValue(config)), Console.Out, cancellation)));
        return new Command("journal", "Checks and rebuilds the journal, without a daemon") { check, rebuild };
    }

    public static int Check(DmmSettings settings, TextWriter output)
    {
        var findings = JournalCheck.Run(settings.Journal.Path, Empty(settings), Clocks.Read(TimeProvider.System));
        var width = findings.Max(f => f.Question.Length);
        foreach (var finding in findings)
            output.WriteLine($"{(finding.Well ? "ok     " : "BROKEN ")} {finding.Question.PadRight(width)}  {finding.Answer}");
        if (findings.All(f => f.Well))
            return 0;
        output.WriteLine($"The journal is broken: {JournalFaults.WayOut}.");
        return ExitCodes.Failed;
    }

    public static async Task<int> RebuildAsync(DmmSettings settings, TextWriter output, CancellationToken cancellation)
    {
        using var state = StateDirectory.Hold(settings.StateDir);
        await using var hypervisor = ActorSettings.HypervisorOf(settings, line => output.WriteLine(line));
        try
        {
            var (vms, aside) = await JournalRebuild.RunAsync(
                settings.Journal.Path, Empty(settings), hypervisor, Clocks.Read(TimeProvider.System), cancellation);
            foreach (var vm in vms)
                output.WriteLine($"{(vm.Known ? "ok     " : "DECIDE ")} {vm.Vm}: {vm.Text}");
            output.WriteLine($"{settings.Journal.Path} is new{(aside is null ? "" : $"; the old one is {aside}")}. Start dmmd again.");
            return 0;
        }
        catch (HypervisorException fault)
        {
            throw new StartException(fault.Message, fault);
        }
    }

    private static Core.Hosts.HostState Empty(DmmSettings settings) => new(new Ledger(settings.Host.Governed(), settings.Host.Reserve));
}
