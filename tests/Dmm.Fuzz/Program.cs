using Dmm.Fuzz;

return await FuzzCommand.Build().Parse(args).InvokeAsync();
