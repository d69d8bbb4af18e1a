using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Simulation.Core;

/// <summary>
/// Checks that each request is answered exactly once, and that a request that was answered with "done" is done. Otherwise a host that
/// does nothing would break no rule.
/// </summary>
internal sealed class Answers
{
    private readonly Dictionary<object, IAdmissionCommand> _open = [];

    /// <summary>A request that the line of VMs to come has not answered yet.</summary>
    public string? Open => _open.Count == 0 ? null : $"nobody answered {_open.Values.First()}";

    /// <summary>Checks every decision of the host, before it is written.</summary>
    public static void Decided(IHostCommand command, HostDecision decision)
    {
        if (command is not (HostProtocol.AdoptVm or HostProtocol.SetPolicy or HostProtocol.ResizeVm or HostProtocol.StopVm
            or HostProtocol.StartVm or HostProtocol.ForgetVm))
            return;
        var answers = decision.Effects.Where(e => e is HostEffect.Reply or HostEffect.TellAdmission { Forward: true }).ToList();
        if (answers.Count != 1)
            throw new ViolationException("an answer", $"{command} was answered {answers.Count} times: {string.Join("; ", answers)}");
        if (answers[0] is HostEffect.Reply { Answer: HostProtocol.Done } && Undone(command, decision.Host.State) is { } undone)
            throw new ViolationException("answered done, but not done", $"{command}: {undone}");
    }

    /// <returns>The one who is to be answered.</returns>
    public object Asked(IAdmissionCommand command)
    {
        var asker = new object();
        _open[asker] = command;
        return asker;
    }

    public void Answered(object asker) => _open.Remove(asker);

    /// <summary>
    /// Forgets all open requests. The line has started anew: whoever asked its predecessor has been told that it is gone.
    /// </summary>
    public void Forget() => _open.Clear();

    private static string? Undone(IHostCommand command, HostState state) => command switch
    {
        HostProtocol.AdoptVm adopt when !state.Vms.ContainsKey(adopt.Handle.Id) => "it is not governed",
        HostProtocol.SetPolicy set when PolicyOf(set.Vm, state) is { } policy && set.Of(policy) != policy => $"it is {policy}",
        HostProtocol.SetPolicy { Restart: { } restart } set when state.Resting.GetValueOrDefault(set.Vm)?.Spec is { } spec
        && spec.Restart != restart => $"it is {spec.Restart}",
        HostProtocol.SetPolicy { Restart: { } restart } set when state.Vms.GetValueOrDefault(set.Vm)?.Spec is { } spec
        && spec.Restart != restart => $"it is {spec.Restart}",
        HostProtocol.ResizeVm resize when state.Vms.GetValueOrDefault(resize.Vm)?.OperatorTarget is var target
        && target.HasValue != resize.Target.HasValue => $"it is {target}",
        HostProtocol.StopVm stop when state.Vms.TryGetValue(stop.Vm, out var vm) && vm.Stop != stop.Order => $"it is {vm.Stop}",
        HostProtocol.StopVm stop when state.Resting.GetValueOrDefault(stop.Vm)?.ReturnAt is { } at => $"it returns at {at}",
        HostProtocol.StartVm start when state.Vms.GetValueOrDefault(start.Vm)?.Stop is { } order => $"it is to stop, {order}",
        HostProtocol.StartVm start when !state.Vms.ContainsKey(start.Vm) && !state.Admissions.ContainsKey(start.Vm) => "it is not wanted",
        HostProtocol.ForgetVm forget when state.Vms.ContainsKey(forget.Vm) || state.Resting.ContainsKey(forget.Vm) => "it is not forgotten",
        _ => null,
    };

    private static Dmm.Core.Vms.VmPolicy? PolicyOf(VmId vm, HostState state) =>
        state.Vms.GetValueOrDefault(vm)?.Policy ?? state.Resting.GetValueOrDefault(vm)?.Spec.Policy;
}
