namespace FedLLM.Numerics.Kernels;

/// <summary>Runs work with a team or, where there is none, on the calling thread.</summary>
internal static class Team
{
    /// <summary>Runs tasks 0 … <paramref name="tasks"/> - 1; one alone is not worth waking anybody.</summary>
    public static void Run<TWork>(Workers? workers, int tasks, in TWork work)
        where TWork : struct, IParallelWork
    {
        if (workers is null || tasks == 1)
        {
            for (int task = 0; task < tasks; task++)
            {
                work.Execute(task, 0);
            }
        }
        else
        {
            workers.Run(tasks, work);
        }
    }
}
