using CsCheck;
using Dmm.Core.Memory;

namespace Dmm.Core.Tests.Memory;

/// <summary>
/// The invariant over random histories of a host: VMs come and go, are planned for, report late, twice, in part or never; reservations
/// are made, converted and ended; the daemon dies before and after its journal is written. As long as the world does as DMM told it,
/// nothing breaks the invariant; if the world breaks it, nothing is promised until it holds again. A failure prints a seed and a shrunk
/// history; <see cref="Mutations.LedgerMutations"/> shows that the test finds faults.
/// </summary>
public sealed partial class LedgerProperties
{
    private static readonly MemorySize Step = MemorySize.FromMiB(16);

    private enum Death
    {
        None,
        BeforeWrite,
        AfterWrite,
    }

    private abstract record Op
    {
        public sealed record Reserve(int Vm, int Mib) : Op;

        /// <summary>The VM whose memory was reserved runs, or its launch failed.</summary>
        public sealed record Launch(int Vm, bool Fails) : Op;

        public sealed record End(int Vm) : Op;

        /// <summary>The VM is let go, and runs on.</summary>
        public sealed record LetGo(int Vm) : Op;

        /// <summary>A VM that was let go ends.</summary>
        public sealed record Gone(int Vm) : Op;

        public sealed record Plan(int[] WantMib, int KeptMib, Death Death) : Op;

        /// <summary>The last plan is made once more: nothing has changed except what was reported meanwhile.</summary>
        public sealed record Again : Op;

        /// <summary>The VM's devices move this far (percent) towards what they were told.</summary>
        public sealed record Move(int Vm, int PerCent) : Op;

        /// <summary>The oldest message to the VM reaches it, and its devices are told this part (percent) of the way.</summary>
        public sealed record Hear(int Vm, int PerCent) : Op;

        /// <summary>The VM sends a report, which is then under way.</summary>
        public sealed record Report(int Vm) : Op;

        /// <summary>The oldest report that is under way arrives, or is lost, or arrives and comes again.</summary>
        public sealed record Arrive(int Vm, int Fate) : Op;

        /// <summary>The ledger itself is asked for a promise of any size.</summary>
        public sealed record Grant(int Vm, int Mib) : Op;

        /// <summary>A guest takes memory that nobody gave it.</summary>
        public sealed record Deflate(int Vm, int Mib) : Op;

        public sealed record Crash : Op;
    }

