using System.Diagnostics.CodeAnalysis;

namespace Lakou.Core.Threads;

/// <summary>Work that others are not to notice, on a thread of its own.</summary>
public static class BackgroundThread
{
    /// <param name="name">Of the thread, at most 15 characters.</param>
    /// <param name="manners">How it treats others: of <see cref="CurrentThread"/>.</param>
    /// <returns>Ends with the work, or with what it threw.</returns>
    [SuppressMessage("Design", "CA1031", Justification = "Thrown again where the task is awaited.")]
    public static Task RunAsync(string name, Action manners, Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(Run) { Name = name, IsBackground = true }.Start();
        return done.Task;

        void Run()
        {
            manners();
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }
    }
}
