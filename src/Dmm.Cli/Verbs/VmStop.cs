using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>
/// Stops a VM by asking its guest to power down. Its process is ended only with <c>--kill</c>. A guest that does not power down is
/// reported, and is never killed without that option.
/// </summary>
internal sealed class VmStop
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    /// <summary>Time beyond the guest's grace that the hypervisor may need to end the process and to give its memory back.</summary>
    private static readonly TimeSpan Beyond = TimeSpan.FromMinutes(1);

    /// <summary>The longest grace that the daemon's setting <c>dmm.vm.stop-grace</c> allows.</summary>
    private static readonly TimeSpan LongestOwn = TimeSpan.FromHours(1);

    private readonly Argument<string> _name = Values.VmName();
    private readonly Option<TimeSpan?> _grace = Values.Duration(
        "--grace", "How long the guest may take to power down [dmm.vm.stop-grace; with --kill 0s]");
    private readonly Option<bool> _kill =
        new("--kill") { Description = "End its process: at once, or with --grace when the guest has not powered down by then" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Return when it is gone, or has not powered down in time" };

    private VmStop()
    {
    }

    public static Command Build(CommandLine line)
    {
        var verb = new VmStop();
        var command = new Command("stop", "Stop a VM: its guest powers down, and it stays stopped")
        {
            verb._name,
            verb._grace,
            verb._kill,
            verb._wait,
        };
        command.NeedsKillIfZero(
            verb._grace, verb._kill, "the guest no time to power down; give it longer, or add --kill to end its process at once");
        return line.Verb(command, verb.RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, Session session, CancellationToken cancellation)
    {
        var name = parsed.GetRequiredValue(_name);
        var within = parsed.GetValue(_grace);
        var mark = parsed.GetValue(_wait) ? await new EventFeed(session.Daemon, session.Time).MarkAsync(cancellation) : null;
        var request = new StopVmRequest(within?.TotalSeconds) { Kill = parsed.GetValue(_kill) };
        var done = await session.Daemon.PostAsync($"api/v1/vms/{name}/stop", request, cancellation);
        if (mark is null)
        {
            Changes.Write(done, session);
            return;
        }

        if (!session.Json)
            Changes.Write(done, session);
        await UntilGoneAsync(name, mark, (within ?? LongestOwn) + Beyond, session, cancellation);
        Changes.Write(done with { Text = "is gone, and its memory is back" }, session);
    }

    private static async Task UntilGoneAsync(string name, EventMark mark, TimeSpan limit, Session session, CancellationToken cancellation)
    {
        var began = session.Time.GetTimestamp();
        while (true)
        {
            var vm = await session.Daemon.FindVmAsync(name, cancellation);
            if (vm is null or { State: "stopped" })
                return;
            // The daemon tries again for ever to end a process that it could not end, so this command stops waiting at the first
            // "notEnded".
            var given = (await mark.SinceAsync(cancellation)).LastOrDefault(e => e.Vm == name && e.Kind is ("stopGivenUp" or "notEnded"));
            if (given is { Kind: "notEnded" } || (given is not null && vm.State != "stopping"))
                throw CommandException.Failed($"{name}: {given.Text}", "timeout");
            if (session.Time.GetElapsedTime(began) > limit)
                throw CommandException.Failed($"{name} is {vm.State}{(vm.Why is null ? "" : $": {vm.Why}")}", "timeout");
            await Task.Delay(Period, session.Time, cancellation);
        }
    }
}
