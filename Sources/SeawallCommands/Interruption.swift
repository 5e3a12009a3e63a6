// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import Foundation
internal import Synchronization

/// What Ctrl-C, SIGTERM and SIGHUP do: the first asks the command to finish, the second ends the process at once.
///
/// Ending at once leaves nothing running either, because the kernel kills the processes that Seawall started, and none of the
/// services' data.
enum Interruption {
    /// The signal that asked to finish, or nil.
    static var signal: Int32? { received.load(ordering: .acquiring) == 0 ? nil : received.load(ordering: .acquiring) }

    private static let received = Atomic<Int32>(0)
    private static let writeEnd = Atomic<Int32>(-1)

    /// From now on signals go to `onFirst`, called on a thread of its own.
    static func install(onFirst: @escaping @Sendable (Int32) -> Void) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let readEnd = ends[0]
        writeEnd.store(ends[1], ordering: .releasing)
        received.store(0, ordering: .releasing)
        // Ends with the process; a thread, because a task of the pool must not block.
        let thread = Thread {
            var byte: UInt8 = 0
            var requests = StopRequests()
            while read(readEnd, &byte, 1) == 1 || errno == EINTR {
                let number = Int32(byte)
                switch requests.take(number, at: .now) {
                case .first:
                    received.store(number, ordering: .releasing)
                    onFirst(number)
                    requests.answered(at: .now)
                case .echo: break
                case .again:
                    Console.note("\nstopped at once")
                    WorkFolder.removeAll()
                    _exit(128 + number)
                }
            }
        }
        thread.name = "seawall-signals"
        thread.start()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            Foundation.signal(number) { number in
                // A handler may only do what is safe at any moment: load an atomic that exists, write to a pipe.
                var byte = UInt8(truncatingIfNeeded: number)
                let saved = errno
                _ = write(Interruption.writeEnd.load(ordering: .acquiring), &byte, 1)
                errno = saved
            }
        }
    }
}
