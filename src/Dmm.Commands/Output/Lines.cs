using Spectre.Console;
using Spectre.Console.Rendering;

namespace Dmm.Commands.Output;

/// <summary>Single lines that stand out.</summary>
public static class Lines
{
    /// <summary>A line with its end, <paramref name="head"/> in <paramref name="style"/>.</summary>
    public static IRenderable Of(string head, string text, Style style) =>
        new Paragraph(head, style).Append(Plain.Of(text), Style.Plain).Append("\n");
}