    private static readonly Gen<Op> Obeying = Gen.Frequency(
        (3, Gen.Select(Gen.Int[0, 3], Gen.Int[64, 1024], (v, m) => (Op)new Op.Reserve(v, m))),
        (3, Gen.Select(Gen.Int[0, 3], Gen.Int[0, 5], (v, f) => (Op)new Op.Launch(v, f == 0))),
        (1, Gen.Int[0, 3].Select(v => (Op)new Op.End(v))),
        (1, Gen.Int[0, 3].Select(v => (Op)new Op.LetGo(v))),
        (1, Gen.Int[0, 3].Select(v => (Op)new Op.Gone(v))),
        (4, Gen.Select(Gen.Int[0, 2000].Array[4], Gen.Int[0, 500], Gen.Int[0, 15], (w, k, d) =>
            (Op)new Op.Plan(w, k, d == 0 ? Death.BeforeWrite : d == 1 ? Death.AfterWrite : Death.None))),
        (4, Gen.Const((Op)new Op.Again())),
        (6, Gen.Select(Gen.Int[0, 3], Gen.Int[0, 100], (v, p) => (Op)new Op.Move(v, p))),
        (5, Gen.Select(Gen.Int[0, 3], Gen.Int[0, 100], (v, p) => (Op)new Op.Hear(v, p))),
        (4, Gen.Int[0, 3].Select(v => (Op)new Op.Report(v))),
        (5, Gen.Select(Gen.Int[0, 3], Gen.Int[0, 9], (v, f) => (Op)new Op.Arrive(v, f))),
        (1, Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3000], (v, m) => (Op)new Op.Grant(v, m))),
        (1, Gen.Const((Op)new Op.Crash())));

    private static readonly Gen<Op> Any = Gen.Frequency(
        (20, Obeying),
        (1, Gen.Select(Gen.Int[0, 3], Gen.Int[1, 500], (v, m) => (Op)new Op.Deflate(v, m))));

    private static readonly Gen<Op[]> ObeyingHistories = Obeying.Array[1, 120];

    private static readonly Gen<Op[]> AnyHistories = Any.Array[1, 120];

    [Fact]
    public void The_invariant_holds_after_every_step_of_every_history() => ObeyingHistories.Sample(Holds, iter: 300);

    [Fact]
    public void Where_the_world_breaks_it_nothing_is_promised_until_it_holds_again() => AnyHistories.Sample(IsRestored, iter: 150);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void The_invariant_holds_over_many_histories() => ObeyingHistories.Sample(Holds, iter: 3_000);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void Nothing_is_promised_meanwhile_over_many_histories() => AnyHistories.Sample(IsRestored, iter: 1_500);

    /// <summary>
    /// Tests both properties in turn, over up to that many histories each. Ends with the first history that breaks one,
    /// without shrinking it: whether a fault is found does not depend on that.
    /// </summary>
    internal static void UntilOneBreaks(long histories)
    {
        for (var i = 0; i < histories; i++)
        {
            Holds(ObeyingHistories.Single());
            IsRestored(AnyHistories.Single());
        }
    }

    private static void Holds(Op[] history)
    {
        var world = new World();
        foreach (var op in history)
        {
            world.Do(op);
            world.Check();
        }
    }

    private static void IsRestored(Op[] history)
    {
        var world = new World();
        foreach (var op in history)
        {
            world.Do(op);
            world.CheckBooks();
        }
    }

    [Fact]
    public void A_claim_is_never_below_what_the_vm_has()
    {
        var vm = VmId.Parse("a");
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.Zero)
            .TakeIn(vm, new(MemorySize.FromMiB(500), MemorySize.FromMiB(500), MemorySize.Zero));
        ledger = ledger.Grant(vm, MemorySize.FromMiB(200))!;
        Assert.Equal(MemorySize.FromMiB(500), ledger.Free);
        ledger = ledger.Observe(vm, MemorySize.FromMiB(200), MemorySize.Zero);
        Assert.Equal(MemorySize.FromMiB(800), ledger.Free);
    }

    [Fact]
    public void What_the_world_breaks_is_told_as_a_deficit_and_nothing_is_granted_meanwhile()
    {
        var (a, b) = (VmId.Parse("a"), VmId.Parse("b"));
        var size = MemorySize.FromMiB(400);
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.FromMiB(100))
            .TakeIn(a, new(size, size, MemorySize.Zero)).TakeIn(b, new(size, size, MemorySize.Zero))
            .Observe(a, MemorySize.FromMiB(700), MemorySize.Zero);
        Assert.Equal(MemorySize.FromMiB(200), ledger.Deficit);
        Assert.Null(ledger.Grant(b, MemorySize.FromMiB(401)));
        Assert.Null(ledger.Reserve(VmId.Parse("c"), MemorySize.FromMiB(1)));
        Assert.NotNull(ledger.Grant(b, MemorySize.FromMiB(300)));
    }

    [Fact]
    public void A_reservation_becomes_a_claim_without_being_counted_twice()
    {
        var vm = VmId.Parse("new");
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.Zero).Reserve(vm, MemorySize.FromMiB(900))!;
        ledger = ledger.Convert(vm, new(MemorySize.Zero, MemorySize.FromMiB(800), MemorySize.FromMiB(100)));
        Assert.Equal(MemorySize.FromMiB(100), ledger.Free);
        Assert.Equal(MemorySize.Zero, ledger.Reserved);
        Assert.Equal(MemorySize.FromMiB(1000), ledger.Release(vm).Free);
    }
}
