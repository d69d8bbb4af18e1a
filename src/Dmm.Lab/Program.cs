using Dmm.Commands;
using Dmm.Lab;

return await Entry.RunAsync(args, LabCommand.Tree);
