using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Spectre.Console;

namespace Dmm.Cli.Verbs;

internal static class Events
{
    public static Command Build(CommandLine line)
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Keep printing new events" };
        var since = Values.Since("--since", "Only events since this time [all that are kept; with --follow: now]", TimeProvider.System);
        return line.Verb(new Command("events", "What happened, and why") { follow, since }, async (parsed, session, cancellation) =>
        {
            var feed = new EventFeed(session.Daemon, session.Time);
            if (parsed.GetValue(follow))
            {
                var lost = () => session.Terminal.Complain("the daemon went away; waiting for it");
                await foreach (var happened in feed.FollowAsync(parsed.GetValue(since) ?? session.Time.GetUtcNow(), lost, cancellation))
                {
                    if (session.Json)
                        session.Terminal.WriteJsonLine(happened);
                    else
                        Write(happened, session);
                }

                return;
            }

            var events = await feed.PastAsync(parsed.GetValue(since), cancellation);
            if (session.Json)
                session.Terminal.WriteJson(events);
            else
                Array.ForEach(events, e => Write(e, session));
        });
    }

    private static void Write(EventView happened, Session session) => session.Terminal.Write(
        new Paragraph($"{Show.Time(happened.At, session.Time)}  ", Show.Quiet)
            .Append(happened.Vm is { } vm ? $"{Plain.Of(vm)}  " : "", Show.Strong)
            .Append($"{Plain.Of(happened.Kind)}  ", Show.Quiet)
            .Append($"{Plain.Of(happened.Text)}\n"));
}
