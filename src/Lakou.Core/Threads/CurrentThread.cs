using System.Runtime.InteropServices;

namespace Lakou.Core.Threads;

/// <summary>What the thread that asks wants of the system's scheduler. Where there is no such wish, nothing happens.</summary>
public static class CurrentThread
{
    private const int Modest = 5; // nicer than the process by this: a third of the weight of other threads
    private const ulong ShortSlice = 100_000; // ns, the least that Linux takes; its own is a millisecond or more
    private const int AttributeBytes = 48;

    /// <summary>Others come first on a core that is busy.</summary>
    public static void BeModest()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Native.SetPriority(0, 0, Native.GetPriority(0, 0) + Modest); // PRIO_PROCESS and 0: of this thread alone, on Linux
        }
    }

    /// <summary>Runs for moments, and then soon after it is woken: it asks for short turns (Linux 6.12 and later), so that it need not wait for the end of another's.</summary>
    public static void BePrompt()
    {
        var call = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 314,
            Architecture.Arm64 => 274,
            _ => 0,
        };
        if (OperatingSystem.IsLinux() && call != 0)
        {
            var attributes = new SchedulingAttributes { Size = AttributeBytes, Nice = Native.GetPriority(0, 0), Runtime = ShortSlice };
            _ = Native.SetScheduling(call, 0, ref attributes, 0);
        }
    }

    /// <summary>struct sched_attr of sched_setattr(2); the policy is 0, SCHED_OTHER.</summary>
    [StructLayout(LayoutKind.Sequential, Size = AttributeBytes)]
    private struct SchedulingAttributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
    }

#pragma warning disable SYSLIB1054 // generated imports need unsafe code
    private static class Native
    {
        [DllImport("libc", EntryPoint = "getpriority")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern int GetPriority(int which, uint who);

        [DllImport("libc", EntryPoint = "setpriority")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern int SetPriority(int which, uint who, int priority);

        [DllImport("libc", EntryPoint = "syscall")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern nint SetScheduling(nint call, nint thread, ref SchedulingAttributes attributes, nint flags);
    }
#pragma warning restore SYSLIB1054
}
