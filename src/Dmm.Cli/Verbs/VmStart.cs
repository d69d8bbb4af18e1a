using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Commands.Output;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>Starts a VM again that is stopped and remembered.</summary>
internal static class VmStart
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var timeout = Values.Duration("--timeout", "How long it may wait for its memory [dmm.admission.deadline]");
        var force =
            new Option<bool>(
                "--force")
            {
                Description = "Start it although it was migrated away; you confirm that it runs nowhere else and that nothing else uses "
                    + "its disk",
            };
        var wait = new Option<bool>("--wait") { Description = "Return when the VM runs, or has failed" };
        return line.Verb(
            new Command("start", "Start a VM that is stopped, or waits for its return") { name, timeout, force, wait },
            async (parsed, session, cancellation) =>
        {
            var (vm, waits) = (parsed.GetRequiredValue(name), parsed.GetValue(wait));
            var mark = waits ? await new EventFeed(session.Daemon, session.Time).MarkAsync(cancellation) : null;
            var began = session.Time.GetTimestamp();
            var request = new StartVmRequest(parsed.GetValue(timeout)?.TotalSeconds) { Force = parsed.GetValue(force) ? true : null };
            var done = await session.Daemon.PostAsync($"api/v1/vms/{vm}/start", request, cancellation);
            if (!waits || !session.Json)
                Changes.Write(done, session);
            if (mark is null)
                return;
            var runs = await new VmCreateWait(session, vm, mark, began, parsed.GetValue(timeout)).UntilItRunsAsync(cancellation);
            if (session.Json)
                session.Terminal.WriteJson(runs);
            else
                session.Terminal.WriteLine(
                    $"{vm} runs with {Show.Size(runs.ActualBytes)} after {Show.Seconds(session.Time.GetElapsedTime(began))}");
        });
    }
}
