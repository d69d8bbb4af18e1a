namespace Dmm.Core.Admission;

/// <summary>Texts for operators about plans for new VMs.</summary>
public static class AdmissionWords
{
    /// <summary>Why no VM can be created under the name of one that was let go and still runs.</summary>
    public static string StillRuns(VmId vm) => $"a VM {vm} that DMM was told to forget still runs; adopt it, end it, or use another name";

    public static string Of(RoomPlan plan)
    {
        if (plan.From.IsEmpty)
            return "the law that dmm.policy names decides who gives";
        var parts = string.Join(", ", plan.From.Select(Of));
        return plan.Late
            ? $"{parts}: about {Seconds(plan.Expected)}, which is beyond its deadline"
            : $"{parts}: about {Seconds(plan.Expected)}";
    }

    public static string Of(Contribution part) => $"{part.Vm} gives {part.Size}{Of(part.Kind)}";

    public static string Of(GiveKind kind) => kind switch
    {
        GiveKind.Slack => " of slack",
        GiveKind.PastUse => " that it used lately",
        GiveKind.Headroom => " of its headroom",
        _ => " of what it uses",
    };

    /// <summary>Tells how far a request has come; it makes a different line each time something changes.</summary>
    public static string Progress(
        AdmissionRecord admission, RoomPlan plan, MemorySize missing, Func<Contribution, MemorySize> outstanding, Clocks now)
    {
        var owing = plan.From.Where(part => !outstanding(part).IsZero).Select(part => $"{part.Vm} still {outstanding(part)} of {part.Size}")
            .ToList();
        var from = owing.Count == 0 ? "" : $"; to come: {string.Join(", ", owing)}";
        return $"{missing} of {plan.For} missing{from}; "
            + $"until {now.WallOf(admission.Deadline):HH:mm:ss}{(plan.Late ? ", which can't be met as things stand" : "")}";
    }

    public static string Seconds(TimeSpan time) => time.TotalSeconds < 10 ? $"{time.TotalSeconds:0.0} s" : $"{time.TotalSeconds:0} s";
}
