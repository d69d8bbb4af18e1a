using System.CommandLine;
using Dmm.Benchmarks.Admission;
using Dmm.Benchmarks.Arbitration;
using Dmm.Benchmarks.Clusters;
using Dmm.Benchmarks.Commands;
using Dmm.Benchmarks.Density;
using Dmm.Benchmarks.Idle;
using Dmm.Benchmarks.Live;
using Dmm.Benchmarks.Mechanisms;
using Dmm.Benchmarks.Recovery;

// `make bench`: each part measures one thing and writes artifacts/bench/PART.json.
var output = new Option<string>("--output") { Description = "Folder of the reports", DefaultValueFactory = _ => "artifacts/bench" };
var command = new RootCommand("Measures DMM; one subcommand a part")
{
    RecoveryPart.Build(output), IdlePart.Build(output), CommandPart.Build(output), ArbiterPart.Build(output), MechanismsPart.Build(output),
    ClusterPart.Build(output), LivePart.Build(output), DensityPart.Build(output), AdmissionPart.Build(output),
};
command.Options.Add(output);
// The guests are ended before the program ends.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
