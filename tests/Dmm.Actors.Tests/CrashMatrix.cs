using Dmm.Actors.Serialization;
using Dmm.Core.Ports;

namespace Dmm.Actors.Tests;

/// <summary>
/// For every kind of event and every side effect, the daemon dies just before and just after it; the final state is the same as without
/// the death. The rows come from the journal's list of events and from the port's methods: a new one that is not in the story fails.
/// </summary>
public sealed partial class CrashMatrix
{
    /// <summary>Only a daemon whose predecessor died in a launch makes this call, so that death comes first.</summary>
    private const string Find = "find";

    private static readonly Lazy<Story.Lived> Undisturbed = new(() => Story.Live());

    private static readonly Lazy<Story.Lived> Found = new(() => Story.Live(("launch", 1, true)));

    /// <summary>
    /// No actor writes these: they begin a journal that was written anew as a whole, in one transaction, while no host's actor lived (the
    /// tests of the daemon's journals show that).
    /// </summary>
    private static readonly Type[] Heads = [typeof(Core.Hosts.JournalBegun)];

    public static TheoryData<string> Events =>
        [.. HostEventJson.Manifests.Values.Except(Heads).Select(type => type.Name).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Calls => [.. new[] { typeof(IHypervisor), typeof(IVirtualMachine) }
        .SelectMany(port => port.GetMethods())
        .Where(method => typeof(Task).IsAssignableFrom(method.ReturnType))
        .Select(method => NameOf(method.Name))
        .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Events))]
    public void A_daemon_that_dies_at_an_event_leaves_what_would_stand_without(string name) => DiesInTheMiddle(name);

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_daemon_that_dies_at_a_call_to_its_hypervisor_leaves_what_would_stand_without(string name) => DiesInTheMiddle(name);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [MemberData(nameof(Events))]
    public void So_does_one_that_dies_before_or_after_it_early_or_late(string name) => Dies(name);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [MemberData(nameof(Calls))]
    public void So_does_one_that_dies_before_or_after_a_call_early_or_late(string name) => Dies(name);

    [Fact]
    public void The_same_story_ends_the_same_way() =>
        Assert.Equal(Undisturbed.Value, Story.Live(), static (one, other) => one.End == other.End
            && one.Moments.SequenceEqual(other.Moments));

    /// <summary>Lets the daemon die at the first, the middle and the last time, before and after.</summary>
    private static void Dies(string name)
    {
        foreach (var after in new[] { false, true })
        {
            var times = Times(name, after);
            foreach (var nth in new SortedSet<int> { 1, (times + 1) / 2, times })
                Dies(name, nth, after);
        }
    }

    /// <summary>Tests only the middle time, when most is under way: nobody knows yet what was written or done.</summary>
    private static void DiesInTheMiddle(string name) => Dies(name, (Times(name, after: true) + 1) / 2, after: true);

    private static int Times(string name, bool after)
    {
        var before = name == Find ? Found.Value : Undisturbed.Value;
        Assert.True(before.Moments.TryGetValue((name, after), out var times), $"{name} does not occur in the story: give it a place there");
        return times;
    }

    private static void Dies(string name, int nth, bool after)
    {
        var lived = name == Find ? Story.Live(("launch", 1, true), (name, nth, after)) : Story.Live((name, nth, after));
        Assert.True(lived.AllDied, $"it did not die {(after ? "after" : "before")} the {nth}th {name}");
        Assert.Equal(Undisturbed.Value.End, lived.End);
    }

    private static string NameOf(string method) =>
        char.ToLowerInvariant(method[0]) + method[1..].Replace("Async", "", StringComparison.Ordinal);
}
