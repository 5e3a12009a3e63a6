// SPDX-License-Identifier: Apache-2.0

/// A part of a request's response time. A request passes through its parts in this order and leaves out those that it does
/// not need, so the times of its parts add up to its response time exactly.
package enum RequestPart: String, Codable, Sendable, CaseIterable, CodingKeyRepresentable {
    /// From the intended instant until the request has a connection, or until one begins to be made for it: the generator's
    /// own lateness and the wait for one of a limited number of connections.
    case wait
    /// Looking up the target's name, when the request's new connection needs it.
    case dns
    /// Making the TCP connection, over all addresses that were tried.
    case connect
    /// The TLS handshake.
    case tls
    /// From the first byte given to the kernel to the last one taken; 0 when the kernel took them all at once.
    case send
    /// From there to the first byte of the answer: the server's own time and the way there and back.
    case firstByte = "first-byte"
    /// From the first byte of the answer to its last; 0 when they came at once.
    case receive
}

/// Where the time of the requests to one target went, part by part.
///
/// Every request is in `passed` for each part that it got through. One that ended without a whole answer is in `ended` for the
/// part in which it died, with the time that it had spent in that part. So the requests that got through `receive` and
/// all those in `ended` together are all requests.
package struct Breakdown: Codable, Sendable, Equatable {
    /// Name of the target.
    package var target: String
    package var passed: [RequestPart: LatencyHistogram]
    package var ended: [RequestPart: LatencyHistogram]

    package init(
        target: String, passed: [RequestPart: LatencyHistogram] = [:], ended: [RequestPart: LatencyHistogram] = [:]
    ) {
        self.target = target
        self.passed = passed
        self.ended = ended
    }

    package var isEmpty: Bool { passed.isEmpty && ended.isEmpty }

    /// Number of requests: those with a whole answer and those that died on the way.
    package var count: UInt64 {
        (passed[.receive]?.count ?? 0) + ended.values.reduce(0) { $0 + $1.count }
    }

    /// Adds what another breakdown holds; its target's name does not matter.
    package mutating func merge(_ other: Breakdown) {
        passed.merge(other.passed) { .merging([$0, $1]) }
        ended.merge(other.ended) { .merging([$0, $1]) }
    }

    /// One breakdown for each target, in the order of their first appearance, exactly merged.
    package static func merging(_ all: some Sequence<Breakdown>) -> [Breakdown] {
        var merged: [Breakdown] = []
        for one in all {
            if let known = merged.firstIndex(where: { $0.target == one.target }) {
                merged[known].merge(one)
            } else {
                merged.append(one)
            }
        }
        return merged
    }
}

extension RunRecord {
    /// Where the time of the requests intended in the phase (nil: the whole measured time) went, by target.
    package func breakdown(in phase: Phase? = nil) -> [Breakdown] {
        Breakdown.merging((phase.map(slices(in:)) ?? measuredSlices).lazy.flatMap(\.breakdown))
    }
}
