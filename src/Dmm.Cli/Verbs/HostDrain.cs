using System.CommandLine;
using Dmm.Commands;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>
/// Takes the host out of service: it takes no VM, and its VMs are asked to power down. What does not power down by the deadline runs on and
/// is named, or is ended with <c>--kill</c>. The drain is the daemon's: it goes on without this command.
/// </summary>
internal sealed class HostDrain
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    /// <summary>Time beyond the deadline that the hypervisor may need to end processes, and a launch to be over.</summary>
    private static readonly TimeSpan Beyond = TimeSpan.FromMinutes(1);

    /// <summary>A daemon that is restarted meanwhile answers again within this time.</summary>
    private static readonly TimeSpan AwayAtMost = TimeSpan.FromSeconds(15);

    private readonly Option<TimeSpan?> _deadline = Values.Duration("--deadline", "How long all guests have to power down [120s]");
    private readonly Option<bool> _kill = new("--kill") { Description = "End the processes of VMs that still run after the deadline" };
    private readonly Option<bool> _stay = new("--stay")
    {
        Description = "Stay drained over restarts of the host, until 'dmm host undrain'",
    };
    private readonly Option<bool> _adopted = new("--adopted") { Description = "Ask VMs that DMM did not start, too" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Return when the VMs are gone, or have not powered down in time" };
    private readonly Dictionary<string, string> _said = [];

    private HostDrain()
    {
    }

    public static Command Build(CommandLine line)
    {
        var verb = new HostDrain();
        var command = new Command("drain", "Take the host out of service: its VMs power down, and it takes no others")
        {
            verb._deadline,
            verb._kill,
            verb._stay,
            verb._adopted,
            verb._wait,
        };
        command.NeedsKillIfZero(
            verb._deadline, verb._kill, "no guest time to power down; give them longer, or add --kill to end their processes at once");
        return line.Verb(command, verb.RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, Session session, CancellationToken cancellation)
    {
        var request = new DrainHostRequest(parsed.GetValue(_deadline)?.TotalSeconds)
        {
            Kill = parsed.GetValue(_kill),
            Stay = parsed.GetValue(_stay),
            Adopted = parsed.GetValue(_adopted),
        };
        var done = await session.Daemon.PostAsync<HostDoneView>("api/v1/host/drain", request, cancellation);
        if (!parsed.GetValue(_wait))
        {
            Write(done, session);
            return;
        }

        if (!session.Json)
            Write(done, session);
        try
        {
            Write(await UntilDoneAsync(done.Drain, session, cancellation), session);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            session.Terminal.Complain("the drain goes on without this command; 'dmm host undrain' ends it");
            throw;
        }
    }

    internal static void Write(HostDoneView done, Session session)
    {
        if (session.Json)
            session.Terminal.WriteJson(done);
        else
            session.Terminal.WriteLine(done.Text);
    }

    private async Task<HostDoneView> UntilDoneAsync(DrainView? drain, Session session, CancellationToken cancellation)
    {
        var began = session.Time.GetTimestamp();
        var limit = (drain is null ? TimeSpan.Zero : drain.Until - drain.Ordered) + Beyond;
        var running = new HashSet<string>(StringComparer.Ordinal);
        TimeSpan? awaySince = null;
        while (true)
        {
            var now = session.Time.GetElapsedTime(began);
            try
            {
                drain = (await session.Daemon.GetAsync<HostView>("api/v1/host", cancellation)).Drain
                    ?? throw CommandException.Failed("the host is back in service: the drain was ended meanwhile", "conflict");
                awaySince = null;
                Follow(drain, running, session);
                if (drain.Left == 0)
                    return new("the host is drained: no VM runs", drain);
                if (drain.Awaited == 0 || now > limit)
                    throw CommandException.Failed(Left(drain), drain.Awaited == 0 ? "failed" : "timeout");
            }
            catch (CommandException e) when (e.ExitCode == ExitCode.Unreachable && now - (awaySince ??= now) < AwayAtMost)
            {
                // It is restarting, or the host is going down.
            }

            await Task.Delay(Period, session.Time, cancellation);
        }
    }

    /// <summary>Tells once what has become of each VM.</summary>
    private void Follow(DrainView drain, HashSet<string> running, Session session)
    {
        foreach (var vm in drain.Vms)
        {
            if (vm.State is "stopping" or "launching")
                running.Add(vm.Vm);
            else if (running.Remove(vm.Vm) || vm.State != "ended")
                Say(vm.Vm, vm.Why ?? vm.State, session);
        }

        // A VM that does not return when the drain ends is not among them any more.
        foreach (var gone in running.Except(drain.Vms.Select(vm => vm.Vm)).ToList())
        {
            running.Remove(gone);
            Say(gone, "is gone", session);
        }
    }

    private void Say(string vm, string what, Session session)
    {
        if (!session.Json && _said.GetValueOrDefault(vm) != what)
            session.Terminal.WriteLine(what.StartsWith($"{vm} ", StringComparison.Ordinal) ? what : $"{vm}: {what}");
        _said[vm] = what;
    }

    private static string Left(DrainView drain)
    {
        var left = drain.Vms.Where(vm => vm.State != "ended").Select(vm => vm.Vm).ToList();
        return $"the host takes no VM, but {(left.Count == 1 ? "1 VM runs" : $"{left.Count} VMs run")}: {string.Join(", ", left)}";
    }
}
