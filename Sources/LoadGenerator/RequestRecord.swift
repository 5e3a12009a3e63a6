// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Synchronization

/// One request as a worker saw it. All times are CLOCK_MONOTONIC nanoseconds.
struct RequestRecord: BitwiseCopyable {
    var intended: UInt64
    /// When the generator took it up; later than `intended` only by its own fault. 0 when that is not known: it was not taken up, or
    /// only when others had ended (``Plan/maxInFlight``).
    var pickedUp: UInt64
    /// When its first bytes were given to the kernel (or TLS); 0 when that never happened.
    var sent: UInt64
    /// When the first bytes of the answer were read; 0 when there were none.
    var firstByte: UInt64
    /// When it was over. 0 for a request that was not started because there was no row for it: its age is taken at the end of the
    /// run.
    var end: UInt64
    var step: Int32
    var outcome: OutcomeIndex
    /// The part in which it ended: `receive` with a whole answer, otherwise the one in which it died.
    var part: PartIndex
    /// 1 + position of its ``RequestDetail`` in the chunk; 0 for a request on a connection that was there, whose bytes were taken
    /// all at once.
    var detail: UInt16 = 0

    /// Whether all that there is to tell follows from `intended`, `sent` and `end`: it was sent when it was picked up, and request
    /// and answer went and came at once. Most requests over connections that are kept alive are like this.
    var isAtOnce: Bool { detail == 0 && firstByte == end && pickedUp == sent && part == .receive }
}

/// What is worth telling of a request that had a connection made for it, or whose bytes the kernel took in pieces. All times are
/// CLOCK_MONOTONIC nanoseconds, and 0 for what did not happen.
struct RequestDetail: BitwiseCopyable {
    /// When its connection began to be made.
    var opened: UInt64 = 0
    /// When the name had been looked up for this connection.
    var resolved: UInt64 = 0
    var connected: UInt64 = 0
    /// When the TLS handshake was done.
    var secured: UInt64 = 0
    /// When the last byte of the request had been taken.
    var sentAll: UInt64 = 0
}

/// Position of a ``RequestPart`` in `RequestPart.allCases`.
enum PartIndex: UInt8, BitwiseCopyable, CaseIterable {
    case wait, dns, connect, tls, send, firstByte, receive

    var part: RequestPart {
        switch self {
        case .wait: .wait
        case .dns: .dns
        case .connect: .connect
        case .tls: .tls
        case .send: .send
        case .firstByte: .firstByte
        case .receive: .receive
        }
    }
}

/// Position of an ``Outcome`` in `Outcome.allCases`.
enum OutcomeIndex: UInt8, BitwiseCopyable, CaseIterable {
    case ok, errorStatus, rejected, checkFailed, timeout, connection, tls, malformed, noConnection, aborted,
        neverStarted

    var outcome: Outcome {
        switch self {
        case .ok: .ok
        case .errorStatus: .errorStatus
        case .rejected: .rejected
        case .checkFailed: .checkFailed
        case .timeout: .timeout
        case .connection: .connection
        case .tls: .tls
        case .malformed: .malformed
        case .noConnection: .noConnection
        case .aborted: .aborted
        case .neverStarted: .neverStarted
        }
    }

    /// Counts that have a place for each case, without those that are zero.
    static func dictionary(_ counts: [UInt64]) -> [Outcome: UInt64] {
        var dictionary: [Outcome: UInt64] = [:]
        for (index, count) in zip(allCases, counts) where count > 0 { dictionary[index.outcome] = count }
        return dictionary
    }
}

/// A block of records on its way from a worker to the collector, or empty on its way back.
///
/// Unchecked: a chunk is owned by exactly one thread at a time; a ``Mailbox`` hands it over under its lock.
struct RecordChunk: @unchecked Sendable {
    static let capacity = 4096
    let records: UnsafeMutablePointer<RequestRecord>
    var count = 0
    /// No more than there are records, so it has room when they have.
    let details: UnsafeMutablePointer<RequestDetail>
    var detailCount = 0

    init() {
        records = .allocate(capacity: Self.capacity)
        details = .allocate(capacity: Self.capacity)
    }

    func free() {
        records.deallocate()
        details.deallocate()
    }
}

/// What a worker tells the collector: when a chunk is full, at the end of each second, and when it is done.
struct Handover: Sendable {
    var chunk: RecordChunk
    /// The second that has just ended, or nil when only the chunk was full.
    var endedSecond: Int?
    var counters: WorkerCounters
    /// Wake-up to wait, since the last handover with an `endedSecond`.
    var stalls = LatencyHistogram()
    /// Echoes that came back since then.
    var canary = LatencyHistogram()
    /// Set once, in a worker's last handover.
    var report: WorkerReport?
}

/// Totals of a worker since the start.
struct WorkerCounters: Sendable {
    var scheduled: UInt64 = 0
    var inFlight = 0
    var journeysStarted: UInt64 = 0
    var journeysFinished: UInt64 = 0
    /// Journeys that came to their end without any request that was due.
    var journeysIdle: UInt64 = 0
    /// Arrivals of open sources, and those of them that came due in the load's time and were not taken up in it.
    var arrivals: UInt64 = 0
    var missedArrivals: UInt64 = 0
    /// Requests that had to wait for others to end, because of `maxInFlight`.
    var heldBack: UInt64 = 0
    /// Nanoseconds from wake-ups to the next wait.
    var busy: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var connectionsOpened: UInt64 = 0
    var tlsHandshakes: UInt64 = 0
    var tlsResumed: UInt64 = 0
}

/// How often a check was passed and failed.
struct CheckCount: Sendable {
    var passed: UInt32 = 0
    var failed: UInt32 = 0
}

/// What a worker knows in the end.
struct WorkerReport: Sendable {
    var failures: [FailureKey: UInt64]
    var addresses: [AddressUse]
    /// By the second in which requests were intended, and by check.
    var checks: [[CheckCount]]
    var endedAt: UInt64
    /// By source: whether it could begin no more journeys, long before its end as it may have been.
    var exhausted: [Bool]
}

/// Where a worker leaves its handovers and finds empty chunks. Locked for a few instructions, about once a second.
final class Mailbox: Sendable {
    private struct State {
        var filled: [Handover] = []
        var empty: [RecordChunk] = []
    }
    private let state = Mutex(State())

    deinit {
        state.withLock { state in
            for handover in state.filled { handover.chunk.free() }
            for chunk in state.empty { chunk.free() }
        }
    }

    /// Worker: gives a handover away and gets an empty chunk for it.
    func exchange(_ handover: Handover) -> RecordChunk {
        state.withLock { state in
            state.filled.append(handover)
            return state.empty.popLast()
        } ?? RecordChunk()
    }

    /// Collector: takes everything that has arrived, in order.
    func takeAll() -> [Handover] {
        state.withLock { state in
            defer { state.filled.removeAll() }
            return state.filled
        }
    }

    /// Collector: gives chunks back, with a bound so that a burst does not stay in memory.
    func giveBack(_ chunk: RecordChunk) {
        let kept = state.withLock { state in
            if state.empty.count >= 64 { return false }
            var emptied = chunk
            emptied.count = 0
            emptied.detailCount = 0
            state.empty.append(emptied)
            return true
        }
        if !kept { chunk.free() }
    }
}
