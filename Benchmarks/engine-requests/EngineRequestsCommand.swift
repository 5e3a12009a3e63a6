// SPDX-License-Identifier: Apache-2.0

internal import CAllocations
internal import Dispatch
internal import Glibc

/// Plays journeys of the load generator and says how often it allocated.
@main
enum EngineRequestsCommand {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let requests = EngineRequests(rawValue: arguments[1]),
            let port = Int(arguments[2]), let count = Int(arguments[3]), count > 0
        else { fail("usage: engine-requests plain|journey PORT COUNT") }
        // The main thread just waits: there is no main queue whose thread ends, which confuses callgrind.
        let finished = DispatchSemaphore(value: 0)
        Task.detached {
            do {
                try await requests.play(count, port: port)
            } catch {
                fail("\(error)")
            }
            finished.signal()
        }
        finished.wait()
        print("allocations: \(allocations_so_far())")
    }

    private static func fail(_ message: String) -> Never {
        let line = "engine-requests: \(message)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        exit(2)
    }
}
