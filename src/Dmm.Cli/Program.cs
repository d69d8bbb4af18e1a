using Dmm.Cli;
using Dmm.Commands;

return await Entry.RunAsync(args, line =>
{
    if (OtherProgram.Of(args) is { } other)
        OtherProgram.TakeOver(other, args);
    return Tree.Of(line);
});
