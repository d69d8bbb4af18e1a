namespace Dmm.Hypervisors.Qemu.Accel;

/// <summary>
/// A guest of 134 bytes that shows whether virtualization works: a boot sector that goes from real mode with paging into 64-bit mode, the
/// way a kernel does, and then ends QEMU through its debug exit port. A machine whose KVM hangs in a guest's first instructions never
/// gets there.
/// </summary>
/// <remarks>
/// The assembly (GNU as; loaded at 0x7c00):
/// <code>
///         .code16
///         cli
///         xor %ax, %ax ; mov %ax, %ds ; mov %ax, %es ; mov %ax, %ss ; mov $0x7c00, %sp
///         mov $0x1000, %di ; mov $0x1800, %cx ; cld ; rep stosw       # three empty page tables at 0x1000
///         movw $0x2003, 0x1000 ; movw $0x3003, 0x2000 ; movw $0x83, 0x3000   # the first 2 MiB map to themselves
///         lgdtl gdtr
///         mov %cr4, %eax ; or $0x20, %eax ; mov %eax, %cr4            # PAE
///         mov $0x1000, %eax ; mov %eax, %cr3
///         mov $0xc0000080, %ecx ; rdmsr ; or $0x100, %eax ; wrmsr     # EFER.LME
///         mov %cr0, %eax ; or $0x80000001, %eax ; mov %eax, %cr0      # paging and protection
///         ljmpl $8, $long
///         .code64
/// long:   mov $0x2a, %al ; out %al, $0xf4
/// 1:      hlt ; jmp 1b
///         .balign 8
/// gdt:    .quad 0, 0x00209a0000000000
/// gdtr:   .word 15 ; .long gdt
/// </code>
/// </remarks>
internal static class ProbeGuest
{
    /// <summary>QEMU's exit code when the guest finished: (0x2a shl 1) | 1.</summary>
    public const int ExitCode = 85;

    /// <summary>The size of the image: SeaBIOS takes a smaller one for an empty disk.</summary>
    private const int ImageSize = 1 << 20;

    private const string Code =
        "fa31c08ed88ec08ed0bc007cbf0010b90018fcf3abc70600100320c70600200330c70600308300660f0116807c0f20e06683c8200f22e066"
        + "b8001000000f22d866b9800000c00f32660d000100000f300f20c0660d010000800f22c066ea647c00000800b02ae6f4f4ebfd0f1f440000"
        + "000000000000000000000000009a20000f00707c0000";

    public static byte[] Image()
    {
        var image = new byte[ImageSize];
        Convert.FromHexString(Code).CopyTo(image, 0);
        image[510] = 0x55;
        image[511] = 0xAA;
        return image;
    }

    /// <param name="accelerator">The value of QEMU's <c>-accel</c>.</param>
    /// <param name="cpu">The value of QEMU's <c>-cpu</c>.</param>
    public static IReadOnlyList<string> Arguments(string image, string accelerator, string cpu) =>
    [
        "-accel", accelerator, "-cpu", cpu, "-machine", "q35", "-m", "64M",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
        "-drive", $"if=none,id=probe,format=raw,read-only=on,file={image.Replace(",", ",,", StringComparison.Ordinal)}",
        "-device", "virtio-blk-pci,drive=probe,bootindex=1",
    ];
}
