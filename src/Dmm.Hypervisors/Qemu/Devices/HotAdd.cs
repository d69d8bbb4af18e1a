using System.Text.Json.Nodes;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>Adds a memory device to a running QEMU: the object that holds its memory, then the device. It adds both or nothing.</summary>
internal static class HotAdd
{
    /// <param name="memory">The arguments of <c>object-add</c>, as <see cref="MemoryKind"/> makes them.</param>
    /// <param name="device">The arguments of <c>device_add</c> without the memory.</param>
    public static async Task AddAsync(
        QmpClient qmp, string backend, JsonObject memory, JsonObject device, CancellationToken cancellation)
    {
        await qmp.ExecuteAsync("object-add", memory, cancellation).ConfigureAwait(false);
        try
        {
            device["memdev"] = backend;
            await qmp.ExecuteAsync("device_add", device, cancellation).ConfigureAwait(false);
        }
        catch
        {
            // If QEMU did add the device (its answer came too late), it refuses to delete the memory that the device uses.
            await TryDropAsync(qmp, backend).ConfigureAwait(false);
            throw;
        }
    }

    /// <returns>Whether the object is gone; it is not while a device uses it.</returns>
    public static async Task<bool> TryDropAsync(QmpClient qmp, string backend)
    {
        try
        {
            await qmp.ExecuteAsync("object-del", new JsonObject { ["id"] = backend }, CancellationToken.None).ConfigureAwait(false);
            return true;
        }
        catch (QmpRefusedException e)
        {
            return e.Description.Contains("not found", StringComparison.Ordinal);
        }
        catch (HypervisorException)
        {
            return false;
        }
    }
}
