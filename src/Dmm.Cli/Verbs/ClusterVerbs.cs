using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

/// <summary><c>dmm cluster</c>: the cluster as this node sees it, and who takes part in it.</summary>
internal static class ClusterVerbs
{
    private const string Path = "api/v1/cluster";

    public static Command Build(CommandLine line)
    {
        var command = new Command("cluster", "The cluster of hosts");
        command.Subcommands.Add(line.Verb(new Command("status", "Whether all is well, in a few lines"), (_, session, cancellation) =>
            ShowAsync(session, WriteStatus, cancellation)));
        command.Subcommands.Add(line.Verb(new Command("members", "All nodes"), (_, session, cancellation) =>
            ShowAsync(session, WriteMembers, cancellation)));
        command.Subcommands.Add(Order(line, "leave", "Let a node leave in good order; it stays out until 'dmm cluster join' there"));
        command.Subcommands.Add(Order(line, "down", "Take out a node that is known to be dead; one that lives joins again by itself"));
        command.Subcommands.Add(line.Verb(
            new Command("join", "Let this node join again, after it was told to leave"),
            async (_, session, cancellation) =>
                Write(await session.Daemon.PostAsync<MessageView>($"{Path}/join", null, cancellation), session)));
        return command;
    }

    private static Command Order(CommandLine line, string verb, string description)
    {
        var node = Values.Node();
        return line.Verb(new Command(verb, description) { node }, async (parsed, session, cancellation) => Write(
            await session.Daemon.PostAsync<MessageView>(
                $"{Path}/{verb}", new ClusterNodeRequest(parsed.GetValue(node)!), cancellation),
            session));
    }

    private static async Task ShowAsync(Session session, Action<ClusterView, Terminal> write, CancellationToken cancellation)
    {
        var view = await session.Daemon.GetAsync<ClusterView>(Path, cancellation);
        if (session.Json)
            session.Terminal.WriteJson(view);
        else if (view.Address is null)
            session.Terminal.WriteLine($"{view.Node} runs alone; dmm.cluster.seeds makes it a member of a cluster");
        else
            write(view, session.Terminal);
    }

    private static void WriteStatus(ClusterView view, Terminal terminal)
    {
        var (up, away) = (view.Members.Count(IsUp), view.Members.Where(member => member.UnreachableFrom.Count > 0).ToList());
        terminal.WriteLine(view.Trouble is { } trouble
            ? $"{view.Node} is in no cluster: {trouble}; its VMs are managed as before"
            : $"{view.Node} sees {up} of {view.Members.Count} nodes up; leader {view.Leader ?? "none"}, oldest {view.Oldest ?? "none"}");
        foreach (var member in away)
            terminal.WriteLine($"{member.Node} is not reached by {string.Join(", ", member.UnreachableFrom)}");
        foreach (var member in view.Members.Where(member => !IsUp(member) && member.UnreachableFrom.Count == 0))
            terminal.WriteLine($"{member.Node} is {member.State}");
        if (view.Members.Select(member => member.Version).Distinct().Count() > 1)
            terminal.WriteLine($"releases: {string.Join(", ", view.Members.Select(member => $"{member.Node} {member.Version}"))}");
    }

    private static void WriteMembers(ClusterView view, Terminal terminal)
    {
        var table = FactSheet.Columns("NODE", "STATE", "ROLE", "ADDRESS", "RELEASE", "UNREACHABLE FROM");
        foreach (var member in view.Members)
        {
            table.AddRow(
                FactSheet.Cell(member.Node, Show.Strong), FactSheet.Cell(member.State), FactSheet.Cell(member.Role),
                FactSheet.Cell(member.Address), FactSheet.Cell(member.Version),
                FactSheet.Cell(string.Join(", ", member.UnreachableFrom)));
        }

        terminal.Write(table);
        if (view.Trouble is { } trouble)
            terminal.WriteLine($"{view.Node} is in no cluster: {trouble}");
    }

    private static bool IsUp(MemberView member) => member is { State: "up", UnreachableFrom.Count: 0 };

    private static void Write(MessageView done, Session session)
    {
        if (session.Json)
            session.Terminal.WriteJson(done);
        else
            session.Terminal.WriteLine(done.Message);
    }
}
