// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import FaultInjection
internal import Foundation

/// `seawall fault-proxy`: the process in which the proxies of an experiment run, apart from the generator that measures.
package struct FaultProxy: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "fault-proxy",
        abstract: "Run TCP fault proxies under Toxiproxy's HTTP control API.",
        discussion: """
            Prints one line of JSON with the control port and runs until it gets SIGTERM or SIGINT. Clients of Toxiproxy work \
            with it. It listens on the loopback only.
            """,
        shouldDisplay: false)

    @Option(help: "Port of the control API; 0 for any free one.")
    var port = 0

    @Option(help: "Seed of jitter and of every other random choice.")
    var seed: UInt64 = 1

    package init() {}

    package func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535") }
    }

    package func run() async throws {
        let server: FaultProxyServer
        do {
            server = try await FaultProxyServer.start(port: port, seed: seed)
        } catch {
            throw CommandFailure(.system, "fault-proxy: can't listen on 127.0.0.1:\(port): \(error)")
        }
        let stopped = StopSignal.wait()
        print(
            #"{"event":"listening","service":"fault-proxy","port":\#(server.controlPort),"pid":\#(getpid())}"#)
        fflush(nil)
        await stopped()
        await server.shutdown()
    }
}

/// SIGTERM and SIGINT as something to wait for.
private enum StopSignal {
    /// Takes the signals over at once; the closure that it returns waits for the first of them.
    static func wait() -> () async -> Void {
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
        return {
            for await _ in signals { break }
            sources.forEach { $0.cancel() }
        }
    }
}
