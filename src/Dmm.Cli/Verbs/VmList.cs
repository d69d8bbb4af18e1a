using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

internal static class VmList
{
    public static Command Build(CommandLine line) => line.Verb(
        new Command("list", "All VMs of this host"),
        async (_, session, cancellation) =>
        {
            var vms = await session.Daemon.GetAsync<VmView[]>("api/v1/vms", cancellation);
            if (session.Json)
                session.Terminal.WriteJson(vms);
            else
                Write(vms, session.Terminal);
        });

    private static void Write(VmView[] vms, Terminal terminal)
    {
        var table = FactSheet.Columns("NAME", "STATE", ">ACTUAL", ">TARGET", ">DEMAND", ">MIN", ">MAX");
        foreach (var vm in vms)
        {
            table.AddRow(
                FactSheet.Cell(vm.Id, Show.Strong),
                FactSheet.Cell(vm.Warnings.Count > 0 ? $"{vm.State} !" : vm.State, Show.OfState(vm.State)),
                FactSheet.Cell(Show.Size(vm.ActualBytes)),
                FactSheet.Cell(Show.Size(vm.TargetBytes)),
                FactSheet.Cell(Show.Size(vm.DemandBytes)),
                FactSheet.Cell(Show.Size(vm.MinBytes)),
                FactSheet.Cell(Show.Size(vm.MaxBytes)));
        }

        terminal.Write(table);
        if (vms.Any(vm => vm.Warnings.Count > 0))
            terminal.Write(Lines.Of("! ", "has warnings: dmm vm show NAME", Show.Warning));
    }
}
