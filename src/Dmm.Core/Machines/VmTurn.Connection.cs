using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>The connection to the VM: made, lost, and tried again.</summary>
internal sealed partial class VmTurn
{
    private void TakeUp(VmHandle handle)
    {
        Vm = Vm with { Part = Vm.Part! with { Handle = handle }, Launching = false };
        Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        Connect(handle);
    }

    private void Connect(VmHandle handle)
    {
        Disconnected();
        Do(new VmEffect.Connect(handle));
    }

    private void Connected(VmFact.Connected made)
    {
        Vm = Vm with { InHand = true, InHandSince = Now };
        if (made.Identity is { } identity && identity != Vm.Part!.Handle)
        {
            Vm = Vm with { Part = Vm.Part with { Handle = identity } };
            Do(new VmEffect.TellHost(new VmProtocol.Identified(Vm.Id, identity)));
        }

        Feed(new VmCommand.Connect(made.Capabilities), report: true);
        Wake(VmTimer.Report, settings.ReportPeriod);
        Wake(VmTimer.Measure, settings.OverheadPeriod);
        Do(new VmEffect.Measure());
        if (Vm.Part!.Stop is { } order)
            Stop(order);
        CallNext();
    }

    private void Lose(string why)
    {
        if (Vm.InHandSince is { } since && Now - since >= settings.CalmAfter)
            Vm = Vm with { Attempts = 0 };
        Disconnected();
        Do(new VmEffect.LetGo());
        var first = Memory.Phase != VmPhase.Lost;
        Feed(new VmCommand.Lose(why), report: true);
        StopOneThatIsLost();
        TryAgain(first ? $"it can't be reached: {why}" : null);
    }

    private void TryAgain(string? warning)
    {
        if (warning is not null)
            Do(new VmEffect.Warn($"{Vm.Id}: {warning}"));
        Wake(VmTimer.TryAgain, BackOff(Vm.Attempts));
        Vm = Vm with { Attempts = Vm.Attempts + 1 };
    }

    private void Disconnected() => Vm = Vm with
    {
        InHand = false,
        InHandSince = null,
        Calls = [],
        Bounds = null,
        UnderWay = null,
        Unheeded = null,
        Stopping = Vm.Stopping && Vm.Ending,
    };

    private TimeSpan BackOff(int attempts) => new GrowingWait(settings.RestartMin, settings.RestartMax).After(attempts);
}
