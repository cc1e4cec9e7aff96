using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lakou.Bench;
using Lakou.Bench.Forwarding;
using Lakou.Log;

// dotnet run -c Release --project bench/Lakou.Bench -- forward
if (args is ["forward"])
{
    await ForwardBench.RunAsync();
    return;
}

// dotnet run -c Release --project bench/Lakou.Bench -- reload
if (args is ["reload"])
{
    await ReloadBench.RunAsync();
    return;
}

// dotnet run -c Release --project bench/Lakou.Bench -- journal [folder [mode …]]
if (args is ["journal", ..])
{
    SyncMode[] modes = args.Length > 2 ? [.. args[2..].Select(mode => Enum.Parse<SyncMode>(mode, ignoreCase: true))] : [SyncMode.Each, SyncMode.Group, SyncMode.Os];
    await JournalBench.RunAsync(args.ElementAtOrDefault(1) ?? Path.GetTempPath(), modes);
    return;
}

// dotnet run -c Release --project bench/Lakou.Bench -- --filter '*RouterBench*'
// In process: the solution's build settings (artifacts folder, central versions) do not reach generated projects.
var config = ManualConfig.CreateEmpty()
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(5).WithIterationCount(9))
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddColumn(StatisticColumn.Median)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(MarkdownExporter.GitHub)
    .AddLogger(ConsoleLogger.Default);

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
