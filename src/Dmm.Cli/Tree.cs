using System.CommandLine;
using Dmm.Cli.Verbs;
using Dmm.Commands;

namespace Dmm.Cli;

/// <summary>The verbs of <c>dmm</c>.</summary>
internal static class Tree
{
    public static Command Of(CommandLine line)
    {
        var root = new RootCommand("Manages the memory of virtual machines: talks to dmmd, which moves it to where it is needed.");
        var host = new Command("host", "This host: its memory, and whether it takes VMs");
        host.Subcommands.Add(HostShow.Build(line));
        host.Subcommands.Add(HostDrain.Build(line));
        host.Subcommands.Add(HostUndrain.Build(line));
        var vm = new Command("vm", "Virtual machines");
        foreach (var verb in new[]
                 {
                     VmList.Build(line), VmShow.Build(line), VmExplain.Build(line), VmCreate.Build(line), VmAdopt.Build(line),
                     VmSet.Build(line),
                     VmResize.Build(line), VmStop.Build(line), VmStart.Build(line), VmForget.Build(line),
                 })
        {
            vm.Subcommands.Add(verb);
        }

        root.Subcommands.Add(host);
        root.Subcommands.Add(vm);
        root.Subcommands.Add(ClusterVerbs.Build(line));
        root.Subcommands.Add(Events.Build(line));
        root.Subcommands.Add(OtherProgram.Lab());
        return root;
    }
}
