// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Measurement

/// An ideal server beside the load: it echoes what workers send over the loopback, at once, on a thread of its own.
///
/// Its response time, measured by the workers' own loops from the instant at which each echo was due, is what this generator
/// and this machine add to any answer: late wake-ups, the loop's other work, the kernel, and the wait for a processor. The
/// thread ends when the workers have closed their ends.
struct Canary {
    /// A worker's end, connected and non-blocking, for each worker.
    let probes: [Int32]

    /// - Throws: when the kernel gives no socket or thread.
    init(workers: Int) throws(LoadEngineError) {
        var (near, far): ([Int32], [Int32]) = ([], [])
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var isSound = listener >= 0
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            // A sockaddr_in is a sockaddr of its family; the length goes with it.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                isSound =
                    isSound && bind(listener, pointer, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, pointer, &length) == 0
                for _ in 0..<workers where isSound {
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                    if client >= 0 { near.append(client) }
                    isSound = client >= 0 && connect(client, pointer, length) == 0
                    if !isSound { break }
                    let server = accept(listener, nil, nil)
                    if server >= 0 { far.append(server) }
                    isSound =
                        server >= 0 && fcntl(server, F_SETFD, FD_CLOEXEC) == 0
                        && fcntl(client, F_SETFL, O_NONBLOCK) == 0
                    var one: Int32 = 1
                    for end in [client, server] where isSound {
                        setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                    }
                }
            }
        }
        let reason = errno
        if listener >= 0 { close(listener) }
        probes = near
        if isSound {
            let ends = far
            do throws(LoadEngineError) {
                try EngineThread.start { Self.echo(ends) }.detach()
                return
            } catch {
                for end in near + far { close(end) }
                throw error
            }
        }
        for end in near + far { close(end) }
        throw LoadEngineError(.resources, "can't make the sockets of the canary on the loopback: \(errorText(reason))")
    }

    /// Sends back what comes until all the ends are closed.
    private static func echo(_ ends: [Int32]) {
        seawall_name_thread("canary")
        seawall_set_minimal_timer_slack()
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        var waiting = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var bytes = [UInt8](repeating: 0, count: 512)
        while !waiting.isEmpty {
            if poll(&waiting, nfds_t(waiting.count), -1) < 0 && errno != EINTR { break }
            for position in waiting.indices.reversed() where waiting[position].revents != 0 {
                let end = waiting[position].fd
                let count = recv(end, &bytes, bytes.count, 0)
                if count > 0, send(end, bytes, count, Int32(MSG_NOSIGNAL)) == count { continue }
                close(end)
                waiting.remove(at: position)
            }
        }
        for end in waiting { close(end.fd) }
    }
}

/// A worker's side of the canary. Each echo carries its own due time, so that late ones tell how late they are.
struct CanaryProbe {
    /// Fifty a second: enough for a p99 within seconds, and less than a thousandth of a processor.
    private static let period: UInt64 = 20_000_000

    let descriptor: Int32
    /// CLOCK_MONOTONIC of the next echo.
    private(set) var due: UInt64
    private var latency = RecordingHistogram()
    /// Bytes of an echo that has not come back in whole.
    private var carried: [UInt8] = []

    init(descriptor: Int32, start: UInt64) {
        self.descriptor = descriptor
        due = start
        carried.reserveCapacity(1024)
    }

    /// Sends every echo that is due, with the time at which it was.
    mutating func send(_ now: UInt64) {
        while due <= now {
            var stamp = due
            due += Self.period
            // A full socket means that thousands are under way already, whose age tells enough.
            _ = Glibc.send(descriptor, &stamp, 8, Int32(MSG_NOSIGNAL))
        }
    }

    /// Takes the echoes that have come back.
    mutating func receive() {
        let now = Clock.now()
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { buffer in
            while true {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                if count <= 0 { break }
                carried.append(contentsOf: buffer[..<count])
            }
        }
        let whole = carried.count / 8 * 8
        carried.withUnsafeBytes { bytes in
            for position in stride(from: 0, to: whole, by: 8) {
                let stamp = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                latency.record(now &- min(stamp, now))
            }
        }
        carried.removeFirst(whole)
    }

    /// What was measured since the last call.
    mutating func takeLatency() -> LatencyHistogram {
        defer { latency.removeAll() }
        return latency.snapshot()
    }
}
