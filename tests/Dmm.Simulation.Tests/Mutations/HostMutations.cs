using Dmm.Tests.Mutations;

namespace Dmm.Simulation.Tests.Mutations;

/// <summary>
/// The host's machine with one line broken. The simulation of the core must find each of these: it does not protect a line whose fault it
/// does not find.
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class HostMutations
{
    private const string Host = "Hosts/HostTurn";
    private const long Steps = 4_000_000;

    [Theory]
    [InlineData("a report is not taken note of", Host + ".Planning.cs", "State = State with { Ledger = ledger },", "")]
    [InlineData("two targets have one number", Host + ".Planning.cs", "new(message, ++number)", "new(message, number)")]
    [InlineData("who ran before is not started", Host + ".Planning.cs",
        "new HostEffect.StartVms([.. State.Vms.Keys, .. launching], All: true)", "new HostEffect.StartVms([.. launching], All: true)")]
    [InlineData("nobody is known to be heard", Host + ".Planning.cs", "Host = Host with { Unheard = Host.Unheard.Remove(id) };", "")]
    [InlineData("a measured overhead is forgotten until it is measured again", Host + ".Planning.cs",
        "var counted = before.Claims[id].Overhead;", "var counted = vm.Overhead;")]
    [InlineData("a measured overhead is not written", Host + ".Planning.cs", "Record(new OverheadMeasured(Wall, id, changed));", "")]
    [InlineData("a step is taken on an old picture", Host + ".Admission.cs", "if (take.Version != Host.Version)", "if (take.Version < 0)")]
    [InlineData("what is launched has no actor", Host + ".Admission.cs", "Do(new HostEffect.StartVms([step.Vm]));", "")]
    [InlineData("a request is not answered", Host + ".Admission.cs", "Reply(new AdmissionProtocol.Recorded(id));", "")]
    [InlineData("an end leaves its actor", Host + ".cs", "Do(new HostEffect.DropVm(vm));", "")]
    [InlineData("nothing is written", Host + ".cs", "_events.Add(e);", "")]
    [InlineData("a stop is not told", Host + ".Operator.cs", "Do(new HostEffect.TellVm(id, new VmProtocol.Stop(order)));", "")]
    [InlineData("an adoption granted less than its ceiling", Host + ".Operator.cs",
        "adopt.Policy, adopt.Handle, adopt.Ceiling, adopt.Overhead",
        "adopt.Policy, adopt.Handle, adopt.Policy.Min, adopt.Overhead")]
    [InlineData("a target that was set is forgotten", Host + ".Operator.cs", "Record(new OperatorTargetSet(Wall, resize.Vm, target));", "")]
    [InlineData("a lease that is taken back is free at once", "Planning/Leasing.cs",
        "var granted = now.Granted + now.Lease.MinusOrZero(lease);", "var granted = now.Granted;")]
    [InlineData("a lease is not claimed", "Memory/Ledger.cs", "public MemorySize Held => MemorySize.Max(Taken, Granted + Lease);",
        "public MemorySize Held => Taken;")]
    [InlineData("what was read while it was governed is believed", "Hosts/HostRefusals.cs", "readAfter > adopt.ReadAt", "false")]
    [InlineData("the reading that comes last counts", "Memory/HeldMemory.cs", "(a.At, a.Size).CompareTo((b.At, b.Size)) >= 0 ? a : b",
        "b.At == default ? a : b")]
    [InlineData("a return is forgotten", Host + ".Lifecycle.cs",
        "Do(new HostEffect.WakeForReturns(Host.InControl && State.Drain is null ? State.Resting.Values.Min(vm => vm.ReturnAt) : null));",
        "Do(new HostEffect.WakeForReturns(null));")]
    public void The_simulation_finds_it(string what, string file, string from, string to) =>
        Assert.True(Mutant.Of(file, from, to).Try(typeof(Histories), nameof(Histories.UntilOneBreaks), Steps) is not null,
            $"'{what}' was found by no history");

    [Fact]
    public void The_unbroken_machine_holds_when_it_is_built_the_same_way() =>
        Assert.Null(Mutant.Of(Host + ".cs", "    private void Do(HostEffect effect)", "    private void Do(HostEffect effect)")
            .Try(typeof(Histories), nameof(Histories.UntilOneBreaks), Histories.StepsEach));
}
