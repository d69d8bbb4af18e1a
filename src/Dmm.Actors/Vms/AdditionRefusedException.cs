using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>The hypervisor would not add a device or a DIMM to a VM that runs on as it is.</summary>
internal sealed class AdditionRefusedException(Addition addition, Exception cause) : Exception(cause.Message, cause)
{
    public Addition Addition { get; } = addition;
}
