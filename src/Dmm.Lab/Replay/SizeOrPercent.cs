using System.CommandLine;
using System.Globalization;
using Dmm.Core;

namespace Dmm.Lab.Replay;

/// <summary>A size such as <c>64GiB</c>, or a part of another size such as <c>50%</c>.</summary>
public readonly record struct SizeOrPercent(MemorySize? Size, double Percent)
{
    public const string Form = "a size such as 64GiB, or a percentage such as 50%";

    public MemorySize Of(MemorySize whole) => Size ?? whole.Scale(Percent / 100);

    public override string ToString() => Size is { } size ? size.ToString() : $"{Percent}%";

    public static bool TryParse(string text, out SizeOrPercent value)
    {
        value = default;
        if (text.EndsWith('%'))
        {
            var ok = double.TryParse(
                text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
                && percent <= 10_000;
            value = new(null, percent);
            return ok;
        }

        if (!MemorySize.TryParse(text, out var size) || size > MemorySize.MostThereIs)
            return false;
        value = new(size, 0);
        return true;
    }

    internal static Option<SizeOrPercent?> Option(string name, string description, bool required = false) => new(name)
    {
        Description = description,
        HelpName = "SIZE|PERCENT",
        Required = required,
        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (TryParse(text, out var value))
                return value;
            result.AddError($"{name} is '{Echo.Of(text)}'; it must be {Form}{MemorySize.UnitFault(text)}");
            return null;
        },
    };
}
