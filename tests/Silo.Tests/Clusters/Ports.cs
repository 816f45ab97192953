using System.Net;
using System.Net.Sockets;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>Ports of this machine.</summary>
internal static class Ports
{
    /// <summary>Returns ports that were free a moment ago; the system gives others before it gives these again.</summary>
    public static int[] Free(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners)
        {
            listener.Start();
        }

        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners)
        {
            listener.Dispose();
        }

        return ports;
    }
}
