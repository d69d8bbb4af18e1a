using Dmm.Hocon;

namespace Dmm.Settings.Hocon;

/// <summary>
/// Finds keys of Akka's that a file must not set: those that DMM sets itself, and those that open a port. The permissions of the daemon's
/// Unix socket control who may use it, but a port of Akka's has no access control, and whoever reaches it can end any actor. So no key is
/// passed on that opens a port, or that loads code which could open one.
/// </summary>
internal static class AkkaKeys
{
    private const string Provider = "akka.actor.provider";

    private const string Why = "the actors of a host have no port, and what nodes say to each other is set in dmm.cluster";

    private static readonly string[] Local = ["local", "Akka.Actor.LocalActorRefProvider", "Akka.Actor.LocalActorRefProvider, Akka"];

    /// <summary>Sections and lists that have no meaning for the actors of one host, or that name code to load.</summary>
    private static readonly string[] Closed = ["akka.remote", "akka.cluster", "akka.extensions", "akka.management", "akka.discovery"];

    /// <summary>
    /// What DMM sets itself, for its journal, its own actors and its end. Akka reads these late, some of them again and again, so that a
    /// fault in them would not be found at the start.
    /// </summary>
    private static readonly string[] Own =
    [
        "akka.persistence", "akka.coordinated-shutdown", "akka.actor.deployment", "akka.actor.serializers",
        "akka.actor.serialization-bindings", "akka.actor.serialization-identifiers", "akka.actor.serialization-settings",
    ];

    /// <summary>Akka accepts any tick. With one of an hour, no timer of the daemon would fire.</summary>
    private const string Tick = "akka.scheduler.tick-duration";

    private static readonly (TimeSpan Least, TimeSpan Most) TickBounds = (TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1));

    /// <returns>One line per fault, without the file's name.</returns>
    public static IEnumerable<string> Refused(HoconSection root)
    {
        foreach (var (path, node) in root.Leaves())
        {
            if (IsWithin(path, Provider) && !IsLocal(path, node))
                yield return $"{node.Place}: {path} is {node.Shown}; it must be local: {Why}";
            else if (IsWithin(path, Tick) && !IsTick(node))
                yield return $"{node.Place}: {path} is {node.Shown}; it must be a duration from {DurationText.Write(TickBounds.Least)} to "
                    + DurationText.Write(TickBounds.Most);
            else if (Closed.FirstOrDefault(closed => IsWithin(path, closed)) is { } closed)
                yield return $"{node.Place}: {path} can't be set, like all of {closed}: {Why}; remove it";
            else if (Own.FirstOrDefault(own => IsWithin(path, own)) is { } own)
                yield return $"{node.Place}: {path} can't be set, like all of {own}: DMM sets it itself; remove it";
        }
    }

    private static bool IsTick(HoconNode node) =>
        node is HoconScalar { IsNull: false } given && DurationText.TryParse(given.Text, out var tick)
        && tick >= TickBounds.Least && tick <= TickBounds.Most;

    private static bool IsLocal(string path, HoconNode node) =>
        path == Provider && node is HoconScalar { IsNull: false } given && Local.Contains(given.Text);

    /// <summary>
    /// True where the path is the key or below it. Quotes are ignored, because Akka's parser looks keys up by their path, however a
    /// file splits it into sections and quotes.
    /// </summary>
    private static bool IsWithin(string path, string key)
    {
        var plain = string.Join('.', path.Replace("\"", "", StringComparison.Ordinal).Split('.', StringSplitOptions.TrimEntries));
        return plain == key || plain.StartsWith(key + ".", StringComparison.Ordinal);
    }
}
