using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

/// <summary>Tests which VM paid for which, as computed from the changes of one plan.</summary>
public sealed class PaymentsTests
{
    private static PromiseChange Change(string vm, long was, long granted) =>
        new(VmId.Parse(vm), MemorySize.FromMiB(granted), MemorySize.FromMiB(granted), false,
            Ruling.Demand)
        { Was = MemorySize.FromMiB(was) };

    private static string[] Paid(params PromiseChange[] changes) =>
        [.. Payments.Of([.. changes]).Select(p => $"{p.From?.Name ?? "free"} > {p.To?.Name ?? "free"} {p.Size}")];

    [Fact]
    public void Who_gave_most_is_named_first_and_what_nobody_gave_was_free() =>
        Assert.Equal(
            ["b > d 100 MiB", "a > d 50 MiB", "free > d 30 MiB"],
            Paid(Change("a", 200, 150), Change("b", 300, 200), Change("d", 100, 280)));

    [Fact]
    public void What_nobody_takes_is_free() =>
        Assert.Equal(["a > d 20 MiB", "a > free 30 MiB"], Paid(Change("a", 200, 150), Change("d", 100, 120)));

    [Fact]
    public void Those_who_gain_are_served_in_the_plans_order() =>
        Assert.Equal(
            ["a > z 40 MiB", "a > b 10 MiB", "free > b 10 MiB"], Paid(Change("a", 200, 150), Change("z", 100, 140), Change("b", 100, 120)));

    [Fact]
    public void A_target_alone_moves_nothing() => Assert.Empty(Paid(Change("a", 200, 200)));

    [Fact]
    public void All_that_is_given_and_all_that_is_got_is_told_exactly_once() =>
        Gen.Select(Gen.Int[0, 500], Gen.Int[0, 500]).Array[0, 12].Sample(all =>
        {
            var changes = all.Select((c, i) => Change($"v{i}", c.Item1, c.Item2)).ToImmutableArray();
            var payments = Payments.Of(changes);
            foreach (var change in changes)
            {
                Assert.Equal(change.Granted.MinusOrZero(change.Was!.Value).Bytes, payments.Where(p => p.To == change.Vm)
                    .Sum(p => p.Size.Bytes));
                Assert.Equal(change.Was!.Value.MinusOrZero(change.Granted).Bytes, payments.Where(p => p.From == change.Vm)
                    .Sum(p => p.Size.Bytes));
            }

            Assert.DoesNotContain(payments, p => p.From is null && p.To is null);
            Assert.False(payments.Any(p => p.From is null) && payments.Any(p => p.To is null), "free memory was taken and given at once");
        });
}
