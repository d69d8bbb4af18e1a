using System.Runtime.InteropServices;

namespace Dmm.Commands.Output;

/// <summary>
/// The terminal's width, from the kernel. <see cref="Console.WindowWidth"/> would give it too, but switches the terminal into keypad
/// mode and leaves it there.
/// </summary>
public static class WindowSize
{
    private const int StandardOutput = 1;
    private const int Usual = 80;

    /// <summary>Linux's TIOCGWINSZ.</summary>
    private const nuint GetWindowSize = 0x5413;

    /// <summary>Columns of the terminal at standard output; 80 where it does not say.</summary>
    public static int Columns => Ioctl(StandardOutput, GetWindowSize, out var size) == 0 && size.Columns > 0 ? size.Columns : Usual;

    [DllImport("libc", EntryPoint = "ioctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Ioctl(int descriptor, nuint request, out Size size);

    /// <summary>struct winsize.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Size
    {
        public readonly ushort Rows;
        public readonly ushort Columns;
        public readonly ushort Width;
        public readonly ushort Height;
    }
}
