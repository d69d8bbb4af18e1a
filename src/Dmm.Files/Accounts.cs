using System.Runtime.InteropServices;

namespace Dmm.Files;

/// <summary>A user of this host.</summary>
/// <param name="Name">Null for a number that no account has.</param>
public sealed record Account(string? Name, uint User, uint Group);

/// <summary>Looks users up as the system does (NSS): passwd file, LDAP and so on. Source: getpwnam(3), getgrouplist(3).</summary>
public static class Accounts
{
    private const int BufferSize = 64 << 10;

    /// <returns>Null where there is no such user.</returns>
    public static Account? Named(string name) =>
        Getpwnam(name, out var entry, new byte[BufferSize], BufferSize, out var found) == 0 && found != 0
            ? new(name, entry.User, entry.Group) : null;

    /// <returns>Null where no account has this number.</returns>
    public static Account? Numbered(uint user)
    {
        var buffer = GCHandle.Alloc(new byte[BufferSize], GCHandleType.Pinned);
        try
        {
            return Getpwuid(user, out var entry, buffer.AddrOfPinnedObject(), BufferSize, out var found) == 0 && found != 0
                ? new(Marshal.PtrToStringUTF8(entry.Name), entry.User, entry.Group) : null;
        }
        finally
        {
            buffer.Free();
        }
    }

    /// <summary>The groups of a user with an account, the primary one included.</summary>
    public static IReadOnlyList<uint> GroupsOf(Account account)
    {
        if (account.Name is null)
            return [account.Group];
        var groups = new uint[65536];
        var count = groups.Length;
        return Getgrouplist(account.Name, account.Group, groups, ref count) < 0 ? [account.Group] : groups[..count];
    }

    [DllImport("libc", EntryPoint = "getpwnam_r", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Getpwnam(string name, out Entry entry, byte[] buffer, nint size, out nint found);

    [DllImport("libc", EntryPoint = "getpwuid_r")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Getpwuid(uint user, out Entry entry, nint buffer, nint size, out nint found);

    [DllImport("libc", EntryPoint = "getgrouplist", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Getgrouplist(string name, uint group, [In, Out] uint[] groups, ref int count);

    /// <summary>struct passwd of pwd.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Entry
    {
        public readonly nint Name;
        public readonly nint Password;
        public readonly uint User;
        public readonly uint Group;
        public readonly nint Comment;
        public readonly nint Home;
        public readonly nint Shell;
    }
}
