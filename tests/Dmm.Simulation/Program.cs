using Dmm.Commands;
using Dmm.Simulation;

return await Entry.RunAsync(args, SimulationCommand.Tree);
